use super::Finding;
use core::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use kms_core::{KeyId, StatusCode, Timestamp};
use kms_srv::{AddressFault, DomainName, HostAddress, LookupError};
use std::collections::BTreeSet;

/// What an audit saw, and what is wrong with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditReport {
    /// When it was made, by this machine's clock.
    pub time: Timestamp,
    /// The domains, in the order asked for.
    pub domains: Vec<DomainAudit>,
    /// Every host that a record names, once for each port, by name and port.
    pub hosts: Vec<HostAudit>,
    /// What is wrong: errors, then warnings, then notes.
    pub findings: Vec<Finding>,
}

/// What is published in one domain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DomainAudit {
    /// The domain.
    pub domain: DomainName,
    /// The name that was looked up.
    pub name: DomainName,
    /// How many SRV records were found, those beyond the limit included.
    pub published: usize,
    /// The records, by priority, weight, target and port: at most [`MAX_RECORDS`](kms_srv::MAX_RECORDS).
    pub records: Result<Vec<PublishedRecord>, LookupError>,
    /// What came of an unsigned update, if one was tried.
    pub update: Option<UpdateTrial>,
}

/// An SRV record as DNS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedRecord {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The TCP port.
    pub port: u16,
    /// The target without its final dot, in ASCII; `.` for the root.
    pub target: String,
    /// How long it may be cached, in seconds: what is left of it where a cache answered.
    pub ttl: u32,
    /// The host, or why the record names none.
    pub host: Result<HostAddress, Unusable>,
}

/// Why a record names no host that a client could ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Its target is the root: no such service.
    #[error("its target is \".\", which says that there is no such service here")]
    Denied,
    /// Its port is 0.
    #[error("its port is 0")]
    PortZero,
    /// Its target looks like an IP address.
    #[error("its target is an IP address, where RFC 2782 wants a name")]
    IpAddress,
    /// Its target is `localhost`.
    #[error("its target is localhost, by which every client means itself")]
    Localhost,
    /// Its target is no host name.
    #[error("its target is no host name")]
    NoHostName,
}

/// A host that is published, and what stands behind its name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostAudit {
    /// The target and port.
    pub host: HostAddress,
    /// What the target is an alias of, if it is one.
    pub alias_of: Option<String>,
    /// What the lookup of IPv6 addresses gave.
    pub v6: Result<Vec<Ipv6Addr>, LookupError>,
    /// What the lookup of IPv4 addresses gave.
    pub v4: Result<Vec<Ipv4Addr>, LookupError>,
    /// The addresses that were looked at, IPv6 first: at most [`MAX_ADDRESSES`](kms_srv::MAX_ADDRESSES).
    pub addresses: Vec<AddressAudit>,
    /// What came of asking it, if it was asked.
    pub asked: Option<Asked>,
}

impl HostAudit {
    /// Whether a client can be activated by it, as far as can be seen without asking.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.alias_of.is_none() && self.certificates().next().is_some()
    }

    /// The certificates that verified.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateInfo> {
        self.addresses
            .iter()
            .filter_map(|address| match &address.probe {
                Probe::Sound { certificate, .. } => Some(certificate),
                _ => None,
            })
    }
}

/// One address of a host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AddressAudit {
    /// Address and port.
    pub address: SocketAddr,
    /// What it is like.
    pub probe: Probe,
}

/// What an address is like. Times are until the connection was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a table has a word for each, and the compiler is to find the one that lacks it"
)]
pub enum Probe {
    /// It was not tried: clients do not use it.
    Skipped(AddressFault),
    /// This machine has no way there.
    NoRoute {
        /// What the system said.
        reason: String,
    },
    /// Nothing answers.
    NoAnswer {
        /// How.
        reason: String,
    },
    /// Something answers that is no activation host.
    NotRpc {
        /// The time to connect.
        connected: Duration,
        /// What it did.
        reason: String,
    },
    /// A host answers, and does not hand out its certificate.
    NoCertificate {
        /// The time to connect.
        connected: Duration,
        /// The HRESULT with which it refused, if it did.
        status: Option<StatusCode>,
        /// What it did.
        reason: String,
    },
    /// Its certificate does not verify.
    Untrusted {
        /// The time to connect.
        connected: Duration,
        /// Whether the reason is that it, or one above it, has expired.
        expired: bool,
        /// Why.
        reason: String,
    },
    /// Its certificate verifies.
    Sound {
        /// The time to connect.
        connected: Duration,
        /// What the certificate says.
        certificate: CertificateInfo,
    },
}

impl Probe {
    /// Whether an activation host is there.
    #[must_use]
    pub const fn speaks_rpc(&self) -> bool {
        matches!(
            self,
            Self::NoCertificate { .. } | Self::Untrusted { .. } | Self::Sound { .. }
        )
    }

    /// The time to connect, if a connection was made.
    #[must_use]
    pub const fn connected(&self) -> Option<Duration> {
        match self {
            Self::Skipped(_) | Self::NoRoute { .. } | Self::NoAnswer { .. } => None,
            Self::NotRpc { connected, .. }
            | Self::NoCertificate { connected, .. }
            | Self::Untrusted { connected, .. }
            | Self::Sound { connected, .. } => Some(*connected),
        }
    }
}

/// What a verified certificate says of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The host's name: the certificate's common name.
    pub name: String,
    /// The key groups that the host may activate.
    pub groups: BTreeSet<String>,
    /// From when the whole chain is valid.
    pub not_before: Timestamp,
    /// Until when the whole chain is valid, the pinned root included.
    pub not_after: Timestamp,
    /// The host's key.
    pub key_id: KeyId,
}

/// What came of asking a host for activation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Asked {
    /// The address that was asked.
    pub address: SocketAddr,
    /// The verified answer, or why there is none.
    pub result: Result<Answered, AskFailure>,
}

/// A verified answer of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The host's count, this machine included.
    pub count: u32,
    /// The count that the product needs.
    pub needed: u32,
    /// How far the host's clock is ahead of this machine's, in milliseconds; negative if behind. The
    /// answer's way through the network is part of it.
    pub clock_offset: i64,
}

impl Answered {
    /// Whether the product would be licensed by this answer.
    #[must_use]
    pub const fn would_license(&self) -> bool {
        self.count >= self.needed
    }
}

/// Why asking a host gave no verified answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskFailure {
    /// The host refused, without a signature.
    Refused {
        /// The HRESULT.
        status: StatusCode,
    },
    /// The answer is the host's own, but its clock is too far off.
    Clock {
        /// How far the host's clock is ahead of this machine's, in milliseconds; negative if behind.
        clock_offset: i64,
        /// How far it may be.
        tolerance: Duration,
    },
    /// The host's certificate does not cover the product's key group.
    NotForProduct {
        /// The key group.
        group: String,
    },
    /// The answer does not verify, or none came.
    Broken {
        /// Why.
        reason: String,
    },
}

/// What came of sending a zone an unsigned update.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdateTrial {
    /// The zone, if it was found.
    pub zone: Option<DomainName>,
    /// The server that was asked, if one was.
    pub server: Option<SocketAddr>,
    /// What came of it.
    pub outcome: UpdateOutcome,
}

/// Whether a zone takes unsigned updates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateOutcome {
    /// It took one.
    Accepted,
    /// It did not.
    Refused {
        /// The response code, as `REFUSED`.
        code: String,
    },
    /// None was sent: there is no such domain.
    NotTried,
    /// That could not be found out.
    Unknown {
        /// Why.
        reason: String,
    },
    /// It answered, and the service's records are others than before: somebody changed them at the same
    /// time, or the server did what it was not asked to.
    Changed {
        /// The response code.
        code: String,
    },
}
