use super::{
    DnsConfig, DnsError, Record, RecordType, TsigSecret, Zone,
    convert::{from_record, parse_name},
    query,
};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use hickory_proto::{
    ProtoError,
    rr::{
        self, LowerName, Name, RData, TSigner,
        rdata::{NS, SOA, tsig::TsigAlgorithm},
    },
};
use hickory_server::{
    Server,
    store::{in_memory::InMemoryZoneHandler, sqlite::SqliteZoneHandler},
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use std::{collections::BTreeSet, io, sync::Arc};
use tokio::net::{TcpListener, UdpSocket};

/// How far the clocks of signer and server may be apart (RFC 8945 section 10 recommends this).
const FUDGE_SECONDS: u16 = 300;
/// How often to look for a port that is free for UDP as well as for TCP.
const PORT_ATTEMPTS: usize = 16;
/// After which a TCP connection that asks nothing is closed.
const TCP_IDLE: Duration = Duration::from_secs(5);
/// Answers that may wait on a TCP connection.
const TCP_ANSWERS: usize = 32;
const ZONE_TTL: u32 = 300;

/// A running DNS server: the primary of its zones, on one port for UDP and TCP.
///
/// Updates (RFC 2136) signed with the configured key are applied, with their prerequisites; others
/// are refused. Everything is in memory: nothing of it outlives the server. Zone transfers are
/// refused, and so are questions about other zones. Dropping it stops it without waiting.
pub struct DnsServer {
    server: Server<Catalog>,
    address: SocketAddr,
}

impl DnsServer {
    /// Starts a server on the current tokio runtime. It answers from the moment this returns.
    ///
    /// # Errors
    ///
    /// [`DnsError::Name`], [`DnsError::DuplicateZone`], [`DnsError::OutsideZone`] and
    /// [`DnsError::Tsig`] for a faulty configuration, [`DnsError::Listen`] when the port is not
    /// free.
    pub async fn start(config: DnsConfig) -> Result<Self, DnsError> {
        let signer = config.tsig.as_ref().map(signer).transpose()?;
        let mut catalog = Catalog::new();
        let mut origins = BTreeSet::new();
        for zone in &config.zones {
            let origin = LowerName::from(parse_name(&zone.origin)?);
            if !origins.insert(origin.clone()) {
                return Err(DnsError::DuplicateZone {
                    zone: zone.origin.clone(),
                });
            }
            let handler = zone_handler(zone, config.listen.ip(), signer.as_ref())?;
            catalog.upsert(origin, vec![Arc::new(handler)]);
        }
        let (udp, tcp) = bind(config.listen).await?;
        let address = tcp.local_addr().map_err(|source| DnsError::Listen {
            address: config.listen,
            source,
        })?;
        let mut server = Server::new(catalog);
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE, TCP_ANSWERS);
        Ok(Self { server, address })
    }

    /// Where it listens, with UDP and TCP. The port is the one that was taken; the IP address is
    /// the configured one, also when that is unspecified.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The records of one type that `name` has now, asked for over the network as a resolver
    /// would: see [`query()`].
    ///
    /// # Errors
    ///
    /// As [`query()`].
    pub async fn records(
        &self,
        name: &str,
        record_type: RecordType,
    ) -> Result<Vec<Record>, DnsError> {
        let mut address = self.address;
        address.set_ip(reachable(address.ip()));
        query(address, name, record_type).await
    }

    /// Stops it and waits until its port is free for UDP and TCP again. TCP connections that are
    /// open are dropped.
    ///
    /// # Errors
    ///
    /// [`DnsError::Shutdown`] when it had failed before.
    pub async fn shutdown(mut self) -> Result<(), DnsError> {
        self.server
            .shutdown_gracefully()
            .await
            .map_err(|error| DnsError::Shutdown {
                reason: error.to_string(),
            })
    }
}

impl fmt::Debug for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn signer(tsig: &TsigSecret) -> Result<TSigner, DnsError> {
    let error = |reason: String| DnsError::Tsig {
        name: tsig.name.clone(),
        reason,
    };
    if tsig.secret.is_empty() {
        return Err(error("its secret is empty".to_owned()));
    }
    TSigner::new(
        tsig.secret.clone(),
        TsigAlgorithm::HmacSha256,
        parse_name(&tsig.name)?,
        FUDGE_SECONDS,
    )
    .map_err(|reason| error(reason.to_string()))
}

fn zone_handler(
    zone: &Zone,
    listen: IpAddr,
    signer: Option<&TSigner>,
) -> Result<SqliteZoneHandler, DnsError> {
    let origin = parse_name(&zone.origin)?;
    let too_long = |error: ProtoError| DnsError::Name {
        text: zone.origin.clone(),
        reason: error.to_string(),
    };
    let below =
        |label: &str| -> Result<Name, DnsError> { origin.prepend_label(label).map_err(too_long) };
    let server = below("ns")?;
    // No secondary reads the times but the last: how long to cache that a name has no record.
    let soa = SOA::new(
        server.clone(),
        below("hostmaster")?,
        1,
        3600,
        600,
        86400,
        60,
    );
    let mut records = vec![
        rr::Record::from_rdata(origin.clone(), ZONE_TTL, RData::SOA(soa)),
        rr::Record::from_rdata(origin.clone(), ZONE_TTL, RData::NS(NS(server.clone()))),
        rr::Record::from_rdata(server, ZONE_TTL, reachable(listen).into()),
    ];
    for record in &zone.records {
        let ours = from_record(record)?;
        if !origin.zone_of(&ours.name) {
            return Err(DnsError::OutsideZone {
                name: record.name.clone(),
                zone: zone.origin.clone(),
            });
        }
        records.push(ours);
    }
    let mut memory: InMemoryZoneHandler =
        InMemoryZoneHandler::empty(origin, ZoneType::Primary, AxfrPolicy::Deny, None);
    for record in records {
        memory.upsert_mut(record, 0);
    }
    // The handler that knows updates; it writes a file only if it is given a journal.
    let mut handler = SqliteZoneHandler::new(memory, AxfrPolicy::Deny, signer.is_some(), false);
    handler.set_tsig_signers(signer.into_iter().cloned().collect());
    Ok(handler)
}

/// The two sockets on one port. A free port of TCP's may be taken for UDP, so another is tried.
pub(super) async fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), DnsError> {
    let attempts = if address.port() == 0 {
        PORT_ATTEMPTS
    } else {
        1
    };
    let mut source = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..attempts {
        match bind_once(address).await {
            Ok(sockets) => return Ok(sockets),
            Err(error) => source = error,
        }
    }
    Err(DnsError::Listen { address, source })
}

async fn bind_once(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let tcp = TcpListener::bind(address).await?;
    let udp = UdpSocket::bind(tcp.local_addr()?).await?;
    Ok((udp, tcp))
}

/// Where this machine reaches what listens on `ip`.
const fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V4(_) | IpAddr::V6(_) => ip,
    }
}
