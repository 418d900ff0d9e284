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
    system_conf,
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
    /// A resolver that asks `nameserver`, or what the system's configuration names. The search list is
    /// the system's either way, and read now.
    ///
    /// # Errors
    /// When there is no `nameserver`, and the system's configuration cannot be read or names none.
    pub fn new(nameserver: Option<SocketAddr>) -> Result<Self, ResolverError> {
        let system = system_conf::read_system_conf();
        let search = system
            .as_ref()
            .map_or_else(|_| Vec::new(), |(config, _)| search_list(config));
        let (config, mut options) = match nameserver {
            Some(server) => (one_server(server), ResolverOpts::default()),
            None => system?,
        };
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
    /// A name is looked up as the system does it: an administrator may have pinned one without its domain.
    ///
    /// # Errors
    /// What discovery wants to know of a failure.
    pub async fn addresses(&self, host: &HostAddress) -> Result<Vec<SocketAddr>, LookupError> {
        let name = match host.host() {
            HostName::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, host.port())]),
            HostName::Name(name) => name.as_str(),
        };
        let lookup = self
            .resolver
            .lookup_ip(name)
            .await
            .map_err(|error| why(&error))?;
        Ok(first_addresses(lookup.iter().collect())
            .into_iter()
            .map(|ip| SocketAddr::new(ip, host.port()))
            .collect())
    }
}

/// The socket address of a host that is not named.
pub(crate) const fn literal(host: &HostAddress) -> Option<SocketAddr> {
    match host.host() {
        HostName::Ip(ip) => Some(SocketAddr::new(*ip, host.port())),
        HostName::Name(_) => None,
    }
}

/// IPv6 first; but many of one family do not crowd out the other.
fn first_addresses(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut v6, mut v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let half = MAX_ADDRESSES / 2;
    v6.truncate(MAX_ADDRESSES - v4.len().min(half));
    v4.truncate(MAX_ADDRESSES - v6.len());
    v6.append(&mut v4);
    v6
}

/// The domain of the machine, then the search list. A name that DNS does not allow is left out.
fn search_list(config: &ResolverConfig) -> Vec<DomainName> {
    let mut names = Vec::new();
    for name in config.domain().into_iter().chain(config.search()) {
        if let Ok(name) = name.to_ascii().parse()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
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
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    fn listed(text: &str) -> Vec<String> {
        let (config, _) = system_conf::parse_resolv_conf(text).unwrap();
        let names = search_list(&config);
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_search_list_is_in_order_and_names_no_domain_twice() {
        let list =
            listed("nameserver 192.0.2.1\nsearch b.example a.example B.example. c.example\n");
        // The machine's own domain, where it has one, stands in front.
        let list = list.strip_prefix(&own_domain()[..]).unwrap_or(&list);
        assert_eq!(list, ["b.example", "a.example", "c.example"]);
    }

    #[test]
    fn the_root_and_odd_names_of_a_search_list_do_no_harm() {
        let list = listed("nameserver 192.0.2.1\nsearch . -- a_b.example\n");
        assert_eq!(list.last().map(String::as_str), Some("a_b.example"));
    }

    fn own_domain() -> Vec<String> {
        listed("nameserver 192.0.2.1\n")
    }

    #[test]
    fn limit_16_addresses_are_tried_and_both_families_are_among_them() {
        let v4 = |n: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
        let v6 = |n: u8| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()));
        assert_eq!(first_addresses(vec![v4(1), v6(1)]), [v6(1), v4(1)]);
        for (v6s, v4s, wanted) in [
            (40, 40, (8, 8)),
            (40, 0, (16, 0)),
            (0, 40, (0, 16)),
            (40, 3, (13, 3)),
            (3, 40, (3, 13)),
        ] {
            let all = (0..v4s).map(v4).chain((0..v6s).map(v6)).collect();
            let kept = first_addresses(all);
            let sixes = kept.iter().take_while(|ip| ip.is_ipv6()).count();
            assert_eq!((sixes, kept.len() - sixes), wanted);
            assert_eq!(kept.len(), MAX_ADDRESSES);
        }
    }
}
