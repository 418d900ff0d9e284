use core::{
    fmt,
    net::{AddrParseError, IpAddr},
    str::FromStr,
};
use ipnet::IpNet;
use kms_count::Source;

/// A network of sources, as `10.1.0.0/16` or `2001:db8::/48`; an address alone is itself, and in
/// IPv6 its /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(
    // INVARIANT: no bits beyond its length, and in IPv6 at most 64, because a source is a /64.
    IpNet,
);

/// A text that is no network of sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Neither a network nor an address.
    #[error("{text:?} is no network: write it as 10.1.0.0/16, 2001:db8::/48 or 192.0.2.7")]
    Malformed {
        /// The text.
        text: String,
    },
    /// The address has bits that its length leaves out.
    #[error("{text} has bits beyond its length: write {meant}")]
    BitsBeyond {
        /// The text.
        text: String,
        /// The network without them.
        meant: Network,
    },
    /// A part of a source.
    #[error("{text} is smaller than a source, which in IPv6 is a /64: write /64 or less")]
    Small {
        /// The text.
        text: String,
    },
}

impl Network {
    /// Whether this source is in it.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        self.0.contains(&source.address())
    }

    /// How many bits its addresses have in common: of two networks with a source, the one with more
    /// says more about it.
    #[must_use]
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let address: Result<IpAddr, AddrParseError> = text.parse();
        if let Ok(address) = address {
            let first = Source::of(address).address();
            let length = if first.is_ipv4() { 32 } else { 64 };
            return IpNet::new(first, length)
                .map(Self)
                .map_err(|_| NetworkError::Malformed { text: text.into() });
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| NetworkError::Malformed { text: text.into() })?;
        if matches!(network, IpNet::V6(v6) if v6.prefix_len() > 64) {
            return Err(NetworkError::Small { text: text.into() });
        }
        if network.trunc() != network {
            return Err(NetworkError::BitsBeyond {
                text: text.into(),
                meant: Self(network.trunc()),
            });
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
    fn a_network_holds_the_sources_with_its_first_bits() {
        assert!(contains("10.1.0.0/16", "10.1.255.9") && !contains("10.1.0.0/16", "10.2.0.1"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("0.0.0.0/0", "192.0.2.8") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("2001:db8::/48", "2001:db8:0:ffff::1"));
        assert!(contains("2001:db8:1:2::9", "2001:db8:1:2:ffff::1"));
        assert!(contains("::ffff:192.0.2.7", "192.0.2.7"));
    }

    #[test]
    fn a_text_that_is_no_network_is_refused_with_what_to_write() {
        for (text, wanted) in [
            ("10.1.0.0/33", "is no network: write it as 10.1.0.0/16"),
            ("office", "\"office\" is no network"),
            (
                "10.1.2.3/16",
                "has bits beyond its length: write 10.1.0.0/16",
            ),
            (
                "2001:db8::/96",
                "smaller than a source, which in IPv6 is a /64",
            ),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
