//! DNS lookups for discovery: SRV records and addresses, within bounds.

use crate::{
    dns_answer::Question,
    dns_exchange,
    families::{self, both},
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use hickory_resolver::{
    Hosts,
    config::ResolverConfig,
    net::NetError,
    proto::{op::Message, op::Query, rr::Name, rr::RecordType},
    system_conf,
};
use kms_srv::{AddressAnswer, DomainName, LookupAnswer, LookupError};

/// The most DNS servers that are asked, as systems have it.
pub const MAX_NAMESERVERS: usize = 3;

/// The most names that one name without its domain is looked up as: with two queries each these are
/// all that a discovery may make.
pub const MAX_CANDIDATES: usize = 10;

/// How long one query may take in all, with every server and every repetition.
pub const QUERY_TIME: Duration = Duration::from_secs(4);

/// A resolver that asks the configured servers, or the system's.
///
/// It keeps nothing of what it hears. An answer counts as far as it belongs to the question: the
/// records of the name that was asked for, or of the name that at most 8 aliases lead to from there. Names
/// in it come in small letters.
///
/// The servers are asked in order, beginning with the one that answered last. One that fails, refuses,
/// refers elsewhere, cannot be understood, or is silent is left for the next, and only those that were silent are
/// asked a second time. That a name does not exist, or has no such records, is an answer, whoever
/// gives it. What is reported of several that gave none is what one of them said rather than that
/// another was silent, and the first of those.
#[derive(Debug)]
pub struct Resolver {
    // INVARIANT: 1 to `MAX_NAMESERVERS`.
    servers: Vec<SocketAddr>,
    /// The server that answered last.
    first: AtomicUsize,
    search: Vec<DomainName>,
    /// Names with so many dots are looked up as they are before the search list is tried.
    dots: usize,
}

/// The system's resolver configuration could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the system's DNS configuration cannot be used: {0}; set nameservers in the configuration")]
pub struct ResolverError(#[from] NetError);

impl Resolver {
    /// A resolver that asks `nameservers`, the first [`MAX_NAMESERVERS`] of them, or without any what
    /// the system's configuration names. The search list is the system's either way, and read now.
    ///
    /// # Errors
    /// When there are no `nameservers`, and the system's configuration cannot be read or names none.
    pub fn new(nameservers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let system = system_conf::read_system_conf();
        let (search, dots) = system
            .as_ref()
            .map_or((Vec::new(), 1), |(config, options)| {
                (search_list(config), options.ndots)
            });
        let mut servers = if nameservers.is_empty() {
            servers(&system?.0)
        } else {
            nameservers.to_vec()
        };
        servers.truncate(MAX_NAMESERVERS);
        if servers.is_empty() {
            return Err(NetError::NoConnections.into());
        }
        Ok(Self {
            servers,
            first: AtomicUsize::new(0),
            search,
            dots,
        })
    }

    /// The system's domain and search list, in order.
    #[must_use]
    pub fn search_list(&self) -> &[DomainName] {
        &self.search
    }

    /// The SRV records of a complete name such as `_vlmcs._tcp.contoso.com`, of which there is at least one,
    /// in the order of the answer, with the lowest TTL of theirs and of the aliases on the way. It takes
    /// at most [`QUERY_TIME`].
    ///
    /// # Errors
    /// - [`NoSuchName`](LookupError::NoSuchName): NXDOMAIN, with or without SOA.
    /// - [`NoRecords`](LookupError::NoRecords): NOERROR, and no SRV record with a host name on the
    ///   chain from the question.
    /// - [`ServerFailure`](LookupError::ServerFailure): SERVFAIL and any other code, a referral
    ///   elsewhere, a network fault, TCP called for and not to be had.
    /// - [`Refused`](LookupError::Refused): REFUSED.
    /// - [`Timeout`](LookupError::Timeout): silence, a port that is closed, and nothing but messages
    ///   of another id, another question, or that are no responses.
    /// - [`BadAnswer`](LookupError::BadAnswer): over TCP, a message that cannot be read, answers another
    ///   question, or is truncated; more than 8 aliases, a loop, or two aliases of one name.
    pub async fn srv(&self, name: &DomainName) -> Result<LookupAnswer, LookupError> {
        let question = Question::new(name, RecordType::SRV)?;
        self.query(&question, |answer| question.srv(answer)).await
    }

    /// The addresses of a host's name, as they came, of both families: at least one, or the name that
    /// the name is an alias for.
    ///
    /// With `search` the name is looked up as the system does it: in its file of hosts, and then as it is and with each
    /// domain of the search list, at most [`MAX_CANDIDATES`] names, in the order that the number of its dots
    /// says (`ndots`), until one has addresses. Without `search` it is complete. Each name takes two queries,
    /// and at most [`QUERY_TIME`]. `localhost` and what is below it DNS is not asked for (RFC 6761 section
    /// 6.3): it is this machine with `search`, and does not exist without.
    ///
    /// # Errors
    /// As [`srv`](Self::srv), for addresses: where one family has any, what became of the other does
    /// not matter. With `search`, the error that leaves open what is there before one that says that
    /// nothing is.
    pub async fn addresses(
        &self,
        name: &DomainName,
        search: bool,
    ) -> Result<AddressAnswer, LookupError> {
        if !search {
            return if name.is_localhost() {
                Err(LookupError::NoSuchName)
            } else {
                self.addresses_of(name).await
            };
        }
        if let Some(addresses) = from_hosts_file(name) {
            return Ok(AddressAnswer::new(addresses));
        }
        if name.is_localhost() {
            let this_machine = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            return Ok(AddressAnswer::new(this_machine.into()));
        }
        let mut trouble = None;
        for candidate in candidates(name, &self.search, self.dots) {
            match self.addresses_of(&candidate).await {
                Err(error) => trouble = Some(error.or_worse(trouble)),
                answer => return answer,
            }
        }
        Err(trouble.unwrap_or(LookupError::NoSuchName))
    }

    async fn addresses_of(&self, name: &DomainName) -> Result<AddressAnswer, LookupError> {
        let [v6, v4] = [RecordType::AAAA, RecordType::A].map(|kind| async move {
            let question = Question::new(name, kind)?;
            let judge = |answer: &Message| question.addresses(answer);
            self.query(&question, judge).await
        });
        let (v6, v4) = both(v6, v4).await;
        families::join(v6, v4)
    }

    /// Asks the servers one after the other until one has answered.
    async fn query<T>(
        &self,
        question: &Question,
        judge: impl Fn(&Message) -> Result<T, LookupError>,
    ) -> Result<T, LookupError> {
        let first = self.first.load(Ordering::Relaxed);
        let count = self.servers.len();
        // Each gets a share of the time, and one that is alone gets two.
        let share = QUERY_TIME / u32::try_from(count.max(2)).unwrap_or(u32::MAX);
        let mut silent: Vec<usize> = (0..count).map(|n| (first + n) % count).collect();
        let mut trouble = LookupError::Timeout;
        let asking = async {
            for _ in 0..2 {
                for at in core::mem::take(&mut silent) {
                    let Some(server) = self.servers.get(at) else {
                        continue;
                    };
                    let answer = dns_exchange::ask(*server, question, share).await;
                    match answer.and_then(|answer| judge(&answer)) {
                        Err(LookupError::Timeout) => silent.push(at),
                        Err(
                            error @ (LookupError::ServerFailure
                            | LookupError::Refused
                            | LookupError::BadAnswer),
                        ) => {
                            tracing::debug!(%server, name = %question.name, "{error}");
                            if trouble == LookupError::Timeout {
                                trouble = error;
                            }
                        }
                        answer => {
                            self.first.store(at, Ordering::Relaxed);
                            return Some(answer);
                        }
                    }
                }
            }
            None
        };
        let answer = tokio::time::timeout(QUERY_TIME, asking).await;
        answer.ok().flatten().unwrap_or(Err(trouble))
    }
}

/// The names that a name may stand for, in the order in which the system tries them.
fn candidates(name: &DomainName, search: &[DomainName], dots: usize) -> Vec<DomainName> {
    let within = search.iter().filter_map(|domain| name.within(domain).ok());
    let mut candidates: Vec<DomainName> = within.take(MAX_CANDIDATES - 1).collect();
    let own_dots = name.labels().count().saturating_sub(1);
    let at = if own_dots >= dots {
        0
    } else {
        candidates.len()
    };
    candidates.insert(at, name.clone());
    candidates
}

/// What the system's file of hosts says of a name, if it does.
fn from_hosts_file(name: &DomainName) -> Option<Vec<IpAddr>> {
    let hosts = Hosts::from_system().ok()?;
    let name = Name::from_ascii(format!("{name}.")).ok()?;
    let addresses: Vec<IpAddr> = [RecordType::AAAA, RecordType::A]
        .into_iter()
        .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
        .flat_map(|found| {
            let addresses = found.answers().iter().map(|record| record.data.ip_addr());
            addresses.flatten().collect::<Vec<_>>()
        })
        .collect();
    (!addresses.is_empty()).then_some(addresses)
}

/// The servers of a system's configuration, each once.
fn servers(config: &ResolverConfig) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for server in config.name_servers() {
        let port = server.connections.first().map_or(53, |to| to.port);
        let server = SocketAddr::new(server.ip, port);
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

/// The domain of the machine, then the search list. A name that DNS does not allow is left out.
fn search_list(config: &ResolverConfig) -> Vec<DomainName> {
    let mut names = Vec::new();
    for name in config.domain().into_iter().chain(config.search()) {
        if let Ok(name) = name.to_ascii().parse::<DomainName>()
            && !name.is_root()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_systems_servers_are_asked_in_their_order() {
        let text = "nameserver 192.0.2.2\nnameserver 2001:db8::53\nnameserver 192.0.2.2\n";
        let (config, _) = system_conf::parse_resolv_conf(text).unwrap();
        let servers: Vec<String> = servers(&config).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.2:53", "[2001:db8::53]:53"]);
    }

    fn tried(name: &str, search: &[&str], dots: usize) -> Vec<String> {
        let search: Vec<DomainName> = search.iter().map(|name| name.parse().unwrap()).collect();
        let names = candidates(&name.parse().unwrap(), &search, dots);
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pinned_name_is_tried_with_the_search_list_as_its_dots_say() {
        assert_eq!(
            tried("kms1", &["a.example", "b"], 1),
            ["kms1.a.example", "kms1.b", "kms1"]
        );
        assert_eq!(tried("kms1.a", &["b"], 1), ["kms1.a", "kms1.a.b"]);
        assert_eq!(tried("kms1.a", &["b"], 2), ["kms1.a.b", "kms1.a"]);
        assert_eq!(tried("kms1", &[], 1), ["kms1"]);
        let long = ["x".repeat(60).as_str(); 4].join(".");
        assert_eq!(tried("kms1.contoso", &[&long, "b"], 1).len(), 2);
    }

    #[test]
    fn limit_10_names_are_tried_for_one_that_is_pinned() {
        let search: Vec<String> = (0..30).map(|n| format!("d{n}.example")).collect();
        let search: Vec<&str> = search.iter().map(String::as_str).collect();
        let names = tried("kms1", &search, 1);
        assert_eq!(names.len(), MAX_CANDIDATES);
        assert_eq!(names.last().map(String::as_str), Some("kms1"));
        assert_eq!(tried("kms1", &search[..9], 1).len(), MAX_CANDIDATES);
        assert_eq!(tried("kms1", &search[..8], 1).len(), 9);
    }
}
