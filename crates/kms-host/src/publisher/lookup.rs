//! Questions to DNS servers.

use super::setup::Way;
use crate::DnsTransport;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType, rdata::SOA},
    },
    system_conf,
};
use kms_srv::{DomainName, LookupError, SrvRecord};

/// How long one query may take before it is repeated, once.
const QUERY: Duration = Duration::from_secs(2);

/// Asks servers, and remembers nothing. They are asked one after the other, each by a resolver of its own:
/// the library would be done with the first that fails or refuses.
pub(super) struct Lookups(Vec<TokioResolver>);

/// What a question for a zone found.
pub(super) enum SoaFound {
    /// The SOA record of the zone that holds the name, and whose record it is.
    Zone {
        apex: DomainName,
        primary: DomainName,
    },
    /// The server has a zone above, in which the one that holds the name is given to other servers.
    Delegated(DomainName),
    /// Nothing that tells of the zone.
    Nothing(LookupError),
}

/// What a question for SRV records found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SrvFound {
    /// The records of the name; there may be none.
    Records(Vec<SrvRecord>),
    /// The name is an alias (CNAME), where no other record can be: servers pass over an update that adds
    /// one, and call it a success (RFC 2136 section 3.4.2.2).
    Alias,
}

impl Lookups {
    /// Asks those that resolve names for this machine.
    pub(super) fn recursive(way: &Way) -> Result<Self, LookupError> {
        let (config, options) = if way.nameservers.is_empty() {
            system_conf::read_system_conf().map_err(|error| {
                tracing::warn!(%error, "the system names no DNS servers: set dns.nameservers");
                LookupError::ServerFailure
            })?
        } else {
            (servers(&way.nameservers, true), ResolverOpts::default())
        };
        Self::new(&config, options)
    }

    /// Asks the zones' own server, which need not resolve anything.
    pub(super) fn of_server(
        server: SocketAddr,
        transport: DnsTransport,
    ) -> Result<Self, LookupError> {
        let udp = transport == DnsTransport::Auto;
        Self::new(&servers(&[server], udp), not_recursive())
    }

    /// Asks a zone's primary over TCP, where answers have any size and are hard to forge.
    pub(super) fn of_primary(addresses: &[SocketAddr]) -> Result<Self, LookupError> {
        Self::new(&servers(addresses, false), not_recursive())
    }

    fn new(config: &ResolverConfig, mut options: ResolverOpts) -> Result<Self, LookupError> {
        options.timeout = QUERY;
        options.attempts = 1;
        options.cache_size = 0;
        options.case_randomization = true;
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = |server: &NameServerConfig| {
            let config = ResolverConfig::from_name_servers(vec![server.clone()]);
            let mut builder =
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = options.clone();
            builder.build()
        };
        let resolvers: Result<_, _> = config.name_servers().iter().map(resolver).collect();
        resolvers.map(Self).map_err(|error| {
            tracing::warn!(%error, "DNS cannot be asked");
            LookupError::ServerFailure
        })
    }

    /// The zone that holds a name, from an answer or from what an answer without records says of it
    /// (RFC 2308 section 3).
    pub(super) async fn soa(&self, name: &DomainName) -> Result<SoaFound, LookupError> {
        let found = match self.ask(name, RecordType::SOA).await {
            Ok(lookup) => lookup
                .answers()
                .iter()
                .find_map(|record| match &record.data {
                    RData::SOA(soa) => Some(zone(&record.name, soa)),
                    _ => None,
                }),
            Err(error) => match no_records(&error) {
                Some(NoRecords { soa: Some(soa), .. }) => Some(zone(&soa.name, &soa.data)),
                Some(none) => match delegated(none) {
                    Some(apex) => Some(to_domain(apex).map(SoaFound::Delegated)),
                    None => return Ok(SoaFound::Nothing(why(&error))),
                },
                None => return Err(why(&error)),
            },
        };
        found.unwrap_or(Ok(SoaFound::Nothing(LookupError::NoRecords)))
    }

    /// A machine's addresses of one family.
    pub(super) async fn addresses(
        &self,
        name: &DomainName,
        v6: bool,
    ) -> Result<Vec<IpAddr>, LookupError> {
        let kind = if v6 { RecordType::AAAA } else { RecordType::A };
        let lookup = self.ask(name, kind).await.map_err(|error| why(&error))?;
        let address = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let addresses = lookup
            .answers()
            .iter()
            .filter_map(|record| address(&record.data));
        Ok(addresses.collect())
    }

    /// The SRV records of a name; none only where the server says so and has the zone.
    pub(super) async fn srv(&self, owner: &DomainName) -> Result<SrvFound, LookupError> {
        let found = self.srv_records(owner).await;
        // What an alias leads to may also be a failure.
        let asks = match &found {
            Ok(records) => records.is_empty(),
            Err(error) => *error != LookupError::Timeout,
        };
        if asks && self.is_alias(owner).await {
            return Ok(SrvFound::Alias);
        }
        found.map(SrvFound::Records)
    }

    /// Whether a name that has no records of its own is an alias. Not knowing counts as no, and so does an
    /// alias that a wildcard makes (RFC 4592): a record of its own takes the name out of it.
    pub(super) async fn is_alias(&self, name: &DomainName) -> bool {
        // No machine has a name with an underscore (RFC 952).
        const NOBODY: &str = "_no-such-name";
        let Some(target) = self.target(name).await else {
            return false;
        };
        let beside: Vec<&str> = [NOBODY].into_iter().chain(name.labels().skip(1)).collect();
        match beside.join(".").parse() {
            Ok(beside) => self.target(&beside).await != Some(target),
            Err(_) => true,
        }
    }

    /// Where a name leads that is an alias.
    async fn target(&self, name: &DomainName) -> Option<Name> {
        let wanted = to_name(name).ok()?;
        let lookup = self.ask(name, RecordType::CNAME).await.ok()?;
        let mut answers = lookup.answers().iter();
        answers.find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == wanted => Some(target.0.clone()),
            _ => None,
        })
    }

    async fn srv_records(&self, owner: &DomainName) -> Result<Vec<SrvRecord>, LookupError> {
        match self.ask(owner, RecordType::SRV).await {
            Ok(lookup) => {
                let wanted = to_name(owner)?;
                let records = lookup
                    .answers()
                    .iter()
                    .filter(|record| record.name == wanted);
                Ok(records.filter_map(|record| to_srv(&record.data)).collect())
            }
            Err(error) => match no_records(&error) {
                // RFC 2308 section 2.2: with neither there are no records either, with NS records alone
                // it is a referral.
                Some(NoRecords {
                    soa: None,
                    ns: None,
                    ..
                }) => Ok(Vec::new()),
                // The root's is from a server that has no such zone.
                Some(NoRecords { soa: Some(soa), .. }) if !soa.name.is_root() => Ok(Vec::new()),
                _ => Err(why(&error)),
            },
        }
    }

    async fn ask(&self, name: &DomainName, kind: RecordType) -> Result<Lookup, NetError> {
        let name = to_name(name).map_err(|_| NetError::Message("the name is none"))?;
        let mut trouble = None;
        for resolver in &self.0 {
            match resolver.lookup(name.clone(), kind).await {
                Err(error) if no_records(&error).is_none() => {
                    // One that failed says more than one that was silent.
                    if matches!(trouble, None | Some(NetError::Timeout)) {
                        trouble = Some(error);
                    }
                }
                answer => return answer,
            }
        }
        Err(trouble.unwrap_or(NetError::NoConnections))
    }
}

/// An answer with nothing of the type that was asked for, which says of which zone that is.
fn no_records(error: &NetError) -> Option<&NoRecords> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(
                none.response_code,
                ResponseCode::NoError | ResponseCode::NXDomain
            ) =>
        {
            Some(none)
        }
        _ => None,
    }
}

/// Of a referral the zone that it leads to (RFC 2308 section 2.2). One to the root says nothing but that the
/// server has no such zone.
fn delegated(none: &NoRecords) -> Option<&Name> {
    if none.response_code != ResponseCode::NoError {
        return None;
    }
    let apex = &none.ns.as_ref()?.first()?.ns.name;
    (!apex.is_root()).then_some(apex)
}

fn zone(apex: &Name, soa: &SOA) -> Result<SoaFound, LookupError> {
    let (apex, primary) = (to_domain(apex)?, to_domain(&soa.mname)?);
    Ok(SoaFound::Zone { apex, primary })
}

fn to_domain(name: &Name) -> Result<DomainName, LookupError> {
    name.to_ascii().parse().map_err(|_| LookupError::BadAnswer)
}

fn to_srv(data: &RData) -> Option<SrvRecord> {
    let RData::SRV(srv) = data else { return None };
    // A target that is no host name is not this host.
    let target = srv.target.to_ascii().parse().ok()?;
    Some(SrvRecord::new(srv.priority, srv.weight, srv.port, target))
}

fn to_name(name: &DomainName) -> Result<Name, LookupError> {
    // Label by label as bytes: the library's text forms know escapes and other scripts.
    let labels = Name::from_labels(name.labels().map(str::as_bytes));
    labels.map_err(|_| LookupError::BadAnswer)
}

fn servers(addresses: &[SocketAddr], udp: bool) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let at = |mut connection: ConnectionConfig| {
            connection.port = address.port();
            connection
        };
        let tcp = at(ConnectionConfig::tcp());
        let connections = if udp {
            vec![at(ConnectionConfig::udp()), tcp]
        } else {
            vec![tcp]
        };
        NameServerConfig::new(address.ip(), true, connections)
    };
    ResolverConfig::from_name_servers(addresses.iter().map(server).collect())
}

fn not_recursive() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.recursion_desired = false;
    options
}

fn why(error: &NetError) -> LookupError {
    match error {
        _ if error.is_nx_domain() => LookupError::NoSuchName,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError => LookupError::NoRecords,
            ResponseCode::Refused => LookupError::Refused,
            _ => LookupError::ServerFailure,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => LookupError::Refused,
        NetError::Timeout => LookupError::Timeout,
        NetError::Proto(_)
        | NetError::QueryCaseMismatch
        | NetError::ForeignClassRecord { .. }
        | NetError::Truncated => LookupError::BadAnswer,
        // A network fault that keeps the server from being asked is among these.
        _ => LookupError::ServerFailure,
    }
}

#[cfg(test)]
mod tests;
