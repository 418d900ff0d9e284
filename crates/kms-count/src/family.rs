use crate::{
    Admission, Change, Config, Counters, FamilySnapshot, Record, Request, RestoreError,
    compact::CompactRecord,
    guard::{Allowed, Guard},
    recency::RecencyList,
    seeds::Seeds,
};
use alloc::boxed::Box;
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
    // INVARIANT: knows each record and no other machine; `None` while everyone is admitted.
    guard: Option<Box<Guard>>,
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
        self.records.iter().map(|record| match &self.guard {
            Some(guard) => guard.complete(record),
            None => record.into(),
        })
    }

    pub(crate) const fn new(counted_id: CountedId, threshold: Threshold) -> Self {
        Self {
            counted_id,
            threshold,
            counters: Counters::ZERO,
            records: RecencyList::new(),
            guard: None,
        }
    }

    pub(crate) fn restore(
        snapshot: &FamilySnapshot,
        config: &Config,
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
            let expires = now
                .tick
                .saturating_add(config.retention().saturating_sub(age));
            let hash = seeds.hash(record.cmid);
            let compact = CompactRecord {
                cmid: record.cmid,
                last_request: record.last_request,
            };
            if family.records.renew(hash, compact, expires) {
                return Err(RestoreError::DuplicateCmid {
                    counted_id,
                    index,
                    cmid: record.cmid,
                });
            }
            family.records.add(hash, compact, expires, seeds);
            if let Admission::Guarded(guarded) = config.admission() {
                family.guard.get_or_insert_default().add(record, guarded);
            }
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

    #[inline(always)]
    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        self.records.next_expiry()
    }

    pub(crate) fn expire(&mut self, clock: Tick, seeds: &Seeds) -> usize {
        let Some(guard) = &mut self.guard else {
            return self.records.expire(clock, seeds, |_| ());
        };
        let expired = self.records.expire(clock, seeds, |cmid| guard.forget(cmid));
        if self.records.len() == 0 {
            self.guard = None;
        }
        expired
    }

    pub(crate) fn add_failed(&mut self, status: Option<LicenseStatus>) {
        self.counters.add_failed(status);
    }

    /// Takes note of a request of a machine that counts because everyone does.
    // Into its callers: most requests of a host that admits everyone end here.
    #[inline(always)]
    pub(crate) fn record(
        &mut self,
        request: &Request,
        wall: Timestamp,
        expires: Tick,
        seeds: &Seeds,
    ) -> (Change, Option<Cmid>) {
        self.answer(request);
        let record = CompactRecord {
            cmid: request.cmid,
            last_request: wall,
        };
        if self.records.renew(seeds.hash(record.cmid), record, expires) {
            return (Change::Renewed, None);
        }
        (Change::New, self.add(request.cmid, wall, expires, seeds))
    }

    /// Adds a machine that has no record, and says which had to leave for it.
    #[inline(never)]
    fn add(
        &mut self,
        cmid: Cmid,
        last_request: Timestamp,
        expires: Tick,
        seeds: &Seeds,
    ) -> Option<Cmid> {
        let dropped = if self.count() >= self.capacity() {
            self.records.remove_oldest(seeds)
        } else {
            None
        };
        let record = CompactRecord { cmid, last_request };
        self.records.add(seeds.hash(cmid), record, expires, seeds);
        dropped
    }

    /// Takes note of a request: of its product always, of its machine only where `config` admits it.
    /// Every admission policy stands here, between the request and the records.
    pub(crate) fn record_admitted(
        &mut self,
        request: &Request,
        config: &Config,
        wall: Timestamp,
        expires: Tick,
        seeds: &Seeds,
    ) -> (Change, Option<Cmid>) {
        if request.virtual_machine && !config.count_virtual_machines() {
            self.answer(request);
            return (Change::NotCounted, None);
        }
        let Admission::Guarded(guarded) = config.admission() else {
            return self.record(request, wall, expires, seeds);
        };
        self.answer(request);
        let allowed = Allowed {
            guarded,
            threshold: self.threshold,
        };
        let guard = self.guard.get_or_insert_default();
        guard.record(&mut self.records, request, wall, expires, allowed, seeds)
    }

    #[inline(always)]
    fn answer(&mut self, request: &Request) {
        self.threshold = self.threshold.max(request.threshold);
        self.counters.add_answered(request.license_status);
    }
}
