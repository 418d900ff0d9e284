use super::Network;
use core::time::Duration;
use kms_service::config::de;
use serde::{Deserialize, Deserializer};

/// The `[limits]` table: what one peer, and all together, may hold and ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once; at most half of the files that the process may open are taken.
    #[serde(deserialize_with = "de::at_least_one")]
    pub connections: usize,
    /// Connections at once from one source: an IPv4 address, or an IPv6 /64.
    #[serde(deserialize_with = "de::at_least_one")]
    pub connections_per_source: usize,
    /// How many connections a source may make in a second, in the long run.
    #[serde(deserialize_with = "de::at_least_one")]
    pub new_connections_per_second: usize,
    /// How many connections a source may make at once after it has made none for a while.
    #[serde(deserialize_with = "de::at_least_one")]
    pub new_connections_burst: usize,
    /// How many requests a source may make in a minute, in the long run.
    #[serde(deserialize_with = "de::at_least_one")]
    pub requests_per_minute: usize,
    /// How many requests a source may make at once after it has made none for a while.
    #[serde(deserialize_with = "de::at_least_one")]
    pub requests_burst: usize,
    /// Networks with limits of their own, such as those behind one address.
    #[serde(rename = "source")]
    pub sources: Vec<SourceLimits>,
    /// From the connection to its first byte; it shrinks as [`idle`](Self::idle) does.
    #[serde(rename = "first_byte_seconds", deserialize_with = "de::seconds")]
    pub first_byte: Duration,
    /// From the first byte of a PDU to its last. Bytes do not extend it.
    #[serde(rename = "pdu_seconds", deserialize_with = "de::seconds")]
    pub pdu: Duration,
    /// From the first byte on the connection, or behind the last answer, until the next answer has
    /// been sent, the store's work included. Bytes do not extend it.
    #[serde(rename = "exchange_seconds", deserialize_with = "de::seconds")]
    pub exchange: Duration,
    /// How long a peer may take to read what is sent to it at once.
    #[serde(rename = "write_seconds", deserialize_with = "de::seconds")]
    pub write: Duration,
    /// From an answer to the first byte of the next exchange while less than half of the
    /// connections are taken; a quarter from there on, a twentieth from 65 % on.
    #[serde(rename = "idle_seconds", deserialize_with = "de::seconds")]
    pub idle: Duration,
    /// The bytes that all connections together may hold for peers that have not sent everything, or
    /// have not read everything, beside 1 KiB for each connection.
    #[serde(deserialize_with = "de::at_least_one")]
    pub memory_bytes: usize,
    /// How many lines that peers cause the log may have in a second, in the long run.
    #[serde(deserialize_with = "de::at_least_one")]
    pub log_lines_per_second: usize,
    /// How many such lines the log may have at once after it has had none for a while.
    #[serde(deserialize_with = "de::at_least_one")]
    pub log_lines_burst: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_source: 64,
            new_connections_per_second: 20,
            new_connections_burst: 100,
            requests_per_minute: 120,
            requests_burst: 600,
            sources: Vec::new(),
            first_byte: Duration::from_secs(5),
            pdu: Duration::from_secs(5),
            exchange: Duration::from_secs(15),
            write: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            memory_bytes: 32 * 1024 * 1024,
            log_lines_per_second: 50,
            log_lines_burst: 500,
        }
    }
}

/// A `[[limits.source]]` table: other limits for each source in a network. What is left out is as
/// for everyone. Where networks lie within each other, the smallest one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SourceLimits {
    /// The network.
    #[serde(deserialize_with = "de::text")]
    pub network: Network,
    /// In the place of [`Limits::connections_per_source`].
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub connections: Option<usize>,
    /// In the place of [`Limits::new_connections_per_second`].
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub new_connections_per_second: Option<usize>,
    /// In the place of [`Limits::new_connections_burst`].
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub new_connections_burst: Option<usize>,
    /// In the place of [`Limits::requests_per_minute`].
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub requests_per_minute: Option<usize>,
    /// In the place of [`Limits::requests_burst`].
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub requests_burst: Option<usize>,
}

impl SourceLimits {
    /// A network whose sources have every limit as everyone has it.
    #[must_use]
    pub const fn new(network: Network) -> Self {
        Self {
            network,
            connections: None,
            new_connections_per_second: None,
            new_connections_burst: None,
            requests_per_minute: None,
            requests_burst: None,
        }
    }
}

fn some_at_least_one<'de, D: Deserializer<'de>>(input: D) -> Result<Option<usize>, D::Error> {
    de::at_least_one(input).map(Some)
}
