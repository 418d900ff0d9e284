use alloc::collections::VecDeque;
use core::time::Duration;
use kms_core::Tick;

/// When a host's records in one domain are published, looked at, and given up. One for each domain.
///
/// A publication is due at once, then every [`refresh`](PublishTimes::refresh) after a success and, after a
/// failure, when the back-off is over. Between publications a look asks the zone's primary whether
/// our own SRV record is still there. Each time it is gone it is published again, until that has happened
/// too often: then somebody else removes it on purpose, and to go on would be a fight.
///
/// Do what [`poll_action`](Self::poll_action) says and report how it went; a report that was not
/// asked for changes nothing.
///
/// ```
/// use kms_core::Tick;
/// use kms_srv::{PublishAction, PublishSchedule, PublishTimes, Seen};
///
/// let mut schedule = PublishSchedule::new(PublishTimes::default(), Tick::ZERO);
/// assert_eq!(schedule.poll_action(Tick::ZERO), Some(PublishAction::Publish));
/// schedule.handle_published(Tick::ZERO);
///
/// let quarter = schedule.poll_timeout().unwrap_or(Tick::MAX);
/// assert_eq!(quarter, Tick::from_millis(15 * 60 * 1000));
/// assert_eq!(schedule.poll_action(quarter), Some(PublishAction::Look));
/// schedule.handle_seen(Seen::Absent, quarter);
/// assert_eq!(schedule.poll_action(quarter), Some(PublishAction::Publish));
/// ```
#[derive(Clone, Debug)]
pub struct PublishSchedule {
    times: PublishTimes,
    under_way: Option<PublishAction>,
    publish_at: Tick,
    // None until a publication has succeeded, and again after one has failed.
    look_at: Option<Tick>,
    last_attempt: Option<Tick>,
    // The wait after the next failure.
    retry: Duration,
    // A change came while a publication was under way.
    changed: bool,
    // INVARIANT: fewer than `times.fight`, the oldest first.
    removals: VecDeque<Tick>,
    stopped: bool,
    fight: Option<u32>,
}

/// The times of a [`PublishSchedule`]. A wait of less than a millisecond counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "made by the caller, who starts from the default"
)]
pub struct PublishTimes {
    /// From a success to the next publication: 24 hours, as the documents say.
    pub refresh: Duration,
    /// From a success, or a look, to the next look: 15 minutes.
    pub look: Duration,
    /// The wait after a first failure, which doubles with each that follows: a minute.
    pub first_retry: Duration,
    /// The longest wait after a failure: an hour.
    pub last_retry: Duration,
    /// The least time from an attempt to a publication that a change asks for: a minute.
    pub between_changes: Duration,
    /// How many removals are a fight: 3. It counts as 1 to [`PublishSchedule::MAX_FIGHT`].
    pub fight: u32,
    /// Within which time: an hour.
    pub fight_within: Duration,
}

impl Default for PublishTimes {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(24 * 3600),
            look: Duration::from_secs(15 * 60),
            first_retry: Duration::from_secs(60),
            last_retry: Duration::from_secs(3600),
            between_changes: Duration::from_secs(60),
            fight: 3,
            fight_within: Duration::from_secs(3600),
        }
    }
}

/// What is to be done in a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must do both")]
pub enum PublishAction {
    /// Publish, then report by [`PublishSchedule::handle_published`] or
    /// [`PublishSchedule::handle_failure`].
    Publish,
    /// Ask the zone's primary for the SRV records, then report by [`PublishSchedule::handle_seen`].
    Look,
}

/// What a look at the zone's primary found of our own SRV record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Seen {
    /// It is there.
    Present,
    /// The primary answered, and it is not there.
    Absent,
    /// The primary did not answer, or not to the point.
    Unknown,
}

impl PublishSchedule {
    /// The highest number of removals that can be asked for as a fight.
    pub const MAX_FIGHT: u32 = 100;

    /// A schedule by which a publication is due at once.
    #[must_use]
    pub fn new(times: PublishTimes, now: Tick) -> Self {
        let least = |wait: Duration| wait.max(Duration::from_millis(1));
        let first_retry = least(times.first_retry);
        let times = PublishTimes {
            refresh: least(times.refresh),
            look: least(times.look),
            first_retry,
            last_retry: times.last_retry.max(first_retry),
            fight: times.fight.clamp(1, Self::MAX_FIGHT),
            ..times
        };
        Self {
            times,
            under_way: None,
            publish_at: now,
            look_at: None,
            last_attempt: None,
            retry: first_retry,
            changed: false,
            removals: VecDeque::new(),
            stopped: false,
            fight: None,
        }
    }

    /// What is to be done now; it is under way from here on. Nothing while a publication is under way,
    /// before anything is due, or while the domain is stopped. A look that is under way gives
    /// way to a publication that is due, and its report is passed over.
    pub fn poll_action(&mut self, now: Tick) -> Option<PublishAction> {
        if self.stopped || self.under_way == Some(PublishAction::Publish) {
            return None;
        }
        if self.publish_at <= now {
            self.last_attempt = Some(now);
            self.under_way = Some(PublishAction::Publish);
            return self.under_way;
        }
        let look = self.under_way.is_none() && self.look_at.is_some_and(|at| at <= now);
        look.then(|| *self.under_way.insert(PublishAction::Look))
    }

    /// When [`poll_action`](Self::poll_action) will have something, if nothing is reported before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        if self.stopped {
            return None;
        }
        match self.under_way {
            Some(PublishAction::Publish) => None,
            Some(PublishAction::Look) => Some(self.publish_at),
            None => Some(self.look_at.unwrap_or(Tick::MAX).min(self.publish_at)),
        }
    }

    /// The publication under way succeeded.
    pub fn handle_published(&mut self, now: Tick) {
        if !self.end(PublishAction::Publish) {
            return;
        }
        self.retry = self.times.first_retry;
        self.publish_at = now.saturating_add(self.times.refresh);
        self.look_at = Some(now.saturating_add(self.times.look));
        self.take_up_change(now);
    }

    /// The publication under way failed.
    ///
    /// There are no looks until one succeeds: what they could find, the next attempt mends.
    pub fn handle_failure(&mut self, now: Tick) {
        if !self.end(PublishAction::Publish) {
            return;
        }
        self.publish_at = now.saturating_add(self.retry);
        self.look_at = None;
        self.retry = self.retry.saturating_mul(2).min(self.times.last_retry);
        self.take_up_change(now);
    }

    /// What the look under way found. Absent is a removal by somebody else: it makes a publication due
    /// at once, or stops the domain when it is one too many.
    pub fn handle_seen(&mut self, seen: Seen, now: Tick) {
        if !self.end(PublishAction::Look) {
            return;
        }
        self.look_at = Some(now.saturating_add(self.times.look));
        match seen {
            Seen::Present | Seen::Unknown => {}
            Seen::Absent => self.count_removal(now),
        }
    }

    /// The registration is another one: it is published at once, but no sooner than
    /// [`between_changes`](PublishTimes::between_changes) after the last attempt. That ends a stop. A look
    /// under way is passed over, since it may be for either registration.
    pub fn handle_change(&mut self, now: Tick) {
        self.end(PublishAction::Look);
        if self.stopped {
            self.stopped = false;
            self.publish_at = Tick::MAX;
            self.look_at = None;
        }
        self.changed = true;
        if self.under_way.is_none() {
            self.take_up_change(now);
        }
    }

    /// The removals that led to a stop, once.
    pub const fn poll_fight(&mut self) -> Option<u32> {
        self.fight.take()
    }

    /// Whether the domain is given up until [`handle_change`](Self::handle_change) or a new schedule.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn end(&mut self, action: PublishAction) -> bool {
        let ends = self.under_way == Some(action);
        if ends {
            self.under_way = None;
        }
        ends
    }

    fn take_up_change(&mut self, now: Tick) {
        if !core::mem::take(&mut self.changed) {
            return;
        }
        let earliest = self.last_attempt.map_or(now, |attempt| {
            attempt.saturating_add(self.times.between_changes)
        });
        // A change never puts off what is due sooner anyway.
        self.publish_at = self.publish_at.min(earliest.max(now));
    }

    fn count_removal(&mut self, now: Tick) {
        let within = self.times.fight_within;
        self.removals
            .retain(|&removal| now.saturating_since(removal) <= within);
        self.removals.push_back(now);
        let count = u32::try_from(self.removals.len()).unwrap_or(u32::MAX);
        if count < self.times.fight {
            self.publish_at = now;
        } else {
            self.stopped = true;
            self.fight = Some(count);
            self.removals.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PublishAction::{Look, Publish};

    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;

    const fn at(millis: u64) -> Tick {
        Tick::from_millis(millis)
    }

    fn schedule() -> PublishSchedule {
        PublishSchedule::new(PublishTimes::default(), Tick::ZERO)
    }

    /// A schedule whose first publication succeeded at 0.
    fn published() -> PublishSchedule {
        let mut schedule = schedule();
        assert_eq!(schedule.poll_action(at(0)), Some(Publish));
        schedule.handle_published(at(0));
        schedule
    }

    /// Waits for the next action, which must be this one; when it came.
    fn next(schedule: &mut PublishSchedule, action: PublishAction) -> u64 {
        let due = schedule.poll_timeout().unwrap();
        let before = at(due.as_millis().saturating_sub(1));
        if before < due {
            assert_eq!(schedule.poll_action(before), None);
        }
        assert_eq!(schedule.poll_action(due), Some(action));
        due.as_millis()
    }

    /// Passes looks that find the record until a publication is due.
    fn next_publication(schedule: &mut PublishSchedule) -> u64 {
        loop {
            let due = schedule.poll_timeout().unwrap();
            match schedule.poll_action(due).unwrap() {
                Publish => return due.as_millis(),
                Look => schedule.handle_seen(Seen::Present, due),
            }
        }
    }

    #[test]
    fn deploy_kms_records_are_published_at_start() {
        let mut schedule = PublishSchedule::new(PublishTimes::default(), at(7));
        assert_eq!(schedule.poll_timeout(), Some(at(7)));
        assert_eq!(schedule.poll_action(at(7)), Some(Publish));
        assert_eq!(
            (schedule.poll_action(at(7)), schedule.poll_timeout()),
            (None, None)
        );
    }

    #[test]
    fn deploy_kms_records_are_published_anew_every_24_hours() {
        let mut schedule = published();
        assert_eq!(next_publication(&mut schedule), 24 * HOUR);
        // From the success, not from the attempt.
        schedule.handle_published(at(24 * HOUR + 5));
        assert_eq!(next_publication(&mut schedule), 48 * HOUR + 5);
    }

    #[test]
    fn the_own_record_is_looked_for_every_15_minutes_after_a_success() {
        let mut schedule = published();
        for (seen, due) in [
            (Seen::Present, 15),
            (Seen::Unknown, 30),
            (Seen::Present, 45),
        ] {
            assert_eq!(next(&mut schedule, Look), due * MINUTE);
            schedule.handle_seen(seen, at(due * MINUTE));
        }
    }

    #[test]
    fn failures_back_off_from_1_to_60_minutes_and_a_success_resets() {
        let mut schedule = schedule();
        let mut now = next(&mut schedule, Publish);
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            schedule.handle_failure(at(now));
            let due = next(&mut schedule, Publish);
            assert_eq!(due - now, minutes * MINUTE);
            now = due;
        }
        schedule.handle_published(at(now));
        now = next_publication(&mut schedule);
        schedule.handle_failure(at(now));
        assert_eq!(next(&mut schedule, Publish) - now, MINUTE);
    }

    #[test]
    fn a_record_that_was_removed_is_published_again_at_once() {
        let mut schedule = published();
        let now = next(&mut schedule, Look);
        schedule.handle_seen(Seen::Absent, at(now));
        assert_eq!(schedule.poll_action(at(now)), Some(Publish));
        assert_eq!(schedule.poll_fight(), None);
    }

    #[test]
    fn limit_three_removals_within_an_hour_stop_the_domain_and_are_told_once() {
        let mut schedule = published();
        for removal in 1..=3 {
            let now = next(&mut schedule, Look);
            schedule.handle_seen(Seen::Absent, at(now));
            assert_eq!(schedule.is_stopped(), removal == 3);
            if removal < 3 {
                assert_eq!(next_publication(&mut schedule), now);
                schedule.handle_published(at(now));
            }
        }
        assert_eq!(schedule.poll_timeout(), None);
        assert_eq!(schedule.poll_action(Tick::MAX), None);
        assert_eq!(
            (schedule.poll_fight(), schedule.poll_fight()),
            (Some(3), None)
        );
        schedule.handle_change(at(2 * HOUR));
        assert!(!schedule.is_stopped());
        assert_eq!(schedule.poll_action(at(2 * HOUR)), Some(Publish));
    }

    #[test]
    fn limit_removals_just_an_hour_apart_are_a_fight_and_beyond_they_are_none() {
        for (look, stops) in [(30 * MINUTE, true), (30 * MINUTE + 1, false)] {
            let times = PublishTimes {
                look: Duration::from_millis(look),
                ..PublishTimes::default()
            };
            let mut schedule = PublishSchedule::new(times, Tick::ZERO);
            for removal in 1..=50 {
                let now = next(&mut schedule, Publish);
                schedule.handle_published(at(now));
                let now = next(&mut schedule, Look);
                schedule.handle_seen(Seen::Absent, at(now));
                assert_eq!(schedule.is_stopped(), stops && removal == 3);
                if schedule.is_stopped() {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_change_is_published_at_once_but_not_more_often_than_every_minute() {
        let mut schedule = published();
        schedule.handle_change(at(5));
        assert_eq!(next(&mut schedule, Publish), MINUTE);
        // Two changes while it is under way are one publication more.
        schedule.handle_change(at(MINUTE + 1));
        schedule.handle_change(at(MINUTE + 2));
        assert_eq!(schedule.poll_action(at(2 * MINUTE)), None);
        schedule.handle_published(at(3 * MINUTE));
        assert_eq!(next(&mut schedule, Publish), 3 * MINUTE);
        schedule.handle_published(at(3 * MINUTE));
        assert_eq!(next(&mut schedule, Look), 18 * MINUTE);
    }

    #[test]
    fn a_change_does_not_wait_for_the_back_off_nor_reset_it() {
        let mut schedule = schedule();
        let mut now = 0;
        for _ in 0..5 {
            now = next(&mut schedule, Publish);
            schedule.handle_failure(at(now));
        }
        schedule.handle_change(at(now + 2 * MINUTE));
        assert_eq!(next(&mut schedule, Publish), now + 2 * MINUTE);
        schedule.handle_failure(at(now + 2 * MINUTE));
        assert_eq!(next(&mut schedule, Publish), now + 34 * MINUTE);
    }

    #[test]
    fn a_look_gives_way_to_a_publication_and_its_report_is_passed_over() {
        let mut schedule = published();
        assert_eq!(schedule.poll_action(at(23 * HOUR)), Some(Look));
        assert_eq!(schedule.poll_timeout(), Some(at(24 * HOUR)));
        assert_eq!(schedule.poll_action(at(24 * HOUR - 1)), None);
        assert_eq!(schedule.poll_action(at(24 * HOUR)), Some(Publish));
        for _ in 0..9 {
            schedule.handle_seen(Seen::Absent, at(24 * HOUR));
        }
        assert!(!schedule.is_stopped());
        assert_eq!(schedule.poll_action(at(25 * HOUR)), None);
    }

    #[test]
    fn a_look_from_before_a_change_is_passed_over() {
        let mut schedule = published();
        let now = at(next(&mut schedule, Look));
        schedule.handle_change(now);
        schedule.handle_seen(Seen::Absent, now);
        assert_eq!(schedule.poll_action(now), Some(Publish));
        schedule.handle_published(now);
        for _ in 0..2 {
            let now = at(next(&mut schedule, Look));
            schedule.handle_seen(Seen::Absent, now);
            assert_eq!(schedule.poll_action(now), Some(Publish));
            schedule.handle_published(now);
        }
        assert!(!schedule.is_stopped());
    }

    #[test]
    fn limit_waits_are_at_least_a_millisecond_and_at_most_to_the_end_of_time() {
        let zero = PublishTimes {
            refresh: Duration::ZERO,
            look: Duration::ZERO,
            first_retry: Duration::ZERO,
            last_retry: Duration::ZERO,
            between_changes: Duration::ZERO,
            fight: 0,
            fight_within: Duration::ZERO,
        };
        let mut schedule = PublishSchedule::new(zero, Tick::ZERO);
        assert_eq!(next(&mut schedule, Publish), 0);
        schedule.handle_failure(at(0));
        assert_eq!(next(&mut schedule, Publish), 1);
        schedule.handle_published(at(1));
        assert_eq!(schedule.poll_timeout(), Some(at(2)));

        let longest = PublishTimes {
            refresh: Duration::MAX,
            look: Duration::MAX,
            first_retry: Duration::MAX,
            fight: u32::MAX,
            ..zero
        };
        let mut schedule = PublishSchedule::new(longest, at(1));
        assert_eq!(schedule.poll_action(at(1)), Some(Publish));
        schedule.handle_failure(at(1));
        assert_eq!(schedule.poll_timeout(), Some(Tick::MAX));
        schedule.handle_change(at(1));
        assert_eq!(schedule.poll_action(at(1)), Some(Publish));
        schedule.handle_published(at(1));
        assert_eq!(schedule.poll_timeout(), Some(Tick::MAX));
    }
}
