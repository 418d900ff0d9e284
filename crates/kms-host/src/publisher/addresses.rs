//! Under which addresses the host is published.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use kms_srv::Registration;
use std::io;

/// Where the published addresses come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    /// From the configuration.
    Fixed(Vec<IpAddr>),
    /// From the machine, which may change them at any time.
    Own {
        /// Whether IPv6 addresses are among them.
        v6: bool,
        /// Those listened on besides, which may be of the other family.
        also: Vec<IpAddr>,
    },
}

/// The sockets that others are told of: those at one port, the first that other machines can reach. What
/// only this machine can reach counts where there is nothing else, as in a laboratory.
pub(super) fn told(listening: &[SocketAddr]) -> Vec<SocketAddr> {
    let rank = |socket: &SocketAddr| (socket.port() == 0, distance(&socket.ip()));
    let Some(best) = listening.iter().min_by_key(|socket| rank(socket)) else {
        return Vec::new();
    };
    let told = |socket: &&SocketAddr| socket.port() == best.port() && rank(socket) == rank(best);
    listening.iter().filter(told).copied().collect()
}

/// How far from being reached by others a socket at this address is.
fn distance(ip: &IpAddr) -> u8 {
    if ip.is_unspecified() || is_reachable(ip) {
        0
    } else {
        1 + u8::from(ip.is_loopback())
    }
}

/// Tells the machine's addresses.
pub(super) type OwnAddresses = dyn Fn() -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Addresses {
    /// Those configured, or else those of the sockets that others are [`told`] of; unless one of them stands
    /// for all of the machine's.
    pub(super) fn new(configured: &[IpAddr], told: &[SocketAddr]) -> Self {
        if !configured.is_empty() {
            return Self::Fixed(configured.to_vec());
        }
        let (any, also): (Vec<_>, Vec<_>) =
            (told.iter().map(SocketAddr::ip)).partition(IpAddr::is_unspecified);
        if any.is_empty() {
            Self::Fixed(also)
        } else {
            // A socket at `[::]` takes both families, one at `0.0.0.0` only its own.
            let v6 = any.iter().any(IpAddr::is_ipv6);
            Self::Own { v6, also }
        }
    }

    /// Those that do not depend on the machine.
    pub(super) fn fixed(&self) -> Vec<IpAddr> {
        match self {
            Self::Fixed(addresses) => addresses.clone(),
            Self::Own { .. } => Vec::new(),
        }
    }

    /// The addresses to publish now, in an order that stays the same while they do.
    pub(super) fn now(
        &self,
        own: &(dyn Fn() -> io::Result<Vec<IpAddr>> + '_),
    ) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::Fixed(addresses) => Ok(addresses.clone()),
            Self::Own { v6, also } => own().map(|all| choose(all, *v6, also)),
        }
    }

    /// Whether they may change while the configuration stays.
    pub(super) const fn may_change(&self) -> bool {
        matches!(self, Self::Own { .. })
    }
}

/// The addresses of this machine's interfaces.
pub(super) fn of_this_machine() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    Ok(interfaces
        .iter()
        .map(|interface| interface.addr.ip())
        .collect())
}

/// Those that other machines can reach, and `also`; IPv6 first; many of one family do not crowd out the
/// other.
fn choose(mut all: Vec<IpAddr>, v6: bool, also: &[IpAddr]) -> Vec<IpAddr> {
    all.retain(|ip| is_reachable(ip) && (v6 || ip.is_ipv4()));
    all.extend_from_slice(also);
    all.sort_unstable();
    all.dedup();
    let (mut sixes, mut fours): (Vec<_>, Vec<_>) = all.into_iter().partition(IpAddr::is_ipv6);
    sixes.truncate(Registration::MAX_ADDRESSES - fours.len().min(Registration::MAX_ADDRESSES / 2));
    fours.truncate(Registration::MAX_ADDRESSES - sixes.len());
    sixes.append(&mut fours);
    sixes
}

/// Whether an address is for more than this machine and its link (RFC 6890).
fn is_reachable(ip: &IpAddr) -> bool {
    if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
        return false;
    }
    match ip {
        IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_broadcast() && ip.octets()[0] != 0,
        IpAddr::V6(ip) => {
            !ip.is_unicast_link_local() && ip.to_ipv4_mapped().is_none() && !is_site_local(*ip)
        }
    }
}

/// `fec0::/10`, which RFC 3879 took out of use.
const fn is_site_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfec0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    fn sockets(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|address| address.parse().unwrap())
            .collect()
    }

    #[test]
    fn configured_addresses_go_before_those_listened_on_and_those_before_the_machines_own() {
        let any = sockets(&["0.0.0.0:1688"]);
        let configured = ips(&["192.0.2.9"]);
        assert_eq!(
            Addresses::new(&configured, &any),
            Addresses::Fixed(configured)
        );
        let one = sockets(&["192.0.2.7:1688", "[2001:db8::7]:1688"]);
        assert_eq!(
            Addresses::new(&[], &one),
            Addresses::Fixed(ips(&["192.0.2.7", "2001:db8::7"]))
        );
        let own = |v6, also| Addresses::Own { v6, also };
        assert_eq!(Addresses::new(&[], &any), own(false, Vec::new()));
        let both = sockets(&["[::]:1688"]);
        assert_eq!(Addresses::new(&[], &both), own(true, Vec::new()));
    }

    #[test]
    fn beside_the_machines_own_of_ipv4_no_other_of_ipv6_is_published_than_the_one_listened_on() {
        let mixed = sockets(&["0.0.0.0:1688", "[2001:db8::7]:1688"]);
        let mixed = Addresses::new(&[], &told(&mixed));
        let own = || Ok(ips(&["192.0.2.7", "2001:db8::7", "2001:db8::8"]));
        assert_eq!(mixed.now(&own).unwrap(), ips(&["2001:db8::7", "192.0.2.7"]));
        assert!(mixed.may_change());
        let lab = sockets(&["0.0.0.0:1688", "[::1]:1688"]);
        let lab = Addresses::new(&[], &told(&lab));
        assert_eq!(lab.now(&own).unwrap(), ips(&["192.0.2.7"]));
    }

    #[test]
    fn others_are_told_of_the_first_port_that_they_can_reach_and_of_the_addresses_at_that_port() {
        for (listening, wanted) in [
            (
                &["192.0.2.7:1688", "127.0.0.1:1688"][..],
                &["192.0.2.7:1688"][..],
            ),
            (&["127.0.0.1:1689", "192.0.2.7:1688"], &["192.0.2.7:1688"]),
            (&["127.0.0.1:1689", "0.0.0.0:1688"], &["0.0.0.0:1688"]),
            (&["192.0.2.7:1688", "10.0.0.7:1690"], &["192.0.2.7:1688"]),
            (&["0.0.0.0:1688", "[::1]:1688"], &["0.0.0.0:1688"]),
            (
                &["0.0.0.0:1688", "[2001:db8::7]:1688", "[2001:db8::8]:1690"],
                &["0.0.0.0:1688", "[2001:db8::7]:1688"],
            ),
            // Only what there is: a link, or this machine alone.
            (
                &["127.0.0.1:1688", "169.254.1.1:1690"],
                &["169.254.1.1:1690"],
            ),
            (
                &["127.0.0.1:1688", "[::1]:1688"],
                &["127.0.0.1:1688", "[::1]:1688"],
            ),
            // A port that the system chooses is not known before it did.
            (&["192.0.2.7:0", "127.0.0.1:1688"], &["127.0.0.1:1688"]),
            (&["192.0.2.7:0"], &["192.0.2.7:0"]),
            (&[], &[]),
        ] {
            assert_eq!(told(&sockets(listening)), sockets(wanted), "{listening:?}");
        }
    }

    #[test]
    fn only_addresses_that_others_can_reach_are_published_and_their_order_stays() {
        let all = ips(&[
            "127.0.0.1",
            "10.1.2.3",
            "169.254.1.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.7",
            "10.1.2.3",
            "::1",
            "fe80::1",
            "::",
            "ff02::1",
            "::ffff:192.0.2.8",
            "fec0::1",
            "fd00::7",
            "2001:db8::7",
        ]);
        let wanted = ips(&["2001:db8::7", "fd00::7", "10.1.2.3", "192.0.2.7"]);
        assert_eq!(choose(all.clone(), true, &[]), wanted);
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(choose(turned, true, &[]), wanted);
        assert_eq!(
            choose(all, false, &[]),
            wanted[2..],
            "a host that listens on IPv4 alone"
        );
    }

    #[test]
    fn limit_16_own_addresses_are_published_of_both_families() {
        let v6 = (1..=40).map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]));
        let v4 = (1..=40).map(|n| IpAddr::from([192, 0, 2, n]));
        let chosen = choose(v6.chain(v4).collect(), true, &[]);
        assert_eq!(chosen.len(), 16);
        assert_eq!(chosen.iter().filter(|ip| ip.is_ipv6()).count(), 8);
        let v4 = (1..=40).map(|n| IpAddr::from([192, 0, 2, n]));
        assert_eq!(choose(v4.collect(), true, &[]).len(), 16);
    }

    #[test]
    fn this_machine_tells_its_addresses() {
        let all = of_this_machine().unwrap();
        assert!(all.iter().any(IpAddr::is_loopback), "{all:?}");
    }
}
