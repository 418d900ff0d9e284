//! Sources as bytes: 4 of an IPv4 address, or the 8 of an IPv6 /64.

use super::error::Fault;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kms_count::Source;
use rusqlite::{
    Row, ToSql,
    types::{ToSqlOutput, Value, ValueRef},
};

/// A source as the database keeps it.
#[derive(Debug)]
pub(super) struct SourceBytes {
    bytes: [u8; 8],
    len: usize,
}

impl SourceBytes {
    pub(super) fn of(source: Source) -> Self {
        let mut bytes = [0; 8];
        let len = match source.address() {
            IpAddr::V4(v4) => {
                for (to, from) in bytes.iter_mut().zip(v4.octets()) {
                    *to = from;
                }
                4
            }
            IpAddr::V6(v6) => {
                for (to, from) in bytes.iter_mut().zip(v6.octets()) {
                    *to = from;
                }
                8
            }
        };
        Self { bytes, len }
    }
}

impl ToSql for SourceBytes {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.bytes.get(..self.len) {
            Some(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            None => ToSqlOutput::Owned(Value::Null),
        })
    }
}

pub(super) fn read(row: &Row<'_>, column: usize) -> Result<Option<Source>, Fault> {
    let Some(bytes) = row.get::<_, Option<Vec<u8>>>(column)? else {
        return Ok(None);
    };
    let address = if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        IpAddr::V4(Ipv4Addr::from(v4))
    } else if let Ok(network) = <[u8; 8]>::try_from(bytes.as_slice()) {
        IpAddr::V6(Ipv6Addr::from_bits(
            u128::from(u64::from_be_bytes(network)) << 64,
        ))
    } else {
        return Err(Fault::Contents(format!(
            "a source of {} bytes",
            bytes.len()
        )));
    };
    Ok(Some(Source::of(address)))
}
