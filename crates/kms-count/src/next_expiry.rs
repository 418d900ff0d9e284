//! Which family loses a record next.
//!
//! The first such family stands by itself, as most requests come to ask for it, and the others in a
//! heap. A family's next expiry only ever moves later (by a renewal or because its oldest record
//! left), so the entries of the heap are left as they are until they come to the top, and are
//! mended there: a request of another family than the first costs nothing here.

use alloc::{
    collections::{BinaryHeap, binary_heap::PeekMut},
    vec::Vec,
};
use core::cmp::Reverse;
use kms_core::Tick;

#[derive(Debug)]
pub(crate) struct NextExpiries {
    // INVARIANT: exact, and no later than any entry of the heap; `NONE` only when that is empty.
    first: Entry,
    // INVARIANT: no entry is later than its family's next expiry.
    heap: BinaryHeap<Reverse<Entry>>,
    // INVARIANT: by family, whether it is the first or in the heap. A family with records is.
    queued: Vec<bool>,
}

/// When a family loses a record, and its number.
type Entry = (Tick, usize);

/// Stands where there is no family.
const NONE: Entry = (Tick::MAX, usize::MAX);

impl NextExpiries {
    pub(crate) const fn new() -> Self {
        Self {
            first: NONE,
            heap: BinaryHeap::new(),
            queued: Vec::new(),
        }
    }

    /// Adds a family without records. They are numbered from 0.
    pub(crate) fn add_family(&mut self) {
        self.queued.push(false);
    }

    /// When the next record of any family is gone; [`Tick::MAX`] when none will be.
    pub(crate) const fn tick(&self) -> Tick {
        self.first.0
    }

    /// The family that loses a record next, and when.
    pub(crate) fn next(&self) -> Option<(Tick, usize)> {
        (self.first != NONE).then_some(self.first)
    }

    /// Takes note that the records of `family` have changed and that it loses the next at `expiry`;
    /// `next_expiry` says that of any family.
    #[inline(always)]
    pub(crate) fn update(
        &mut self,
        family: usize,
        expiry: Option<Tick>,
        next_expiry: impl Fn(usize) -> Option<Tick>,
    ) {
        let (known, first) = self.first;
        if first == family {
            if expiry != Some(known) {
                self.replace_first(family, expiry, next_expiry);
            }
        } else if self.queued.get(family) == Some(&false) {
            self.enqueue(family, expiry);
        }
    }

    #[cold]
    fn enqueue(&mut self, family: usize, next_expiry: Option<Tick>) {
        let (Some(queued), Some(expiry)) = (self.queued.get_mut(family), next_expiry) else {
            return;
        };
        *queued = true;
        let mut later = (expiry, family);
        if later < self.first {
            core::mem::swap(&mut self.first, &mut later);
        }
        if later != NONE {
            self.heap.push(Reverse(later));
        }
    }

    /// Finds the first anew when `family`, which was it, has changed.
    #[inline(never)]
    fn replace_first(
        &mut self,
        family: usize,
        expiry: Option<Tick>,
        next_expiry: impl Fn(usize) -> Option<Tick>,
    ) {
        let (mut changed, mut expiry) = (family, expiry);
        loop {
            let entry = expiry.map(|expiry| (expiry, changed));
            if entry.is_none()
                && let Some(queued) = self.queued.get_mut(changed)
            {
                *queued = false;
            }
            self.first = entry.unwrap_or(NONE);
            let Some(mut top) = self.heap.peek_mut() else {
                return;
            };
            let Reverse(next) = *top;
            match entry {
                Some(entry) if entry < next => return,
                Some(entry) => *top = Reverse(entry),
                None => {
                    PeekMut::pop(top);
                }
            }
            changed = next.1;
            expiry = next_expiry(changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use kms_core::{Entropy, SeededEntropy};

    #[test]
    fn the_next_expiry_is_exact_and_found_in_a_few_looks_however_many_families_there_are() {
        for families in [1_usize, 30, 3_000] {
            let mut entropy = SeededEntropy::new(9);
            let mut next_expiries = NextExpiries::new();
            let mut expiries: Vec<Option<Tick>> = Vec::new();
            for _ in 0..families {
                next_expiries.add_family();
                expiries.push(None);
            }
            let looks = Cell::new(0_u64);
            let requests = 6_000;
            for tick in 0..requests {
                let family = usize::try_from(entropy.below(families as u64)).unwrap();
                // Now and then a family loses all it has.
                let is_emptied = expiries[family].is_some() && entropy.below(10) == 0;
                expiries[family] = (!is_emptied).then(|| Tick::from_millis(tick));
                let expiry = expiries[family];
                next_expiries.update(family, expiry, |family| {
                    looks.set(looks.get() + 1);
                    expiries[family]
                });
                if tick % 100 == 0 {
                    let first = (0..families)
                        .filter_map(|family| Some((expiries[family]?, family)))
                        .min();
                    assert_eq!(next_expiries.next(), first);
                }
            }
            let looks = looks.get();
            assert!(looks <= 4 * requests, "{families} families: {looks}");
        }
    }
}
