use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use kms_service::config::de;
use kms_srv::{DomainName, PublishList, ServiceName};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::PathBuf;

/// The `[dns]` table: publishing the host's SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DnsConfig {
    /// The server that takes the updates of every domain; each zone's own primary, by its SOA record, if
    /// `None`.
    pub server: Option<SocketAddr>,
    /// The recursive servers that are asked for zones and their primaries, at most 8; the system's if
    /// empty.
    #[serde(default, deserialize_with = "nameservers")]
    pub nameservers: Vec<SocketAddr>,
    /// TSIG key file in BIND's form. Every update is signed, and only a signed answer counts.
    pub key_file: PathBuf,
    /// How updates travel.
    #[serde(default)]
    pub transport: DnsTransport,
    /// The name that the SRV record points at; the certificate's name if `None`.
    #[serde(default, deserialize_with = "de::some_text")]
    pub host_name: Option<DomainName>,
    /// The addresses published for that name. If there are none, those that are listened on; and if
    /// these name none either, the machine's own.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Publish list, of at most 64 domains; empty means the domain of the host name.
    #[serde(default, deserialize_with = "publish_list")]
    pub domains: PublishList,
    /// The SRV service.
    #[serde(default, deserialize_with = "de::text")]
    pub service: ServiceName,
    /// Time to live of the records, in seconds.
    #[serde(default = "one_hour")]
    pub ttl: u32,
    /// How often the zone's primary is asked whether the host's record is still there: 60 seconds to a
    /// day, in the file in seconds.
    #[serde(default = "quarter_of_an_hour", deserialize_with = "look")]
    pub look: Duration,
}

/// How updates travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DnsTransport {
    /// `auto`: over UDP where the update fits into 512 bytes, else and after that over TCP.
    #[default]
    Auto,
    /// `tcp`: over TCP alone, as is everything that is asked of `server`.
    Tcp,
}

impl DnsConfig {
    /// The most servers in `nameservers`.
    pub const MAX_NAMESERVERS: usize = 8;
    /// The most domains that a host publishes itself in.
    pub const MAX_DOMAINS: usize = 64;
}

const SHORTEST_LOOK: u64 = 60;
const LONGEST_LOOK: u64 = 24 * 3600;

const fn one_hour() -> u32 {
    3600
}

const fn quarter_of_an_hour() -> Duration {
    Duration::from_secs(900)
}

fn look<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    match u64::deserialize(input)? {
        seconds @ SHORTEST_LOOK..=LONGEST_LOOK => Ok(Duration::from_secs(seconds)),
        seconds => Err(D::Error::custom(format_args!(
            "{seconds} seconds between two looks: allowed are {SHORTEST_LOOK} to {LONGEST_LOOK}"
        ))),
    }
}

fn nameservers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<SocketAddr>, D::Error> {
    let servers = Vec::<SocketAddr>::deserialize(input)?;
    if servers.len() > DnsConfig::MAX_NAMESERVERS {
        return Err(D::Error::custom(format_args!(
            "{} servers: at most {} are asked",
            servers.len(),
            DnsConfig::MAX_NAMESERVERS
        )));
    }
    Ok(servers)
}

fn publish_list<'de, D: Deserializer<'de>>(input: D) -> Result<PublishList, D::Error> {
    let lines = Vec::<String>::deserialize(input)?;
    if lines.len() > DnsConfig::MAX_DOMAINS {
        return Err(D::Error::custom(format_args!(
            "{} domains: a host is published in at most {}",
            lines.len(),
            DnsConfig::MAX_DOMAINS
        )));
    }
    PublishList::from_lines(lines.iter().map(String::as_str)).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Result<DnsConfig, String> {
        let text = format!("key_file = \"kms.key\"\n{lines}");
        toml(&text)
    }

    fn toml(text: &str) -> Result<DnsConfig, String> {
        let text = format!("listen = \"127.0.0.1:1\"\nidentity = \"k\"\n[dns]\n{text}");
        crate::HostConfig::parse(&text, std::path::Path::new("host.toml"))
            .map(|config| config.dns.unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_key_file_alone_is_enough() {
        let config = parse("").unwrap();
        assert_eq!((config.server, config.nameservers), (None, Vec::new()));
        assert_eq!(config.transport, DnsTransport::Auto);
        assert_eq!(config.look, Duration::from_secs(900));
        assert!(toml("").unwrap_err().contains("key_file"));
    }

    #[test]
    fn a_wrong_value_is_told_with_what_is_allowed() {
        for (line, wanted) in [
            ("look = 59", "allowed are 60 to 86400"),
            ("look = 86401", "allowed are 60 to 86400"),
            ("transport = \"udp\"", "expected `auto` or `tcp`"),
            ("nameservers = [\"192.0.2.1\"]", "line 5"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(wanted), "{line}: {error}");
        }
        assert_eq!(parse("look = 60").unwrap().look.as_secs(), 60);
        let tcp = parse("transport = \"tcp\"").unwrap();
        assert_eq!(tcp.transport, DnsTransport::Tcp);
    }

    #[test]
    fn limit_8_nameservers_are_asked() {
        let line = |count| format!("nameservers = {:?}", vec!["192.0.2.1:53"; count]);
        assert_eq!(parse(&line(8)).unwrap().nameservers.len(), 8);
        let error = parse(&line(9)).unwrap_err();
        assert!(error.contains("9 servers: at most 8 are asked"), "{error}");
    }

    #[test]
    fn limit_64_domains_are_published_in() {
        let line = |count| {
            let domains: Vec<String> = (0..count).map(|n| format!("d{n}.test")).collect();
            format!("domains = {domains:?}")
        };
        assert_eq!(parse(&line(64)).unwrap().domains.entries().len(), 64);
        let error = parse(&line(65)).unwrap_err();
        assert!(
            error.contains("65 domains: a host is published in at most 64"),
            "{error}"
        );
    }
}
