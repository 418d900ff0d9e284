//! Which zone holds a name, and where its primary is.

use super::{
    lookup::{Lookups, SoaFound},
    setup::Way,
};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use kms_srv::{DomainName, LookupError};
use tokio::time::timeout;

/// The most queries for one domain.
const QUERIES: usize = 20;

/// How long finding the zone of one domain may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The most addresses of a primary.
const ADDRESSES: usize = 16;

/// A zone and where its updates go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) zone: DomainName,
    /// The primary's addresses, in the order in which they are tried.
    pub(super) servers: Vec<SocketAddr>,
    /// Whether the configured server only says that others have the zone. It refuses updates then, which
    /// tells more than an update of the zone above, where nobody would see the record.
    pub(super) delegated: bool,
}

/// What is known of the zone that holds a name.
struct Apex {
    zone: DomainName,
    /// None of a zone that the server asked does not have.
    primary: Option<DomainName>,
}

/// Finds zones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder<'a> {
    pub(super) way: &'a Way,
    /// The port of primaries that are found by their name.
    pub(super) port: u16,
}

impl Finder<'_> {
    /// The zone that holds `owner`, by its SOA record (RFC 2136 section 4.3), and its primary. With a
    /// configured server that one is the primary, and where it does not tell the zone it is `domain`.
    pub(super) async fn find(
        self,
        owner: &DomainName,
        domain: &DomainName,
    ) -> Result<Place, LookupError> {
        let found = timeout(DEADLINE, self.look(owner)).await;
        let found = found.unwrap_or(Err(LookupError::Timeout));
        match (self.way.server, found) {
            (_, Ok(place)) => Ok(place),
            (Some(server), Err(error)) => {
                tracing::debug!(%server, %domain, %error, "the server does not tell the zone");
                Ok(Place {
                    zone: domain.clone(),
                    servers: vec![server],
                    delegated: false,
                })
            }
            (None, Err(error)) => {
                tracing::warn!(
                    %domain, %error,
                    "the zone and its primary were not found: set dns.server, or have them found"
                );
                Err(error)
            }
        }
    }

    async fn look(self, owner: &DomainName) -> Result<Place, LookupError> {
        if let Some(server) = self.way.server {
            let lookups = Lookups::of_server(server, self.way.transport)?;
            let Apex { zone, primary } = apex(&lookups, owner).await?;
            let delegated = primary.is_none();
            if delegated {
                tracing::warn!(
                    %server, %zone,
                    "the server has given the zone to others: set dns.server to the zone's primary"
                );
            }
            return Ok(Place {
                zone,
                servers: vec![server],
                delegated,
            });
        }
        let lookups = Lookups::recursive(self.way)?;
        let Apex { zone, primary } = apex(&lookups, owner).await?;
        let Some(primary) = primary else {
            tracing::warn!(%zone, "a name server only says who has the zone, and asks nobody");
            return Err(LookupError::ServerFailure);
        };
        if primary.is_root() {
            tracing::warn!(%zone, "the zone's SOA record names no primary");
            return Err(LookupError::NoRecords);
        }
        let v6 = lookups.addresses(&primary, true).await;
        let v4 = lookups.addresses(&primary, false).await;
        let servers: Vec<_> = match (v6, v4) {
            (Err(_), Err(error)) => return Err(error),
            (v6, v4) => first(v6.unwrap_or_default(), v4.unwrap_or_default())
                .into_iter()
                .map(|ip| SocketAddr::new(ip, self.port))
                .collect(),
        };
        if servers.is_empty() {
            return Err(LookupError::NoRecords);
        }
        Ok(Place {
            zone,
            servers,
            delegated: false,
        })
    }
}

/// The zone that holds a name and the name of its primary: what is known of the name itself, or else of
/// the nearest name above it.
async fn apex(lookups: &Lookups, owner: &DomainName) -> Result<Apex, LookupError> {
    // Two are for the primary's addresses.
    const STEPS: usize = QUERIES - 2;
    let mut name = owner.clone();
    let mut error = LookupError::NoSuchName;
    for _ in 0..STEPS {
        let found = match lookups.soa(&name).await? {
            SoaFound::Zone { apex, .. } if apex.is_root() => return Err(LookupError::NoSuchName),
            SoaFound::Zone { apex, primary } => Some((apex, Some(primary))),
            SoaFound::Delegated(apex) => Some((apex, None)),
            SoaFound::Nothing(why) => {
                error = why;
                None
            }
        };
        match found {
            Some((zone, primary)) if owner.is_within(&zone) => return Ok(Apex { zone, primary }),
            Some((zone, _)) => {
                tracing::warn!(%owner, %zone, "an answer tells of a zone that does not hold the name");
                return Err(LookupError::BadAnswer);
            }
            None => {}
        }
        match above(&name) {
            Some(next) => name = next,
            None => break,
        }
    }
    Err(error)
}

/// The name without its first label, unless that is the root.
fn above(name: &DomainName) -> Option<DomainName> {
    let labels: Vec<&str> = name.labels().skip(1).collect();
    let above = labels.join(".");
    if above.is_empty() {
        None
    } else {
        above.parse().ok()
    }
}

/// At most [`ADDRESSES`], IPv6 first; but many of one family do not crowd out the other.
fn first(mut v6: Vec<IpAddr>, mut v4: Vec<IpAddr>) -> Vec<IpAddr> {
    for addresses in [&mut v6, &mut v4] {
        addresses.retain(|ip| !ip.is_unspecified() && !ip.is_multicast());
    }
    v6.truncate(ADDRESSES - v4.len().min(ADDRESSES / 2));
    v4.truncate(ADDRESSES - v6.len());
    v6.append(&mut v4);
    v6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DnsConfig, DnsTransport};
    use tokio::{net::UdpSocket, time::Instant};

    #[test]
    fn labels_are_taken_off_until_the_root_is_next() {
        let mut name: DomainName = "_vlmcs._tcp.contoso.test".parse().unwrap();
        let mut names = Vec::new();
        while let Some(next) = above(&name) {
            names.push(next.to_string());
            name = next;
        }
        assert_eq!(names, ["_tcp.contoso.test", "contoso.test", "test"]);
    }

    #[test]
    fn limit_16_addresses_of_a_primary_are_tried_and_none_that_cannot_be_one() {
        let v6 = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
        let v4 = |n: u8| IpAddr::from([192, 0, 2, n]);
        let all = first((0..40).map(v6).collect(), (0..40).map(v4).collect());
        assert_eq!((all.len(), all[7], all[8]), (16, v6(7), v4(0)));
        assert_eq!(first((0..40).map(v6).collect(), Vec::new()).len(), 16);
        let odd: Vec<IpAddr> = ["0.0.0.0", "224.0.0.1"]
            .map(|ip| ip.parse().unwrap())
            .into();
        assert_eq!(first(Vec::new(), odd), [] as [IpAddr; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn limit_10_seconds_for_finding_a_zone_whose_servers_are_silent() {
        let mut silent = Vec::new();
        for _ in 0..DnsConfig::MAX_NAMESERVERS {
            silent.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        }
        let mut way = Way {
            server: None,
            nameservers: silent
                .iter()
                .map(|socket| socket.local_addr().unwrap())
                .collect(),
            transport: DnsTransport::Auto,
        };
        let domain: DomainName = "contoso.test".parse().unwrap();
        let begun = Instant::now();
        let found = Finder {
            way: &way,
            port: 53,
        }
        .find(&domain, &domain)
        .await;
        assert_eq!(found, Err(LookupError::Timeout));
        let took = begun.elapsed();
        assert!(took <= DEADLINE + Duration::from_millis(20), "{took:?}");

        // A server that is configured need not tell the zone.
        way.server = way.nameservers.first().copied();
        let begun = Instant::now();
        let found = Finder {
            way: &way,
            port: 53,
        }
        .find(&domain, &domain)
        .await;
        let servers = way.nameservers[..1].to_vec();
        let zone = domain.clone();
        let place = Place {
            zone,
            servers,
            delegated: false,
        };
        assert_eq!(found, Ok(place));
        assert!(begun.elapsed() <= DEADLINE + Duration::from_millis(20));
    }
}
