use core::{fmt, net::SocketAddr};
use kms_core::StatusCode;
use kms_srv::DomainName;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "callers rank by it, and there is no fourth"
)]
pub enum Severity {
    /// Clients fail, or anybody can make them fail.
    Error,
    /// It works, but not as it should, or not for long.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of finding.
    pub code: FindingCode,
    /// The domain that it is about, if it is about one.
    pub domain: Option<DomainName>,
    /// The host that it is about, as `name:port`, if it is about one.
    pub host: Option<String>,
    /// The host's addresses that it is about; none where it is about the host as a whole.
    pub addresses: Vec<SocketAddr>,
    /// The documented code that a client shows for it, where there is one.
    pub status: Option<StatusCode>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }
}

macro_rules! finding_codes {
    ($($(#[$doc:meta])* $variant:ident $severity:ident $text:literal;)+) => {
        /// The kinds of findings. Text and severity of each are stable: scripts may depend on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingCode {
            $($(#[$doc])* $variant,)+
        }

        impl FindingCode {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code for scripts, as `no-answer`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }
        }
    };
}

finding_codes! {
    /// The service's name does not exist in the domain (NXDOMAIN).
    NoSuchName Error "no-such-name";
    /// The name exists and has no SRV records.
    NoRecords Error "no-records";
    /// DNS could not be asked, or did not answer usably.
    LookupFailed Error "lookup-failed";
    /// The only record says that the service is decidedly not available (RFC 2782, target `.`).
    ServiceDenied Warning "service-denied";
    /// A record with target `.` stands beside others.
    DeniedBesideHosts Warning "denied-beside-hosts";
    /// A record has port 0.
    PortZero Error "port-zero";
    /// A record's target cannot be a host's name.
    UnusableTarget Error "unusable-target";
    /// A record is there twice.
    DuplicateRecord Warning "duplicate-record";
    /// One host and port has several priorities or weights in a domain.
    ConflictingRecord Warning "conflicting-record";
    /// One host and port has different priorities or weights in different domains.
    ConflictingDomains Note "conflicting-domains";
    /// There are more records than clients keep.
    TooManyRecords Warning "too-many-records";
    /// Records are cached longer than a day.
    LongTtl Warning "long-ttl";
    /// Records must not be cached at all.
    ZeroTtl Note "zero-ttl";
    /// No host of the domain can be used.
    AllDown Error "all-down";
    /// No key group is covered by all hosts of the domain.
    NoCommonGroup Warning "no-common-group";
    /// A published host is not among the known ones.
    UnknownHost Warning "unknown-host";
    /// A known host is published in none of the domains.
    NotPublished Warning "not-published";
    /// The zone takes updates that nobody signed.
    UnsignedUpdates Error "unsigned-updates";
    /// Whether the zone takes unsigned updates could not be found out.
    UpdateUnknown Warning "update-unknown";
    /// The service's records changed while the update was tried.
    UpdateChanged Error "update-changed";
    /// A host's name has no address.
    NameUnresolved Error "name-unresolved";
    /// The addresses of one family could not be looked up.
    FamilyUnresolved Warning "family-unresolved";
    /// A target is an alias, which RFC 2782 forbids and clients do not use.
    Alias Error "alias";
    /// A host has more addresses than clients try.
    TooManyAddresses Warning "too-many-addresses";
    /// An address is one that leads clients nowhere, as one of the loopback.
    UnusableAddress Warning "unusable-address";
    /// All addresses of a host are such.
    NoUsableAddress Error "no-usable-address";
    /// No address of a host answers.
    NoAnswer Error "no-answer";
    /// Something answers, and it is no activation host.
    NotRpc Error "not-rpc";
    /// Some addresses of a host answer, and some do not.
    SomeAddressesDown Warning "some-addresses-down";
    /// This machine has no way to some address of a host that answers at another.
    NoRoute Note "no-route";
    /// A host says that it is not activated.
    NotActivated Error "not-activated";
    /// A host does not hand out its certificate.
    NoCertificate Error "no-certificate";
    /// A host's certificate does not verify.
    CertificateInvalid Error "certificate-invalid";
    /// A host's certificate, or one above it, has expired.
    CertificateExpired Error "certificate-expired";
    /// A host's certificate expires soon.
    CertificateExpires Warning "certificate-expires";
    /// A host's certificate is in another name than the record's target.
    CertificateName Warning "certificate-name";
    /// A host's clock is off, but within the tolerance.
    ClockOff Warning "clock-off";
    /// A host's clock and this machine's are further apart than the tolerance of either.
    ClockBeyondTolerance Error "clock-beyond-tolerance";
    /// A host does not activate the product that it was asked for.
    NotForProduct Warning "not-for-product";
    /// A host that was asked refused for another reason, or gave an answer that does not verify.
    AskFailed Error "ask-failed";
    /// A host's count is too low for the product that it was asked for.
    CountTooLow Note "count-too-low";
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_short_unlike_each_other_and_fit_for_scripts() {
        let texts: BTreeSet<&str> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), FindingCode::ALL.len());
        for text in texts {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(text.len() <= 24 && text.bytes().all(fits), "{text}");
        }
    }

    #[test]
    fn the_readme_lists_every_code_with_its_severity() {
        let readme = include_str!("../../README.md");
        for code in FindingCode::ALL {
            let row = format!("| `{code}` | {} |", code.severity());
            assert!(readme.contains(&row), "{row}");
        }
    }
}
