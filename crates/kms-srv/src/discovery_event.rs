use crate::{AddressFault, DomainName, HostAddress, LookupError};
use core::{net::IpAddr, time::Duration};
use kms_core::StatusCode;

/// What a discovery tells of what it does, besides its actions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryEvent {
    /// The lookup of a name's SRV records gave no host.
    #[error("{name}: {}: {error}", error.status())]
    LookupFailed {
        /// The complete name.
        name: DomainName,
        /// Why.
        error: LookupError,
    },
    /// A host could not be asked, and counts as tried.
    #[error("{host}: {}: {reason}", reason.status())]
    HostSkipped {
        /// The host.
        host: HostAddress,
        /// Why.
        reason: Unusable,
    },
    /// More was to be looked up than one discovery may: hosts or domains are left that were not tried.
    #[error(
        "the lookups of one attempt are used up, after {queries} queries and {} s: hosts or domains are left \
         untried; shorten the suffix list, and remove records of hosts that are gone",
        time.as_secs_f32()
    )]
    LookupsUsedUp {
        /// The queries made: at most 20.
        queries: usize,
        /// The time that they took together: at most 10 s, but for a driver that was late.
        time: Duration,
    },
    /// More hosts were found than one discovery tries.
    #[error(
        "{hosts} hosts were tried in vain, and no more are tried in one attempt: remove records of hosts that are gone"
    )]
    HostsUsedUp {
        /// The hosts tried: 32.
        hosts: usize,
    },
}

/// Why a host could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Its addresses could not be looked up.
    #[error("its address is not known: {0}")]
    Lookup(LookupError),
    /// An SRV record named it, and its name is an alias (RFC 2782 forbids that).
    #[error(
        "its name is an alias for {0}, which an SRV record must not name (RFC 2782); publish the name itself"
    )]
    Alias(DomainName),
    /// None of its addresses may be used.
    #[error("its address {0} is not used: {1}")]
    Address(IpAddr, AddressFault),
}

impl Unusable {
    /// The documented code: that of the lookup, or `0x8007251D DNS_INFO_NO_RECORDS` where it gave
    /// nothing that may be used.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Lookup(error) => error.status(),
            Self::Alias(_) | Self::Address(..) => StatusCode::DNS_NO_RECORDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn events_name_what_failed_with_the_code_and_the_reason() {
        let event = DiscoveryEvent::LookupFailed {
            name: "_vlmcs._tcp.a".parse().unwrap(),
            error: LookupError::NoSuchName,
        };
        let text = event.to_string();
        assert!(
            text.starts_with("_vlmcs._tcp.a: 0x8007232B ")
                && text.ends_with(": the DNS name does not exist"),
            "{text}"
        );
        let skipped = |reason| DiscoveryEvent::HostSkipped {
            host: "kms1.a:1700".parse().unwrap(),
            reason,
        };
        for (reason, start, end) in [
            (
                Unusable::Alias("b.a".parse().unwrap()),
                "kms1.a:1700: 0x8007251D ",
                "its name is an alias for b.a, which an SRV record must not name (RFC 2782); \
                 publish the name itself",
            ),
            (
                Unusable::Address("224.0.0.1".parse().unwrap(), AddressFault::Multicast),
                "kms1.a:1700: 0x8007251D ",
                "its address 224.0.0.1 is not used: it is a multicast address",
            ),
            (
                Unusable::Lookup(LookupError::Timeout),
                "kms1.a:1700: 0x800705B4 ",
                "its address is not known: the DNS server did not answer in time",
            ),
        ] {
            let text = skipped(reason).to_string();
            assert!(text.starts_with(start) && text.ends_with(end), "{text}");
        }
    }
}
