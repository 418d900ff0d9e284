//! From the configuration to what is published.

use super::{
    PublisherError,
    addresses::{self, Addresses},
};
use crate::{DnsConfig, DnsTransport};
use core::{
    hash::{Hash as _, Hasher as _},
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};
use kms_service::private_file;
use kms_srv::{DomainName, PublishEntry, PublishList, Registration, TsigKey, Ttl};
use std::hash::DefaultHasher;

/// What is published, and how: checked, and without anything that only the network knows.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) key: TsigKey,
    // Of the key file, to see that it is another without keeping its secret twice.
    key_mark: u64,
    pub(super) way: Way,
    pub(super) look: Duration,
    pub(super) addresses: Addresses,
    // Without addresses.
    registrations: Vec<(DomainName, Registration)>,
}

/// Whom to ask, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) server: Option<SocketAddr>,
    pub(super) nameservers: Vec<SocketAddr>,
    pub(super) transport: DnsTransport,
}

impl Setup {
    pub(super) fn new(
        dns: &DnsConfig,
        listening: &[SocketAddr],
        certified: Option<&str>,
    ) -> Result<Self, PublisherError> {
        let text = private_file::read(&dns.key_file)?;
        let key = TsigKey::from_key_file(&text).map_err(|source| PublisherError::Key {
            path: dns.key_file.clone(),
            source,
        })?;
        let mut key_mark = DefaultHasher::new();
        text.hash(&mut key_mark);
        let host = match (&dns.host_name, certified) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => name.parse().map_err(|source| PublisherError::Name {
                name: name.to_owned(),
                source,
            })?,
            (None, None) => return Err(PublisherError::NoName),
        };
        let told = addresses::told(listening);
        let port = told
            .first()
            .and_then(|socket| NonZeroU16::new(socket.port()))
            .ok_or(PublisherError::NoPort)?;
        let addresses = Addresses::new(&dns.addresses, &told);
        let ttl = Ttl::from_secs(dns.ttl)?;
        let registrations = publish_list(&dns.domains, &host)?
            .into_iter()
            .map(|entry| {
                let registration = Registration::new(&dns.service, &entry.domain, host.clone())
                    .map(|registration| {
                        registration
                            .with_port(port)
                            .with_priority_and_weight(entry.priority, entry.weight)
                            .with_ttl(ttl)
                    })
                    // Only to find out now whether they can be published.
                    .and_then(|registration| {
                        let checked = registration.clone().with_addresses(addresses.fixed());
                        checked.map(|_| registration)
                    });
                match registration {
                    Ok(registration) => Ok((entry.domain, registration)),
                    Err(source) => Err(PublisherError::Registration {
                        domain: entry.domain,
                        source,
                    }),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            key,
            key_mark: key_mark.finish(),
            way: Way {
                server: dns.server,
                nameservers: dns.nameservers.clone(),
                transport: dns.transport,
            },
            look: dns.look,
            addresses,
            registrations,
        })
    }

    /// What is published in each domain with these addresses, each domain taken for a zone of its own.
    pub(super) fn registrations(&self, addresses: &[IpAddr]) -> Vec<(DomainName, Registration)> {
        let with_addresses = |registration: &Registration| {
            // Addresses that cannot be published were refused or left out before.
            let full = registration.clone().with_addresses(addresses.to_vec());
            full.unwrap_or_else(|_| registration.clone())
        };
        self.registrations
            .iter()
            .map(|(domain, registration)| (domain.clone(), with_addresses(registration)))
            .collect()
    }

    /// Whether what failed with the other may succeed with this one: the key or the way is another.
    pub(super) fn may_do_better_than(&self, other: &Self) -> bool {
        self.way != other.way || self.key_mark != other.key_mark
    }
}

/// The publish list, or the domain that the host's name lies in.
fn publish_list(
    configured: &PublishList,
    host: &DomainName,
) -> Result<Vec<PublishEntry>, PublisherError> {
    let home: Vec<&str> = host.labels().skip(1).collect();
    let home = home.join(".").parse().ok();
    let entries = configured.or_home(home.as_ref());
    if entries.is_empty() {
        Err(PublisherError::NoDomain(host.clone()))
    } else if entries.len() > DnsConfig::MAX_DOMAINS {
        Err(PublisherError::TooManyDomains(entries.len()))
    } else {
        Ok(entries)
    }
}
