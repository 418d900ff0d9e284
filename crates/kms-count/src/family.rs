use crate::{
    Change, Counters, FamilySnapshot, Record, Request, RestoreError, recency::RecencyList,
    seeds::Seeds,
};
use core::time::Duration;
use kms_core::{Cmid, CountedId, LicenseStatus, Now, Threshold, Tick, Timestamp};

/// A family of products whose machines are counted together, as of the table's last call with a
/// time.
#[derive(Debug)]
pub struct Family {
    counted_id: CountedId,
    threshold: Threshold,
    counters: Counters,
    // INVARIANT: no longer than the threshold's capacity.
    records: RecencyList,
}

impl Family {
    /// Which family.
    #[must_use]
    pub const fn counted_id(&self) -> CountedId {
        self.counted_id
    }

    /// The machines that count, at most [`capacity`](Self::capacity).
    #[must_use]
    pub fn count(&self) -> u32 {
        self.records.len()
    }

    /// How many machines are kept at most: twice the highest threshold. It never shrinks.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.threshold.capacity()
    }

    /// The highest threshold of a product of the family that has asked so far.
    #[must_use]
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// The family's counters. A request that failed before the family's first valid one is only in
    /// those of the whole table.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The machines that count, by their last request, oldest to newest.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        self.records.iter()
    }

    pub(crate) const fn new(counted_id: CountedId, threshold: Threshold) -> Self {
        Self {
            counted_id,
            threshold,
            counters: Counters::ZERO,
            records: RecencyList::new(),
        }
    }

    pub(crate) fn restore(
        snapshot: &FamilySnapshot,
        retention: Duration,
        seeds: &Seeds,
        now: Now,
    ) -> Result<Self, RestoreError> {
        let &FamilySnapshot {
            counted_id,
            threshold,
            counters,
            ref records,
        } = snapshot;
        let mut family = Self::new(counted_id, threshold);
        family.counters = counters;
        if records.len() > family.capacity() as usize {
            return Err(RestoreError::TooManyRecords {
                counted_id,
                records: records.len(),
                threshold,
            });
        }
        let mut age = Duration::MAX;
        for (index, record) in records.iter().enumerate() {
            // A record's machine asked after those of the records before it, whatever the calendar
            // clock said then, so it is no older than any of them.
            age = age.min(now.wall.saturating_since(record.last_request));
            let expires = now.tick.saturating_add(retention.saturating_sub(age));
            let hash = seeds.hash(record.cmid);
            if family.records.renew(hash, *record, expires) {
                return Err(RestoreError::DuplicateCmid {
                    counted_id,
                    index,
                    cmid: record.cmid,
                });
            }
            family.records.add(hash, *record, expires, seeds);
        }
        Ok(family)
    }

    pub(crate) fn snapshot(&self) -> FamilySnapshot {
        FamilySnapshot {
            counted_id: self.counted_id,
            threshold: self.threshold,
            counters: self.counters,
            records: self.records().collect(),
        }
    }

    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        self.records.next_expiry()
    }

    pub(crate) fn expire(&mut self, clock: Tick, seeds: &Seeds) -> usize {
        self.records.expire(clock, seeds)
    }

    pub(crate) fn add_failed(&mut self, status: Option<LicenseStatus>) {
        self.counters.add_failed(status);
    }

    /// Takes note of a request: of its product always, of its machine only when that is `admitted`.
    #[inline]
    pub(crate) fn record(
        &mut self,
        request: &Request,
        admitted: bool,
        wall: Timestamp,
        expires: Tick,
        seeds: &Seeds,
    ) -> (Change, Option<Cmid>) {
        self.threshold = self.threshold.max(request.threshold);
        self.counters.add_answered(request.license_status);
        if !admitted {
            return (Change::NotCounted, None);
        }
        let record = Record {
            cmid: request.cmid,
            last_request: wall,
        };
        let hash = seeds.hash(record.cmid);
        if self.records.renew(hash, record, expires) {
            return (Change::Renewed, None);
        }
        let dropped = if self.count() >= self.capacity() {
            self.records.remove_oldest(seeds)
        } else {
            None
        };
        self.records.add(hash, record, expires, seeds);
        (Change::New, dropped)
    }
}
