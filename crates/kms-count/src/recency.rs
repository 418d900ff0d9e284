//! The records of one family, in the order of their last requests.
//!
//! A list threaded through a vector, and an index of it by CMID. All records are kept equally long,
//! so the order of the last requests is the order in which they expire: whatever leaves, because
//! its time is over or to make room, leaves at the old end. However long the list is, a request
//! touches the record, its two neighbours and the two ends.

use crate::{Change, Record, seeds::Seeds};
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

    /// Makes `record` the newest, in place of the one that its machine had or else, where `capacity`
    /// records are there, in place of the oldest, which is returned.
    ///
    /// `expires` must not be earlier than in any call before.
    pub(crate) fn record(
        &mut self,
        record: Record,
        expires: Tick,
        capacity: u32,
        seeds: &Seeds,
    ) -> (Change, Option<Cmid>) {
        let hash = seeds.hash(record.cmid);
        let slots = &self.slots;
        let is_same = |&place: &Place| {
            slots
                .get(place)
                .is_some_and(|slot| slot.record.cmid == record.cmid)
        };
        if let Some(&place) = self.index.find(hash, is_same) {
            self.unlink(place);
            self.link_newest(place, record, expires);
            return (Change::Renewed, None);
        }
        let dropped = if self.len() >= capacity {
            self.remove_oldest(seeds)
        } else {
            None
        };
        if let Some(place) = self.free_slot(record, expires) {
            self.link_newest(place, record, expires);
            let slots = &self.slots;
            self.index.insert_unique(hash, place, |&place| {
                // INVARIANT: each place in the index has its slot.
                slots
                    .get(place)
                    .map_or(0, |slot| seeds.hash(slot.record.cmid))
            });
        }
        (Change::New, dropped)
    }

    /// Removes the records that are gone at `clock`, and says how many they were.
    ///
    /// A record at the end of time, [`Tick::MAX`], never goes.
    pub(crate) fn expire(&mut self, clock: Tick, seeds: &Seeds) -> usize {
        let mut expired = 0;
        while self
            .next_expiry()
            .is_some_and(|expires| expires <= clock && expires != Tick::MAX)
            && self.remove_oldest(seeds).is_some()
        {
            expired += 1;
        }
        if expired > 0 && self.index.is_empty() {
            // A family that has gone silent gives its memory back.
            *self = Self::new();
        }
        expired
    }

    fn remove_oldest(&mut self, seeds: &Seeds) -> Option<Cmid> {
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
