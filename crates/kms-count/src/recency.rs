//! The records of one family, in the order of their last requests.
//!
//! A hash table with linear probing, whose slots are also threaded on a list. All records are kept
//! equally long, so the order of the last requests is the order in which they expire: whatever
//! leaves, because its time is over or to make room, leaves at the old end. However long the list
//! is, a request reads its record and writes to that, its two neighbours and the newest. Key, times
//! and links stand together in the slot that the hash chooses: in a large table a renewal waits for
//! memory once, and for what it only writes to not at all.
//!
//! Nothing is marked as deleted: the slots behind one that becomes empty move up, so a table that
//! always changes is never built anew.

use crate::{compact::CompactRecord as Record, seeds::Seeds, work};
use alloc::{vec, vec::Vec};
use kms_core::{Cmid, Tick, Timestamp};

#[derive(Debug)]
pub(crate) struct RecencyList {
    // INVARIANT: none or a power of two, at least half of them empty. From the slot that its hash
    // chooses to the one where a record stands, none is empty. By `older` and `newer` all records
    // are a list, from `oldest` to `newest`.
    slots: Vec<Slot>,
    len: u32,
    oldest: Place,
    newest: Place,
    // INVARIANT: that of the oldest record. Kept here because each request looks at it.
    next_expiry: Tick,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The CMID; nil, which none is, in an empty slot.
    id: [u8; 16],
    last_request: Timestamp,
    expires: Tick,
    older: Place,
    newer: Place,
}

/// The index of a slot, or `NONE`.
type Place = u32;

/// No table has as many slots.
const NONE: Place = Place::MAX;

impl RecencyList {
    const LEAST_SLOTS: usize = 8;

    /// An empty list. It holds no memory.
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
            oldest: NONE,
            newest: NONE,
            next_expiry: Tick::MAX,
        }
    }

    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// When the oldest record is gone.
    #[inline]
    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        (self.oldest != NONE).then_some(self.next_expiry)
    }

    /// The records, oldest to newest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record> {
        core::iter::successors(self.slot(self.oldest), |slot| self.slot(slot.newer))
            .filter_map(Slot::record)
    }

    /// Makes the record of `record`'s machine the newest, with its new time; false when there is none.
    ///
    /// `expires` must not be earlier than that of any record here, and `hash` that of the machine.
    #[inline(always)]
    pub(crate) fn renew(&mut self, hash: u64, record: Record, expires: Tick) -> bool {
        let newest = self.newest;
        let Some(place) = self.find(hash, record.cmid) else {
            return false;
        };
        let Some(slot) = self.slot_mut(place) else {
            return false;
        };
        slot.last_request = record.last_request;
        slot.expires = expires;
        if place == newest {
            // It may be the oldest as well.
            if slot.older == NONE {
                self.next_expiry = expires;
            }
            return true;
        }
        let (older, newer) = (slot.older, slot.newer);
        (slot.older, slot.newer) = (newest, NONE);
        self.join(older, newer);
        if let Some(slot) = self.slot_mut(newest) {
            slot.newer = place;
        }
        self.newest = place;
        true
    }

    /// Adds the record of a machine that has none as the newest.
    ///
    /// `expires` must not be earlier than that of any record here, and `hash` that of the machine.
    pub(crate) fn add(&mut self, hash: u64, record: Record, expires: Tick, seeds: &Seeds) {
        if self.len as usize >= self.slots.len() / 2 {
            self.grow(seeds);
        }
        self.insert(hash, record, expires);
    }

    /// Removes the records that are gone at `clock`, tells `gone` whose they were, oldest first, and
    /// says how many.
    ///
    /// A record at the end of time, [`Tick::MAX`], never goes.
    pub(crate) fn expire(
        &mut self,
        clock: Tick,
        seeds: &Seeds,
        mut gone: impl FnMut(Cmid),
    ) -> usize {
        let mut expired = 0;
        while self
            .next_expiry()
            .is_some_and(|expires| expires <= clock && expires != Tick::MAX)
            && let Some(cmid) = self.remove_oldest(seeds)
        {
            gone(cmid);
            expired += 1;
        }
        if expired > 0 && self.len == 0 {
            // A family that has gone silent gives its memory back.
            *self = Self::new();
        }
        expired
    }

    /// Removes the record of the machine that asked longest ago, and says whose it was.
    pub(crate) fn remove_oldest(&mut self, seeds: &Seeds) -> Option<Cmid> {
        self.remove_at(self.oldest, seeds)
    }

    /// Removes the record of a machine, wherever in the order it stands; false when there is none.
    /// `hash` must be that of the machine.
    pub(crate) fn remove(&mut self, hash: u64, cmid: Cmid, seeds: &Seeds) -> bool {
        self.find(hash, cmid)
            .and_then(|place| self.remove_at(place, seeds))
            .is_some()
    }

    #[inline(always)]
    fn find(&self, hash: u64, cmid: Cmid) -> Option<Place> {
        let id = *cmid.as_uuid().as_bytes();
        let mut at = self.home(hash);
        // INVARIANT: ends, as there are empty slots.
        loop {
            let slot = self.slot(at)?;
            if slot.id == id {
                return Some(at);
            }
            if slot.is_empty() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// Adds the newest record. There must be an empty slot to spare.
    #[inline]
    fn insert(&mut self, hash: u64, record: Record, expires: Tick) {
        let mut place = self.home(hash);
        while self.slot(place).is_some_and(|slot| !slot.is_empty()) {
            place = self.after(place);
        }
        let newest = self.newest;
        if let Some(slot) = self.slot_mut(place) {
            *slot = Slot {
                id: *record.cmid.as_uuid().as_bytes(),
                last_request: record.last_request,
                expires,
                older: newest,
                newer: NONE,
            };
        }
        match self.slot_mut(newest) {
            Some(slot) => slot.newer = place,
            None => {
                self.oldest = place;
                self.next_expiry = expires;
            }
        }
        self.newest = place;
        self.len += 1;
    }

    fn remove_at(&mut self, place: Place, seeds: &Seeds) -> Option<Cmid> {
        let slot = self.slot(place)?;
        let (cmid, older, newer) = (slot.cmid()?, slot.older, slot.newer);
        self.join(older, newer);
        self.len -= 1;
        let (mut hole, mut at) = (place, self.after(place));
        while let Some(cmid) = self.slot(at).and_then(Slot::cmid) {
            let home = self.home(seeds.hash(cmid));
            // Whatever would not be found behind the hole moves into it.
            if self.distance(home, at) >= self.distance(hole, at) {
                self.move_slot(at, hole);
                hole = at;
            }
            at = self.after(at);
        }
        if let Some(slot) = self.slot_mut(hole) {
            slot.id = Slot::EMPTY.id;
        }
        Some(cmid)
    }

    /// Moves a slot to another place, and its neighbours' links with it.
    fn move_slot(&mut self, from: Place, to: Place) {
        let Some(&slot) = self.slot(from) else {
            return;
        };
        if let Some(moved) = self.slot_mut(to) {
            *moved = slot;
        }
        match self.slot_mut(slot.older) {
            Some(older) => older.newer = to,
            None => self.oldest = to,
        }
        match self.slot_mut(slot.newer) {
            Some(newer) => newer.older = to,
            None => self.newest = to,
        }
    }

    /// Makes two slots, or an end of the list where there is none, neighbours.
    #[inline(always)]
    fn join(&mut self, older: Place, newer: Place) {
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
    fn begin_at(&mut self, oldest: Place) {
        self.oldest = oldest;
        self.next_expiry = self.slot(oldest).map_or(Tick::MAX, |slot| slot.expires);
    }

    /// Moves all to twice as many slots.
    #[cold]
    fn grow(&mut self, seeds: &Seeds) {
        let slots = Self::LEAST_SLOTS.max(2 * self.slots.len());
        let mut grown = Self {
            slots: vec![Slot::EMPTY; slots],
            ..Self::new()
        };
        let mut place = self.oldest;
        while let Some(slot) = self.slot(place) {
            if let Some(record) = slot.record() {
                grown.insert(seeds.hash(record.cmid), record, slot.expires);
            }
            place = slot.newer;
        }
        *self = grown;
    }

    /// Where a look-up begins.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits choose")]
    const fn home(&self, hash: u64) -> Place {
        hash as Place & self.mask()
    }

    #[inline(always)]
    const fn after(&self, place: Place) -> Place {
        place.wrapping_add(1) & self.mask()
    }

    const fn distance(&self, from: Place, to: Place) -> Place {
        to.wrapping_sub(from) & self.mask()
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "two million records have four million slots"
    )]
    const fn mask(&self) -> Place {
        (self.slots.len() as Place).wrapping_sub(1)
    }

    #[inline(always)]
    fn slot(&self, place: Place) -> Option<&Slot> {
        work::step();
        self.slots.get(place as usize)
    }

    #[inline(always)]
    fn slot_mut(&mut self, place: Place) -> Option<&mut Slot> {
        work::step();
        self.slots.get_mut(place as usize)
    }
}

impl Slot {
    const EMPTY: Self = Self {
        id: [0; 16],
        last_request: Timestamp::EPOCH,
        expires: Tick::MAX,
        older: NONE,
        newer: NONE,
    };

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.id == Self::EMPTY.id
    }

    #[inline(always)]
    fn cmid(&self) -> Option<Cmid> {
        Cmid::from_bytes(&self.id).ok()
    }

    fn record(&self) -> Option<Record> {
        Some(Record {
            cmid: self.cmid()?,
            last_request: self.last_request,
        })
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
                renewal <= 32 && filling <= 12 && dropping <= 20,
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
            let expired = list.expire(Tick::from_millis(7), &seeds, |cmid| gone.push(cmid));
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
            assert!(list.remove(seeds.hash(cmid), cmid, &seeds));
            assert!(!list.remove(seeds.hash(cmid), cmid, &seeds));
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
    fn whoever_leaves_from_a_crowded_table_the_others_are_found_and_in_order() {
        let mut entropy = SeededEntropy::new(4);
        let seeds = Seeds::new(&mut entropy);
        let machines = cmids(40, &mut entropy);
        let (mut list, mut expected) = (RecencyList::new(), Vec::new());
        for at in 1..4_000 {
            let cmid = machines[usize::try_from(entropy.below(40)).unwrap()];
            let known = expected.iter().position(|&other| other == cmid);
            if let Some(index) = known {
                expected.remove(index);
            }
            if entropy.below(3) == 0 {
                assert_eq!(list.remove(seeds.hash(cmid), cmid, &seeds), known.is_some());
            } else {
                record_at(&mut list, &seeds, cmid, at, 32);
                expected.push(cmid);
                if expected.len() > 32 {
                    expected.remove(0);
                }
            }
            let cmids = list.iter().map(|record| record.cmid);
            assert!(cmids.eq(expected.iter().copied()));
            assert_eq!(list.len() as usize, expected.len());
            let first = list.slot(list.oldest).map(|slot| slot.expires);
            assert_eq!(list.next_expiry(), first);
        }
    }

    #[test]
    fn memory_follows_the_records_and_not_the_capacity() {
        assert_eq!(size_of::<Slot>(), 40);
        let mut entropy = SeededEntropy::new(2);
        let seeds = Seeds::new(&mut entropy);
        let mut list = RecencyList::new();
        let held = |list: &RecencyList| list.slots.len();
        assert_eq!(held(&list), 0);
        let machines = cmids(3, &mut entropy);
        for &cmid in &machines {
            record_at(&mut list, &seeds, cmid, 1, 2_000_000);
        }
        assert!(held(&list) <= 8, "{:?}", held(&list));
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
        assert_eq!((list.len(), held(&list)), (4, 8));
        list.expire(Tick::from_millis(1 << 40), &seeds, |_| ());
        assert_eq!(held(&list), 0);
    }
}
