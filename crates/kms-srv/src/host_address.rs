use crate::{DomainName, DomainNameError};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
    str::FromStr,
};

/// The port that hosts listen on unless configured otherwise.
pub const DEFAULT_PORT: NonZeroU16 = match NonZeroU16::new(1688) {
    Some(port) => port,
    None => NonZeroU16::MIN,
};

/// What a host is called: by a name or by an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum HostName {
    /// By a DNS or NetBIOS name. One that was read from text, or made from a [`DomainName`], is not the
    /// root and does not end in a number.
    Name(DomainName),
    /// By an IP address.
    Ip(IpAddr),
}

/// Where a host listens. It reads and prints as `name:port`, `192.0.2.7:port` or `[2001:db8::7]:port`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostAddress {
    host: HostName,
    port: NonZeroU16,
}

/// What an administrator set by hand (`slmgr /skms`): a host with or without its port, or a port alone.
///
/// It reads from `name`, `name:port`, `192.0.2.7`, `192.0.2.7:port`, `[2001:db8::7]`,
/// `[2001:db8::7]:port` and `:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PinnedHost {
    // INVARIANT: at least one is there.
    host: Option<HostName>,
    port: Option<NonZeroU16>,
}

/// Why text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostAddressError {
    /// No text.
    #[error("a host must not be empty: write a name, name:port, or :port")]
    Empty,
    /// Only a port, where a host is needed.
    #[error("a host is missing in front of the port")]
    MissingHost,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets: [{0}] or [{0}]:1688")]
    BareIpv6(Ipv6Addr),
    /// More than one colon outside brackets.
    #[error(
        "only one colon may stand between host and port; an IPv6 address stands in brackets, as \
         [2001:db8::7]:1688"
    )]
    Colons,
    /// Brackets that are not closed, or hold no IPv6 address.
    #[error("brackets must hold an IPv6 address, as [2001:db8::7]:1688")]
    Brackets,
    /// Not a port.
    #[error("a port is a number from 1 to 65535, 1688 where nothing else is set")]
    Port,
    /// A name that ends in a number, but is no IPv4 address.
    #[error("this looks like an IPv4 address, but is none: it has four numbers from 0 to 255")]
    Ipv4,
    /// Not a DNS name.
    #[error("{0}")]
    Name(#[from] DomainNameError),
}

impl HostAddress {
    /// The address of `host` at `port`.
    #[must_use]
    pub const fn new(host: HostName, port: NonZeroU16) -> Self {
        Self { host, port }
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &HostName {
        &self.host
    }

    /// The TCP port, never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.get()
    }
}

impl PinnedHost {
    /// The host; `None` when only a port is set.
    #[must_use]
    pub const fn host(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// The port, when one is set.
    #[must_use]
    pub const fn port(&self) -> Option<NonZeroU16> {
        self.port
    }
}

impl FromStr for PinnedHost {
    type Err = HostAddressError;

    fn from_str(text: &str) -> Result<Self, HostAddressError> {
        if text.is_empty() {
            return Err(HostAddressError::Empty);
        }
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(HostAddressError::Brackets)?;
            let address: Ipv6Addr = address.parse().map_err(|_| HostAddressError::Brackets)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(HostAddressError::Brackets),
            };
            (Some(HostName::Ip(address.into())), port)
        } else {
            let (host, port) = match text.split_once(':') {
                Some((_, rest)) if rest.contains(':') => return Err(colons(text)),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            let host = match host {
                "" => None,
                _ => Some(host.parse()?),
            };
            (host, port)
        };
        let port = port.map(port_number).transpose()?;
        Ok(Self { host, port })
    }
}

impl FromStr for HostAddress {
    type Err = HostAddressError;

    /// Reads a host with or without a port; [`DEFAULT_PORT`] stands for none.
    fn from_str(text: &str) -> Result<Self, HostAddressError> {
        let PinnedHost { host, port } = text.parse()?;
        let host = host.ok_or(HostAddressError::MissingHost)?;
        Ok(Self::new(host, port.unwrap_or(DEFAULT_PORT)))
    }
}

impl TryFrom<DomainName> for HostName {
    type Error = HostAddressError;

    fn try_from(name: DomainName) -> Result<Self, HostAddressError> {
        if name.is_root() {
            Err(HostAddressError::Empty)
        } else if name.ends_in_number() {
            Err(HostAddressError::Ipv4)
        } else {
            Ok(Self::Name(name))
        }
    }
}

impl FromStr for HostName {
    type Err = HostAddressError;

    /// Reads a name or an IPv4 address, or an IPv6 address without brackets.
    fn from_str(text: &str) -> Result<Self, HostAddressError> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self::Ip(address.into()));
        }
        text.parse::<DomainName>()?.try_into()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => fmt::Display::fmt(name, f),
            Self::Ip(address) => fmt::Display::fmt(address, f),
        }
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_host(&self.host, f)?;
        write!(f, ":{}", self.port)
    }
}

impl fmt::Debug for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostAddress({self})")
    }
}

impl fmt::Display for PinnedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write_host(host, f)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

fn write_host(host: &HostName, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match host {
        HostName::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        HostName::Name(_) | HostName::Ip(IpAddr::V4(_)) => write!(f, "{host}"),
    }
}

fn port_number(text: &str) -> Result<NonZeroU16, HostAddressError> {
    // `NonZeroU16::from_str` would take a plus sign.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| HostAddressError::Port)
    } else {
        Err(HostAddressError::Port)
    }
}

fn colons(text: &str) -> HostAddressError {
    match text.parse() {
        Ok(address) => HostAddressError::BareIpv6(address),
        Err(_) => HostAddressError::Colons,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    #[test]
    fn slmgr_skms_every_documented_form_reads_and_prints() {
        for (text, address) in [
            ("kms01", "kms01:1688"),
            ("KMS_E1:1689", "KMS_E1:1689"),
            ("kms01.contoso.com.", "kms01.contoso.com:1688"),
            ("192.0.2.7", "192.0.2.7:1688"),
            ("192.0.2.7:65535", "192.0.2.7:65535"),
            ("[2001:db8::7]", "[2001:db8::7]:1688"),
            ("[2001:DB8:0::7]:1", "[2001:db8::7]:1"),
        ] {
            let read: HostAddress = text.parse().unwrap();
            assert_eq!(read.to_string(), address);
            assert_eq!(address.parse(), Ok(read));
            let pinned: PinnedHost = text.parse().unwrap();
            assert_eq!(pinned.to_string().parse(), Ok(pinned));
        }
    }

    #[test]
    fn slmgr_skms_a_port_alone_can_be_pinned_but_is_no_address() {
        let pinned: PinnedHost = ":1700".parse().unwrap();
        assert_eq!(
            (pinned.host(), pinned.port()),
            (None, NonZeroU16::new(1700))
        );
        assert_eq!(pinned.to_string(), ":1700");
        assert_eq!(
            ":1700".parse::<HostAddress>(),
            Err(HostAddressError::MissingHost)
        );
    }

    #[test]
    fn an_ipv6_address_without_brackets_is_told_the_bracket_form() {
        let error = "2001:db8::7".parse::<PinnedHost>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "an IPv6 address stands in brackets: [2001:db8::7] or [2001:db8::7]:1688"
        );
        for text in ["kms:1:2", "2001:db8::7:x", "::x"] {
            assert_eq!(
                text.parse::<PinnedHost>(),
                Err(HostAddressError::Colons),
                "{text}"
            );
        }
    }

    #[test]
    fn faulty_hosts_and_ports_are_refused() {
        use HostAddressError::{Brackets, Empty, Ipv4, Name, Port};
        for (text, expected) in [
            ("", Empty),
            (".", Empty),
            (":", Port),
            ("kms:", Port),
            ("kms:0", Port),
            ("kms:65536", Port),
            ("kms:+1", Port),
            ("kms:1688 ", Port),
            ("[2001:db8::7", Brackets),
            ("[2001:db8::7]1688", Brackets),
            ("[kms01]:1688", Brackets),
            ("[fe80::1%eth0]:1688", Brackets),
            ("[2001:db8::7]:", Port),
            ("192.0.2.256", Ipv4),
            ("192.0.2:1688", Ipv4),
            ("-kms", Name(DomainNameError::Hyphen(0))),
        ] {
            assert_eq!(text.parse::<PinnedHost>(), Err(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_host_that_prints_as_itself_or_an_error(text in any::<String>()) {
            check_text(&text)?;
        }

        #[test]
        fn text_of_host_characters_is_too(text in r"\[?[a-f0-9:.]{0,40}\]?(:[0-9]{0,6})?") {
            check_text(&text)?;
        }
    }

    fn check_text(text: &str) -> Result<(), proptest::test_runner::TestCaseError> {
        if let Ok(pinned) = text.parse::<PinnedHost>() {
            prop_assert_eq!(pinned.to_string().parse::<PinnedHost>().unwrap(), pinned);
        }
        if let Ok(address) = text.parse::<HostAddress>() {
            prop_assert_eq!(address.to_string().parse::<HostAddress>().unwrap(), address);
        }
        Ok(())
    }
}
