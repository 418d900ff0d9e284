use crate::DnsConfig;
use kms_service::private_file::PrivateFileError;
use kms_srv::{DomainName, DomainNameError, KeyFileError, RegistrationError, TtlError};
use std::path::PathBuf;

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
    /// The name lies in no domain.
    #[error("dns.domains: set them, because {0} lies in no domain")]
    NoDomain(DomainName),
    /// More domains than a host publishes itself in.
    #[error("dns.domains: {0} domains: a host is published in at most {max}", max = DnsConfig::MAX_DOMAINS)]
    TooManyDomains(usize),
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
