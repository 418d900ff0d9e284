//! The table of timers in the README, and the scenarios of the documents.

use crate::common::{DAY, FakeAnswer, HOUR, MINUTE, Machine, SERVER, days};
use core::time::Duration;
use kms_core::{ActivationInterval, LicenseStatus, RenewalInterval, StatusCode, Threshold, Tick};
use kms_license::{CHECKPOINT_INTERVAL, Event, License, NETWORK_WATCH, Policy, RESUME_SPREAD};

fn gaps(attempts: &[Tick]) -> Vec<Duration> {
    attempts
        .windows(2)
        .map(|pair| pair[1].saturating_since(pair[0]))
        .collect()
}

fn is_a_retry(gap: Duration) -> bool {
    (2 * HOUR..=2 * HOUR + 12 * MINUTE).contains(&gap)
}

#[test]
fn an_attempt_is_due_at_start() {
    let mut machine = Machine::licensed(Policy::default());
    machine.restart(HOUR);
    assert!(machine.attempt_is_due());
    // And it is a new start each time.
    machine.license.start(machine.now);
    assert!(machine.attempt_is_due());
}

/// "KMS Details" (2024): after 180 days without a host 30 days of grace, then notification, while it
/// goes on trying every 2 hours until activated.
#[test]
fn without_a_host_180_days_then_30_days_of_grace_then_notification_while_retrying() {
    let mut machine = Machine::licensed(Policy::default());
    let before = machine.run_without_host(180 * DAY - HOUR);
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    machine.run_without_host(HOUR);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    machine.run_without_host(30 * DAY - HOUR);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    machine.run_without_host(HOUR);
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert!(!machine.license.reduced_functionality());
    let after = machine.run_without_host(365 * DAY);
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert!(gaps(&before).into_iter().all(is_a_retry));
    assert!(gaps(&after).into_iter().all(is_a_retry));
    // 4380 if there were no jitter.
    assert!((3980..=4380).contains(&after.len()), "{}", after.len());
    machine.answer(25).unwrap();
    assert_eq!(machine.status(), LicenseStatus::Licensed);
}

/// "How Key Management Service works": renewal every seven days, and every two hours after one
/// has failed, for as long as the licence lasts.
#[test]
fn renewal_every_seven_days_and_after_a_failure_every_two_hours() {
    let mut machine = Machine::licensed(Policy::default());
    let renewals = machine.run_with_count(70 * DAY, 30);
    assert_eq!(renewals.len(), 10);
    assert!(gaps(&renewals).into_iter().all(|gap| gap == 7 * DAY));
    assert_eq!(machine.minutes(), days(180));

    machine.run_without_host(7 * DAY);
    let retries = machine.run_without_host(DAY);
    assert!(retries.len() >= 10 && gaps(&retries).into_iter().all(is_a_retry));
    let renewals = machine.run_with_count(21 * DAY, 30);
    assert_eq!(gaps(&renewals), [7 * DAY, 7 * DAY]);
}

/// "Learning the KMS process": while the count stays below the threshold, clients that were
/// activated fall back after 180 days, though the host answers every time.
#[test]
fn a_count_that_stays_low_ends_the_licence_after_180_days() {
    let mut machine = Machine::licensed(Policy::default());
    let attempts = machine.run_with_count(180 * DAY, 22);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    assert!(gaps(&attempts).into_iter().all(is_a_retry));
    // A server edition on the same host stays activated.
    let mut server = Machine::licensed(Policy {
        threshold: Threshold::new(5).unwrap(),
        ..Policy::default()
    });
    server.run_with_count(400 * DAY, 22);
    assert_eq!(server.status(), LicenseStatus::Licensed);
}

/// "How Key Management Service works": clients that wait for the threshold ask every two hours.
#[test]
fn attempts_come_every_two_hours_and_at_most_a_tenth_more() {
    let mut machine = Machine::with_key(Policy::default());
    machine.fail();
    let attempts = machine.run_with_count(10 * DAY, 3);
    let gaps = gaps(&attempts);
    assert!(attempts.len() > 100 && gaps.iter().copied().all(is_a_retry));
    // A million clients must not knock at once.
    let mut distinct = gaps;
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() > 90);
}

#[test]
fn the_hosts_intervals_take_the_place_of_the_policys() {
    let local = Policy {
        activation_interval: ActivationInterval::from_minutes(30).unwrap(),
        renewal_interval: RenewalInterval::from_minutes(days(3)).unwrap(),
        ..Policy::default()
    };
    let mut machine = Machine::with_key(local);
    machine.fail();
    assert!((30 * MINUTE..=33 * MINUTE).contains(&machine.wait()));

    let pushed = |machine: &Machine, count| {
        let mut answer = FakeAnswer::new(count, machine.license.cmid(), machine.now.wall);
        answer.terms.activation_interval = ActivationInterval::from_minutes(60).unwrap();
        answer.terms.renewal_interval = RenewalInterval::from_minutes(days(1)).unwrap();
        answer
    };
    let low = pushed(&machine, 3);
    machine.answer_with(low).unwrap();
    assert!((60 * MINUTE..=66 * MINUTE).contains(&machine.wait()));
    machine.restart(Duration::ZERO);
    machine.fail();
    assert!((60 * MINUTE..=66 * MINUTE).contains(&machine.wait()));

    let enough = pushed(&machine, 25);
    machine.answer_with(enough).unwrap();
    machine.events();
    machine.pass(CHECKPOINT_INTERVAL);
    machine.timeout();
    assert!(!machine.attempt_is_due());
    machine.pass(machine.wait());
    assert_eq!(
        machine.now.tick,
        Tick::from_millis(5_000).saturating_add(DAY)
    );
    machine.timeout();
    assert!(machine.attempt_is_due());
}

#[test]
fn a_change_of_the_network_after_a_failed_renewal_makes_an_attempt_due() {
    let mut machine = Machine::licensed(Policy::default());
    machine.license.handle_network_change(machine.now);
    assert!(!machine.attempt_is_due(), "nothing has failed");

    machine.fail();
    machine.events();
    machine.pass(NETWORK_WATCH - Duration::from_millis(1));
    machine.license.handle_network_change(machine.now);
    assert!(machine.attempt_is_due());
    machine.license.handle_network_change(machine.now);
    assert!(!machine.attempt_is_due(), "once for each failure");

    machine.fail();
    machine.begin();
    machine.events();
    machine.license.handle_network_change(machine.now);
    assert!(!machine.attempt_is_due(), "one is under way");

    machine.fail();
    machine.events();
    machine.pass(NETWORK_WATCH);
    machine.license.handle_network_change(machine.now);
    assert!(!machine.attempt_is_due(), "15 minutes are over");

    machine.fail();
    machine.answer(25).unwrap();
    machine.events();
    machine.license.handle_network_change(machine.now);
    assert!(!machine.attempt_is_due(), "a renewal has succeeded");
}

#[test]
fn the_network_is_not_watched_before_the_first_activation() {
    let mut machine = Machine::with_key(Policy::default());
    machine.fail();
    machine.events();
    machine.license.handle_network_change(machine.now);
    assert!(!machine.attempt_is_due());
    assert!(is_a_retry(machine.wait()));
}

#[test]
fn after_a_suspend_the_attempt_is_spread_over_ten_minutes() {
    let mut waits = Vec::new();
    for seed in 0..50 {
        let mut machine = Machine::licensed(Policy::default());
        machine.entropy = kms_core::SeededEntropy::new(seed);
        machine.pass(8 * DAY);
        machine.timeout();
        assert!(!machine.attempt_is_due());
        let wait = machine.wait();
        assert!(wait <= RESUME_SPREAD, "{wait:?}");
        waits.push(wait);
        machine.pass(wait);
        machine.timeout();
        assert!(machine.attempt_is_due());
        assert!(is_a_retry(machine.wait()));
    }
    waits.sort();
    assert!(waits[0] < MINUTE && waits[49] > 9 * MINUTE, "{waits:?}");
}

#[test]
fn a_driver_that_is_a_little_late_gets_its_attempt() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(7 * DAY + RESUME_SPREAD);
    machine.timeout();
    assert!(machine.attempt_is_due());
}

#[test]
fn an_attempt_that_the_driver_loses_is_followed_by_the_next() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(7 * DAY);
    machine.timeout();
    assert!(machine.attempt_is_due());
    machine.begin();
    for _ in 0..3 {
        assert!(is_a_retry(machine.wait()) || machine.wait() < CHECKPOINT_INTERVAL);
        let mut due = false;
        while !due {
            machine.pass(machine.wait());
            machine.timeout();
            due = machine.attempt_is_due();
        }
    }
    // The lost request is recorded as sent when the next begins.
    machine.begin();
    assert!(matches!(
        machine.license.poll_event(),
        Some(Event::RequestSent(sent)) if sent.result == StatusCode::OK && sent.server == SERVER
    ));
}

#[test]
fn an_attempt_made_by_hand_withdraws_the_one_that_is_due() {
    let mut machine = Machine::with_key(Policy::default());
    machine.license.start(machine.now);
    machine.begin();
    assert!(!machine.attempt_is_due());
    // So does an answer, if one has come due meanwhile.
    machine.license.start(machine.now);
    let answer = FakeAnswer::new(25, machine.license.cmid(), machine.now.wall);
    let (now, entropy) = (machine.now, &mut machine.entropy);
    machine.license.handle_answer(answer, now, entropy).unwrap();
    assert!(!machine.attempt_is_due());
}

#[test]
fn a_save_is_due_at_least_every_twelve_hours() {
    let mut machine = Machine::licensed(Policy::default());
    for _ in 0..5 {
        assert_eq!(machine.wait(), CHECKPOINT_INTERVAL);
        machine.pass(CHECKPOINT_INTERVAL);
        machine.timeout();
        assert_eq!(machine.events(), [Event::SaveDue]);
    }
}

#[test]
fn a_licence_that_lapses_before_its_renewal_asks_as_one_that_is_not_activated() {
    let policy = Policy {
        validity: kms_core::ValidityInterval::from_minutes(days(1)).unwrap(),
        ..Policy::default()
    };
    let mut machine = Machine::licensed(policy);
    assert_eq!(machine.wait(), 12 * HOUR);
    machine.pass(HOUR);
    machine.set_forward(23 * HOUR);
    machine.timeout();
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    assert_eq!(machine.wait(), 2 * HOUR);
}

#[test]
fn a_grace_that_is_shorter_than_the_interval_ends_in_time() {
    let policy = Policy {
        grace: HOUR,
        ..Policy::default()
    };
    let mut machine = Machine::with_key(policy);
    assert_eq!(machine.wait(), HOUR);
    let now = machine.now.after(HOUR);
    machine.license.rearm(now, &mut machine.entropy).unwrap();
    machine.now = now;
    assert_eq!(machine.wait(), HOUR);
}

#[test]
fn a_timer_is_armed_from_the_moment_of_restoring() {
    let machine = Machine::licensed(Policy::default());
    let saved = machine.license.save(machine.now);
    let license = License::<FakeAnswer>::restore(Policy::default(), saved, machine.now).unwrap();
    assert!(
        license
            .poll_timeout()
            .is_some_and(|next| next > machine.now.tick)
    );
}
