//! The host's configuration file.

mod admission;
mod alerts;
mod dns;
mod limits;
mod metrics;
mod network;
mod store;

pub use admission::{AdmissionConfig, AdmissionPolicy, NetworkQuota};
pub use alerts::AlertConfig;
pub use dns::{DnsConfig, DnsTransport};
pub use limits::{Limits, SourceLimits};
pub use metrics::MetricsConfig;
pub use network::{Network, NetworkError};
pub use store::{Durability, StoreConfig};

use core::{net::SocketAddr, time::Duration};
use kms_core::{ActivationInterval, RenewalInterval};
use kms_service::config::{self, ConfigError, de};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::{Path, PathBuf};

/// Everything that an administrator can set, from one TOML file. Unknown keys are refused.
///
/// ```toml
/// listen = "0.0.0.0:1688"        # an address, or a list of them; port 1688 is the documented one;
///                                # "[::]:1688" takes IPv4 and IPv6
/// identity = "kms1"              # folder with host.key and chain.pem, as `authority certify` makes it
/// # catalogue = "products.toml"  # products and host keys; the built-in catalogue if left out
/// activation_interval = 120      # minutes, 15 to 43200: given to clients that are not activated
/// renewal_interval = 10080       # minutes, 15 to 43200: given to clients that are activated
/// clock_tolerance = 240          # minutes that a client's clock may differ from the host's
/// retention = 30                 # days that a machine counts after its last request
/// count_virtual_machines = true  # false: virtual machines are answered and not counted
///
/// [dns]                          # leave the table out and nothing is published
/// key_file = "kms.key"           # TSIG key in BIND's form
/// server = "192.0.2.53:53"       # takes all updates; default: each zone's primary, by its SOA record
/// nameservers = ["192.0.2.1:53"] # asked for zones and primaries; default: the system's
/// transport = "auto"             # "tcp": no updates over UDP
/// look = 900                     # seconds between two looks for the host's record at the primary
/// host_name = "kms1.contoso.com" # default: the name in the host's certificate
/// addresses = ["192.0.2.10"]     # default: the addresses listened on, or else the machine's own
/// domains = ["contoso.com, 10, 75"]  # publish list: domain[, priority[, weight]]; default: host_name's domain
/// service = "_vlmcs._tcp"        # the SRV service
/// ttl = 3600                     # seconds that resolvers may keep the records
///
/// [limits]                       # a source is an IPv4 address, or an IPv6 /64
/// connections = 10000            # at once; at most half of the files that the process may open
/// connections_per_source = 64    # at once
/// new_connections_per_second = 20  # from one source, in the long run
/// new_connections_burst = 100    # and at once
/// requests_per_minute = 120      # from one source, in the long run
/// requests_burst = 600           # and at once
/// first_byte_seconds = 5         # from the connection to its first byte
/// pdu_seconds = 5                # from the first byte of a PDU to its last
/// exchange_seconds = 15          # from the first byte until the answer is sent
/// write_seconds = 5              # until the peer has read what is sent
/// idle_seconds = 10              # between exchanges; less as connections fill
/// memory_bytes = 33554432        # held for all connections together
/// log_lines_per_second = 50      # that peers cause, in the long run
/// log_lines_burst = 500          # and at once
///
/// [[limits.source]]              # for each source in a network; any number of these tables
/// network = "10.1.0.0/16"
/// connections = 1000             # what is left out is as above
/// new_connections_per_second = 500
/// new_connections_burst = 2000
/// requests_per_minute = 60000
/// requests_burst = 10000
///
/// [store]
/// path = "host.db"               # SQLite database of records, counters, settings and events
/// durability = "commit"          # "memory": nothing is kept, the count starts anew with the process
/// events_days = 90               # days that events are kept
/// events_megabytes = 256         # that events may take up; the oldest go first
/// clients_days = 180             # days that a client is kept after its last request
/// clients = 200000               # clients kept; those that have not asked for longest go first
/// # allow_network_filesystem = true  # a store may be damaged there
///
/// [admission]
/// policy = "guarded"             # "compat": every machine counts, as documented
/// quota = 5                      # machines of one source (IPv4 address, IPv6 /64) that count in a
///                                # family; default: a fifth of its highest threshold, rounded up
/// established_minutes = 60       # from its first request to its last, and no newcomer takes its place
/// one_cmid_per_connection = true # a second machine on a connection is refused, and the connection closed
///
/// [[admission.source]]           # any number of these, for sources with a quota of their own
/// network = "10.1.0.0/16"        # each source in it; of several networks the smallest decides
/// quota = 200                    # 0: its machines are answered and never count
///
/// [admission.alerts]             # under both policies; see the README for what each means
/// enabled = true                 # false: none is given
/// new_from_source = 10           # more new machines of one source in 10 minutes
/// new_of_family = 2              # more new machines of a family in 24 hours: times its threshold,
/// new_percent = 20               # and percent of the machines that the host knows
/// established_dropped = 5        # established machines that had to leave in an hour
/// two_sources_minutes = 60       # one machine from two sources
/// known_machines = 65536         # machines remembered, 200 bytes each: more than the fleet has
///
/// [metrics]                      # leave the table out and nothing is served
/// listen = "127.0.0.1:9168"      # a loopback address
/// ```
///
/// Paths are relative to the file's own folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HostConfig {
    /// Where to listen.
    #[serde(deserialize_with = "one_or_more")]
    pub listen: Vec<SocketAddr>,
    /// Folder of the host's key and certificate chain.
    pub identity: PathBuf,
    /// Catalogue file; the built-in catalogue if `None`.
    pub catalogue: Option<PathBuf>,
    /// What clients that are not activated are told to wait between attempts.
    #[serde(default, deserialize_with = "activation_interval")]
    pub activation_interval: ActivationInterval,
    /// What activated clients are told to wait between renewals.
    #[serde(default, deserialize_with = "renewal_interval")]
    pub renewal_interval: RenewalInterval,
    /// How far a client's clock may be from the host's.
    #[serde(default = "four_hours", deserialize_with = "de::minutes")]
    pub clock_tolerance: Duration,
    /// How long a machine counts after its last request.
    #[serde(default = "thirty_days", deserialize_with = "de::days")]
    pub retention: Duration,
    /// Whether virtual machines count.
    #[serde(default = "yes")]
    pub count_virtual_machines: bool,
    /// Publishing; `None` publishes nothing.
    pub dns: Option<DnsConfig>,
    /// What one peer, and all together, may hold.
    #[serde(default)]
    pub limits: Limits,
    /// Where the count is kept, and how long other things are.
    #[serde(default)]
    pub store: StoreConfig,
    /// Whose machines count.
    #[serde(default)]
    pub admission: AdmissionConfig,
    /// Metrics over HTTP; `None` serves none.
    pub metrics: Option<MetricsConfig>,
}

impl HostConfig {
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
        config.identity = folder.join(&config.identity);
        config.store.path = folder.join(&config.store.path);
        config.catalogue = config.catalogue.map(|catalogue| folder.join(catalogue));
        if let Some(dns) = &mut config.dns {
            dns.key_file = folder.join(&dns.key_file);
        }
        Ok(config)
    }
}

const fn yes() -> bool {
    true
}

const fn four_hours() -> Duration {
    Duration::from_secs(4 * 3600)
}

const fn thirty_days() -> Duration {
    Duration::from_secs(30 * 24 * 3600)
}

fn one_or_more<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<SocketAddr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "an address with its port, as \"0.0.0.0:1688\", or a list of them"
    )]
    enum OneOrMore {
        One(SocketAddr),
        More(Vec<SocketAddr>),
    }
    match OneOrMore::deserialize(input)? {
        OneOrMore::One(address) => Ok(vec![address]),
        OneOrMore::More(addresses) if addresses.is_empty() => Err(D::Error::custom(
            "an empty list: name at least one address to listen on",
        )),
        OneOrMore::More(addresses) => Ok(addresses),
    }
}

fn activation_interval<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<ActivationInterval, D::Error> {
    ActivationInterval::from_minutes(u32::deserialize(input)?).map_err(D::Error::custom)
}

fn renewal_interval<'de, D: Deserializer<'de>>(input: D) -> Result<RenewalInterval, D::Error> {
    RenewalInterval::from_minutes(u32::deserialize(input)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HostConfig, String> {
        HostConfig::parse(text, Path::new("conf/host.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn two_keys_are_enough_and_the_rest_has_the_documented_defaults() {
        let config = parse("listen = \"127.0.0.1:1688\"\nidentity = \"kms1\"").unwrap();
        assert_eq!(config.listen, ["127.0.0.1:1688".parse().unwrap()]);
        assert_eq!(config.identity, Path::new("conf/kms1"));
        assert_eq!(config.activation_interval.minutes(), 120);
        assert_eq!(config.renewal_interval.minutes(), 10_080);
        assert_eq!(config.clock_tolerance, four_hours());
        assert_eq!(config.retention, thirty_days());
        assert!(
            config.count_virtual_machines && config.dns.is_none() && config.catalogue.is_none()
        );
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.store.path, Path::new("conf/host.db"));
        assert_eq!(config.store.events_bytes, 256 * 1024 * 1024);
    }

    #[test]
    fn the_documented_example_is_a_valid_file() {
        let source = include_str!("mod.rs");
        let example: String = source
            .lines()
            .skip_while(|line| *line != "/// ```toml")
            .skip(1)
            .take_while(|line| *line != "/// ```")
            .map(|line| line.trim_start_matches("///").to_owned() + "\n")
            .collect();
        let config = parse(&example).unwrap();
        assert_eq!(config.dns.unwrap().domains.entries().len(), 1);
        let mut limits = config.limits;
        assert_eq!(limits.sources.len(), 1);
        limits.sources.clear();
        assert_eq!(limits, Limits::default(), "the example shows the defaults");
        assert_eq!(config.admission.networks.len(), 1);
        assert_eq!(config.admission.alerts, AlertConfig::default());
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_line_and_what_is_allowed() {
        let base = "listen = \"127.0.0.1:1688\"\nidentity = \"kms1\"\n";
        for (line, wanted) in [
            ("activation_interval = 14", "allowed are 15 to 43200"),
            ("renewal_interval = 43201", "allowed are 15 to 43200"),
            ("retention = 0", "allowed are 1 to 3650"),
            ("clock_tolerance = 0", "out of range"),
            ("unknown = 1", "unknown field `unknown`"),
            ("store.events_megabytes = 0", "allowed are 1 to 65536"),
            ("store.events_megabytes = 65537", "allowed are 1 to 65536"),
            ("store.clients_days = 0", "allowed are 1 to 3650"),
            ("count_virtual_machines = \"yes\"", "expected a boolean"),
        ] {
            let error = parse(&format!("{base}{line}")).unwrap_err();
            assert!(error.starts_with("conf/host.toml: "), "{error}");
            assert!(
                error.contains("line 3") && error.contains(wanted),
                "{line}: {error}"
            );
        }
        for (text, wanted) in [
            ("", "missing field `listen`"),
            ("listen = []\nidentity = \"k\"", "at least one address"),
            (
                "listen = \"1688\"\nidentity = \"k\"",
                "an address with its port",
            ),
            (
                "listen = \"127.0.0.1:1688\"\nidentity = \"k\"\n[limits]\nconnections = 0",
                "line 4",
            ),
            (
                "listen = \"127.0.0.1:1688\"\nidentity = \"k\"\n\
                 [[limits.source]]\nnetwork = \"10.1.2.3/16\"",
                "write 10.1.0.0/16",
            ),
            (
                "listen = \"127.0.0.1:1688\"\nidentity = \"k\"\n\
                 [[limits.source]]\nnetwork = \"10.1.0.0/16\"\nrequests_burst = 0",
                "at least 1",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
