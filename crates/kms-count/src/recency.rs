//! The records of one family, in the order of their last requests.
//!
//! A hash table whose slots are also threaded on a list. All records are kept equally long, so the
//! order of the last requests is the order in which they expire: whatever leaves, because its time
//! is over or to make room, leaves at the old end. However long the list is, a request touches the
//! record, its two neighbours and the newest: no memory but the table's stands between them.
//!
//! A link is the number of a bucket, which holds until the table moves its slots. It only does when
//! it is full and one more is inserted, so a full one is never inserted into, but built anew.

use crate::{compact::CompactRecord as Record, seeds::Seeds, work};
use hashbrown::HashTable;
use kms_core::{Cmid, Tick};

#[derive(Debug)]
pub(crate) struct RecencyList {
    // INVARIANT: by `older` and `newer` a list of all slots, from `oldest` to `newest`.
    table: HashTable<Slot>,
    oldest: Bucket,
    newest: Bucket,
    // INVARIANT: that of the oldest slot. Kept here because it is looked at with each request.
    next_expiry: Tick,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    record: Record,
    expires: Tick,
    older: Bucket,
    newer: Bucket,
}

/// The number of a slot's bucket in the table, or `NONE`.
type Bucket = u32;

/// No table has as many buckets.
const NONE: Bucket = Bucket::MAX;

impl RecencyList {
    /// An empty list. It holds no memory.
    pub(crate) const fn new() -> Self {
        Self {
            table: HashTable::new(),
            oldest: NONE,
            newest: NONE,
            next_expiry: Tick::MAX,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> u32 {
        number(self.table.len())
    }

    /// When the oldest record is gone.
    #[inline]
    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        (self.oldest != NONE).then_some(self.next_expiry)
    }

    /// The records, oldest to newest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record> {
        self.slots().map(|slot| slot.record)
    }

    /// Makes the record of `record`'s machine the newest, with its new time; false when there is none.
    ///
    /// `expires` must not be earlier than that of any record here, and `hash` that of the machine.
    #[inline(always)]
    pub(crate) fn renew(&mut self, hash: u64, record: Record, expires: Tick) -> bool {
        let newest = self.newest;
        let Ok(entry) = self.table.find_entry(hash, |slot| is_of(slot, record.cmid)) else {
            return false;
        };
        let bucket = number(entry.bucket_index());
        let slot = entry.into_mut();
        slot.record.last_request = record.last_request;
        slot.expires = expires;
        if bucket == newest {
            // Whether it is the oldest as well.
            if slot.older == NONE {
                self.next_expiry = expires;
            }
            return true;
        }
        let (older, newer) = (slot.older, slot.newer);
        (slot.older, slot.newer) = (newest, NONE);
        self.join(older, newer);
        if let Some(slot) = self.slot_mut(newest) {
            slot.newer = bucket;
        }
        self.newest = bucket;
        true
    }

    /// Adds the record of a machine that has none as the newest.
    ///
    /// `expires` must not be earlier than that of any record here, and `hash` that of the machine.
    pub(crate) fn add(&mut self, hash: u64, record: Record, expires: Tick, seeds: &Seeds) {
        if self.table.len() == self.table.capacity() {
            self.rebuild(seeds);
        }
        self.insert(hash, record, expires);
    }

    /// Removes the records that are gone at `clock`, tells `gone` whose they were, oldest first, and
    /// says how many.
    ///
    /// A record at the end of time, [`Tick::MAX`], never goes.
    pub(crate) fn expire(&mut self, clock: Tick, mut gone: impl FnMut(Cmid)) -> usize {
        let mut expired = 0;
        while self
            .next_expiry()
            .is_some_and(|expires| expires <= clock && expires != Tick::MAX)
            && let Some(cmid) = self.remove_oldest()
        {
            gone(cmid);
            expired += 1;
        }
        if expired > 0 && self.table.is_empty() {
            // A family that has gone silent gives its memory back.
            *self = Self::new();
        }
        expired
    }

    /// Removes the record of the machine that asked longest ago, and says whose it was.
    #[inline]
    pub(crate) fn remove_oldest(&mut self) -> Option<Cmid> {
        self.remove_at(self.oldest)
    }

    /// Removes the record of a machine, wherever in the order it stands; false when there is none.
    /// `hash` must be that of the machine.
    pub(crate) fn remove(&mut self, hash: u64, cmid: Cmid) -> bool {
        self.table
            .find_bucket_index(hash, |slot| is_of(slot, cmid))
            .and_then(|bucket| self.remove_at(number(bucket)))
            .is_some()
    }

    #[inline]
    fn remove_at(&mut self, bucket: Bucket) -> Option<Cmid> {
        work::step();
        let entry = self.table.get_bucket_entry(bucket as usize).ok()?;
        let (slot, _) = entry.remove();
        self.join(slot.older, slot.newer);
        Some(slot.record.cmid)
    }

    /// Makes two slots, or an end of the list where there is none, neighbours.
    #[inline(always)]
    fn join(&mut self, older: Bucket, newer: Bucket) {
        // Neighbours are only written to: nothing waits for a write to memory far away.
        match self.slot_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.begin_at(newer),
        }
    }

    /// Makes a slot, if there is one, the oldest.
    #[inline(never)]
    fn begin_at(&mut self, oldest: Bucket) {
        self.oldest = oldest;
        self.next_expiry = self.slot(oldest).map_or(Tick::MAX, |slot| slot.expires);
    }

    /// Adds the newest slot. The table must not be full.
    #[inline]
    fn insert(&mut self, hash: u64, record: Record, expires: Tick) {
        work::step();
        let newest = self.newest;
        let slot = Slot {
            record,
            expires,
            older: newest,
            newer: NONE,
        };
        // INVARIANT: there is room, so no hash but this one is asked for.
        let entry = self.table.insert_unique(hash, slot, |_| hash);
        let bucket = number(entry.bucket_index());
        match self.slot_mut(newest) {
            Some(slot) => slot.newer = bucket,
            None => {
                self.oldest = bucket;
                self.next_expiry = expires;
            }
        }
        self.newest = bucket;
    }

    /// Moves all to a new table: a larger one when this one is full of records, one of the same size
    /// when it is full of the marks of those that left.
    #[cold]
    fn rebuild(&mut self, seeds: &Seeds) {
        let len = self.table.len();
        // With less room to spare, the marks would soon fill it again.
        let capacity = len + len / 4 + 1;
        let mut rebuilt = Self {
            table: HashTable::with_capacity(capacity),
            ..Self::new()
        };
        for slot in self.slots() {
            let hash = seeds.hash(slot.record.cmid);
            rebuilt.insert(hash, slot.record, slot.expires);
        }
        *self = rebuilt;
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        core::iter::successors(self.slot(self.oldest), |slot| self.slot(slot.newer))
    }

    fn slot(&self, bucket: Bucket) -> Option<&Slot> {
        work::step();
        self.table.get_bucket(bucket as usize)
    }

    #[inline(always)]
    fn slot_mut(&mut self, bucket: Bucket) -> Option<&mut Slot> {
        work::step();
        self.table.get_bucket_mut(bucket as usize)
    }
}

#[inline(always)]
fn is_of(slot: &Slot, cmid: Cmid) -> bool {
    work::step();
    slot.record.cmid == cmid
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "two million records have four million buckets"
)]
const fn number(size: usize) -> u32 {
    size as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{Entropy, SeededEntropy, Timestamp};
    use std::vec::Vec;

    fn record_at(list: &mut RecencyList, seeds: &Seeds, cmid: Cmid, at: u64, capacity: u32) {
        let record = Record {
            cmid,
            last_request: Timestamp::EPOCH,
        };
        let (hash, expires) = (seeds.hash(cmid), Tick::from_millis(at));
        if !list.renew(hash, record, expires) {
            if list.len() >= capacity {
                list.remove_oldest();
            }
            list.add(hash, record, expires, seeds);
        }
    }

    fn cmids(count: usize, entropy: &mut SeededEntropy) -> Vec<Cmid> {
        (0..count).map(|_| Cmid::random(entropy)).collect()
    }

    /// The most slots that one of 2000 renewals looked at, and the slots that were looked at for
    /// each of `size` first requests and of 2 * `size` requests to the full list, on average.
    fn work(size: u32) -> (u64, u64, u64) {
        let mut entropy = SeededEntropy::new(u64::from(size));
        let seeds = Seeds::new(&mut entropy);
        let mut list = RecencyList::new();
        let machines = cmids(size as usize, &mut entropy);

        let before = work::steps();
        for (&cmid, at) in machines.iter().zip(1..) {
            record_at(&mut list, &seeds, cmid, at, size);
        }
        let filling = (work::steps() - before) / u64::from(size);

        let mut most = 0;
        for at in 0..2000 {
            let which = usize::try_from(entropy.below(size.into())).unwrap();
            let before = work::steps();
            record_at(
                &mut list,
                &seeds,
                machines[which],
                u64::from(size) + at,
                size,
            );
            most = most.max(work::steps() - before);
        }

        let before = work::steps();
        for cmid in cmids(2 * size as usize, &mut entropy) {
            record_at(&mut list, &seeds, cmid, 1 << 32, size);
        }
        let dropping = (work::steps() - before) / (2 * u64::from(size));
        assert_eq!(list.len(), size);
        (most, filling, dropping)
    }

    #[test]
    fn a_request_costs_the_same_whatever_the_size_of_the_list() {
        for size in [50, 1_000, 60_000] {
            let (renewal, filling, dropping) = work(size);
            assert!(
                renewal <= 12 && filling <= 10 && dropping <= 14,
                "{size} records: {renewal}, {filling}, {dropping}"
            );
        }
    }

    #[test]
    fn each_record_is_looked_at_a_few_times_when_all_expire_at_once() {
        let mut entropy = SeededEntropy::new(1);
        let seeds = Seeds::new(&mut entropy);
        for size in [50, 10_000] {
            let mut list = RecencyList::new();
            let machines = cmids(size, &mut entropy);
            for &cmid in &machines {
                record_at(&mut list, &seeds, cmid, 7, 1_000_000);
            }
            let before = work::steps();
            let mut gone = Vec::new();
            let expired = list.expire(Tick::from_millis(7), |cmid| gone.push(cmid));
            assert_eq!((expired, gone), (size, machines));
            let steps = work::steps() - before;
            assert!(steps <= 10 * size as u64, "{size} records: {steps}");
        }
    }

    #[test]
    fn a_machine_is_removed_from_either_end_and_from_between() {
        let mut entropy = SeededEntropy::new(3);
        let seeds = Seeds::new(&mut entropy);
        let mut list = RecencyList::new();
        let machines = cmids(5, &mut entropy);
        for (&cmid, at) in machines.iter().zip(1..) {
            record_at(&mut list, &seeds, cmid, at, 5);
        }
        for (which, left) in [(2, &[0, 1, 3, 4][..]), (0, &[1, 3, 4]), (4, &[1, 3])] {
            let cmid = machines[which];
            assert!(list.remove(seeds.hash(cmid), cmid));
            assert!(!list.remove(seeds.hash(cmid), cmid));
            let left: Vec<Cmid> = left.iter().map(|&index| machines[index]).collect();
            assert_eq!(
                list.iter().map(|record| record.cmid).collect::<Vec<_>>(),
                left
            );
        }
        assert_eq!(
            (list.len(), list.next_expiry()),
            (2, Some(Tick::from_millis(2)))
        );
    }

    #[test]
    fn memory_follows_the_records_and_not_the_capacity() {
        assert_eq!(size_of::<Slot>(), 40);
        let mut entropy = SeededEntropy::new(2);
        let seeds = Seeds::new(&mut entropy);
        let mut list = RecencyList::new();
        let held = |list: &RecencyList| list.table.capacity();
        assert_eq!(held(&list), 0);
        let machines = cmids(3, &mut entropy);
        for &cmid in &machines {
            record_at(&mut list, &seeds, cmid, 1, 2_000_000);
        }
        assert!(held(&list) <= 7, "{:?}", held(&list));
        // Places are used again, whoever left them.
        for (cmid, at) in cmids(500, &mut entropy).into_iter().zip(2..) {
            record_at(&mut list, &seeds, cmid, at, 4);
            list.expire(Tick::from_millis(at - 1), |_| ());
        }
        for (cmid, at) in cmids(4, &mut entropy).into_iter().zip(600..) {
            record_at(&mut list, &seeds, cmid, at, 4);
        }
        list.expire(Tick::from_millis(602), |_| ());
        for cmid in cmids(3, &mut entropy) {
            record_at(&mut list, &seeds, cmid, 700, 4);
        }
        assert_eq!((list.len(), held(&list)), (4, 7));
        list.expire(Tick::from_millis(1 << 40), |_| ());
        assert_eq!(held(&list), 0);
    }
}
