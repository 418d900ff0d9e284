use crate::{Counters, Source};
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
    /// When it asked first since it counts, by the host's calendar clock. A table whose admission is
    /// [`Compat`](crate::Admission) does not keep it and gives `last_request`.
    pub first_request: Timestamp,
    /// Where it came from when it began to count; `None` when that is not known. Its place in the
    /// quota is there until it counts no more, wherever it asks later. A table whose admission is
    /// `Compat` does not keep it.
    pub source: Option<Source>,
}
