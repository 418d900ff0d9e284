use super::{DnsError, Record, RecordData};
use hickory_proto::rr;

/// The name that `text` writes, fully qualified whether or not it ends with a dot.
pub(super) fn parse_name(text: &str) -> Result<rr::Name, DnsError> {
    let error = |reason: String| DnsError::Name {
        text: text.to_owned(),
        reason,
    };
    if text.is_empty() {
        return Err(error(
            "it is empty; the root is written as one dot".to_owned(),
        ));
    }
    let mut name = rr::Name::from_ascii(text).map_err(|reason| error(reason.to_string()))?;
    name.set_fqdn(true);
    Ok(name)
}

/// `record` as hickory has it.
pub(super) fn from_record(record: &Record) -> Result<rr::Record, DnsError> {
    let data = match &record.data {
        RecordData::A(address) => rr::RData::A((*address).into()),
        RecordData::Aaaa(address) => rr::RData::AAAA((*address).into()),
        RecordData::Srv {
            priority,
            weight,
            port,
            target,
        } => {
            let target = parse_name(target)?;
            rr::RData::SRV(rr::rdata::SRV::new(*priority, *weight, *port, target))
        }
    };
    Ok(rr::Record::from_rdata(
        parse_name(&record.name)?,
        record.ttl,
        data,
    ))
}

/// A record of hickory's as ours, if it is of a type that we have.
pub(super) fn to_record(record: &rr::Record) -> Option<Record> {
    let data = match &record.data {
        rr::RData::A(address) => RecordData::A(address.0),
        rr::RData::AAAA(address) => RecordData::Aaaa(address.0),
        rr::RData::SRV(srv) => RecordData::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: to_text(&srv.target),
        },
        _ => return None,
    };
    Some(Record {
        name: to_text(&record.name),
        ttl: record.ttl,
        data,
    })
}

/// The name without its final dot; the root is the dot.
fn to_text(name: &rr::Name) -> String {
    let text = name.to_ascii();
    match text.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}
