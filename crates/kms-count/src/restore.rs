use crate::CmidTable;
use kms_core::{Cmid, CountedId, Threshold};

/// Why a snapshot is no table: it was damaged or not made by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// More families than a table may hold.
    #[error(
        "{families} families: a table holds at most {max}; leave out those that the catalogue no longer has",
        max = CmidTable::MAX_FAMILIES
    )]
    TooManyFamilies {
        /// The number of families.
        families: usize,
    },
    /// The same family twice.
    #[error("family {counted_id} comes a second time at index {index}; leave out one of them")]
    DuplicateFamily {
        /// Which family.
        counted_id: CountedId,
        /// The index of its second place among the families.
        index: usize,
    },
    /// More records than the family's capacity.
    #[error(
        "family {counted_id} has {records} records: with a highest threshold of {threshold} it holds at most {max}; keep the newest",
        max = threshold.capacity()
    )]
    TooManyRecords {
        /// Which family.
        counted_id: CountedId,
        /// The number of its records.
        records: usize,
        /// Its highest threshold.
        threshold: Threshold,
    },
    /// The same machine twice in a family.
    #[error(
        "family {counted_id}: machine {cmid} comes a second time at index {index}; keep the newest"
    )]
    DuplicateCmid {
        /// Which family.
        counted_id: CountedId,
        /// The index of the machine's second place among the family's records.
        index: usize,
        /// Which machine.
        cmid: Cmid,
    },
}
