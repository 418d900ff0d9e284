//! Whether a zone takes an update that nobody signed (RFC 2136): one that asks for nothing to be done.

use super::{
    UpdateOutcome, UpdateTrial,
    lookup::{Dns, absolute, first_addresses},
};
use crate::connect::connect;
use core::{net::SocketAddr, time::Duration};
use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode, UpdateMessage as _},
    rr::{
        DNSClass, Name, RData, Record, RecordType,
        rdata::{SRV, TXT},
    },
};
use kms_srv::DomainName;
use std::io;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};

/// What finding the zone and trying the update may take in all.
const TIME: Duration = Duration::from_secs(30);
/// What one message to the primary server may take.
const EXCHANGE: Duration = Duration::from_secs(5);

/// Random bytes for one trial: the ids of its four messages, and a label that nobody has used.
pub(super) type Random = [u8; 16];

/// Sends the primary server of the zone that `name` lies in unsigned updates: the removal of an SRV record
/// that cannot be there, and if it takes that, of such a TXT record. A server that takes them has nothing
/// to do (RFC 2136 section 3.4.2.4).
///
/// The second is for BIND: under an update-policy it asks whether the target of an SRV record that is there
/// may be removed, and so takes the removal of one that is not there from anybody.
pub(super) async fn try_update(
    dns: &Dns,
    name: &DomainName,
    domain: &DomainName,
    primary: Option<SocketAddr>,
    random: Random,
) -> UpdateTrial {
    let mut trial = UpdateTrial {
        zone: None,
        server: primary,
        outcome: unknown("no answer within 30 s"),
    };
    let deadline = Instant::now() + TIME;
    let attempt = attempt(dns, name, domain, random, &mut trial);
    if let Ok(outcome) = timeout_at(deadline, attempt).await {
        trial.outcome = outcome.unwrap_or_else(unknown);
    }
    trial
}

async fn attempt(
    dns: &Dns,
    name: &DomainName,
    domain: &DomainName,
    random: Random,
    trial: &mut UpdateTrial,
) -> Result<UpdateOutcome, String> {
    let Some(found) = dns.zone_of(name, domain).await? else {
        return Ok(UpdateOutcome::NotTried);
    };
    trial.zone = Some(found.zone.clone());
    let servers = match trial.server {
        Some(server) => vec![server],
        None => {
            let addresses = dns.addresses(&found.primary).await;
            let v6 = addresses.v6.unwrap_or_default();
            let v4 = addresses.v4.unwrap_or_default();
            first_addresses(&v6, &v4)
                .into_iter()
                .map(|address| SocketAddr::new(address, DNS_PORT))
                .collect()
        }
    };
    if servers.is_empty() {
        return Err(format!(
            "the zone's primary server, {}, has no address",
            found.primary
        ));
    }
    let owner = absolute(name).map_err(|error| error.to_string())?;
    let zone = absolute(&found.zone).map_err(|error| error.to_string())?;
    let (ids, label) = random.split_at(8);
    let id = |at: usize| {
        let pair = ids.get(2 * at..).and_then(<[u8]>::first_chunk);
        u16::from_be_bytes(pair.copied().unwrap_or_default())
    };
    let (server, before) = records(&servers, &owner, id(0)).await?;
    trial.server = Some(server);
    let fault = |error| format!("the update could not be built: {error}");
    let label = label.iter().fold(String::from("audit-"), |text, byte| {
        format!("{text}{byte:02x}")
    });
    let target = Name::from_labels([label.as_bytes(), b"invalid"]).map_err(fault)?;
    let srv = RData::SRV(SRV::new(0, 0, 0, target));
    let mut code = removal(server, &zone, &owner, srv, id(1)).await?;
    if code == ResponseCode::NoError {
        let txt = RData::TXT(TXT::new(vec![label]));
        code = removal(server, &zone, &owner, txt, id(2)).await?;
    }
    let (_, after) = records(&[server], &owner, id(3)).await?;
    if before != after {
        return Ok(UpdateOutcome::Changed { code: shown(code) });
    }
    Ok(match code {
        ResponseCode::NoError => UpdateOutcome::Accepted,
        ResponseCode::Refused | ResponseCode::NotAuth | ResponseCode::NotImp => {
            UpdateOutcome::Refused { code: shown(code) }
        }
        code => unknown(format_args!(
            "{server} answered the update with {}",
            shown(code)
        )),
    })
}

const DNS_PORT: u16 = 53;

/// Asks for the removal of one record that nobody can have published: an SRV record with port 0 and a random
/// target under `invalid.` (RFC 6761 section 6.4), or a TXT record with a random text.
async fn removal(
    server: SocketAddr,
    zone: &Name,
    owner: &Name,
    data: RData,
    id: u16,
) -> Result<ResponseCode, String> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Update);
    let mut section = Query::query(zone.clone(), RecordType::SOA);
    section.set_query_class(DNSClass::IN);
    message.add_zone(section);
    let mut record = Record::from_rdata(owner.clone(), 0, data);
    // RFC 2136 section 2.5.4: class NONE with the whole content removes that record alone.
    record.dns_class = DNSClass::NONE;
    message.add_update(record);
    let (_, answer) = exchange(&[server], &message).await?;
    Ok(answer.metadata.response_code)
}

/// The SRV records that the server itself has, in an order of their own.
async fn records(
    servers: &[SocketAddr],
    owner: &Name,
    id: u16,
) -> Result<(SocketAddr, Vec<String>), String> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(owner.clone(), RecordType::SRV));
    let (server, answer) = exchange(servers, &message).await?;
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => {
            return Err(format!(
                "{server} answered a question for the records with {}",
                shown(code)
            ));
        }
    }
    if !answer.metadata.authoritative {
        // It would refuse any update, whatever the zone's own server does.
        return Err(format!(
            "{server} has no authority for {owner}: it is not the zone's primary server"
        ));
    }
    let mut records: Vec<String> = answer
        .answers
        .iter()
        .filter(|record| record.name == *owner)
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(srv.to_string().to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    records.sort();
    Ok((server, records))
}

/// One message over TCP, to the first of the servers that takes the connection, and its answer.
async fn exchange(
    servers: &[SocketAddr],
    message: &Message,
) -> Result<(SocketAddr, Message), String> {
    let bytes = message
        .to_vec()
        .map_err(|error| format!("a DNS message could not be built: {error}"))?;
    let deadline = Instant::now() + EXCHANGE;
    let talk = async {
        let mut stream = connect(servers, deadline).await?;
        let server = stream.peer_addr()?;
        let len = u16::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream
            .write_all(&[&len.to_be_bytes(), &bytes[..]].concat())
            .await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        Ok::<_, io::Error>((server, answer))
    };
    let server = || servers.first().map(ToString::to_string).unwrap_or_default();
    let (server, answer) = timeout_at(deadline, talk)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| {
            format!(
                "the primary server at {} cannot be asked: {error}",
                server()
            )
        })?;
    let answer = Message::from_vec(&answer)
        .map_err(|error| format!("{server} sent what is no DNS message: {error}"))?;
    let (sent, got) = (&message.metadata, &answer.metadata);
    if got.id != sent.id || got.message_type != MessageType::Response || got.op_code != sent.op_code
    {
        return Err(format!(
            "{server} answered something else than what was sent"
        ));
    }
    Ok((server, answer))
}

/// As in the documents of DNS: `REFUSED`.
fn shown(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        ResponseCode::NotZone => "NOTZONE".to_owned(),
        other => format!("code {}", u16::from(other)),
    }
}

fn unknown(reason: impl core::fmt::Display) -> UpdateOutcome {
    UpdateOutcome::Unknown {
        reason: reason.to_string(),
    }
}
