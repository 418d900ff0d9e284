//! Simulated machines with clocks that err, hosts that come and go, suspends, crashes and restarts,
//! going from timer to timer; the same seed gives the same run.
//!
//! `truth` is the real time in milliseconds. A machine's calendar clock shows it with an error, its
//! tick with a drift, from an epoch that is another in each process.

use crate::common::{DAY, FakeAnswer, HOUR, MINUTE, SERVER, product};
use core::time::Duration;
use kms_core::{
    ActivationInterval, Entropy, LicenseStatus, Now, SeededEntropy, StatusCode, Tick, Timestamp,
};
use kms_license::{Event, License, Policy, RESUME_SPREAD, SavedState};

/// What a host and a client allow their clocks to differ by.
const TOLERANCE: i64 = millis(4, HOUR);
const HOST_ERROR: i64 = millis(5, MINUTE);
const START: i64 = 1_700_000_000_000;
const VALIDITY: i64 = millis(180, DAY);

const fn millis(times: u32, unit: Duration) -> i64 {
    times as i64 * unit.as_secs().cast_signed() * 1000
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockKind {
    /// Its errors, drift included, stay within a range of 24 h, but for jumps ahead that are put
    /// right within the hold.
    Honest,
    /// It is set to anything at any time, and may be dead at boot.
    Wild,
}

#[derive(Default, Debug)]
struct Tally {
    answers: u64,
    failures: u64,
    lapses: u64,
    held_jumps: u64,
    crashes: u64,
    suspends: u64,
    recoveries: u64,
}

struct World {
    kind: ClockKind,
    dice: SeededEntropy,
    license: License<FakeAnswer>,
    entropy: SeededEntropy,
    saved: SavedState,
    tally: Tally,

    truth: i64,
    boot_truth: i64,
    boot_tick: u64,
    drift_ppm: i64,
    clock_error: i64,
    /// What a passing jump adds to the error, and when it is over.
    jump: Option<(i64, i64)>,

    host_up: bool,
    count: u32,
    interval: ActivationInterval,

    /// The true time of the last activation.
    activated: i64,
    /// Ticks that ran since, without those that a crash forgot.
    counted: u64,
    /// `counted` when the state was last written, and the ticks up to which it counts.
    saved_counted: u64,
    counted_to: u64,
    /// The last activation was in this process.
    same_process: bool,
    last_time: Timestamp,
    good_since: Option<i64>,
}

impl World {
    fn new(kind: ClockKind, seed: u64) -> Self {
        let mut dice = SeededEntropy::new(seed);
        let mut entropy = SeededEntropy::new(!seed);
        let now = Now::new(Tick::from_millis(1_000), Timestamp::from_millis(START));
        let mut license = License::new(Policy::default(), product(), &mut entropy, now);
        license.install_key(now);
        let minutes = [120, 720, 1440, 1440, 2880, 2880][choose(&mut dice, 6)];
        let drift = i64::try_from(dice.below(401)).unwrap() - 200;
        Self {
            kind,
            saved: license.save(now),
            license,
            entropy,
            tally: Tally::default(),
            truth: START,
            boot_truth: START,
            boot_tick: 1_000,
            drift_ppm: drift,
            clock_error: 0,
            jump: None,
            host_up: true,
            count: 30,
            interval: ActivationInterval::from_minutes(minutes).unwrap(),
            activated: START,
            counted: 0,
            saved_counted: 0,
            counted_to: 1_000,
            same_process: false,
            last_time: now.wall,
            good_since: None,
            dice,
        }
    }

    fn up_to(&mut self, most: i64) -> i64 {
        i64::try_from(self.dice.below(most.unsigned_abs() + 1)).unwrap()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.dice.below(100) < percent
    }

    fn error(&self) -> i64 {
        self.clock_error + self.jump.map_or(0, |(by, _)| by)
    }

    fn now(&self) -> Now {
        let run = self.truth - self.boot_truth;
        let ticks = run + run * self.drift_ppm / 1_000_000;
        Now::new(
            Tick::from_millis(self.boot_tick + ticks.unsigned_abs()),
            Timestamp::from_millis(self.truth.saturating_add(self.error())),
        )
    }

    /// The true time at which the tick will have reached the next timer.
    fn next_timer(&self) -> i64 {
        let next = self.license.poll_timeout().expect("no timer is armed");
        let ticks = i64::try_from(next.as_millis() - self.boot_tick).unwrap();
        let truth = self.boot_truth + ticks * 1_000_000 / (1_000_000 + self.drift_ppm) + 2;
        truth.max(self.truth)
    }

    fn clock_is_right(&self) -> bool {
        // Less what the hosts' own clocks err by.
        self.error().abs() <= TOLERANCE - HOST_ERROR
    }

    fn note_goodness(&mut self) {
        let good = self.host_up && self.count >= 25 && self.clock_is_right();
        self.good_since = match (good, self.good_since) {
            (true, None) => Some(self.truth),
            (true, since) => since,
            (false, _) => None,
        };
    }

    /// The driver: time passes in the engine, and what is due is done.
    fn look(&mut self) {
        let now = self.now();
        self.counted += now.tick.as_millis() - self.counted_to;
        self.counted_to = now.tick.as_millis();
        self.license.handle_timeout(now, &mut self.entropy);
        self.drive();
        let next = self.license.poll_timeout();
        assert!(
            next.is_some_and(|next| next > now.tick),
            "a timer stays due"
        );
        self.check();
    }

    fn drive(&mut self) {
        let now = self.now();
        while let Some(event) = self.license.poll_event() {
            match event {
                Event::AttemptDue => self.attempt(now),
                Event::SaveDue => {
                    self.saved = self.license.save(now);
                    self.saved_counted = self.counted;
                }
                Event::StatusChanged { from, to, .. } => {
                    if from == LicenseStatus::Licensed && to == LicenseStatus::OotGrace {
                        self.lapsed();
                    }
                }
                Event::ClockMoved(_) | Event::RequestSent(_) | Event::AnswerProcessed(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn attempt(&mut self, now: Now) {
        let fields = self.license.begin_attempt(SERVER, false, now).unwrap();
        let skew = self.up_to(2 * HOST_ERROR) - HOST_ERROR;
        let answered = self.host_up && (self.error() - skew).abs() <= TOLERANCE;
        if !answered {
            self.tally.failures += 1;
            let code = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
            self.license.handle_failure(code, now, &mut self.entropy);
            return;
        }
        let host_time = Timestamp::from_millis(self.truth + skew);
        let mut answer = FakeAnswer::new(self.count, fields.cmid, host_time);
        answer.terms.activation_interval = self.interval;
        self.license
            .handle_answer(answer, now, &mut self.entropy)
            .unwrap();
        // Only here may the licence's time have gone back.
        self.last_time = self.license.time(now);
        self.tally.answers += 1;
        if self.count >= 25 {
            if fields.status != LicenseStatus::Licensed {
                self.tally.recoveries += 1;
            }
            self.activated = self.truth;
            (self.counted, self.saved_counted) = (0, 0);
            self.same_process = true;
        }
    }

    fn lapsed(&mut self) {
        self.tally.lapses += 1;
        if self.kind == ClockKind::Honest {
            let early = self.activated + VALIDITY - self.truth;
            assert!(early <= millis(24, HOUR), "expired {early} ms too early");
        }
    }

    fn check(&mut self) {
        let now = self.now();
        let time = self.license.time(now);
        assert!(time >= self.last_time, "time went back");
        self.last_time = time;
        if self.license.status() == LicenseStatus::Licensed {
            let day = millis(24, HOUR);
            let counted = i64::try_from(self.counted).unwrap();
            if self.same_process {
                // A low count may lower the mark by as much as the clock was wrong at the last answer.
                let late = counted - VALIDITY;
                assert!(
                    late <= TOLERANCE + millis(10, MINUTE),
                    "ran {late} ms too long"
                );
            }
            assert!(counted <= VALIDITY + day, "ran too long over restarts");
            if self.kind == ClockKind::Honest {
                let late = self.truth - self.activated - VALIDITY;
                assert!(late <= day, "licensed {late} ms too long");
            }
        } else if let Some(since) = self.good_since {
            let interval = i64::from(self.interval.minutes()) * 60_000;
            let spread = i64::try_from(RESUME_SPREAD.as_millis()).unwrap();
            let bound = interval * 11 / 10 + spread + 60_000;
            let waited = self.truth - since;
            assert!(waited <= bound, "not licensed after {waited} ms");
        }
    }

    /// Lives until `until`, going from timer to timer.
    fn live(&mut self, until: i64) {
        loop {
            let timer = self.next_timer() + self.up_to(500);
            let jump_ends = self.jump.map_or(i64::MAX, |(_, ends)| ends);
            if jump_ends <= timer && jump_ends <= until {
                self.truth = jump_ends;
                self.jump = None;
                self.note_goodness();
            } else if timer <= until {
                self.truth = timer;
                self.look();
            } else {
                self.truth = until;
                return;
            }
        }
    }

    fn misfortune(&mut self) {
        match choose(&mut self.dice, 8) {
            0 | 1 => {
                self.host_up = !self.host_up;
                // Long enough for a licence to lapse now and then.
                if !self.host_up && self.chance(15) {
                    let long = self.truth + self.up_to(millis(260, DAY));
                    self.note_goodness();
                    self.live(long);
                }
            }
            2 => self.count = if self.chance(70) { 30 } else { 24 },
            3 => self.set_clock(),
            4 => {
                if self.kind == ClockKind::Honest && self.jump.is_none() {
                    self.tally.held_jumps += 1;
                    let by = millis(48, HOUR) + self.up_to(millis(900, DAY));
                    let lasts = self.up_to(millis(119, MINUTE));
                    // The engine sees the clock right between two jumps, which are else one.
                    self.look();
                    self.jump = Some((by, self.truth + lasts));
                    if self.chance(50) {
                        self.look();
                    }
                }
            }
            5 => self.restart(),
            6 => self.suspend(),
            _ => self.look(),
        }
        self.note_goodness();
    }

    fn set_clock(&mut self) {
        let right = self.chance(55);
        self.clock_error = match (self.kind, right) {
            (ClockKind::Honest, true) => self.up_to(millis(20, MINUTE)),
            // 18 hours, which leaves six to the drift.
            (ClockKind::Honest, false) => self.up_to(millis(18, HOUR)) - millis(4, HOUR),
            (ClockKind::Wild, true) => 0,
            (ClockKind::Wild, false) => self.up_to(millis(2000, DAY)) - millis(1000, DAY),
        };
    }

    fn end_jump(&mut self) {
        if let Some((_, ends)) = self.jump.take() {
            self.truth = self.truth.max(ends);
        }
    }

    fn suspend(&mut self) {
        self.end_jump();
        self.tally.suspends += 1;
        self.truth += self.up_to(millis(20, DAY));
        self.good_since = None;
        self.note_goodness();
        self.look();
    }

    fn restart(&mut self) {
        self.end_jump();
        if self.chance(40) {
            self.tally.crashes += 1;
            self.counted = self.saved_counted;
        } else {
            let now = self.now();
            self.counted += now.tick.as_millis() - self.counted_to;
            self.saved = self.license.save(now);
            self.saved_counted = self.counted;
        }
        self.truth += self.up_to(millis(40, DAY));
        if self.kind == ClockKind::Wild && self.chance(30) {
            self.clock_error = if self.chance(50) { -self.truth } else { 0 };
        }
        self.boot_truth = self.truth;
        self.boot_tick = self.dice.below(1_000_000_000);
        self.counted_to = self.boot_tick;
        self.same_process = false;
        self.good_since = None;
        self.note_goodness();
        let now = self.now();
        let saved_status = self.saved.status;
        self.license = License::restore(Policy::default(), self.saved, now).unwrap();
        assert!(self.license.time(now) >= self.saved.high_water);
        self.last_time = self.license.time(now);
        self.license.start(now);
        // Off for long enough, a licence may have passed to notification, with both steps reported.
        if saved_status != self.license.status() {
            assert!(self.license.status() != LicenseStatus::Licensed);
        }
        self.drive();
        self.check();
    }
}

fn choose(dice: &mut SeededEntropy, among: u64) -> usize {
    usize::try_from(dice.below(among)).unwrap()
}

/// One machine for some years; returns what it went through.
fn machine(kind: ClockKind, seed: u64, years: i64) -> Tally {
    let mut world = World::new(kind, seed);
    world.note_goodness();
    world.look();
    let end = START + years * millis(365, DAY);
    while world.truth < end {
        let until = world.truth + world.up_to(millis(30, DAY));
        world.live(until);
        world.misfortune();
    }
    // In the end all is well again, and the machine is licensed within the promised time.
    world.end_jump();
    (world.host_up, world.count, world.clock_error) = (true, 30, 0);
    world.good_since = None;
    world.note_goodness();
    world.live(world.truth + millis(3, DAY));
    assert_eq!(world.license.status(), LicenseStatus::Licensed);
    world.tally
}

#[test]
fn simulated_machines_keep_the_rules_of_the_clock() {
    const YEARS: i64 = 10;
    let mut sum = Tally::default();
    for seed in 0..100 {
        for kind in [ClockKind::Honest, ClockKind::Wild] {
            let tally = std::panic::catch_unwind(|| machine(kind, seed, YEARS))
                .unwrap_or_else(|_| panic!("{kind:?} machine with seed {seed}"));
            sum.answers += tally.answers;
            sum.failures += tally.failures;
            sum.lapses += tally.lapses;
            sum.held_jumps += tally.held_jumps;
            sum.crashes += tally.crashes;
            sum.suspends += tally.suspends;
            sum.recoveries += tally.recoveries;
        }
    }
    // The run has met what it is about.
    let met = [
        sum.answers,
        sum.failures,
        sum.lapses,
        sum.held_jumps,
        sum.crashes,
        sum.suspends,
        sum.recoveries,
    ];
    assert!(met.iter().all(|times| *times > 500), "{sum:?}");
}

#[test]
fn the_same_seed_gives_the_same_life() {
    let life = |seed| format!("{:?}", machine(ClockKind::Wild, seed, 5));
    assert_eq!(life(7), life(7));
    assert_ne!(life(7), life(8));
}
