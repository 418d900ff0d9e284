use crate::Counters;
use alloc::vec::Vec;
use kms_core::{Cmid, CountedId, Threshold, Timestamp};

/// Everything that outlives a restart, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that a store makes")]
pub struct Snapshot {
    /// The counters over all families and the requests that belong to none.
    pub counters: Counters,
    /// The families; a table gives them by ascending counted id and takes them in any order.
    pub families: Vec<FamilySnapshot>,
}

/// A family of products whose machines are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that a store makes")]
pub struct FamilySnapshot {
    /// Which family.
    pub counted_id: CountedId,
    /// The highest threshold of a product of the family that ever asked: it sets the capacity.
    pub threshold: Threshold,
    /// The family's counters.
    pub counters: Counters,
    /// The machines by their last request, oldest to newest. The order matters and is not that of
    /// the times, because a calendar clock can be set between two requests.
    pub records: Vec<Record>,
}

/// A machine that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that a store makes")]
pub struct Record {
    /// Which machine.
    pub cmid: Cmid,
    /// When it asked last, by the host's calendar clock.
    pub last_request: Timestamp,
}
