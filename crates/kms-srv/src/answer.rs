use crate::{DomainName, SrvRecord};
use alloc::vec::Vec;
use core::{net::IpAddr, time::Duration};

/// What DNS answered to a lookup of SRV records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "drivers make it")]
pub struct LookupAnswer {
    /// All SRV records of the name, as they came.
    pub records: Vec<SrvRecord>,
    /// The lowest TTL of the records, and of the aliases that led to them, in seconds as it came. It
    /// counts as [`kept_for`] says.
    pub ttl: u32,
}

impl LookupAnswer {
    /// An answer with these records, whose TTL is given in seconds.
    #[must_use]
    pub const fn new(records: Vec<SrvRecord>, ttl: u32) -> Self {
        Self { records, ttl }
    }
}

/// What DNS answered to a lookup of a host name's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "drivers make it")]
pub struct AddressAnswer {
    /// All addresses of the name, of both families, as they came.
    pub addresses: Vec<IpAddr>,
    /// The name that the looked up name is an alias (CNAME) for, where it is one.
    pub alias_of: Option<DomainName>,
}

impl AddressAnswer {
    /// The addresses of a name that is no alias.
    #[must_use]
    pub const fn new(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            alias_of: None,
        }
    }
}

/// The shortest time for which an answer is used again, whatever its TTL.
pub const MIN_KEPT: Duration = Duration::from_secs(60);

/// The longest time for which an answer is used again, whatever its TTL.
pub const MAX_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long an answer of this TTL, in seconds, is used again: from [`MIN_KEPT`] to [`MAX_KEPT`]. A TTL with
/// its highest bit set counts as 0 (RFC 2181 section 8).
#[must_use]
pub fn kept_for(ttl: u32) -> Duration {
    let seconds = if ttl > i32::MAX.unsigned_abs() {
        0
    } else {
        ttl
    };
    Duration::from_secs(seconds.into()).clamp(MIN_KEPT, MAX_KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_answers_are_kept_from_60_seconds_to_24_hours() {
        for (ttl, seconds) in [
            (0, 60),
            (59, 60),
            (60, 60),
            (61, 61),
            (3600, 3600),
            (86_399, 86_399),
            (86_400, 86_400),
            (86_401, 86_400),
            (0x7FFF_FFFF, 86_400),
        ] {
            assert_eq!(kept_for(ttl), Duration::from_secs(seconds), "{ttl}");
        }
    }

    #[test]
    fn rfc_2181_a_ttl_with_its_highest_bit_set_counts_as_0() {
        for ttl in [0x8000_0000, 0x8000_0E10, u32::MAX] {
            assert_eq!(kept_for(ttl), MIN_KEPT, "{ttl}");
        }
    }
}
