//! The schedule of publications against a model that keeps the whole history and works everything out of
//! it anew, where the schedule keeps the next times.
#![allow(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;
use kms_core::Tick;
use kms_srv::{PublishAction, PublishSchedule, PublishTimes, Seen};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Publish,
    Published,
    Failed,
    Look,
    Seen(Seen),
    Change,
    Stop,
}

/// Everything that happened, with its time.
struct Model {
    times: PublishTimes,
    start: u64,
    history: Vec<(u64, Event)>,
}

impl Model {
    fn last(&self, wanted: impl Fn(Event) -> bool) -> Option<(usize, u64)> {
        let found = self.history.iter().rposition(|(_, event)| wanted(*event));
        found.map(|index| (index, self.history[index].0))
    }

    fn is_publishing(&self) -> bool {
        let begun = self.last(|event| event == Event::Publish);
        let ended = self.last(|event| matches!(event, Event::Published | Event::Failed));
        begun.map(|begun| begun.0) > ended.map(|ended| ended.0)
    }

    fn is_looking(&self) -> bool {
        let begun = self.last(|event| event == Event::Look);
        let ended =
            self.last(|event| matches!(event, Event::Seen(_) | Event::Change | Event::Publish));
        begun.map(|begun| begun.0) > ended.map(|ended| ended.0)
    }

    fn is_stopped(&self) -> bool {
        let stop = self.last(|event| event == Event::Stop);
        let change = self.last(|event| event == Event::Change);
        stop.map(|stop| stop.0) > change.map(|change| change.0)
    }

    /// The removals that count at `now`.
    fn removals(&self, now: u64) -> u32 {
        let stop = self.last(|event| event == Event::Stop);
        let since = stop.map_or(0, |stop| stop.0);
        let count = self.history[since..].iter().filter(|(at, event)| {
            *event == Event::Seen(Seen::Absent) && now - at <= millis(self.times.fight_within)
        });
        u32::try_from(count.count()).unwrap()
    }

    /// When a publication is due, if none is under way and the domain is not stopped.
    fn publish_at(&self) -> u64 {
        let attempt = self.last(|event| event == Event::Publish);
        // The reasons to publish that came after the last attempt began.
        let since = attempt.map_or(0, |attempt| attempt.0);
        let mut due = Vec::new();
        for (at, event) in &self.history[since..] {
            due.push(match event {
                Event::Published => at + millis(self.times.refresh),
                Event::Failed => at + self.back_off(),
                Event::Seen(Seen::Absent) => *at,
                Event::Change => {
                    let earliest =
                        attempt.map_or(0, |(_, at)| at + millis(self.times.between_changes));
                    earliest.max(*at)
                }
                // A stop takes back every reason before it.
                Event::Stop => {
                    due.clear();
                    continue;
                }
                Event::Seen(_) | Event::Publish | Event::Look => continue,
            });
        }
        if attempt.is_none() {
            due.push(self.start);
        }
        due.into_iter().min().unwrap()
    }

    /// 1, 2, 4 ... by the failures since the last success.
    fn back_off(&self) -> u64 {
        let success = self.last(|event| event == Event::Published);
        let since = success.map_or(0, |success| success.0);
        let events = self.history[since..].iter();
        let failures = events.filter(|(_, event)| *event == Event::Failed).count();
        let first = millis(self.times.first_retry);
        let doubled = (1..failures).try_fold(first, |wait, _| wait.checked_mul(2));
        doubled
            .unwrap_or(u64::MAX)
            .min(millis(self.times.last_retry).max(first))
    }

    fn look_at(&self) -> Option<u64> {
        let (_, at) = self.last(|event| {
            matches!(
                event,
                Event::Published | Event::Seen(_) | Event::Failed | Event::Stop
            )
        })?;
        let (index, _) =
            self.last(|event| matches!(event, Event::Published | Event::Failed | Event::Stop))?;
        (self.history[index].1 == Event::Published).then(|| at + millis(self.times.look))
    }

    fn action(&self, now: u64) -> Option<PublishAction> {
        if self.is_stopped() || self.is_publishing() {
            None
        } else if self.publish_at() <= now {
            Some(PublishAction::Publish)
        } else if !self.is_looking() && self.look_at().is_some_and(|at| at <= now) {
            Some(PublishAction::Look)
        } else {
            None
        }
    }

    fn timeout(&self) -> Option<u64> {
        if self.is_stopped() || self.is_publishing() {
            None
        } else if self.is_looking() {
            Some(self.publish_at())
        } else {
            Some(self.publish_at().min(self.look_at().unwrap_or(u64::MAX)))
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So much later.
    Wait(u64),
    /// To the time that the schedule asks for, and this much beyond.
    WaitForTimeout(u64),
    Poll,
    Published,
    Failed,
    Seen(Seen),
    Change,
}

fn step() -> impl Strategy<Value = Step> {
    let seen = prop_oneof![
        3 => Just(Seen::Absent),
        2 => Just(Seen::Present),
        1 => Just(Seen::Unknown)
    ];
    prop_oneof![
        2 => (0_u64..200).prop_map(Step::Wait),
        4 => (0_u64..2).prop_map(Step::WaitForTimeout),
        6 => Just(Step::Poll),
        4 => Just(Step::Published),
        3 => Just(Step::Failed),
        5 => seen.prop_map(Step::Seen),
        1 => Just(Step::Change),
    ]
}

fn times() -> impl Strategy<Value = PublishTimes> {
    (
        1_u64..300,
        1_u64..60,
        1_u64..20,
        1_u64..100,
        0_u64..30,
        1_u32..5,
        0_u64..200,
    )
        .prop_map(
            |(refresh, look, first, last, between, fight, within)| PublishTimes {
                refresh: Duration::from_millis(refresh),
                look: Duration::from_millis(look),
                first_retry: Duration::from_millis(first),
                last_retry: Duration::from_millis(last),
                between_changes: Duration::from_millis(between),
                fight,
                fight_within: Duration::from_millis(within),
            },
        )
}

proptest! {
    #[test]
    fn any_calls_in_any_order_are_answered_as_the_model_answers_them(
        times in times(),
        start in 0_u64..100,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut schedule = PublishSchedule::new(times, Tick::from_millis(start));
        let mut model = Model { times, start, history: Vec::new() };
        let mut now = start;
        for step in steps {
            let mut fight = None;
            match step {
                Step::Wait(wait) => now += wait,
                Step::WaitForTimeout(beyond) => {
                    if let Some(timeout) = model.timeout() {
                        now = now.max(timeout + beyond);
                    }
                }
                Step::Poll => {
                    let action = model.action(now);
                    prop_assert_eq!(schedule.poll_action(Tick::from_millis(now)), action);
                    match action {
                        Some(PublishAction::Publish) => model.history.push((now, Event::Publish)),
                        Some(PublishAction::Look) => model.history.push((now, Event::Look)),
                        None => {}
                    }
                }
                Step::Published => {
                    schedule.handle_published(Tick::from_millis(now));
                    if model.is_publishing() {
                        model.history.push((now, Event::Published));
                    }
                }
                Step::Failed => {
                    schedule.handle_failure(Tick::from_millis(now));
                    if model.is_publishing() {
                        model.history.push((now, Event::Failed));
                    }
                }
                Step::Seen(seen) => {
                    schedule.handle_seen(seen, Tick::from_millis(now));
                    if model.is_looking() {
                        model.history.push((now, Event::Seen(seen)));
                        let removals = model.removals(now);
                        if removals >= times.fight {
                            model.history.push((now, Event::Stop));
                            fight = Some(removals);
                        }
                    }
                }
                Step::Change => {
                    schedule.handle_change(Tick::from_millis(now));
                    model.history.push((now, Event::Change));
                }
            }
            prop_assert_eq!(schedule.poll_fight(), fight);
            prop_assert_eq!(schedule.is_stopped(), model.is_stopped());
            // A time that has passed is as good as now.
            let timeout = schedule.poll_timeout().map(|at| at.as_millis().max(now));
            let expected = model.timeout().map(|at| at.max(now));
            prop_assert_eq!(timeout, expected, "after {:?} at {}", step, now);
        }
    }

    #[test]
    fn any_times_and_any_moments_are_taken(
        seconds in any::<[u64; 6]>(),
        fight in any::<u32>(),
        moments in proptest::collection::vec((any::<u64>(), 0_u8..6), 0..60),
    ) {
        let duration = seconds.map(|seconds| Duration::new(seconds, 999_999_999));
        let times = PublishTimes {
            refresh: duration[0],
            look: duration[1],
            first_retry: duration[2],
            last_retry: duration[3],
            between_changes: duration[4],
            fight,
            fight_within: duration[5],
        };
        let mut schedule = PublishSchedule::new(times, Tick::ZERO);
        prop_assert!(schedule.poll_timeout().is_some());
        for (moment, call) in moments {
            let now = Tick::from_millis(moment);
            let before = schedule.poll_timeout();
            match call {
                0 => {
                    let due = before.is_some_and(|due| due <= now);
                    prop_assert_eq!(schedule.poll_action(now).is_some(), due);
                }
                1 => schedule.handle_published(now),
                2 => schedule.handle_failure(now),
                3 => schedule.handle_seen(Seen::Absent, now),
                4 => schedule.handle_seen(Seen::Present, now),
                _ => schedule.handle_change(now),
            }
        }
    }
}
