//! How much peers may fill the log.

use crate::{
    Limits,
    bucket::{Bucket, Rate},
};
use core::time::Duration;
use kms_core::Tick;
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Decides which of the lines that peers cause are written.
#[derive(Debug)]
struct LineLimit {
    rate: Rate,
    bucket: Bucket,
    suppressed: u64,
}

impl LineLimit {
    /// Whether a line may be written now; and if so, how many were not since the last one.
    fn next(&mut self, now: Tick) -> Option<u64> {
        if self.bucket.take(self.rate, now) {
            Some(core::mem::take(&mut self.suppressed))
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
            None
        }
    }

    /// How many lines are to be told of, when one may be written and there are any.
    fn overdue(&mut self, now: Tick) -> Option<u64> {
        if self.suppressed == 0 || !self.bucket.take(self.rate, now) {
            return None;
        }
        Some(core::mem::take(&mut self.suppressed))
    }
}

/// The one limit for all lines at info and above that peers cause. What a store keeps is never
/// suppressed.
#[derive(Debug)]
pub(crate) struct PeerLines {
    limit: Mutex<LineLimit>,
    epoch: Instant,
}

impl Default for PeerLines {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl PeerLines {
    pub(crate) fn new(limits: &Limits) -> Self {
        let second = Duration::from_secs(1);
        let rate = Rate::new(limits.log_lines_per_second, second, limits.log_lines_burst);
        let limit = LineLimit {
            rate,
            bucket: Bucket::default(),
            suppressed: 0,
        };
        Self {
            limit: Mutex::new(limit),
            epoch: Instant::now(),
        }
    }

    /// Whether a line may be written now. When lines before it were not, it says how many.
    pub(crate) fn allow(&self) -> bool {
        let next = self.with(LineLimit::next);
        if let Some(suppressed @ 1..) = next {
            tell(suppressed);
        }
        next.is_some()
    }

    /// Says how many lines were suppressed, if no later line did.
    pub(crate) fn tell_suppressed(&self) {
        if let Some(suppressed) = self.with(LineLimit::overdue) {
            tell(suppressed);
        }
    }

    fn with<T>(&self, ask: impl FnOnce(&mut LineLimit, Tick) -> T) -> T {
        let now = Tick::ZERO.saturating_add(self.epoch.elapsed());
        // Nothing here stops halfway.
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut limit, now)
    }
}

fn tell(suppressed: u64) {
    tracing::warn!("suppressed {suppressed} lines that peers caused");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(per_second: usize, burst: usize) -> LineLimit {
        LineLimit {
            rate: Rate::new(per_second, Duration::from_secs(1), burst),
            bucket: Bucket::default(),
            suppressed: 0,
        }
    }

    #[test]
    fn limit_log_lines_counts_what_it_suppresses_and_tells_it_once() {
        let mut limit = limit(50, 500);
        let at = Tick::from_millis;
        for _ in 0..500 {
            assert_eq!(limit.next(at(0)), Some(0));
        }
        assert_eq!(limit.next(at(0)), None);
        assert_eq!(limit.next(at(19)), None);
        assert_eq!(limit.overdue(at(19)), None);
        assert_eq!(limit.next(at(20)), Some(2));
        assert_eq!(limit.next(at(40)), Some(0));
        assert_eq!(limit.next(at(40)), None);
        assert_eq!(limit.overdue(at(60)), Some(1));
        assert_eq!(limit.overdue(at(80)), None, "there is nothing to tell");
    }

    proptest! {
        #[test]
        fn every_line_is_written_or_told_of(
            steps in prop::collection::vec((0_u64..50, any::<bool>()), 1..500),
        ) {
            let (mut limit, mut now) = (limit(50, 5), 0);
            let (mut lines, mut written, mut told) = (0, 0, 0);
            for (step, line) in steps {
                now += step;
                let at = Tick::from_millis(now);
                if line {
                    lines += 1;
                    let next = limit.next(at);
                    written += u64::from(next.is_some());
                    told += next.unwrap_or(0);
                } else {
                    told += limit.overdue(at).unwrap_or(0);
                }
                prop_assert_eq!(written + told + limit.suppressed, lines);
            }
        }
    }
}
