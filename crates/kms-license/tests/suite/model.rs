//! Random calls against a plain model, which knows the documents' rules and nothing of timers,
//! clocks that err, or events. Both clocks run together here.

use crate::common::{DAY, FakeAnswer, HOUR, MINUTE, Machine, SERVER};
use core::time::Duration;
use kms_core::{LicenseStatus, StatusCode, Threshold, ValidityInterval};
use kms_license::{Event, Outcome, Policy};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

#[derive(Clone, Debug)]
enum Step {
    Pass(Duration),
    Timer,
    Install,
    Uninstall,
    Rearm,
    Start,
    Begin,
    Answer { count: u32, validity_minutes: u32 },
    Fail,
    NetworkChange,
    Restart(Duration),
    Poll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let duration = prop_oneof![
        (0_u64..7_200_000).prop_map(Duration::from_millis),
        (0_u32..800).prop_map(|hours| hours * HOUR),
        (0_u32..250).prop_map(|days| days * DAY),
        // The edges: exactly a grace, a validity, both.
        prop_oneof![Just(30 * DAY), Just(180 * DAY), Just(210 * DAY)],
    ];
    let step = prop_oneof![
        5 => duration.clone().prop_map(Step::Pass),
        5 => Just(Step::Timer),
        2 => Just(Step::Install),
        1 => Just(Step::Uninstall),
        1 => Just(Step::Rearm),
        1 => Just(Step::Start),
        3 => Just(Step::Begin),
        5 => (0_u32..50, prop_oneof![Just(259_200), 1_u32..400_000])
            .prop_map(|(count, validity_minutes)| Step::Answer { count, validity_minutes }),
        3 => Just(Step::Fail),
        1 => Just(Step::NetworkChange),
        2 => duration.prop_map(Step::Restart),
        2 => Just(Step::Poll),
    ];
    prop::collection::vec(step, 1..60)
}

/// Times are milliseconds from the start.
#[derive(Debug)]
struct Model {
    policy: Policy,
    status: LicenseStatus,
    /// When the status ends, where it does.
    ends: u64,
    first_grace_ends: Option<u64>,
    rearms_left: u32,
    cmids: usize,
    in_flight: bool,
    last_count: Option<u32>,
}

impl Model {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            status: LicenseStatus::Unlicensed,
            ends: 0,
            first_grace_ends: None,
            rearms_left: policy.rearms,
            cmids: 1,
            in_flight: false,
            last_count: None,
        }
    }

    fn has_key(&self) -> bool {
        self.status != LicenseStatus::Unlicensed
    }

    fn time_is(&mut self, now: u64) {
        if self.status == LicenseStatus::Licensed && now >= self.ends {
            self.status = LicenseStatus::OotGrace;
            self.ends += millis(self.policy.oot_grace);
        }
        let grace = matches!(
            self.status,
            LicenseStatus::OobGrace | LicenseStatus::OotGrace
        );
        if grace && now >= self.ends {
            self.status = LicenseStatus::Notification;
        }
    }

    fn install(&mut self, now: u64) {
        if !self.has_key() {
            let fresh = now + millis(self.policy.grace);
            self.ends = *self.first_grace_ends.get_or_insert(fresh);
            self.status = LicenseStatus::OobGrace;
            self.time_is(now);
        }
    }

    fn rearm(&mut self, now: u64) -> bool {
        if self.rearms_left == 0 {
            return false;
        }
        self.rearms_left -= 1;
        self.cmids += 1;
        self.in_flight = false;
        self.first_grace_ends = None;
        if self.has_key() {
            self.status = LicenseStatus::Unlicensed;
            self.install(now);
        }
        true
    }

    fn answer(&mut self, count: u32, validity: u64, now: u64) -> Option<bool> {
        if !core::mem::take(&mut self.in_flight) {
            return None;
        }
        self.last_count = Some(count);
        let activated = count >= self.policy.threshold.machines();
        if activated {
            self.status = LicenseStatus::Licensed;
            self.ends = now + validity.min(millis(self.policy.validity.duration()));
        }
        Some(activated)
    }

    fn minutes(&self, now: u64) -> u64 {
        match self.status {
            LicenseStatus::Unlicensed | LicenseStatus::Notification => 0,
            _ => (self.ends - now).div_ceil(60_000),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// A machine whose reported status changes can be followed.
struct Followed {
    machine: Machine,
    model: Model,
    elapsed: u64,
    reported: LicenseStatus,
}

impl Followed {
    fn pass(&mut self, duration: Duration) {
        self.machine.pass(duration);
        self.elapsed += millis(duration);
    }

    fn poll(&mut self) {
        for event in self.machine.events() {
            if let Event::StatusChanged { from, to, .. } = event {
                assert_eq!(from, self.reported, "a change was not reported");
                self.reported = to;
            }
        }
        assert_eq!(self.reported, self.machine.status());
    }

    fn take(&mut self, step: &Step) {
        let now = self.machine.now;
        let license = &mut self.machine.license;
        match step {
            Step::Pass(duration) => self.pass(*duration),
            Step::Timer => {
                if let Some(next) = license.poll_timeout() {
                    self.pass(next.saturating_since(now.tick));
                }
            }
            Step::Install => {
                license.install_key(now);
                self.model.time_is(self.elapsed);
                self.model.install(self.elapsed);
            }
            Step::Uninstall => {
                license.uninstall_key(now);
                self.model.status = LicenseStatus::Unlicensed;
                self.model.in_flight = false;
            }
            Step::Rearm => {
                let cmid = license.cmid();
                let done = license.rearm(now, &mut self.machine.entropy).is_ok();
                self.model.time_is(self.elapsed);
                assert_eq!(done, self.model.rearm(self.elapsed));
                assert_eq!(done, license.cmid() != cmid);
                if done {
                    assert_eq!(license.previous_cmid(), Some(cmid));
                }
            }
            Step::Start => license.start(now),
            Step::Begin => {
                let begun = license.begin_attempt(SERVER, false, now);
                self.model.time_is(self.elapsed);
                assert_eq!(begun.is_ok(), self.model.has_key());
                self.model.in_flight = self.model.has_key();
                if let Ok(fields) = begun {
                    assert_eq!(fields.status, self.model.status);
                    assert_eq!(
                        u64::from(fields.minutes_remaining),
                        self.model.minutes(self.elapsed)
                    );
                }
            }
            Step::Answer {
                count,
                validity_minutes,
            } => {
                let mut answer = FakeAnswer::new(*count, license.cmid(), now.wall);
                answer.terms.validity = ValidityInterval::from_minutes(*validity_minutes).unwrap();
                let outcome = license.handle_answer(answer, now, &mut self.machine.entropy);
                self.model.time_is(self.elapsed);
                let validity = millis(answer.terms.validity.duration());
                let wanted = self.model.answer(*count, validity, self.elapsed);
                let activated = outcome
                    .ok()
                    .map(|outcome| matches!(outcome, Outcome::Activated { .. }));
                assert_eq!(activated, wanted);
            }
            Step::Fail => {
                let code = StatusCode::RPC_SERVER_UNAVAILABLE;
                license.handle_failure(code, now, &mut self.machine.entropy);
                self.model.in_flight = false;
            }
            Step::NetworkChange => license.handle_network_change(now),
            Step::Restart(off) => {
                self.poll();
                self.machine.restart(*off);
                self.elapsed += millis(*off);
                self.model.in_flight = false;
                // What was reported is the saved status; what expired while off is reported now.
            }
            Step::Poll => self.poll(),
        }
    }

    fn check(&mut self) {
        self.machine.timeout();
        self.model.time_is(self.elapsed);
        let (license, now) = (&self.machine.license, self.machine.now);
        assert_eq!(license.status(), self.model.status);
        assert_eq!(
            u64::from(license.minutes_remaining(now)),
            self.model.minutes(self.elapsed)
        );
        assert_eq!(license.rearms_left(), self.model.rearms_left);
        assert_eq!(license.last_count(), self.model.last_count);
        assert_eq!(license.time(now), now.wall);
        match license.poll_timeout() {
            Some(next) => assert!(
                self.model.has_key()
                    && next > now.tick
                    && next.saturating_since(now.tick) <= 12 * HOUR,
                "{next:?} at {now:?}"
            ),
            None => assert!(!self.model.has_key(), "no timer is armed"),
        }
        if license.status() != LicenseStatus::Licensed && self.model.has_key() {
            let wait = self.machine.wait();
            assert!(wait <= 2 * HOUR + 12 * MINUTE, "{wait:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_licence_does_what_the_plain_model_does(
        steps in steps(),
        threshold in 1_u32..40,
        rearms in 0_u32..4,
        reduced_functionality in any::<bool>(),
    ) {
        let policy = Policy { threshold: Threshold::new(threshold).unwrap(), rearms, reduced_functionality, ..Policy::default() };
        let mut followed = Followed {
            machine: Machine::new(policy),
            model: Model::new(policy),
            elapsed: 0,
            reported: LicenseStatus::Unlicensed,
        };
        for step in &steps {
            followed.take(step);
            followed.check();
        }
        followed.poll();
    }
}
