//! Publishing the host's SRV record by signed dynamic updates.

use crate::{DnsConfig, HostEvent};
use core::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};
use kms_core::{Clock, Entropy, StatusCode};
use kms_service::private_file::{self, PrivateFileError};
use kms_srv::{
    DomainName, DomainNameError, KeyFileError, PublishEntry, PublishList, Registration,
    RegistrationError, TsigKey, Ttl, TtlError, Update, UpdateError,
};
use std::{io, path::PathBuf};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How often the records are published anew while publishing succeeds.
pub const REFRESH: Duration = Duration::from_secs(24 * 3600);
/// How long to wait after a first failure; doubled with each, up to [`LAST_RETRY`].
pub const FIRST_RETRY: Duration = Duration::from_secs(60);
/// The longest wait after a failure.
pub const LAST_RETRY: Duration = Duration::from_secs(3600);

/// How long one update may take.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(10);

/// Publishes the host in its domains.
#[derive(Debug)]
pub struct Publisher {
    server: SocketAddr,
    key: TsigKey,
    registrations: Vec<(DomainName, Registration)>,
}

/// Why publishing cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// The key file cannot be read.
    #[error("dns.key_file: {0}")]
    KeyFile(#[from] PrivateFileError),
    /// The key file says nothing usable.
    #[error("dns.key_file: {path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong.
        source: KeyFileError,
    },
    /// The host has no name to publish.
    #[error("dns.host_name: set it, because the host has no certificate whose name could be taken")]
    NoName,
    /// The certificate's name is no DNS name.
    #[error(
        "dns.host_name: set it, because the certificate's name {name:?} is no DNS name: {source}"
    )]
    Name {
        /// The certificate's name.
        name: String,
        /// Why not.
        source: DomainNameError,
    },
    /// The host has no address to publish.
    #[error("dns.addresses: set them, because listening on every address names none")]
    NoAddress,
    /// The name lies in no domain.
    #[error("dns.domains: set them, because {0} lies in no domain")]
    NoDomain(DomainName),
    /// The host does not listen.
    #[error("dns: the host listens on no port that could be published")]
    NoPort,
    /// The time to live is out of range.
    #[error("dns.ttl: {0}")]
    Ttl(#[from] TtlError),
    /// A domain or address that cannot be published.
    #[error("dns: in domain {domain}: {source}")]
    Registration {
        /// The domain.
        domain: DomainName,
        /// Why not.
        source: RegistrationError,
    },
}

impl Publisher {
    /// A publisher for a host that listens on `listening`, whose certificate names it `certified`.
    /// Of several ports the first is published.
    ///
    /// # Errors
    /// When the key cannot be read, or name, domain or address are missing or unfit.
    pub fn new(
        dns: &DnsConfig,
        listening: &[SocketAddr],
        certified: Option<&str>,
    ) -> Result<Self, PublisherError> {
        let text = private_file::read(&dns.key_file)?;
        let key = TsigKey::from_key_file(&text).map_err(|source| PublisherError::Key {
            path: dns.key_file.clone(),
            source,
        })?;
        let host = match (&dns.host_name, certified) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => name.parse().map_err(|source| PublisherError::Name {
                name: name.to_owned(),
                source,
            })?,
            (None, None) => return Err(PublisherError::NoName),
        };
        let port = listening
            .iter()
            .find_map(|address| NonZeroU16::new(address.port()))
            .ok_or(PublisherError::NoPort)?;
        let addresses: Vec<IpAddr> = if dns.addresses.is_empty() {
            listening
                .iter()
                .map(SocketAddr::ip)
                .filter(|ip| !ip.is_unspecified())
                .collect()
        } else {
            dns.addresses.clone()
        };
        if addresses.is_empty() {
            return Err(PublisherError::NoAddress);
        }
        let ttl = Ttl::from_secs(dns.ttl)?;
        let registrations = publish_list(&dns.domains, &host)?
            .into_iter()
            .map(|entry| {
                let (priority, weight) = (entry.priority, entry.weight);
                Registration::new(&dns.service, &entry.domain, host.clone())
                    .and_then(|registration| {
                        registration
                            .with_port(port)
                            .with_priority_and_weight(priority, weight)
                            .with_ttl(ttl)
                            .with_addresses(addresses.iter().copied())
                    })
                    .map(|registration| (entry.domain.clone(), registration))
                    .map_err(|source| PublisherError::Registration {
                        domain: entry.domain,
                        source,
                    })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            server: dns.server,
            key,
            registrations,
        })
    }

    /// Publishes in every domain once; what came of each: 12294, or 12293 with the server's refusal,
    /// 0x8007232A when it cannot be reached, 0x800705B4 when it did not answer within 10 seconds, or
    /// 0x8007251E when its answer cannot be read or is not signed with the key.
    ///
    /// `clock` must be right to within 5 minutes of the server's, since updates carry the time.
    pub async fn publish(&self, clock: &impl Clock, entropy: &mut impl Entropy) -> Vec<HostEvent> {
        let results = self.update(clock, entropy, |registration, key, entropy, now| {
            Update::publish(registration, &[], Some(key), entropy, now)
        });
        let event = |(domain, code)| match code {
            StatusCode::OK => HostEvent::Published { domain },
            code => HostEvent::PublishFailed { code, domain },
        };
        results.await.into_iter().map(event).collect()
    }

    /// Takes the records out of every domain; what came of each. No documented event tells of it.
    /// A record that is not there is no failure.
    pub async fn withdraw(
        &self,
        clock: &impl Clock,
        entropy: &mut impl Entropy,
    ) -> Vec<(DomainName, StatusCode)> {
        self.update(clock, entropy, |registration, key, entropy, now| {
            Update::withdraw(registration, Some(key), entropy, now)
        })
        .await
    }

    /// Publishes now and every [`REFRESH`], sooner after a failure, until `stop`.
    pub async fn run(
        self,
        clock: &impl Clock,
        entropy: &mut impl Entropy,
        record: impl Fn(HostEvent),
        stop: CancellationToken,
    ) {
        let mut retry = FIRST_RETRY;
        loop {
            let events = tokio::select! {
                () = stop.cancelled() => return,
                events = self.publish(clock, entropy) => events,
            };
            let failed = events
                .iter()
                .any(|event| matches!(event, HostEvent::PublishFailed { .. }));
            events.into_iter().for_each(&record);
            let wait = if failed { retry } else { REFRESH };
            retry = if failed {
                (retry * 2).min(LAST_RETRY)
            } else {
                FIRST_RETRY
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    async fn update<E: Entropy>(
        &self,
        clock: &impl Clock,
        entropy: &mut E,
        make: impl Fn(
            &Registration,
            &TsigKey,
            &mut E,
            kms_core::Timestamp,
        ) -> Result<Update, UpdateError>,
    ) -> Vec<(DomainName, StatusCode)> {
        let mut results = Vec::with_capacity(self.registrations.len());
        for (domain, registration) in &self.registrations {
            let update = make(registration, &self.key, entropy, clock.now().wall);
            let code = match update {
                Ok(update) => self.send(domain, &update).await,
                Err(error) => {
                    tracing::warn!(%domain, %error, "the update could not be made");
                    match error {
                        UpdateError::Clock => StatusCode::DNS_BADTIME,
                        _ => StatusCode::DNS_RESPONSE_CODES_BASE,
                    }
                }
            };
            results.push((domain.clone(), code));
        }
        results
    }

    async fn send(&self, domain: &DomainName, update: &Update) -> StatusCode {
        let server = self.server;
        match timeout(UPDATE_TIMEOUT, exchange(server, update.bytes())).await {
            Err(_) => {
                tracing::warn!(%server, %domain, "the DNS server does not answer");
                StatusCode::TIMEOUT
            }
            Ok(Err(error)) => {
                tracing::warn!(%server, %domain, %error, "the DNS server cannot be reached");
                StatusCode::DNS_SERVER_FAILURE
            }
            Ok(Ok(answer)) => match update.handle_answer(&answer) {
                Ok(reply) => {
                    if reply.status() != StatusCode::OK {
                        tracing::warn!(%server, %domain, %reply, "the DNS server refused the update");
                    }
                    reply.status()
                }
                Err(error) => {
                    tracing::warn!(%server, %domain, %error, "the DNS server's answer is of no use");
                    StatusCode::DNS_BAD_PACKET
                }
            },
        }
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
    } else {
        Ok(entries)
    }
}

/// One message each way over TCP, which carries any size and is hard to forge from afar
/// (RFC 1035 section 4.2.2).
async fn exchange(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = Vec::with_capacity(2 + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
