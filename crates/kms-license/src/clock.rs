//! What time it is for a licence: a time that never goes back, made of a clock that can be set and
//! one that only moves forward. The rules are the table in the crate's documentation.

use core::time::Duration;
use kms_core::{Now, Tick, Timestamp};

/// How far the calendar clock may run ahead of the tick within a process before it is doubted, and
/// how far a host's time may be from the calendar clock to say anything about it.
pub const MAX_UNPROVEN_FORWARD: Duration = Duration::from_secs(24 * 3600);

/// How far the calendar clock may be behind the licence's time before it is reported.
pub const SUSPECT_BACKWARD: Duration = Duration::from_secs(3600);

/// How long a forward jump is not believed, while renewal is tried.
pub const CLOCK_HOLD: Duration = Duration::from_secs(2 * 3600);

/// A verified answer lowers the high-water mark to this much before the host's time.
pub const TRUSTED_HOST_LAG: Duration = Duration::from_secs(5 * 60);

/// How the calendar clock was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockMove {
    /// It stands more than [`SUSPECT_BACKWARD`] before the licence's time, which does not go back
    /// with it. Reported once until the two have met again. A host is asked at once.
    Backward {
        /// How far it is behind.
        by: Duration,
    },
    /// It has jumped more than [`MAX_UNPROVEN_FORWARD`] ahead, and is not believed for
    /// [`CLOCK_HOLD`]. A host is asked at once.
    ForwardHeld {
        /// How far it is ahead.
        by: Duration,
    },
    /// The hold is over, no host has said otherwise, and the clock still stands there: it is believed.
    ForwardAccepted {
        /// How far it was ahead.
        by: Duration,
    },
}

/// INVARIANT: `steady <= mark <= steady + MAX_UNPROVEN_FORWARD` after each [`advance`](Self::advance),
/// where steady is the anchor's time and the ticks since.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// When and at which licence time the tick began to be counted.
    anchor_tick: Tick,
    anchor: Timestamp,
    /// The latest time acted upon.
    mark: Timestamp,
    /// Until when a forward jump is not believed.
    held_until: Option<Tick>,
    /// The clock is behind, and that was reported.
    behind: bool,
}

impl Clock {
    /// A clock at the start of a process. The machine may have been off, so a calendar clock that
    /// is ahead of the saved mark is believed.
    pub(crate) fn new(saved_mark: Option<Timestamp>, now: Now) -> Self {
        let start = saved_mark.map_or(now.wall, |mark| mark.max(now.wall));
        Self {
            anchor_tick: now.tick,
            anchor: start,
            mark: start,
            held_until: None,
            behind: false,
        }
    }

    /// The licence's time: the latest of the mark, the time by the tick, and the calendar clock
    /// where it is believed.
    pub(crate) fn time(&self, now: Now) -> Timestamp {
        self.mark.max(self.flowing(now))
    }

    /// What becomes of the licence's time if nobody sets the clock: it stands still at the mark
    /// until this has caught up.
    fn flowing(&self, now: Now) -> Timestamp {
        let steady = self.steady(now.tick);
        if self.believes(now) {
            steady.max(now.wall)
        } else {
            steady
        }
    }

    fn steady(&self, tick: Tick) -> Timestamp {
        self.anchor
            .saturating_add(tick.saturating_since(self.anchor_tick))
    }

    fn believes(&self, now: Now) -> bool {
        let ahead = now.wall.saturating_since(self.steady(now.tick));
        ahead <= MAX_UNPROVEN_FORWARD || self.held_until.is_some_and(|until| until <= now.tick)
    }

    /// The tick at which the licence's time will be `moment`, if nobody sets the clock.
    pub(crate) fn tick_of(&self, moment: Timestamp, now: Now) -> Tick {
        if moment <= self.mark {
            now.tick
        } else {
            now.tick
                .saturating_add(moment.saturating_since(self.flowing(now)))
        }
    }

    pub(crate) const fn held_until(&self) -> Option<Tick> {
        self.held_until
    }

    /// Takes both clocks' readings into the mark.
    pub(crate) fn advance(&mut self, now: Now) -> Option<ClockMove> {
        let ahead = now.wall.saturating_since(self.steady(now.tick));
        let mut moved = None;
        if ahead <= MAX_UNPROVEN_FORWARD {
            self.held_until = None;
        } else {
            match self.held_until {
                None => {
                    self.held_until = Some(now.tick.saturating_add(CLOCK_HOLD));
                    moved = Some(ClockMove::ForwardHeld { by: ahead });
                }
                Some(until) if until <= now.tick => {
                    self.anchor_tick = now.tick;
                    self.anchor = now.wall;
                    self.held_until = None;
                    moved = Some(ClockMove::ForwardAccepted { by: ahead });
                }
                Some(_) => {}
            }
        }
        self.mark = self.time(now);
        let behind = self.mark.saturating_since(now.wall);
        let suspect = behind > SUSPECT_BACKWARD;
        if suspect && !self.behind {
            moved = Some(ClockMove::Backward { by: behind });
        }
        self.behind = suspect;
        moved
    }

    /// A verified answer, whose host time says that the calendar clock is right: a mark that is
    /// ahead of both is lowered, and a jump that was held is believed.
    ///
    /// The host's time only ever lowers the mark, and never below the calendar clock: neither a
    /// host that lies nor a clock that was set can do more than the two of them together.
    pub(crate) fn confirm(&mut self, host_time: Timestamp, now: Now) {
        if now.wall.distance(host_time) <= MAX_UNPROVEN_FORWARD {
            let proven = host_time.saturating_sub(TRUSTED_HOST_LAG);
            self.mark = now.wall.max(self.mark.min(proven));
            self.anchor_tick = now.tick;
            self.anchor = self.mark;
            self.held_until = None;
            self.behind = self.mark.saturating_since(now.wall) > SUSPECT_BACKWARD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(86_400);

    fn start() -> Now {
        Now::new(Tick::ZERO, Timestamp::from_millis(1_700_000_000_000))
    }

    fn set_forward(now: Now, by: Duration) -> Now {
        Now::new(now.tick, now.wall.saturating_add(by))
    }

    fn set_back(now: Now, by: Duration) -> Now {
        Now::new(now.tick, now.wall.saturating_sub(by))
    }

    #[test]
    fn time_goes_on_by_the_tick_when_the_clock_is_set_back() {
        let mut clock = Clock::new(None, start());
        let now = set_back(start().after(DAY), 100 * DAY);
        assert_eq!(
            clock.advance(now),
            Some(ClockMove::Backward { by: 100 * DAY })
        );
        assert_eq!(clock.time(now), start().after(DAY).wall);
        assert_eq!(clock.advance(now.after(DAY)), None);
        assert_eq!(clock.time(now.after(DAY)), start().after(2 * DAY).wall);
    }

    #[test]
    fn a_step_back_of_up_to_an_hour_is_not_reported() {
        let mut clock = Clock::new(None, start());
        assert_eq!(clock.advance(set_back(start(), HOUR)), None);
        let more = HOUR + Duration::from_millis(1);
        assert_eq!(
            clock.advance(set_back(start(), more)),
            Some(ClockMove::Backward { by: more })
        );
    }

    #[test]
    fn a_step_forward_of_up_to_a_day_is_believed_at_once() {
        let mut clock = Clock::new(None, start());
        let now = set_forward(start(), DAY);
        assert_eq!(clock.advance(now), None);
        assert_eq!(clock.time(now), now.wall);
    }

    #[test]
    fn small_steps_forward_add_up_to_no_more_than_a_day_before_they_are_held() {
        let mut clock = Clock::new(None, start());
        let now = set_forward(start().after(HOUR), 20 * HOUR);
        assert_eq!(clock.advance(now), None);
        let again = set_forward(now.after(HOUR), 20 * HOUR);
        assert_eq!(
            clock.advance(again),
            Some(ClockMove::ForwardHeld { by: 40 * HOUR })
        );
        assert!(clock.time(again) <= start().after(26 * HOUR).wall);
    }

    #[test]
    fn a_longer_jump_is_believed_after_two_hours_and_not_before() {
        let mut clock = Clock::new(None, start());
        let jumped = set_forward(start(), 400 * DAY);
        assert_eq!(
            clock.advance(jumped),
            Some(ClockMove::ForwardHeld { by: 400 * DAY })
        );
        let almost = jumped.after(CLOCK_HOLD - Duration::from_millis(1));
        assert_eq!(clock.advance(almost), None);
        assert!(clock.time(almost) < start().after(CLOCK_HOLD).wall);
        let over = jumped.after(CLOCK_HOLD);
        assert_eq!(
            clock.advance(over),
            Some(ClockMove::ForwardAccepted { by: 400 * DAY })
        );
        assert_eq!(clock.time(over), over.wall);
        assert_eq!(clock.held_until(), None);
    }

    #[test]
    fn a_jump_that_is_taken_back_within_the_hold_leaves_no_trace() {
        let mut clock = Clock::new(None, start());
        assert!(clock.advance(set_forward(start(), 400 * DAY)).is_some());
        let now = start().after(HOUR);
        assert_eq!(clock.advance(now), None);
        assert_eq!(clock.time(now), now.wall);
        assert_eq!(clock.held_until(), None);
    }

    #[test]
    fn a_host_lowers_the_mark_to_five_minutes_before_its_time_but_not_below_the_clock() {
        let ahead = start().wall.saturating_add(400 * DAY);
        for (host, wanted) in [
            (
                start().wall.saturating_add(HOUR),
                start().wall.saturating_add(HOUR - TRUSTED_HOST_LAG),
            ),
            (start().wall, start().wall),
            (start().wall.saturating_sub(HOUR), start().wall),
        ] {
            let mut clock = Clock::new(Some(ahead), start());
            clock.confirm(host, start());
            assert_eq!(clock.time(start()), wanted);
        }
    }

    #[test]
    fn a_host_never_raises_the_mark_above_the_clock() {
        let mut clock = Clock::new(None, start());
        clock.confirm(start().wall.saturating_add(DAY), start());
        assert_eq!(clock.time(start()), start().wall);
    }

    #[test]
    fn a_host_more_than_a_day_from_the_clock_says_nothing_about_it() {
        let ahead = start().wall.saturating_add(400 * DAY);
        let mut clock = Clock::new(Some(ahead), start());
        let more = DAY + Duration::from_millis(1);
        clock.confirm(start().wall.saturating_add(more), start());
        clock.confirm(start().wall.saturating_sub(more), start());
        clock.confirm(Timestamp::from_millis(i64::MAX), start());
        clock.confirm(Timestamp::from_millis(i64::MIN), start());
        assert_eq!(clock.time(start()), ahead);
    }

    #[test]
    fn a_host_ends_the_hold_of_a_jump_that_it_confirms() {
        let mut clock = Clock::new(None, start());
        let jumped = set_forward(start(), 400 * DAY);
        assert!(clock.advance(jumped).is_some());
        clock.confirm(jumped.wall, jumped);
        assert_eq!(clock.time(jumped), jumped.wall);
        assert_eq!(clock.advance(jumped), None);
        assert_eq!(clock.held_until(), None);
    }

    #[test]
    fn the_tick_of_a_moment_is_when_the_standing_mark_has_been_caught_up() {
        let mut clock = Clock::new(None, start());
        assert_eq!(clock.advance(set_forward(start(), 20 * HOUR)), None);
        // Back to the truth: time stands at 20 hours until the tick is there.
        let now = start().after(HOUR);
        assert!(clock.advance(now).is_some());
        assert_eq!(clock.time(now), start().after(20 * HOUR).wall);
        let moment = start().after(21 * HOUR);
        assert_eq!(clock.tick_of(moment.wall, now), moment.tick);
        assert_eq!(clock.tick_of(start().wall, now), now.tick);
    }
}
