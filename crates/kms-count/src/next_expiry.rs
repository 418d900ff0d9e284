//! Which family loses a record next.
//!
//! A heap with at most one entry for each family. A family's next expiry only ever moves later
//! (by a renewal or because its oldest record left), so entries are left as they are until they
//! come to the top, and are mended there: a request of another family costs nothing here.

use alloc::{
    collections::{BinaryHeap, binary_heap::PeekMut},
    vec::Vec,
};
use core::cmp::Reverse;
use kms_core::Tick;

#[derive(Debug, Default)]
pub(crate) struct NextExpiries {
    // INVARIANT: no entry is later than its family's next expiry, and the top one is exact.
    heap: BinaryHeap<Reverse<(Tick, usize)>>,
    // INVARIANT: by family, whether it has an entry. A family with records has one.
    queued: Vec<bool>,
}

impl NextExpiries {
    /// Adds a family without records, and gives its number.
    pub(crate) fn add_family(&mut self) -> usize {
        self.queued.push(false);
        self.queued.len() - 1
    }

    /// The family that loses a record next, and when.
    pub(crate) fn next(&self) -> Option<(Tick, usize)> {
        self.heap.peek().map(|&Reverse(next)| next)
    }

    /// Takes note that the records of `family` have changed. `next_expiry` says when a family
    /// loses its next record.
    pub(crate) fn update(&mut self, family: usize, next_expiry: impl Fn(usize) -> Option<Tick>) {
        if let (Some(queued @ false), Some(expiry)) =
            (self.queued.get_mut(family), next_expiry(family))
        {
            *queued = true;
            self.heap.push(Reverse((expiry, family)));
        }
        while let Some(mut top) = self.heap.peek_mut() {
            let Reverse((entry, family)) = *top;
            match next_expiry(family) {
                Some(expiry) if expiry == entry => break,
                Some(expiry) => *top = Reverse((expiry, family)),
                None => {
                    PeekMut::pop(top);
                    if let Some(queued) = self.queued.get_mut(family) {
                        *queued = false;
                    }
                }
            }
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
            let mut next_expiries = NextExpiries::default();
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
                next_expiries.update(family, |family| {
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
