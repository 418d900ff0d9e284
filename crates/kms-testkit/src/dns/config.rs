use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// What a [`DnsServer`](super::DnsServer) serves, and where.
#[derive(Clone, Debug)]
pub struct DnsConfig {
    /// Where to listen, with UDP and TCP on one port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The zones that the server is the primary of.
    pub zones: Vec<Zone>,
    /// The key that signs updates. Without one every update is refused.
    pub tsig: Option<TsigSecret>,
}

/// A zone and what it holds at first. The server adds the SOA and the NS record that a zone needs,
/// with the server named `ns` in the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The zone's name, as `contoso.test`.
    pub origin: String,
    /// Its records, whose names lie in the zone.
    pub records: Vec<Record>,
}

impl Zone {
    /// A zone with no records of its own.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            records: Vec::new(),
        }
    }

    /// The zone with the A or AAAA record of a machine besides.
    #[must_use]
    pub fn with_address(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.records.push(Record {
            name: name.into(),
            ttl: 300,
            data: match address {
                IpAddr::V4(address) => RecordData::A(address),
                IpAddr::V6(address) => RecordData::Aaaa(address),
            },
        });
        self
    }
}

/// A resource record of class IN. Names are fully qualified; the final dot may be left out, and
/// names in answers come without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Whose record it is.
    pub name: String,
    /// How long it may be cached, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: RecordData,
}

/// The data of a record, for the types that discovery needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RecordData {
    /// An IPv4 address (RFC 1035 section 3.4.1).
    A(Ipv4Addr),
    /// An IPv6 address (RFC 3596).
    Aaaa(Ipv6Addr),
    /// The place of a service (RFC 2782).
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// The share among equal priorities.
        weight: u16,
        /// The TCP port.
        port: u16,
        /// The machine's name; `.` says that there is decidedly no such service.
        target: String,
    },
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// The place of a service.
    Srv,
}

/// A key shared with those who may update, for TSIG with HMAC-SHA256 and a fudge of 300 seconds.
#[derive(Clone, PartialEq, Eq)]
pub struct TsigSecret {
    /// The key's name, as `kms-host-key`.
    pub name: String,
    /// The key; not empty.
    pub secret: Vec<u8>,
}

impl fmt::Debug for TsigSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TsigSecret")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
