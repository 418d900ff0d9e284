//! DNS lookups for discovery: SRV records, then addresses, within bounds.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{op::ResponseCode, rr::RData},
};
use kms_srv::{DomainName, HostAddress, HostName, LookupError, SrvRecord};

/// The most addresses that are tried for one host name.
pub const MAX_ADDRESSES: usize = 16;

/// How long one query may take before it is repeated, twice at most.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// A resolver that asks the configured server, or the system's.
pub struct Resolver {
    resolver: TokioResolver,
    search: Vec<DomainName>,
}

impl core::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Resolver")
            .field("search", &self.search)
            .finish_non_exhaustive()
    }
}

/// The system's resolver configuration could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the system's DNS configuration cannot be used: {0}; set nameserver in the configuration")]
pub struct ResolverError(#[from] NetError);

impl Resolver {
    /// A resolver that asks `nameserver`, or what the system's configuration names.
    ///
    /// # Errors
    /// When the system's configuration cannot be read.
    pub fn new(nameserver: Option<SocketAddr>) -> Result<Self, ResolverError> {
        let (config, mut options) = match nameserver {
            Some(server) => (one_server(server), ResolverOpts::default()),
            None => hickory_resolver::system_conf::read_system_conf()?,
        };
        let search = config
            .domain()
            .into_iter()
            .chain(config.search())
            .filter_map(|name| name.to_ascii().parse().ok())
            .fold(Vec::new(), |mut seen, name| {
                if !seen.contains(&name) {
                    seen.push(name);
                }
                seen
            });
        options.timeout = QUERY_TIMEOUT;
        options.attempts = 2;
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        // A host that has just published must be found: its absence is not remembered.
        options.negative_max_ttl = Some(Duration::ZERO);
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self {
            resolver: builder.build()?,
            search,
        })
    }

    /// The system's domain and search list, in order.
    #[must_use]
    pub fn search_list(&self) -> &[DomainName] {
        &self.search
    }

    /// The SRV records of a full name such as `_vlmcs._tcp.contoso.com`.
    ///
    /// # Errors
    /// What discovery wants to know of a failure.
    pub async fn srv(&self, name: &DomainName) -> Result<Vec<SrvRecord>, LookupError> {
        // The final dot keeps the resolver from trying its search list: discovery has its own order.
        let lookup = self
            .resolver
            .srv_lookup(format!("{name}."))
            .await
            .map_err(|error| why(&error))?;
        let records: Vec<SrvRecord> = lookup
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                // A target that is no host name names no host.
                RData::SRV(srv) => srv
                    .target
                    .to_ascii()
                    .parse()
                    .ok()
                    .map(|target| SrvRecord::new(srv.priority, srv.weight, srv.port, target)),
                _ => None,
            })
            .collect();
        if records.is_empty() {
            Err(LookupError::NoRecords)
        } else {
            Ok(records)
        }
    }

    /// The socket addresses of a host, IPv6 first, at most [`MAX_ADDRESSES`].
    ///
    /// # Errors
    /// What discovery wants to know of a failure.
    pub async fn addresses(&self, host: &HostAddress) -> Result<Vec<SocketAddr>, LookupError> {
        let port = host.port();
        let name = match host.host() {
            HostName::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, port)]),
            HostName::Name(name) => name.as_str(),
        };
        let lookup = self
            .resolver
            .lookup_ip(name)
            .await
            .map_err(|error| why(&error))?;
        let mut addresses: Vec<IpAddr> = lookup.iter().collect();
        addresses.sort_by_key(IpAddr::is_ipv4);
        addresses.truncate(MAX_ADDRESSES);
        Ok(addresses
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect())
    }
}

fn one_server(server: SocketAddr) -> ResolverConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, connections)])
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
        NetError::Timeout | NetError::NoConnections | NetError::Io(_) => LookupError::Timeout,
        NetError::Proto(_) => LookupError::BadAnswer,
        _ => LookupError::ServerFailure,
    }
}
