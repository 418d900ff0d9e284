use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most addresses that are tried for one host.
pub const MAX_ADDRESSES: usize = 16;

/// Which addresses of a host may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a host is pinned or found")]
pub enum AddressRule {
    /// An administrator named the host: all but those that are no host's.
    Pinned,
    /// DNS named the host: those too are left out that an honest record has no use for, so that a
    /// record cannot send clients to what listens on their own machine or link.
    Found {
        /// Whether loopback addresses are used all the same, as in a lab on one machine.
        allow_loopback: bool,
    },
}

/// Why an address is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AddressFault {
    /// `0.0.0.0/8` or `::`.
    #[error("it is the unspecified address")]
    Unspecified,
    /// `224.0.0.0/4` or `ff00::/8`.
    #[error("it is a multicast address")]
    Multicast,
    /// `255.255.255.255` and the rest of the reserved `240.0.0.0/4`.
    #[error("it is the broadcast address or a reserved one")]
    Broadcast,
    /// `169.254.0.0/16` or `fe80::/10`.
    #[error("it is a link-local address")]
    LinkLocal,
    /// An IPv4 address within `::ffff:0:0/96` or `::/96`.
    #[error("it is an IPv4 address in an IPv6 record")]
    EmbeddedIpv4,
    /// `127.0.0.0/8` or `::1`.
    #[error("it is a loopback address; in a lab on one machine set allow_loopback = true")]
    Loopback,
}

impl AddressRule {
    /// Why this address is not used; `None` when it is.
    ///
    /// # Errors
    /// The fault of an address that is not used.
    pub const fn check(self, address: IpAddr) -> Result<(), AddressFault> {
        let fault = match address {
            IpAddr::V4(address) => v4_fault(address),
            IpAddr::V6(address) => v6_fault(address),
        };
        match (fault, self) {
            (None, _) => Ok(()),
            (Some(fault @ (AddressFault::Unspecified | AddressFault::Multicast)), _) => Err(fault),
            (Some(_), Self::Pinned) => Ok(()),
            (
                Some(AddressFault::Loopback),
                Self::Found {
                    allow_loopback: true,
                },
            ) => Ok(()),
            (Some(fault), Self::Found { .. }) => Err(fault),
        }
    }
}

/// The addresses of a host in the order in which they are tried: IPv6 before IPv4, in each as they came,
/// none twice, and at most [`MAX_ADDRESSES`]. Many of one family do not crowd out the other: each has
/// room for half of them at least.
///
/// Only those that `rule` allows are among them.
///
/// # Errors
/// When addresses came and none is allowed: the first with its fault.
pub fn usable_addresses(
    addresses: impl IntoIterator<Item = IpAddr>,
    rule: AddressRule,
) -> Result<Vec<IpAddr>, (IpAddr, AddressFault)> {
    let (mut v6, mut v4) = (Vec::new(), Vec::new());
    let mut first_fault = None;
    for address in addresses {
        if let Err(fault) = rule.check(address) {
            first_fault = first_fault.or(Some((address, fault)));
            continue;
        }
        let family = if address.is_ipv6() { &mut v6 } else { &mut v4 };
        if family.len() < MAX_ADDRESSES && !family.contains(&address) {
            family.push(address);
        }
    }
    v6.truncate(MAX_ADDRESSES - v4.len().min(MAX_ADDRESSES / 2));
    v4.truncate(MAX_ADDRESSES - v6.len());
    v6.append(&mut v4);
    match first_fault {
        Some(fault) if v6.is_empty() => Err(fault),
        _ => Ok(v6),
    }
}

const fn v4_fault(address: Ipv4Addr) -> Option<AddressFault> {
    match address.octets() {
        [0, ..] => Some(AddressFault::Unspecified),
        [127, ..] => Some(AddressFault::Loopback),
        [169, 254, ..] => Some(AddressFault::LinkLocal),
        [224..=239, ..] => Some(AddressFault::Multicast),
        [240..=255, ..] => Some(AddressFault::Broadcast),
        _ => None,
    }
}

const fn v6_fault(address: Ipv6Addr) -> Option<AddressFault> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(AddressFault::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(AddressFault::Loopback),
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => Some(AddressFault::EmbeddedIpv4),
        [0xfe80..=0xfebf, ..] => Some(AddressFault::LinkLocal),
        [0xff00..=0xffff, ..] => Some(AddressFault::Multicast),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    const FOUND: AddressRule = AddressRule::Found {
        allow_loopback: false,
    };
    const LAB: AddressRule = AddressRule::Found {
        allow_loopback: true,
    };

    #[test]
    fn addresses_that_no_record_should_name_are_left_out() {
        use AddressFault::{Broadcast, EmbeddedIpv4, LinkLocal, Loopback, Multicast, Unspecified};
        for (address, found, lab, pinned) in [
            ("192.0.2.7", None, None, None),
            ("10.0.0.7", None, None, None),
            ("169.253.255.255", None, None, None),
            ("223.255.255.255", None, None, None),
            ("2001:db8::7", None, None, None),
            ("fd00::7", None, None, None),
            ("fec0::7", None, None, None),
            ("::1:ffff:a00:7", None, None, None),
            (
                "0.0.0.0",
                Some(Unspecified),
                Some(Unspecified),
                Some(Unspecified),
            ),
            (
                "0.1.2.3",
                Some(Unspecified),
                Some(Unspecified),
                Some(Unspecified),
            ),
            (
                "::",
                Some(Unspecified),
                Some(Unspecified),
                Some(Unspecified),
            ),
            (
                "224.0.0.1",
                Some(Multicast),
                Some(Multicast),
                Some(Multicast),
            ),
            (
                "239.255.255.255",
                Some(Multicast),
                Some(Multicast),
                Some(Multicast),
            ),
            ("ff02::1", Some(Multicast), Some(Multicast), Some(Multicast)),
            ("255.255.255.255", Some(Broadcast), Some(Broadcast), None),
            ("240.0.0.1", Some(Broadcast), Some(Broadcast), None),
            ("169.254.0.1", Some(LinkLocal), Some(LinkLocal), None),
            ("fe80::1", Some(LinkLocal), Some(LinkLocal), None),
            ("febf::1", Some(LinkLocal), Some(LinkLocal), None),
            (
                "::ffff:192.0.2.7",
                Some(EmbeddedIpv4),
                Some(EmbeddedIpv4),
                None,
            ),
            (
                "::ffff:127.0.0.1",
                Some(EmbeddedIpv4),
                Some(EmbeddedIpv4),
                None,
            ),
            ("::192.0.2.7", Some(EmbeddedIpv4), Some(EmbeddedIpv4), None),
            ("127.0.0.1", Some(Loopback), None, None),
            ("127.255.255.254", Some(Loopback), None, None),
            ("::1", Some(Loopback), None, None),
        ] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(FOUND.check(ip).err(), found, "{address} found");
            assert_eq!(LAB.check(ip).err(), lab, "{address} found in a lab");
            assert_eq!(
                AddressRule::Pinned.check(ip).err(),
                pinned,
                "{address} pinned"
            );
        }
    }

    #[test]
    fn what_is_left_out_leaves_the_others_and_alone_tells_its_fault() {
        let [good, bad]: [IpAddr; 2] = ["192.0.2.7", "127.0.0.1"].map(|ip| ip.parse().unwrap());
        assert_eq!(usable_addresses([bad, good], FOUND), Ok(vec![good]));
        assert_eq!(
            usable_addresses([bad], FOUND),
            Err((bad, AddressFault::Loopback))
        );
        assert_eq!(usable_addresses([], FOUND), Ok(vec![]));
    }

    #[test]
    fn limit_16_addresses_are_tried_and_both_families_are_among_them() {
        let v4 = |n: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
        let v6 = |n: u8| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()));
        let usable = |all: Vec<IpAddr>| usable_addresses(all, FOUND).unwrap();
        assert_eq!(usable(vec![v4(1), v6(1), v4(1)]), [v6(1), v4(1)]);
        for (v6s, v4s, wanted) in [
            (40, 40, (8, 8)),
            (16, 0, (16, 0)),
            (17, 0, (16, 0)),
            (0, 40, (0, 16)),
            (40, 3, (13, 3)),
            (3, 40, (3, 13)),
        ] {
            let kept = usable((0..v4s).map(v4).chain((0..v6s).map(v6)).collect());
            let sixes = kept.iter().take_while(|ip| ip.is_ipv6()).count();
            assert_eq!((sixes, kept.len() - sixes), wanted);
            assert_eq!(kept.len(), MAX_ADDRESSES);
        }
    }
}
