//! The records of one family, in the order of their last requests.
//!
//! A list threaded through a vector, and an index of it by CMID. All records are kept equally long,
//! so the order of the last requests is the order in which they expire: whatever leaves, because
//! its time is over or to make room, leaves at the old end. However long the list is, a request
//! touches the record, its two neighbours and the two ends.

use crate::{compact::CompactRecord as Record, seeds::Seeds};
use alloc::vec::Vec;
use core::num::NonZeroU32;
use hashbrown::HashTable;
use kms_core::{Cmid, Tick};

#[derive(Debug)]
pub(crate) struct RecencyList {
    // INVARIANT: holds the place of each record in the list, and no other.
    index: HashTable<Place>,
    slots: Slots,
    oldest: Option<Place>,
    newest: Option<Place>,
    // INVARIANT: the first of the slots that are not in the list, chained by `newer`.
    free: Option<Place>,
}

/// Where a record stands in the vector, counted from 1 so that an `Option` of it is four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(NonZeroU32);

#[derive(Clone, Copy, Debug)]
struct Slot {
    record: Record,
    expires: Tick,
    older: Option<Place>,
    newer: Option<Place>,
}

impl RecencyList {
    /// An empty list. It holds no memory.
    pub(crate) const fn new() -> Self {
        Self {
            index: HashTable::new(),
            slots: Slots(Vec::new()),
            oldest: None,
            newest: None,
            free: None,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        // INVARIANT: no longer than the highest capacity, two million.
        u32::try_from(self.index.len()).unwrap_or(u32::MAX)
    }

    /// When the oldest record is gone.
    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        Some(self.slots.get(self.oldest?)?.expires)
    }

    /// The records, oldest to newest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record> {
        let at = |place: Option<Place>| place.and_then(|place| self.slots.get(place));
        core::iter::successors(at(self.oldest), move |slot| at(slot.newer)).map(|slot| slot.record)
    }

    /// Makes the record of `record`'s machine the newest, with its new time; false when there is none.
    ///
    /// `expires` must not be earlier than that of any record here, and `hash` that of the machine.
    #[inline]
    pub(crate) fn renew(&mut self, hash: u64, record: Record, expires: Tick) -> bool {
        let slots = &self.slots;
        let is_same = |&place: &Place| {
            slots
                .get(place)
                .is_some_and(|slot| slot.record.cmid == record.cmid)
        };
        let Some(&place) = self.index.find(hash, is_same) else {
            return false;
        };
        self.unlink(place);
        self.link_newest(place, record, expires);
        true
    }

    /// Adds the record of a machine that has none as the newest.
    ///
    /// `expires` must not be earlier than that of any record here, and `hash` that of the machine.
    pub(crate) fn add(&mut self, hash: u64, record: Record, expires: Tick, seeds: &Seeds) {
        let Some(place) = self.free_slot(record, expires) else {
            return;
        };
        self.link_newest(place, record, expires);
        let slots = &self.slots;
        self.index.insert_unique(hash, place, |&place| {
            // INVARIANT: each place in the index has its slot.
            slots
                .get(place)
                .map_or(0, |slot| seeds.hash(slot.record.cmid))
        });
    }

    /// Removes the records that are gone at `clock`, tells `on_gone` of each, and says how many they
    /// were.
    ///
    /// A record at the end of time, [`Tick::MAX`], never goes.
    pub(crate) fn expire(
        &mut self,
        clock: Tick,
        seeds: &Seeds,
        mut on_gone: impl FnMut(Cmid),
    ) -> usize {
        let mut expired = 0;
        while self
            .next_expiry()
            .is_some_and(|expires| expires <= clock && expires != Tick::MAX)
            && let Some(cmid) = self.remove_oldest(seeds)
        {
            on_gone(cmid);
            expired += 1;
        }
        if expired > 0 && self.index.is_empty() {
            // A family that has gone silent gives its memory back.
            *self = Self::new();
        }
        expired
    }

    pub(crate) fn remove_oldest(&mut self, seeds: &Seeds) -> Option<Cmid> {
        let place = self.oldest?;
        let cmid = self.slots.get(place)?.record.cmid;
        if let Ok(entry) = self.index.find_entry(seeds.hash(cmid), |&other| {
            work::step();
            other == place
        }) {
            entry.remove();
        }
        self.unlink(place);
        if let Some(slot) = self.slots.get_mut(place) {
            slot.newer = self.free;
            self.free = Some(place);
        }
        Some(cmid)
    }

    /// Removes the record of this machine, if there is one. `hash` must be that of the machine.
    pub(crate) fn remove(&mut self, hash: u64, cmid: Cmid) {
        let slots = &self.slots;
        let is_same = |&place: &Place| {
            slots
                .get(place)
                .is_some_and(|slot| slot.record.cmid == cmid)
        };
        let Ok(entry) = self.index.find_entry(hash, is_same) else {
            return;
        };
        let (place, _) = entry.remove();
        self.unlink(place);
        if let Some(slot) = self.slots.get_mut(place) {
            slot.newer = self.free;
            self.free = Some(place);
        }
    }

    fn unlink(&mut self, place: Place) {
        let Some(&Slot { older, newer, .. }) = self.slots.get(place) else {
            return;
        };
        match older.and_then(|older| self.slots.get_mut(older)) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match newer.and_then(|newer| self.slots.get_mut(newer)) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
    }

    /// Writes a slot that is not in the list and puts it at the new end.
    fn link_newest(&mut self, place: Place, record: Record, expires: Tick) {
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Slot {
                record,
                expires,
                older: self.newest,
                newer: None,
            };
        }
        match self.newest.and_then(|newest| self.slots.get_mut(newest)) {
            Some(newest) => newest.newer = Some(place),
            None => self.oldest = Some(place),
        }
        self.newest = Some(place);
    }

    /// A slot that is not in the list; a new one where none is free.
    fn free_slot(&mut self, record: Record, expires: Tick) -> Option<Place> {
        let Some(place) = self.free else {
            return self.slots.push(Slot {
                record,
                expires,
                older: None,
                newer: None,
            });
        };
        self.free = self.slots.get(place)?.newer;
        Some(place)
    }
}

#[derive(Debug)]
struct Slots(Vec<Slot>);

impl Slots {
    fn get(&self, place: Place) -> Option<&Slot> {
        work::step();
        self.0.get(place.index())
    }

    fn get_mut(&mut self, place: Place) -> Option<&mut Slot> {
        work::step();
        self.0.get_mut(place.index())
    }

    /// The place of the new last slot; `None`, and no slot, when there are 2^32 - 1 already.
    fn push(&mut self, slot: Slot) -> Option<Place> {
        let number = u32::try_from(self.0.len()).ok()?.checked_add(1)?;
        let place = Place(NonZeroU32::new(number)?);
        self.0.push(slot);
        Some(place)
    }
}

impl Place {
    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Counts how many slots and places are looked at, in tests only.
mod work {
    #[cfg(test)]
    std::thread_local! {
        static STEPS: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
    }

    #[cfg(test)]
    pub(super) fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    #[cfg(not(test))]
    #[inline(always)]
    pub(super) const fn step() {}

    #[cfg(test)]
    pub(super) fn steps() -> u64 {
        STEPS.get()
    }
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
                list.remove_oldest(seeds);
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
                renewal <= 12 && filling <= 6 && dropping <= 14,
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
            for cmid in cmids(size, &mut entropy) {
                record_at(&mut list, &seeds, cmid, 7, 1_000_000);
            }
            let before = work::steps();
            assert_eq!(list.expire(Tick::from_millis(7), &seeds, |_| ()), size);
            let steps = work::steps() - before;
            assert!(steps <= 10 * size as u64, "{size} records: {steps}");
        }
    }

    #[test]
    fn memory_follows_the_records_and_not_the_capacity() {
        assert_eq!(size_of::<Slot>(), 40);
        let mut entropy = SeededEntropy::new(2);
        let seeds = Seeds::new(&mut entropy);
        let mut list = RecencyList::new();
        let held = |list: &RecencyList| (list.slots.0.capacity(), list.index.capacity());
        assert_eq!(held(&list), (0, 0));
        let machines = cmids(3, &mut entropy);
        for &cmid in &machines {
            record_at(&mut list, &seeds, cmid, 1, 2_000_000);
        }
        assert!(held(&list) <= (4, 3), "{:?}", held(&list));
        // Places are used again, whoever left them.
        for (cmid, at) in cmids(500, &mut entropy).into_iter().zip(2..) {
            record_at(&mut list, &seeds, cmid, at, 4);
            list.expire(Tick::from_millis(at - 1), &seeds, |_| ());
        }
        for (cmid, at) in cmids(4, &mut entropy).into_iter().zip(600..) {
            record_at(&mut list, &seeds, cmid, at, 4);
        }
        list.expire(Tick::from_millis(602), &seeds, |_| ());
        for cmid in cmids(3, &mut entropy) {
            record_at(&mut list, &seeds, cmid, 700, 4);
        }
        assert_eq!((list.len(), list.slots.0.len()), (4, 4));
        list.expire(Tick::from_millis(1 << 40), &seeds, |_| ());
        assert_eq!(held(&list), (0, 0));
    }
}
