//! What DNS has, as it has it: records with their time to live, aliases, and zones.

use super::{PublishedRecord, Unusable};
use crate::{MAX_NAMESERVERS, ResolverError};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType},
    },
    system_conf,
};
use kms_srv::{DomainName, HostAddress, HostName, LookupError, MAX_ADDRESSES};
use tokio::time::timeout;

/// How long one query may take before it is repeated, once.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one question may take in all, over all servers.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The most aliases that are followed from one name.
const MAX_ALIASES: usize = 8;

/// Asks DNS, and remembers nothing.
///
/// The servers are asked one after the other, as a client asks them: the library would be done with the
/// first that fails or refuses.
pub(super) struct Dns {
    // INVARIANT: one for each server, and at most `MAX_NAMESERVERS`.
    resolvers: Vec<TokioResolver>,
    search: Vec<DomainName>,
}

/// The addresses of one name.
pub(super) struct Addresses {
    pub(super) alias_of: Option<String>,
    pub(super) v6: Result<Vec<Ipv6Addr>, LookupError>,
    pub(super) v4: Result<Vec<Ipv4Addr>, LookupError>,
}

/// A zone, and the server that takes its updates.
pub(super) struct ZoneOf {
    pub(super) zone: DomainName,
    pub(super) primary: DomainName,
}

impl Dns {
    pub(super) fn new(nameservers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let system = system_conf::read_system_conf();
        let search = system
            .as_ref()
            .map_or_else(|_| Vec::new(), |(config, _)| search_list(config));
        let (servers, mut options) = if nameservers.is_empty() {
            let (config, options) = system?;
            (config.name_servers().to_vec(), options)
        } else {
            let servers = nameservers.iter().copied().map(name_server).collect();
            (servers, ResolverOpts::default())
        };
        options.timeout = QUERY_TIMEOUT;
        options.attempts = 2;
        options.cache_size = 0;
        // The library would show no more than a day.
        options.positive_max_ttl = Some(Duration::from_secs(u32::MAX.into()));
        options.use_hosts_file = ResolveHosts::Never;
        options.preserve_intermediates = true;
        let resolver = |server| {
            let config = ResolverConfig::from_name_servers(vec![server]);
            let mut builder =
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = options.clone();
            builder.build()
        };
        let servers = servers.into_iter().take(MAX_NAMESERVERS);
        let resolvers = servers.map(resolver).collect::<Result<Vec<_>, _>>()?;
        if resolvers.is_empty() {
            return Err(NetError::NoConnections.into());
        }
        Ok(Self { resolvers, search })
    }

    /// The system's domain and search list.
    pub(super) fn search_list(&self) -> &[DomainName] {
        &self.search
    }

    /// The SRV records of a name, at least one: in the order of the answer, and as many as it has.
    pub(super) async fn srv(&self, name: &DomainName) -> Result<Vec<PublishedRecord>, LookupError> {
        let mut owner = absolute(name)?;
        // The library follows an alias of an SRV name to the wrong place: it is done here.
        for _ in 0..=MAX_ALIASES {
            match self.ask(&owner, RecordType::SRV).await {
                Ok(answers) => {
                    let records: Vec<_> = answers
                        .iter()
                        .filter(|record| record.name == owner)
                        .filter_map(published)
                        .collect();
                    if !records.is_empty() {
                        return Ok(records);
                    }
                    match follow(&owner, &answers) {
                        Some(alias) => owner = alias,
                        None => return Err(LookupError::NoRecords),
                    }
                }
                Err(error @ (LookupError::NoSuchName | LookupError::NoRecords)) => {
                    match self.alias(&owner).await {
                        Some(alias) => owner = alias,
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(LookupError::BadAnswer)
    }

    /// The addresses of a name, each list as DNS has it.
    pub(super) async fn addresses(&self, name: &DomainName) -> Addresses {
        let owner = match absolute(name) {
            Ok(owner) => owner,
            Err(error) => {
                let (v6, v4) = (Err(error), Err(error));
                return Addresses {
                    alias_of: None,
                    v6,
                    v4,
                };
            }
        };
        let (v6, v4) = tokio::join!(
            self.ask(&owner, RecordType::AAAA),
            self.ask(&owner, RecordType::A)
        );
        let mut alias_of = None;
        for answers in [&v6, &v4].into_iter().flatten() {
            alias_of = alias_of.or_else(|| follow(&owner, answers));
        }
        if alias_of.is_none() && v6.is_err() && v4.is_err() {
            alias_of = self.alias(&owner).await;
        }
        Addresses {
            alias_of: alias_of.map(|name| text(&name)),
            v6: only(v6, |record| match record.data {
                RData::AAAA(address) => Some(address.0),
                _ => None,
            }),
            v4: only(v4, |record| match record.data {
                RData::A(address) => Some(address.0),
                _ => None,
            }),
        }
    }

    /// The zone that `name` lies in, looked for from there up to `domain`, above which nobody who asked
    /// about the domain wants to be. `None` when there is no such domain.
    pub(super) async fn zone_of(
        &self,
        name: &DomainName,
        domain: &DomainName,
    ) -> Result<Option<ZoneOf>, String> {
        let unknown = |error: LookupError| format!("the zone of {name} cannot be found: {error}");
        // What does not exist has the zone that it would be delegated from.
        if !self.soa(domain).await.map_err(unknown)?.name_exists {
            return Ok(None);
        }
        let mut at = name.clone();
        loop {
            match self.soa(&at).await.map_err(unknown)?.zone {
                Some(found) if name.is_within(&found.zone) && !found.zone.is_root() => {
                    return Ok(Some(found));
                }
                _ => {}
            }
            let parent = at
                .as_str()
                .split_once('.')
                .map(|(_, parent)| parent.parse());
            match parent {
                Some(Ok(parent)) if at != *domain => at = parent,
                _ => return Err(format!("there is no SOA record from {name} up to {domain}")),
            }
        }
    }

    /// What an SOA record says, in the answer or beside the lack of one.
    async fn soa(&self, name: &DomainName) -> Result<Soa, LookupError> {
        let owner = absolute(name)?;
        let read = |zone: &Name, primary: &Name| {
            let (zone, primary) = (text(zone).parse().ok()?, text(primary).parse().ok()?);
            Some(ZoneOf { zone, primary })
        };
        match self.lookup(&owner, RecordType::SOA).await {
            Ok(answers) => Ok(Soa {
                name_exists: true,
                zone: answers.iter().find_map(|record| match &record.data {
                    RData::SOA(soa) => read(&record.name, &soa.mname),
                    _ => None,
                }),
            }),
            Err(Unanswered::None { code, soa }) => match code {
                ResponseCode::NoError | ResponseCode::NXDomain => Ok(Soa {
                    name_exists: code == ResponseCode::NoError,
                    zone: soa.and_then(|(zone, primary)| read(&zone, &primary)),
                }),
                _ => Err(why_none(code)),
            },
            Err(Unanswered::Error(error)) => Err(error),
        }
    }

    async fn alias(&self, owner: &Name) -> Option<Name> {
        let answers = self.ask(owner, RecordType::CNAME).await.ok()?;
        follow(owner, &answers)
    }

    async fn ask(&self, owner: &Name, kind: RecordType) -> Result<Vec<Record>, LookupError> {
        self.lookup(owner, kind).await.map_err(|error| match error {
            Unanswered::None { code, .. } => why_none(code),
            Unanswered::Error(error) => error,
        })
    }

    async fn lookup(&self, owner: &Name, kind: RecordType) -> Result<Vec<Record>, Unanswered> {
        let mut trouble = LookupError::Timeout;
        let asking = async {
            for resolver in &self.resolvers {
                let error = match resolver.lookup(owner.clone(), kind).await {
                    Ok(lookup) => return Some(Ok(lookup.answers().to_vec())),
                    Err(error) => match unanswered(error) {
                        Unanswered::Error(error) => error,
                        Unanswered::None { code, .. }
                            if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) =>
                        {
                            why_none(code)
                        }
                        none @ Unanswered::None { .. } => return Some(Err(none)),
                    },
                };
                if trouble == LookupError::Timeout {
                    trouble = error;
                }
            }
            None
        };
        let answer = timeout(QUESTION_TIMEOUT, asking).await;
        answer
            .ok()
            .flatten()
            .unwrap_or(Err(Unanswered::Error(trouble)))
    }
}

struct Soa {
    name_exists: bool,
    zone: Option<ZoneOf>,
}

/// Why there are no answers.
enum Unanswered {
    /// The server says that there are none.
    None {
        code: ResponseCode,
        /// The zone's name, and that of its primary server.
        soa: Option<(Name, Name)>,
    },
    /// Something else.
    Error(LookupError),
}

fn unanswered(error: NetError) -> Unanswered {
    Unanswered::Error(match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            return Unanswered::None {
                code: none.response_code,
                soa: none.soa.map(|soa| (soa.name, soa.data.mname)),
            };
        }
        NetError::Dns(DnsError::ResponseCode(code)) => why_none(code),
        NetError::Timeout => LookupError::Timeout,
        NetError::Proto(_)
        | NetError::QueryCaseMismatch
        | NetError::ForeignClassRecord { .. }
        | NetError::Truncated => LookupError::BadAnswer,
        // A network fault that keeps the server from being asked is among these.
        _ => LookupError::ServerFailure,
    })
}

const fn why_none(code: ResponseCode) -> LookupError {
    match code {
        ResponseCode::NoError => LookupError::NoRecords,
        ResponseCode::NXDomain => LookupError::NoSuchName,
        ResponseCode::Refused => LookupError::Refused,
        _ => LookupError::ServerFailure,
    }
}

/// Where the aliases of `owner` among the answers lead; `None` if it has none.
fn follow(owner: &Name, answers: &[Record]) -> Option<Name> {
    let mut at = None;
    for _ in 0..MAX_ALIASES {
        let name = at.as_ref().unwrap_or(owner);
        let next = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name == *name => Some(alias.0.clone()),
            _ => None,
        });
        match next {
            Some(next) => at = Some(next),
            None => break,
        }
    }
    at
}

/// The different data of one kind among the answers; there being none is an error.
fn only<T: PartialEq>(
    answers: Result<Vec<Record>, LookupError>,
    pick: impl Fn(&Record) -> Option<T>,
) -> Result<Vec<T>, LookupError> {
    let mut found = Vec::new();
    for data in answers?.iter().filter_map(pick) {
        // More than are looked at need not be told apart.
        if found.len() <= MAX_FOUND && !found.contains(&data) {
            found.push(data);
        }
    }
    if found.is_empty() {
        Err(LookupError::NoRecords)
    } else {
        Ok(found)
    }
}

/// The most addresses of a family that are told apart.
const MAX_FOUND: usize = 4 * MAX_ADDRESSES;

fn published(record: &Record) -> Option<PublishedRecord> {
    let RData::SRV(srv) = &record.data else {
        return None;
    };
    let target = text(&srv.target);
    Some(PublishedRecord {
        priority: srv.priority,
        weight: srv.weight,
        port: srv.port,
        host: host(&target, srv.port),
        target,
        // RFC 2181 section 8: with the highest bit set it counts as 0.
        ttl: if record.ttl > i32::MAX.cast_unsigned() {
            0
        } else {
            record.ttl
        },
    })
}

fn host(target: &str, port: u16) -> Result<HostAddress, Unusable> {
    if target == "." {
        return Err(Unusable::Denied);
    }
    let port = NonZeroU16::new(port).ok_or(Unusable::PortZero)?;
    let name: DomainName = target.parse().map_err(|_| Unusable::NoHostName)?;
    if name.ends_in_number() {
        return Err(Unusable::IpAddress);
    }
    if name.is_localhost() {
        return Err(Unusable::Localhost);
    }
    let name = HostName::try_from(name).map_err(|_| Unusable::NoHostName)?;
    Ok(HostAddress::new(name, port))
}

/// The name without its final dot, every character of it printable; `.` for the root.
fn text(name: &Name) -> String {
    let text = name.to_ascii();
    let text: String = text.chars().filter(|c| c.is_ascii_graphic()).collect();
    match text.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}

/// The name as the library has it, so that no search list is tried.
pub(super) fn absolute(name: &DomainName) -> Result<Name, LookupError> {
    // Label by label as bytes: the library's text forms know escapes and other scripts.
    let mut name =
        Name::from_labels(name.labels().map(str::as_bytes)).map_err(|_| LookupError::BadAnswer)?;
    name.set_fqdn(true);
    Ok(name)
}

/// IPv6 first; but many of one family do not crowd out the other.
pub(super) fn first_addresses(v6: &[Ipv6Addr], v4: &[Ipv4Addr]) -> Vec<IpAddr> {
    let half = MAX_ADDRESSES / 2;
    let sixes = v6.len().min(MAX_ADDRESSES - v4.len().min(half));
    let fours = v4.len().min(MAX_ADDRESSES - sixes);
    let v6 = v6.iter().take(sixes).copied().map(IpAddr::V6);
    v6.chain(v4.iter().take(fours).copied().map(IpAddr::V4))
        .collect()
}

/// The domain of the machine, then the search list. A name that DNS does not allow is left out.
fn search_list(config: &ResolverConfig) -> Vec<DomainName> {
    let mut names = Vec::new();
    for name in config.domain().into_iter().chain(config.search()) {
        if let Ok(name) = text(name).parse::<DomainName>()
            && !name.is_root()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
    NameServerConfig::new(server.ip(), true, connections)
}
