use core::time::Duration;
use kms_service::config::de;
use serde::Deserialize;

/// The `[limits]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once; at most half of the files that the process may open are taken.
    #[serde(deserialize_with = "de::at_least_one")]
    pub connections: usize,
    /// Connections at once from one address (for IPv6, from one /64).
    #[serde(deserialize_with = "de::at_least_one")]
    pub connections_per_source: usize,
    /// From the connection, or the last answer, until the next answer has been sent, the store's
    /// work included. Bytes do not extend it. The connection is then closed without a word.
    #[serde(rename = "exchange_seconds", deserialize_with = "de::seconds")]
    pub exchange: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_source: 64,
            exchange: Duration::from_secs(15),
        }
    }
}
