//! What the host counts and times about itself.

use core::time::Duration;
use kms_core::{LicenseStatus, StatusCode, Timestamp};
use kms_srv::DomainName;

/// Why a peer was refused before or instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The source holds as many connections as it may.
    ConnectionsPerSource,
    /// The source connects more often than it may.
    ConnectionRate,
    /// The source asks more often than it may.
    RequestRate,
    /// A second machine asked on a connection.
    SecondCmid,
    /// The first byte, a PDU, an exchange or the reading of an answer took too long.
    Deadline,
    /// The connection was idle and its place was needed.
    Idle,
    /// All connections together hold as much memory as they may.
    Memory,
    /// The peer broke a rule of the protocol.
    Protocol,
}

/// What a host counts and times about itself, for whoever asks over HTTP.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Metrics {}

impl Metrics {
    /// A connection was accepted.
    pub const fn connection_opened(&self) {}

    /// A connection that was accepted has ended.
    pub const fn connection_closed(&self) {}

    /// A peer was refused.
    pub const fn refused(&self, _why: Refusal) {}

    /// A request was answered or refused, this long after it had been read.
    pub const fn request(
        &self,
        _code: StatusCode,
        _license_status: Option<LicenseStatus>,
        _at: Timestamp,
        _took: Duration,
    ) {
    }

    /// The store made this many entries durable, which took this long.
    pub const fn synced(&self, _entries: usize, _took: Duration) {}

    /// The store failed.
    pub const fn store_failed(&self) {}

    /// Publishing in a domain ended so.
    pub const fn published(&self, _domain: &DomainName, _code: StatusCode, _at: Timestamp) {}
}
