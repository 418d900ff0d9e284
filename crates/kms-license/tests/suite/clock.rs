//! The table of the clock in the README, as a licence shows it.

use crate::common::{DAY, FakeAnswer, HOUR, MINUTE, Machine, days};
use core::time::Duration;
use kms_core::{LicenseStatus, Timestamp};
use kms_license::{CLOCK_HOLD, ClockMove, Event, License, Outcome, Policy, TRUSTED_HOST_LAG};

impl Machine {
    /// What was reported of the clock, and whether an attempt is due.
    fn clock_moves(&mut self) -> (Vec<ClockMove>, bool) {
        let (mut moves, mut attempt) = (Vec::new(), false);
        for event in self.events() {
            match event {
                Event::ClockMoved(moved) => moves.push(moved),
                Event::AttemptDue => attempt = true,
                _ => {}
            }
        }
        (moves, attempt)
    }
}

#[test]
fn a_clock_set_back_does_not_extend_the_licence() {
    // While running: time goes on by the tick.
    let mut machine = Machine::licensed(Policy::default());
    machine.set_back(170 * DAY);
    machine.run_without_host(180 * DAY);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);

    // Over restarts, set back each time: what ran counts.
    let mut machine = Machine::licensed(Policy::default());
    for _ in 0..18 {
        machine.run_without_host(10 * DAY);
        machine.set_back(10 * DAY);
        machine.restart(Duration::ZERO);
    }
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
}

#[test]
fn a_clock_set_back_asks_a_host_and_keeps_the_licence() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(DAY);
    machine.set_back(HOUR);
    machine.timeout();
    assert_eq!(machine.clock_moves(), (vec![], false));
    machine.set_back(HOUR);
    machine.timeout();
    let reported = vec![ClockMove::Backward { by: 2 * HOUR }];
    assert_eq!(machine.clock_moves(), (reported, true));
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(179));
    // Once, while it stays behind.
    machine.pass(HOUR);
    machine.timeout();
    assert_eq!(machine.clock_moves(), (vec![], false));
}

#[test]
fn a_clock_that_jumps_ahead_is_held_while_renewal_is_tried() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(DAY);
    machine.set_forward(400 * DAY);
    machine.timeout();
    let reported = vec![ClockMove::ForwardHeld { by: 400 * DAY }];
    assert_eq!(machine.clock_moves(), (reported, true));
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(179));
    // A host that confirms the clock makes it the truth, and the licence is renewed by it.
    assert!(matches!(machine.answer(25), Ok(Outcome::Activated { .. })));
    assert_eq!(machine.minutes(), days(180));
    assert_eq!(machine.license.time(machine.now), machine.now.wall);
}

#[test]
fn a_clock_that_stays_ahead_is_believed_after_two_hours() {
    let mut machine = Machine::licensed(Policy::default());
    machine.set_forward(190 * DAY);
    machine.timeout();
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    machine.fail();
    machine.events();
    assert_eq!(machine.wait(), CLOCK_HOLD);
    machine.pass(CLOCK_HOLD - Duration::from_millis(1));
    machine.timeout();
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    machine.pass(Duration::from_millis(1));
    machine.timeout();
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    let (moves, _) = machine.clock_moves();
    assert_eq!(moves, [ClockMove::ForwardAccepted { by: 190 * DAY }]);
}

#[test]
fn a_jump_that_is_taken_back_leaves_the_licence_as_it_was() {
    let mut machine = Machine::licensed(Policy::default());
    machine.set_forward(400 * DAY);
    machine.timeout();
    machine.pass(HOUR);
    machine.set_back(400 * DAY);
    machine.run_without_host(DAY);
    assert_eq!(machine.minutes(), days(179) - 60);
    assert_eq!(machine.license.time(machine.now), machine.now.wall);
}

#[test]
fn time_off_counts() {
    let mut machine = Machine::licensed(Policy::default());
    machine.restart(179 * DAY);
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(1));
    machine.restart(DAY);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    machine.restart(30 * DAY);
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert_eq!(machine.clock_moves().0, []);
}

#[test]
fn a_dead_clock_at_start_does_not_extend_the_licence() {
    let mut machine = Machine::licensed(Policy::default());
    machine.run_without_host(100 * DAY);
    let saved = machine.license.save(machine.now);
    // Ten days off, and up again in 1970.
    let truth = machine.now.after(10 * DAY).wall;
    machine.now.wall = Timestamp::EPOCH;
    machine.license = License::restore(Policy::default(), saved, machine.now).unwrap();
    machine.license.start(machine.now);
    let (moves, attempt) = machine.clock_moves();
    assert!(matches!(moves[..], [ClockMove::Backward { .. }]) && attempt);
    assert_eq!(machine.minutes(), days(80));
    machine.run_without_host(DAY);
    assert_eq!(machine.minutes(), days(79));
    // The clock is put right: believed after the hold, without a host.
    machine.now.wall = truth;
    machine.run_without_host(DAY);
    assert_eq!(machine.minutes(), days(69));
}

#[test]
fn an_answer_puts_right_a_mark_that_ran_ahead() {
    let mut machine = Machine::licensed(Policy::default());
    machine.set_forward(400 * DAY);
    machine.run_without_host(DAY);
    assert_eq!(machine.status(), LicenseStatus::Notification);
    machine.set_back(400 * DAY);
    machine.timeout();
    // The clock is right again, but only an answer proves it.
    assert!(machine.license.time(machine.now) > machine.now.after(390 * DAY).wall);
    machine.answer(25).unwrap();
    assert_eq!(machine.license.time(machine.now), machine.now.wall);
    assert_eq!(machine.minutes(), days(180));
    assert_eq!(
        machine.license.save(machine.now).high_water,
        machine.now.wall
    );
    // A host that is ahead of the clock leaves the mark five minutes before its own time.
    let mut machine = Machine::licensed(Policy::default());
    machine.set_forward(20 * HOUR);
    machine.timeout();
    machine.set_back(20 * HOUR);
    let host_time = machine.now.after(HOUR).wall;
    machine.answer_at(25, host_time).unwrap();
    assert_eq!(
        machine.license.time(machine.now),
        host_time.saturating_sub(TRUSTED_HOST_LAG)
    );
}

#[test]
fn a_host_far_from_the_clock_does_not_move_the_mark() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(10 * DAY);
    machine.timeout();
    machine.set_back(10 * DAY);
    let time = machine.license.time(machine.now);
    for host_time in [
        machine.now.after(DAY + MINUTE).wall,
        machine.now.wall.saturating_sub(DAY + MINUTE),
        Timestamp::from_millis(i64::MAX),
        Timestamp::from_millis(i64::MIN),
    ] {
        machine.answer_at(25, host_time).unwrap();
        assert_eq!(machine.license.time(machine.now), time);
        assert_eq!(machine.minutes(), days(180));
    }
}

#[test]
fn a_grace_taken_while_the_clock_was_ahead_is_cut() {
    let mut machine = Machine::new(Policy::default());
    machine.set_forward(400 * DAY);
    machine.timeout();
    machine.pass(CLOCK_HOLD);
    machine.timeout();
    // The key comes while time is 400 days ahead; then the clock is put right, and a host with
    // too low a count proves it.
    machine.license.install_key(machine.now);
    assert_eq!(machine.minutes(), days(30));
    machine.set_back(400 * DAY);
    machine.answer(3).unwrap();
    assert_eq!(machine.license.time(machine.now), machine.now.wall);
    assert_eq!(machine.minutes(), days(30));
    // Nor does a key that is installed again bring the long grace back.
    machine.license.uninstall_key(machine.now);
    machine.license.install_key(machine.now);
    assert_eq!(machine.minutes(), days(30));
}

#[test]
fn clocks_at_the_ends_of_time_neither_panic_nor_stop_the_timers() {
    for wall in [i64::MIN, -1, i64::MAX] {
        let mut machine = Machine::licensed(Policy::default());
        machine.now.wall = Timestamp::from_millis(wall);
        machine.run_without_host(3 * DAY);
        machine.restart(DAY);
        machine.run_without_host(3 * DAY);
        let answer = FakeAnswer::new(25, machine.license.cmid(), machine.now.wall);
        machine.answer_with(answer).unwrap();
        assert!(machine.license.poll_timeout().is_some());
    }
}
