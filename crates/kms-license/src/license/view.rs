//! What a licence shows. Nothing here changes it.

use super::License;
use crate::{LastAnswer, Policy, state::State};
use kms_core::{
    ActivationId, ActivationInterval, Cmid, LicenseStatus, Now, RenewalInterval, StatusCode,
    Timestamp,
};

impl<V> License<V> {
    /// The licence status.
    #[must_use]
    pub const fn status(&self) -> LicenseStatus {
        self.state.status()
    }

    /// Why the status is what it is: 0 when licensed, 0x4004F00C in OOB grace, 0x4004F00D in OOT
    /// grace, 0xC004F009 in notification, 0xC004F014 without a key.
    #[must_use]
    pub const fn status_reason(&self) -> StatusCode {
        self.state.reason()
    }

    /// Whether the product is to run with reduced functionality: in notification, and only if its
    /// policy says so.
    #[must_use]
    pub const fn reduced_functionality(&self) -> bool {
        self.policy.reduced_functionality && matches!(self.state, State::Notification)
    }

    /// When the status expires, by the licence's time; `None` if it does not.
    #[must_use]
    pub const fn expires(&self) -> Option<Timestamp> {
        self.state.expires()
    }

    /// Minutes until the status expires, rounded up; 0 if it does not.
    #[must_use]
    pub fn minutes_remaining(&self, now: Now) -> u32 {
        self.state.expires().map_or(0, |expires| {
            let left = expires.saturating_since(self.clock.time(now));
            u32::try_from(left.as_millis().div_ceil(60_000)).unwrap_or(u32::MAX)
        })
    }

    /// The licence's time: the calendar clock, except that it never goes back and does not follow
    /// every jump forward.
    #[must_use]
    pub fn time(&self, now: Now) -> Timestamp {
        self.clock.time(now)
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The product.
    #[must_use]
    pub const fn activation_id(&self) -> ActivationId {
        self.activation_id
    }

    /// The client machine id.
    #[must_use]
    pub const fn cmid(&self) -> Cmid {
        self.cmid
    }

    /// The client machine id before the last rearm.
    #[must_use]
    pub const fn previous_cmid(&self) -> Option<Cmid> {
        self.previous_cmid
    }

    /// How many rearms are left.
    #[must_use]
    pub const fn rearms_left(&self) -> u32 {
        self.policy.rearms.saturating_sub(self.rearms_used)
    }

    /// The count of the last verified answer.
    #[must_use]
    pub fn last_count(&self) -> Option<u32> {
        self.last_answer.map(|answer| answer.count)
    }

    /// What is kept of the last verified answer.
    #[must_use]
    pub const fn last_answer(&self) -> Option<LastAnswer> {
        self.last_answer
    }

    /// The activation interval in force: the last answer's, before the first one the policy's.
    #[must_use]
    pub fn activation_interval(&self) -> ActivationInterval {
        self.last_answer
            .map_or(self.policy.activation_interval, |answer| {
                answer.activation_interval
            })
    }

    /// The renewal interval in force: the last answer's, before the first one the policy's.
    #[must_use]
    pub fn renewal_interval(&self) -> RenewalInterval {
        self.last_answer
            .map_or(self.policy.renewal_interval, |answer| {
                answer.renewal_interval
            })
    }
}
