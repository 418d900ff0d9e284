use core::{
    fmt,
    net::{AddrParseError, IpAddr},
    str::FromStr,
};

/// Where requests come from, as limits and quotas see it: an IPv4 address, or a whole IPv6 /64,
/// because whoever has one address of that has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(
    // INVARIANT: no IPv4 address in the form of IPv6, and the low half of an IPv6 address is 0.
    IpAddr,
);

impl Source {
    /// The source that a peer with this address belongs to. An IPv4 address in the form of IPv6, as
    /// a socket that takes both shows it, is that IPv4 address.
    #[must_use]
    pub const fn of(peer: IpAddr) -> Self {
        Self(match peer.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(core::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// The address, or the first address of the /64.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

/// As `192.0.2.1` or `2001:db8:1:2::/64`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// Any address, or the form that `Display` gives.
impl FromStr for Source {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_suffix("/64")
            .filter(|address| address.contains(':'))
            .unwrap_or(text)
            .parse()
            .map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn source(text: &str) -> Source {
        text.parse().unwrap()
    }

    #[test]
    fn a_whole_v6_network_is_one_source_and_each_v4_address_is_one() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn its_text_can_be_read_again() {
        for text in ["192.0.2.1", "2001:db8:1:2::/64"] {
            assert_eq!(source(text).to_string(), text);
        }
        assert_eq!(source("2001:db8:1:2::7").to_string(), "2001:db8:1:2::/64");
        assert!("192.0.2.1/64".parse::<Source>().is_err());
    }
}
