//! The addresses and ports that machines ask from.

use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
};
use kms_core::Entropy;

/// Addresses of 127.0.0.0/8 from 127.1.0.1 on, since others use those before, and a port of each for the next connection.
///
/// The port is chosen here: the system looks for a free one among all whose connections rest in
/// TIME_WAIT, which soon takes longer than everything else.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    many: u32,
    // Of each source, or of a few together, how many ports were given.
    given: Vec<AtomicU32>,
}

impl Sources {
    /// How many there can be: of each network 127.x.y.0/24 with x not 0, the hosts 1 to 254.
    pub(crate) const MAX: u32 = 255 * 256 * 254;

    /// So many sources, at most [`MAX`](Self::MAX); with none, the system chooses addresses and ports.
    pub(crate) fn new(many: u32, entropy: &mut impl Entropy) -> Self {
        let many = many.min(Self::MAX);
        let begin = |_| {
            // Anywhere, since the ports that an earlier run has used may still rest.
            let place = entropy.below(u64::from(PORTS));
            AtomicU32::new(u32::try_from(place).unwrap_or(0))
        };
        Self {
            many,
            given: (0..many.min(COUNTERS)).map(begin).collect(),
        }
    }

    /// The source of the machine with this number, if there are any.
    pub(crate) fn of(&self, machine: u64) -> Option<u32> {
        let place = machine.checked_rem(self.many.into())?;
        u32::try_from(place).ok()
    }

    /// Where the next connection of a source comes from: the port differs from the last ones.
    pub(crate) fn next(&self, source: u32) -> Option<SocketAddr> {
        let given = self.counter(source)?.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + u16::try_from(given % PORTS).ok()?;
        Some(SocketAddr::new(address(source), port))
    }

    /// The last port of a source was taken by somebody else, and those behind it may be too: goes on
    /// far from it.
    pub(crate) fn skip(&self, source: u32) {
        if let Some(given) = self.counter(source) {
            given.fetch_add(SKIPPED, Ordering::Relaxed);
        }
    }

    fn counter(&self, source: u32) -> Option<&AtomicU32> {
        let counters = u32::try_from(self.given.len()).ok()?;
        let at = usize::try_from(source.checked_rem(counters)?).ok()?;
        self.given.get(at)
    }
}

/// The address with this number.
fn address(number: u32) -> IpAddr {
    let (network, host) = (number / 254, number % 254 + 1);
    IpAddr::V4(Ipv4Addr::from_bits(
        Ipv4Addr::new(127, 1, 0, 0).to_bits() + (network << 8) + host,
    ))
}

/// The ports that Linux gives to clients if it is not told otherwise: 32768 to 60999.
const FIRST_PORT: u16 = 32_768;
const PORTS: u32 = 28_232;
/// Earlier runs have used ports in a row.
const SKIPPED: u32 = 1_009;
/// Sources beyond these share counters, which wastes ports and nothing else.
const COUNTERS: u32 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::SeededEntropy;
    use std::collections::BTreeSet;

    fn sources(many: u32) -> Sources {
        Sources::new(many, &mut SeededEntropy::new(1))
    }

    #[test]
    fn a_machine_has_one_source_and_none_where_there_are_none() {
        let few = sources(8);
        let seen: BTreeSet<u32> = (0..100).filter_map(|machine| few.of(machine)).collect();
        assert_eq!(seen.len(), 8);
        assert_eq!(few.of(3), few.of(3));
        assert_eq!(sources(0).of(3), None);
        assert_eq!(sources(0).next(0), None);
    }

    #[test]
    fn limit_ports_are_all_used_before_one_comes_again() {
        let one = sources(1);
        let all: BTreeSet<SocketAddr> = (0..PORTS).filter_map(|_| one.next(0)).collect();
        assert_eq!(all.len(), usize::try_from(PORTS).unwrap());
        let ports: Vec<u16> = all.iter().map(SocketAddr::port).collect();
        assert_eq!(
            (ports.first(), ports.last()),
            (Some(&32_768), Some(&60_999))
        );
        assert!(all.contains(&one.next(0).unwrap()));
    }

    #[test]
    fn ports_that_are_skipped_are_left_far_behind() {
        let one = sources(1);
        let before = one.next(0).unwrap().port();
        one.skip(0);
        assert!(one.next(0).unwrap().port().abs_diff(before) > 1_000);
    }

    #[test]
    fn sources_have_addresses_and_ports_of_their_own() {
        let few = sources(3);
        let (a, b) = (few.next(0).unwrap(), few.next(1).unwrap());
        assert_ne!(a.ip(), b.ip());
        assert_ne!(few.next(0).unwrap(), a);
    }

    #[test]
    fn limit_sources_are_loopback_hosts_to_the_last() {
        let text = |number| address(number).to_string();
        assert_eq!(text(0), "127.1.0.1");
        assert_eq!(text(253), "127.1.0.254");
        assert_eq!(text(254), "127.1.1.1");
        assert_eq!(text(Sources::MAX - 1), "127.255.255.254");
        // Many have no counter of their own, and ports all the same.
        let many = sources(Sources::MAX);
        assert!(many.next(Sources::MAX - 1).is_some());
    }
}
