//! What a host must hold, said as simply as it can be.

use super::THRESHOLD;
use kms_core::{Cmid, LicenseStatus};
use kms_count::{Counters, FamilySnapshot, Snapshot};
use kms_keys::Product;

/// One family: the newest of twice the threshold, and how often was asked in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    records: Vec<Cmid>,
    by_status: [u64; 7],
}

impl Model {
    /// A request is answered; with this count.
    pub(super) fn ask(&mut self, cmid: Cmid, status: LicenseStatus) -> u32 {
        self.records.retain(|&record| record != cmid);
        self.records.push(cmid);
        if self.records.len() > 2 * THRESHOLD as usize {
            self.records.remove(0);
        }
        self.by_status[status as usize] += 1;
        u32::try_from(self.records.len()).unwrap()
    }

    /// What a store holds of the family.
    pub(super) fn of(snapshot: &Snapshot, product: &Product) -> Self {
        let family = family(snapshot, product);
        let records = family.map(|f| f.records.iter().map(|r| r.cmid).collect());
        let counters = family.map_or_else(Counters::default, |f| f.counters);
        assert_eq!(counters.failed(), 0);
        assert_eq!(counters.total(), counters.by_status().iter().sum::<u64>());
        Self {
            records: records.unwrap_or_default(),
            by_status: counters.by_status(),
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }

    pub(super) fn holds(&self, cmid: Cmid) -> bool {
        self.records.contains(&cmid)
    }
}

fn family<'s>(snapshot: &'s Snapshot, product: &Product) -> Option<&'s FamilySnapshot> {
    snapshot
        .families
        .iter()
        .find(|family| family.counted_id == product.counted_id)
}
