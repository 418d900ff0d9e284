//! The bytes that all connections hold together.

use core::sync::atomic::{AtomicUsize, Ordering};

/// What each connection may hold beside the budget: as much as a usual request and its answer.
pub(super) const FREE: usize = 1024;

/// How many bytes may be held, and how many are.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    held: AtomicUsize,
}

/// One connection's part of it.
#[derive(Debug, Default)]
pub(super) struct Part {
    // Without the free part.
    held: usize,
}

impl Budget {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            held: AtomicUsize::new(0),
        }
    }

    /// Counts that a connection holds so many bytes now. False when it holds more than before and
    /// all hold too much together; it is counted nevertheless, until it is given up.
    #[must_use]
    pub(super) fn hold(&self, part: &mut Part, bytes: usize) -> bool {
        let now = bytes.saturating_sub(FREE);
        let before = core::mem::replace(&mut part.held, now);
        // Nothing but the sum is read, so nothing must be ordered by it.
        if now > before {
            let more = now - before;
            let held = self.held.fetch_add(more, Ordering::Relaxed);
            return held.saturating_add(more) <= self.limit;
        }
        if now < before {
            self.held.fetch_sub(before - now, Ordering::Relaxed);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_memory_is_met_and_not_passed_by_all_together() {
        let budget = Budget::new(1000);
        let (mut one, mut other) = (Part::default(), Part::default());
        assert!(budget.hold(&mut one, FREE + 600));
        assert!(budget.hold(&mut other, FREE + 400));
        assert!(!budget.hold(&mut other, FREE + 401));
        assert!(budget.hold(&mut other, FREE + 400), "less is never refused");
        assert!(budget.hold(&mut one, FREE));
        assert!(budget.hold(&mut other, FREE + 1000));
        assert!(!budget.hold(&mut one, FREE + 1));
        assert!(budget.hold(&mut one, 0) && budget.hold(&mut other, 0));
        assert_eq!(budget.held.into_inner(), 0);
    }

    #[test]
    fn what_every_connection_may_hold_is_not_counted() {
        let budget = Budget::new(0);
        assert!(budget.hold(&mut Part::default(), FREE));
        assert!(!budget.hold(&mut Part::default(), FREE + 1));
    }
}
