use core::net::{IpAddr, SocketAddr};
use kms_service::config::de;
use kms_srv::{DomainName, PublishList, ServiceName};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::PathBuf;

/// The `[dns]` table: publishing the host's SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DnsConfig {
    /// The zones' primary server.
    pub server: SocketAddr,
    /// TSIG key file in BIND's form. Every update is signed, and only a signed answer counts.
    pub key_file: PathBuf,
    /// The name that the SRV record points at; the certificate's name if `None`.
    #[serde(default, deserialize_with = "de::some_text")]
    pub host_name: Option<DomainName>,
    /// The addresses published for that name.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Publish list; empty means the domain of the host name.
    #[serde(default, deserialize_with = "publish_list")]
    pub domains: PublishList,
    /// The SRV service.
    #[serde(default, deserialize_with = "de::text")]
    pub service: ServiceName,
    /// Time to live of the records, in seconds.
    #[serde(default = "one_hour")]
    pub ttl: u32,
}

const fn one_hour() -> u32 {
    3600
}

fn publish_list<'de, D: Deserializer<'de>>(input: D) -> Result<PublishList, D::Error> {
    let lines = Vec::<String>::deserialize(input)?;
    PublishList::from_lines(lines.iter().map(String::as_str)).map_err(D::Error::custom)
}
