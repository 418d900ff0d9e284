//! A clock that moves only when a test says so.

use core::time::Duration;
use kms_core::{Clock, Now, Tick, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Both clocks of [`Now`], standing still until they are moved. Clones share one time, so a test
/// keeps one and hands another to what it tests.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now: Arc<Mutex<Now>>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Now) -> Self {
        Self {
            now: Arc::new(Mutex::new(start)),
        }
    }

    /// Lets `duration` pass, in whole milliseconds: both clocks move. Returns the new time.
    pub fn advance(&self, duration: Duration) -> Now {
        let mut now = self.lock();
        *now = now.after(duration);
        *now
    }

    /// Lets time pass until `tick`, as an engine's `poll_timeout` names it: both clocks move by
    /// what is left until then, which is nothing when that moment is past. Returns the new time.
    pub fn advance_to(&self, tick: Tick) -> Now {
        let mut now = self.lock();
        *now = now.after(tick.saturating_since(now.tick));
        *now
    }

    /// Sets the calendar clock alone, forward or back, as an administrator or a time service does.
    /// Returns the new time.
    pub fn set_wall(&self, wall: Timestamp) -> Now {
        let mut now = self.lock();
        now.wall = wall;
        *now
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // A pair of numbers is whole even after a panic in another test thread.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn start() -> Now {
        Now::new(
            Tick::from_millis(5),
            Timestamp::from_millis(1_700_000_000_000),
        )
    }

    #[test]
    fn both_clocks_advance_together() {
        let clock = ManualClock::new(start());
        assert_eq!(clock.advance(HOUR), start().after(HOUR));
        assert_eq!(clock.now(), start().after(HOUR));
    }

    #[test]
    fn setting_the_wall_clock_leaves_the_tick() {
        let clock = ManualClock::new(start());
        let back = start().wall.saturating_sub(HOUR);
        assert_eq!(clock.set_wall(back), Now::new(start().tick, back));
    }

    #[test]
    fn advancing_to_a_moment_moves_both_clocks_and_never_back() {
        let clock = ManualClock::new(start());
        assert_eq!(
            clock.advance_to(Tick::from_millis(25)),
            start().after(Duration::from_millis(20))
        );
        let there = clock.now();
        assert_eq!(clock.advance_to(Tick::ZERO), there);
    }

    #[test]
    fn clones_share_one_time() {
        let clock = ManualClock::new(start());
        let handed_out = clock.clone();
        clock.advance(HOUR);
        assert_eq!(handed_out.now(), clock.now());
    }
}
