//! What came of an attempt.

use core::fmt;
use kms_core::{StatusCode, Timestamp};
use kms_srv::{DiscoveryEvent, HostAddress};

/// The outcome of one attempt, over all the hosts that it asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Licensed, or why not.
    pub result: Result<Activated, Failure>,
    /// The host whose verified answer decided it.
    pub host: Option<HostAddress>,
    /// That host's count.
    pub count: Option<u32>,
    /// The hosts that were tried before and failed, in order.
    pub attempts: Vec<HostAttempt>,
    /// The lookups that gave no host, in order, and whether they were used up. At most 21.
    pub lookups: Vec<DiscoveryEvent>,
}

impl Report {
    /// 0 when licensed, or the code of the failure.
    #[must_use]
    pub const fn code(&self) -> StatusCode {
        match &self.result {
            Ok(_) => StatusCode::OK,
            Err(failure) => failure.code,
        }
    }
}

/// The product is licensed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activated {
    /// Until when, if no renewal succeeds.
    pub expires: Timestamp,
}

/// The product was not activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}", code.info().map_or("no more is documented of this code", |info| info.meaning))]
#[non_exhaustive]
pub struct Failure {
    /// Why.
    pub code: StatusCode,
}

/// A host that was tried in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostAttempt {
    /// The host.
    pub host: HostAddress,
    /// Why it did not help.
    pub code: StatusCode,
    /// The same in words.
    pub reason: String,
}

impl fmt::Display for HostAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.host, self.code, self.reason)
    }
}
