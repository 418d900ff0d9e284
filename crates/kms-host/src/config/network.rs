use core::{
    fmt,
    net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr},
    num::ParseIntError,
    str::FromStr,
};
use kms_count::Source;

/// A range of addresses, as `10.1.0.0/16` or `2001:db8::/32`; an address alone is its own source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    // INVARIANT: no bit is set beyond the prefix, which is at most 32, or 64 for IPv6.
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// What stands before the slash is no address.
    #[error("{0}; wanted is a network, as \"10.1.0.0/16\" or \"2001:db8::/32\"")]
    Address(#[from] AddrParseError),
    /// What stands behind the slash is no number.
    #[error("the prefix is no number of bits: {0}")]
    Prefix(#[from] ParseIntError),
    /// A prefix that is too long.
    #[error(
        "a prefix of {0} bits: allowed are 0 to 32, or 0 to 64 for IPv6, where a /64 is one source"
    )]
    TooLong(u8),
    /// Bits beyond the prefix.
    #[error("there are bits beyond the prefix: write {0}")]
    Bits(Network),
}

impl Network {
    /// Whether a source lies in it.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        let source = source.address();
        self.address.is_ipv4() == source.is_ipv4() && truncated(source, self.prefix) == self.address
    }

    /// How many bits of an address it fixes: of two networks with an address in common, the one
    /// that fixes more lies within the other.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }
}

/// The address without the bits beyond the prefix.
const fn truncated(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.unbounded_shl(u32::BITS.saturating_sub(prefix as u32));
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.unbounded_shl(u128::BITS.saturating_sub(prefix as u32));
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse()?, Some(prefix.parse()?)),
            None => (Source::of(text.parse()?).address(), None),
        };
        let longest = if address.is_ipv4() { 32 } else { 64 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest {
            return Err(NetworkError::TooLong(prefix));
        }
        let network = Self {
            address: truncated(address, prefix),
            prefix,
        };
        if network.address == address {
            Ok(network)
        } else {
            Err(NetworkError::Bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, source: &str) -> bool {
        let network: Network = network.parse().unwrap();
        network.contains(source.parse().unwrap())
    }

    #[test]
    fn a_network_contains_what_its_prefix_says() {
        for (network, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("10.1.2.3/32", "10.1.2.3", "10.1.2.2"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "255.1.2.3", "2001:db8::1"),
            ("::/0", "2001:db8::1", "10.1.2.3"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("2001:db8:1:2::/64", "2001:db8:1:2:3::4", "2001:db8:1:3::4"),
            ("2001:db8:1:2::9", "2001:db8:1:2:3::4", "2001:db8:1:3::9"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_told_with_what_is_wanted() {
        for (text, wanted) in [
            ("everyone", "10.1.0.0/16"),
            ("10.1.0.0/x", "no number of bits"),
            ("10.1.0.0/33", "allowed are 0 to 32"),
            ("2001:db8::/65", "0 to 64 for IPv6"),
            ("10.1.2.3/16", "write 10.1.0.0/16"),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
