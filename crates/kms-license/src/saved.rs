use kms_core::{ActivationId, ActivationInterval, Cmid, LicenseStatus, RenewalInterval, Timestamp};

/// What must survive a restart: plain data, which the service tier writes in a format of its own
/// (with a version and a check against damage).
///
/// Whoever can write it can license the product: it is to be kept where only the service writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the service tier builds it from its file, and must know of every field"
)]
pub struct SavedState {
    /// The product.
    pub activation_id: ActivationId,
    /// This machine.
    pub cmid: Cmid,
    /// This machine before its last rearm; never the same as `cmid`.
    pub previous_cmid: Option<Cmid>,
    /// Rearms used so far. The used ones are kept, not those left, so that a vendor's new policy
    /// takes effect.
    pub rearms_used: u32,
    /// The licence status: unlicensed, licensed, OOB grace, OOT grace or notification.
    pub status: LicenseStatus,
    /// When that status expires: present for licensed and the graces, and only for them.
    pub expires: Option<Timestamp>,
    /// When the initial grace ends or ended, whatever the status: removing and installing the key
    /// again does not start another. `None` before the first key, and after a rearm without one.
    pub oob_grace_ends: Option<Timestamp>,
    /// The last verified answer.
    pub last_answer: Option<LastAnswer>,
    /// The high-water mark: the latest time that the licence has acted upon.
    pub high_water: Timestamp,
}

/// What is kept of the last verified answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the service tier builds it from its file, and must know of every field"
)]
pub struct LastAnswer {
    /// The host's count.
    pub count: u32,
    /// The activation interval that the host pushed.
    pub activation_interval: ActivationInterval,
    /// The renewal interval that the host pushed.
    pub renewal_interval: RenewalInterval,
    /// When it was processed, by the licence's time.
    pub time: Timestamp,
}
