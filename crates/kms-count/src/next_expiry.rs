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
