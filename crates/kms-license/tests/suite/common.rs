//! A proof type whose answers never left the test, and a machine that moves both clocks.

use core::time::Duration;
use kms_core::{
    ActivationId, ActivationInterval, AnswerTerms, Cmid, KeyId, LicenseStatus, Now,
    RenewalInterval, SeededEntropy, StatusCode, Tick, Timestamp, ValidityInterval, VerifiedTerms,
};
use kms_license::{AnswerError, Event, License, Outcome, Policy};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const SERVER: &str = "kms01.contoso.com:1688";

pub(crate) fn product() -> ActivationId {
    "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap()
}

/// 2023-11-14T22:13:20Z, some hours into the machine's uptime.
pub(crate) fn start() -> Now {
    Now::new(
        Tick::from_millis(12_345_678),
        Timestamp::from_millis(1_700_000_000_000),
    )
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FakeAnswer {
    pub(crate) activation_id: ActivationId,
    pub(crate) terms: AnswerTerms,
}

impl FakeAnswer {
    pub(crate) fn new(count: u32, cmid: Cmid, host_time: Timestamp) -> Self {
        Self {
            activation_id: product(),
            terms: AnswerTerms {
                count,
                activation_interval: ActivationInterval::default(),
                renewal_interval: RenewalInterval::default(),
                validity: ValidityInterval::default(),
                cmid,
                host_time,
                key_id: KeyId([7; 8]),
            },
        }
    }
}

impl VerifiedTerms for FakeAnswer {
    fn terms(&self) -> &AnswerTerms {
        &self.terms
    }

    fn activation_id(&self) -> ActivationId {
        self.activation_id
    }
}

/// A licence and the machine it runs on.
pub(crate) struct Machine {
    pub(crate) license: License<FakeAnswer>,
    pub(crate) entropy: SeededEntropy,
    pub(crate) now: Now,
}

impl Machine {
    pub(crate) fn new(policy: Policy) -> Self {
        let mut entropy = SeededEntropy::new(42);
        let license = License::new(policy, product(), &mut entropy, start());
        Self {
            license,
            entropy,
            now: start(),
        }
    }

    /// With a key, and nothing left to poll.
    pub(crate) fn with_key(policy: Policy) -> Self {
        let mut machine = Self::new(policy);
        machine.license.start(machine.now);
        machine.license.install_key(machine.now);
        machine.events();
        machine
    }

    /// Activated, and nothing left to poll.
    pub(crate) fn licensed(policy: Policy) -> Self {
        let mut machine = Self::with_key(policy);
        machine.answer(policy.threshold.machines()).unwrap();
        machine.events();
        machine
    }

    pub(crate) fn status(&self) -> LicenseStatus {
        self.license.status()
    }

    pub(crate) fn minutes(&self) -> u32 {
        self.license.minutes_remaining(self.now)
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.license.poll_event()).collect()
    }

    /// Whether an attempt is due, dropping all other events.
    pub(crate) fn attempt_is_due(&mut self) -> bool {
        self.events().contains(&Event::AttemptDue)
    }

    pub(crate) fn begin(&mut self) {
        self.license.begin_attempt(SERVER, false, self.now).unwrap();
    }

    /// Asks and is answered with this count by a host whose clock is the machine's.
    pub(crate) fn answer(&mut self, count: u32) -> Result<Outcome, AnswerError> {
        self.answer_at(count, self.now.wall)
    }

    pub(crate) fn answer_at(
        &mut self,
        count: u32,
        host_time: Timestamp,
    ) -> Result<Outcome, AnswerError> {
        let answer = FakeAnswer::new(count, self.license.cmid(), host_time);
        self.answer_with(answer)
    }

    pub(crate) fn answer_with(&mut self, answer: FakeAnswer) -> Result<Outcome, AnswerError> {
        self.begin();
        self.license
            .handle_answer(answer, self.now, &mut self.entropy)
    }

    /// Asks in vain.
    pub(crate) fn fail(&mut self) {
        self.begin();
        let code = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
        self.license
            .handle_failure(code, self.now, &mut self.entropy);
    }

    pub(crate) fn timeout(&mut self) {
        self.license.handle_timeout(self.now, &mut self.entropy);
    }

    /// Both clocks go on, with nobody looking.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    pub(crate) fn set_forward(&mut self, by: Duration) {
        self.now.wall = self.now.wall.saturating_add(by);
    }

    pub(crate) fn set_back(&mut self, by: Duration) {
        self.now.wall = self.now.wall.saturating_sub(by);
    }

    /// Time until the next timer.
    pub(crate) fn wait(&self) -> Duration {
        let next = self.license.poll_timeout().unwrap();
        next.saturating_since(self.now.tick)
    }

    /// Goes from timer to timer for `duration`, every attempt failing; returns when they were made.
    pub(crate) fn run_without_host(&mut self, duration: Duration) -> Vec<Tick> {
        self.run(duration, None)
    }

    /// Goes from timer to timer for `duration`, every attempt answered with `count`.
    pub(crate) fn run_with_count(&mut self, duration: Duration, count: u32) -> Vec<Tick> {
        self.run(duration, Some(count))
    }

    fn run(&mut self, duration: Duration, count: Option<u32>) -> Vec<Tick> {
        let end = self.now.after(duration);
        let mut attempts = Vec::new();
        loop {
            if self.attempt_is_due() {
                attempts.push(self.now.tick);
                match count {
                    Some(count) => drop(self.answer(count).unwrap()),
                    None => self.fail(),
                }
                self.events();
            }
            let wait = self.wait();
            if self.now.tick.saturating_add(wait) > end.tick {
                self.now = self.now.after(end.tick.saturating_since(self.now.tick));
                return attempts;
            }
            self.pass(wait);
            self.timeout();
            assert!(self.wait() > Duration::ZERO, "a timer stays due");
        }
    }

    /// The process ends and another starts after `off`, with a tick of its own.
    pub(crate) fn restart(&mut self, off: Duration) {
        let saved = self.license.save(self.now);
        self.now = Now::new(Tick::from_millis(5_000), self.now.wall.saturating_add(off));
        self.license = License::restore(*self.license.policy(), saved, self.now).unwrap();
        self.license.start(self.now);
    }
}

pub(crate) fn days(days: u32) -> u32 {
    days * 1440
}
