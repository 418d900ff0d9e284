use kms_core::{ActivationId, Cmid, LicenseStatus, Threshold, Timestamp};

/// What a licence puts into a request; the driver adds the machine's name, the ids that it knows
/// (application, counted id) and a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestFields {
    /// The product.
    pub activation_id: ActivationId,
    /// The licence status at the time of asking.
    pub status: LicenseStatus,
    /// Minutes until that status expires, rounded up; 0 if it does not.
    pub minutes_remaining: u32,
    /// This machine.
    pub cmid: Cmid,
    /// This machine before its last rearm.
    pub previous_cmid: Option<Cmid>,
    /// N, the count that the product needs: the policy's threshold.
    pub required_count: Threshold,
    /// Whether the machine is virtual, as the driver said.
    pub virtual_machine: bool,
    /// The machine's calendar clock, as it stands: the host compares it with its own.
    pub client_time: Timestamp,
}

/// What an answer did to the licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an answer activates or it does not"
)]
pub enum Outcome {
    /// The count has reached the threshold: the product is licensed.
    Activated {
        /// Until when, if no renewal succeeds.
        expires: Timestamp,
    },
    /// The count is below the threshold (0xC004F038). The licence stays as it was, with what
    /// remains of its validity or grace, and asks again after the activation interval.
    NotEnoughCount {
        /// The host's count, this machine included.
        count: u32,
        /// The policy's threshold.
        needed: u32,
    },
}
