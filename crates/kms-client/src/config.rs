//! The client's configuration file.

use crate::MAX_NAMESERVERS;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use kms_service::config::{self, ConfigError, de};
use kms_srv::{DomainName, HostAddress, PinnedHost, SelectionRule, ServiceName};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::{Path, PathBuf};

/// Everything that can be set for a client, from one TOML file. Unknown keys are refused.
///
/// ```toml
/// root = "root.pem"                # the authority's root certificate, pinned
/// product = "Windows 7 Enterprise" # a name or an activation id of the catalogue
/// state = "client.state"           # the state file; made at the first start
/// # host = "kms1.contoso.com:1688" # a pinned host: name, name:port or [v6]:port
/// domains = ["contoso.com"]        # where to look for hosts; default: the system's search list
/// # lookup_domain = "contoso.com"  # look in this domain alone
/// # nameservers = ["192.0.2.53", "[2001:db8::53]:5353"] # default: the system's; one: nameserver = "192.0.2.53"
/// # service = "_vlmcs._tcp"        # the SRV service
/// # caching = true                 # keep to the host that answered last
/// # allow_loopback = false         # for labs: hosts that DNS names may be on this machine
/// # selection = "rfc2782"          # or "legacy": priorities and weights ignored
/// # machine_name = "ws-17"         # default: the system's
/// # virtual_machine = false        # what the host is told
/// # catalogue = "products.toml"    # default: the built-in catalogue
/// # clock_tolerance = 240          # minutes that a host's clock may differ
/// # host_timeout = 15              # seconds that one host may take in all
/// ```
///
/// Paths are relative to the file's own folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// PEM file with the pinned root certificates.
    pub root: PathBuf,
    /// The product: its name or activation id in the catalogue.
    pub product: String,
    /// The state file.
    pub state: PathBuf,
    /// A pinned host; turns discovery off. A port alone names none, and is refused.
    #[serde(default, deserialize_with = "pinned")]
    pub host: Option<PinnedHost>,
    /// Domains in which to look for hosts, in order; empty means the system's search list.
    #[serde(default, deserialize_with = "de::texts")]
    pub domains: Vec<DomainName>,
    /// The one domain in which to look, instead of `domains`.
    #[serde(default, deserialize_with = "de::some_text")]
    pub lookup_domain: Option<DomainName>,
    /// The DNS servers, at most [`MAX_NAMESERVERS`], asked in this order; empty means the system's.
    /// In the file a list or one text, under this name or `nameserver`, each `ip` or `ip:port`.
    #[serde(default, alias = "nameserver", deserialize_with = "nameservers")]
    pub nameservers: Vec<SocketAddr>,
    /// Whether hosts that DNS names may have loopback addresses: for labs on one machine.
    #[serde(default)]
    pub allow_loopback: bool,
    /// The SRV service.
    #[serde(default, deserialize_with = "de::text")]
    pub service: ServiceName,
    /// Whether the host that answered last is asked first.
    #[serde(default = "yes")]
    pub caching: bool,
    /// How a host is chosen from SRV records.
    #[serde(default, deserialize_with = "selection")]
    pub selection: SelectionRule,
    /// The name that hosts are told; the system's if `None`.
    pub machine_name: Option<String>,
    /// Whether hosts are told that this is a virtual machine.
    #[serde(default)]
    pub virtual_machine: bool,
    /// Catalogue file; the built-in catalogue if `None`.
    pub catalogue: Option<PathBuf>,
    /// How far a host's clock may be from the client's.
    #[serde(default = "four_hours", deserialize_with = "de::minutes")]
    pub clock_tolerance: Duration,
    /// What one host may take in all, from connecting to its last answer.
    #[serde(default = "fifteen_seconds", deserialize_with = "de::seconds")]
    pub host_timeout: Duration,
}

impl ClientConfig {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, or breaks a rule of a key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&config::read(path)?, path)
    }

    /// Reads a configuration from text; `path` names it in errors and anchors relative paths.
    ///
    /// # Errors
    /// When it breaks a rule of a key.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = config::parse(text, path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        config.root = folder.join(&config.root);
        config.state = folder.join(&config.state);
        config.catalogue = config.catalogue.map(|catalogue| folder.join(catalogue));
        Ok(config)
    }
}

const fn yes() -> bool {
    true
}

const fn four_hours() -> Duration {
    Duration::from_secs(4 * 3600)
}

const fn fifteen_seconds() -> Duration {
    Duration::from_secs(15)
}

/// A port alone would be valid text and do nothing.
fn pinned<'de, D: Deserializer<'de>>(input: D) -> Result<Option<PinnedHost>, D::Error> {
    let text = String::deserialize(input)?;
    text.parse::<HostAddress>()
        .and_then(|_| text.parse())
        .map(Some)
        .map_err(D::Error::custom)
}

/// One text or a list of texts.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "nameservers are texts such as \"192.0.2.53\", \"192.0.2.53:5353\" or \"[2001:db8::53]:53\", one or a list of them"
)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn nameservers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<SocketAddr>, D::Error> {
    let texts = match OneOrMore::deserialize(input)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    };
    if texts.len() > MAX_NAMESERVERS {
        return Err(D::Error::custom(format_args!(
            "{} nameservers are too many: at most {MAX_NAMESERVERS} are asked",
            texts.len()
        )));
    }
    let parsed = texts.iter().map(|text| nameserver(text));
    parsed.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// `ip:port`, or an address alone, which means port 53.
fn nameserver(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT))
        .or_else(|_| text.parse())
        .ok()
        .filter(|server: &SocketAddr| server.port() != 0)
        .ok_or_else(|| {
            format!(
                "{text:?} is no nameserver: an IP address is wanted, alone or with a port from 1 to 65535, as \
                 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"
            )
        })
}

const DNS_PORT: u16 = 53;

fn selection<'de, D: Deserializer<'de>>(input: D) -> Result<SelectionRule, D::Error> {
    match String::deserialize(input)?.as_str() {
        "rfc2782" => Ok(SelectionRule::Rfc2782),
        "legacy" => Ok(SelectionRule::Legacy),
        other => Err(D::Error::custom(format_args!(
            "{other:?} is no selection: \"rfc2782\" or \"legacy\" is wanted"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClientConfig, String> {
        ClientConfig::parse(text, Path::new("conf/client.toml")).map_err(|error| error.to_string())
    }

    const BASE: &str =
        "root = \"ca/root.pem\"\nproduct = \"Windows 7 Enterprise\"\nstate = \"s\"\n";

    #[test]
    fn three_keys_are_enough_and_paths_are_the_files_neighbours() {
        let config = parse(BASE).unwrap();
        assert_eq!(config.root, Path::new("conf/ca/root.pem"));
        assert_eq!(config.state, Path::new("conf/s"));
        assert!(config.host.is_none() && config.domains.is_empty() && config.caching);
        assert_eq!(config.clock_tolerance, four_hours());
    }

    #[test]
    fn the_documented_example_is_a_valid_file() {
        let source = include_str!("config.rs");
        let example: String = source
            .lines()
            .skip_while(|line| *line != "/// ```toml")
            .skip(1)
            .take_while(|line| *line != "/// ```")
            .map(|line| {
                line.trim_start_matches("/// ")
                    .trim_start_matches("# ")
                    .to_owned()
                    + "\n"
            })
            .collect();
        let config = parse(&example).unwrap();
        assert!(config.host.is_some() && config.nameservers.len() == 2);
        assert_eq!(config.domains.len(), 1);
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_line_and_what_is_allowed() {
        for (line, wanted) in [
            ("host = \"2001:db8::1\"", "["),
            ("host = \"name:0\"", "port"),
            ("host = \":1700\"", "a host is missing in front of the port"),
            ("domains = [\"a..b\"]", "a..b"),
            ("nameserver = \"dns\"", "\"dns\" is no nameserver"),
            ("nameservers = [\"192.0.2.53:0\"]", "port from 1"),
            ("nameservers = [\"2001:db8::53:\"]", "[2001:db8::53]:5353"),
            ("nameservers = 53", "nameservers are texts such as"),
            (
                "nameservers = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\", \"192.0.2.4\"]",
                "at most 3 are asked",
            ),
            ("allow_loopback = \"yes\"", "boolean"),
            ("selection = \"first\"", "\"rfc2782\" or \"legacy\""),
            ("clock_tolerance = 0", "out of range"),
            ("servers = 1", "unknown field `servers`"),
        ] {
            let error = parse(&format!("{BASE}{line}")).unwrap_err();
            assert!(error.starts_with("conf/client.toml: "), "{error}");
            assert!(
                error.contains("line 4") && error.contains(wanted),
                "{line}: {error}"
            );
        }
        assert!(parse("").unwrap_err().contains("missing field `root`"));
    }
    #[test]
    fn nameservers_are_one_or_more_with_or_without_a_port() {
        for (line, wanted) in [
            ("nameserver = \"192.0.2.53\"", &["192.0.2.53:53"][..]),
            ("nameserver = \"192.0.2.53:5353\"", &["192.0.2.53:5353"]),
            ("nameservers = \"2001:db8::53\"", &["[2001:db8::53]:53"]),
            ("nameservers = [\"[2001:db8::53]\"]", &["[2001:db8::53]:53"]),
            ("nameservers = []", &[]),
            ("", &[]),
            (
                "nameservers = [\"192.0.2.2:1\", \"[::1]:2\", \"192.0.2.1\"]",
                &["192.0.2.2:1", "[::1]:2", "192.0.2.1:53"],
            ),
        ] {
            let config = parse(&format!("{BASE}{line}")).unwrap();
            let servers: Vec<String> = config.nameservers.iter().map(ToString::to_string).collect();
            assert_eq!(servers, wanted, "{line}");
        }
    }

    #[test]
    fn both_names_of_the_nameservers_at_once_are_refused() {
        let lines = "nameserver = \"192.0.2.53\"\nnameservers = [\"192.0.2.54\"]";
        let error = parse(&format!("{BASE}{lines}")).unwrap_err();
        assert!(error.contains("duplicate field"), "{error}");
    }
}
