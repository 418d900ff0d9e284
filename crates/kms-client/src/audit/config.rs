use crate::{ClientConfig, OpenError, ResolverError, setup};
use core::{net::SocketAddr, time::Duration};
use kms_srv::{DomainName, DomainNameError, PinnedHost, ServiceName};
use kms_trust::Verifier;
use std::path::Path;

/// The most domains of one audit.
pub const MAX_DOMAINS: usize = 64;

/// What an audit looks at, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditConfig {
    /// The domains, at most [`MAX_DOMAINS`]; one that is listed twice is looked at once. Empty means
    /// the system's domain and search list.
    pub domains: Vec<DomainName>,
    /// The SRV service.
    pub service: ServiceName,
    /// The DNS servers that are asked; empty means the system's.
    pub nameservers: Vec<SocketAddr>,
    /// What one address may take from connecting to its certificate, and again what the host may take
    /// to answer a [`Question`](super::Question).
    pub host_timeout: Duration,
    /// The hosts that are known, when published hosts are to be compared with them: by name, which
    /// stands for every port, or by name and port.
    pub known: Option<Vec<PinnedHost>>,
    /// Whether each zone is sent an unsigned update that changes nothing, to see if it takes it.
    pub try_update: bool,
    /// Where such an update goes; `None` means the primary server that the zone's SOA record names.
    pub primary: Option<SocketAddr>,
    /// Whether addresses of the loopback are looked at as any other. Only a rehearsal on one
    /// machine wants that: elsewhere such a record leads every client to itself.
    pub allow_loopback: bool,
}

impl AuditConfig {
    /// The time that one address may take unless configured otherwise.
    pub const DEFAULT_HOST_TIMEOUT: Duration = Duration::from_secs(15);

    /// Looks where a client with this configuration looks: its lookup domain, or else its domains.
    #[must_use]
    pub fn of_client(config: &ClientConfig) -> Self {
        Self {
            domains: config
                .lookup_domain
                .as_ref()
                .map_or_else(|| config.domains.clone(), |domain| vec![domain.clone()]),
            service: config.service.clone(),
            nameservers: config.nameservers.clone(),
            host_timeout: config.host_timeout,
            allow_loopback: config.allow_loopback,
            ..Self::default()
        }
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            service: ServiceName::default(),
            nameservers: Vec::new(),
            host_timeout: Self::DEFAULT_HOST_TIMEOUT,
            known: None,
            try_update: false,
            primary: None,
            allow_loopback: false,
        }
    }
}

/// What verifies hosts' certificates against the roots in this PEM file, as a client that pins them
/// does, and answers of hosts whose clock is off by no more than `tolerance`
/// ([`Verifier::DEFAULT_TOLERANCE`] unless configured otherwise).
///
/// # Errors
/// When the file cannot be read, or holds no roots.
pub fn load_verifier(root: &Path, tolerance: Duration) -> Result<Verifier, OpenError> {
    setup::load_verifier(root, tolerance)
}

/// Why an audit cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Neither was a domain named nor has the system one.
    #[error(
        "no domain to look in: name one, or set domains in the configuration (this machine has neither a DNS domain nor a search list)"
    )]
    NoDomain,
    /// Too many domains.
    #[error("{0} domains are too many: at most {MAX_DOMAINS} are looked at, in several runs more")]
    TooManyDomains(usize),
    /// A domain is too long for the service's name in front of it.
    #[error("{domain}: {source}")]
    Name {
        /// The domain.
        domain: DomainName,
        /// What is wrong with the whole.
        source: DomainNameError,
    },
    /// The system's DNS configuration cannot be used.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
}
