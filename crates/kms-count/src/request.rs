use crate::Source;
use kms_core::{Cmid, CountedId, LicenseStatus, Threshold};

/// An activation request as the count sees it: one that was understood and not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers make")]
pub struct Request {
    /// The family of products whose machines are counted together.
    pub counted_id: CountedId,
    /// The machine that asks.
    pub cmid: Cmid,
    /// What the product needs, from the host's own catalogue: never the number that a client sends.
    pub threshold: Threshold,
    /// The state of the client's licence when it asked.
    pub license_status: LicenseStatus,
    /// Whether the client says that it is a virtual machine.
    pub virtual_machine: bool,
    /// Where it came from; `None` when that is not known or no quota is to apply.
    pub source: Option<Source>,
    /// How many machines of the family may count from this source, in place of what the
    /// configuration says. It matters under [`Admission::Guarded`](crate::Admission) only.
    pub quota: Option<u32>,
}

/// What a request did to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "plain data that callers take apart"
)]
pub struct Recorded {
    /// The machines of the family that count now: what the answer says. It includes the asking
    /// machine where that machine counts.
    pub count: u32,
    /// What became of the machine's record.
    pub change: Change,
    /// The machine that had to leave a full family for this one: the oldest, and under
    /// [`Admission::Guarded`](crate::Admission) the oldest that is not established.
    pub dropped: Option<Cmid>,
    /// How many records, of all families, were found to be past their retention by this call.
    pub expired: usize,
}

/// What a request did to the record of the machine that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host must decide what each of them means for its answer"
)]
pub enum Change {
    /// The machine was not in the table and is now its newest.
    New,
    /// The machine was in the table; its time starts again and it is now the newest.
    Renewed,
    /// The machine does not count: it is a virtual machine and the configuration ignores those. It
    /// may be answered.
    NotCounted,
    /// The machine does not count: as many machines of its source count in the family as may. It
    /// may be answered, with the count of the others.
    OverQuota,
    /// The machine does not count: the family is full of established machines. It may be answered,
    /// with the count of those.
    Full,
    /// Nothing was recorded, the count is 0, and the request is counted as failed: the table holds
    /// [`MAX_FAMILIES`](crate::CmidTable::MAX_FAMILIES) families and this would be one more. The
    /// host's catalogue is too large.
    TooManyFamilies,
}
