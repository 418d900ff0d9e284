use core::time::Duration;
use kms_service::config::de;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::path::PathBuf;

/// The `[store]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreConfig {
    /// The database file. It is made if it is missing.
    pub path: PathBuf,
    /// What an answer waits for.
    pub durability: Durability,
    /// How long events are kept.
    #[serde(rename = "events_days", deserialize_with = "de::days")]
    pub events_kept: Duration,
    /// How much the events may take up, in bytes; the oldest go first. A key of megabytes, 1 to
    /// 65,536.
    #[serde(rename = "events_megabytes", deserialize_with = "megabytes")]
    pub events_bytes: u64,
    /// How long a client is kept after its last request.
    #[serde(rename = "clients_days", deserialize_with = "de::days")]
    pub clients_kept: Duration,
    /// How many clients are kept; those that have not asked for longest go first.
    #[serde(deserialize_with = "de::at_least_one")]
    pub clients: usize,
    /// Whether the file may lie on a network filesystem, where a store may be damaged.
    pub allow_network_filesystem: bool,
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// That its request is on the disk: a host that stops in any way forgets no machine that it answered.
    #[default]
    Commit,
    /// For nothing: the store is not used and the count starts anew with the process, as the
    /// documents describe of old hosts.
    Memory,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("host.db"),
            durability: Durability::default(),
            events_kept: 90 * DAY,
            events_bytes: 256 * MEGABYTE,
            clients_kept: 180 * DAY,
            clients: 200_000,
            allow_network_filesystem: false,
        }
    }
}

fn megabytes<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let megabytes = u64::deserialize(input)?;
    if (1..=MAX_MEGABYTES).contains(&megabytes) {
        Ok(megabytes * MEGABYTE)
    } else {
        Err(D::Error::custom(format_args!(
            "{megabytes} megabytes: allowed are 1 to {MAX_MEGABYTES}"
        )))
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const MEGABYTE: u64 = 1024 * 1024;
const MAX_MEGABYTES: u64 = 65_536;
