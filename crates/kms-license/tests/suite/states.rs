//! One test for each row of the table of states in the README, and the engine's other rules.

use crate::common::{DAY, FakeAnswer, HOUR, MINUTE, Machine, SERVER, days, product};
use core::time::Duration;
use kms_core::{LicenseStatus, SeededEntropy, StatusCode, Threshold, ValidityInterval};
use kms_license::{AnswerError, Event, License, NoKeyError, Outcome, Policy, RearmError};

fn changed(from: LicenseStatus, to: LicenseStatus, reason: StatusCode) -> Event {
    Event::StatusChanged { from, to, reason }
}

#[test]
fn a_new_product_is_unlicensed() {
    let mut machine = Machine::new(Policy::default());
    machine.license.start(machine.now);
    assert_eq!(machine.status(), LicenseStatus::Unlicensed);
    assert_eq!(
        machine.license.status_reason(),
        StatusCode::PKEY_NOT_INSTALLED
    );
    assert_eq!((machine.minutes(), machine.license.expires()), (0, None));
    assert_eq!(machine.license.poll_timeout(), None);
    assert_eq!(machine.events(), []);
    let refused = machine.license.begin_attempt(SERVER, false, machine.now);
    assert_eq!(refused.unwrap_err().code(), NoKeyError::default().code());
}

#[test]
fn the_first_key_starts_the_initial_grace() {
    let mut machine = Machine::new(Policy::default());
    machine.license.install_key(machine.now);
    assert_eq!(machine.status(), LicenseStatus::OobGrace);
    assert_eq!(machine.license.status_reason(), StatusCode(0x4004_F00C));
    assert_eq!(machine.minutes(), days(30));
    let grace = changed(
        LicenseStatus::Unlicensed,
        LicenseStatus::OobGrace,
        StatusCode::OOB_GRACE_PERIOD,
    );
    assert_eq!(machine.events(), [grace, Event::SaveDue, Event::AttemptDue]);
    // A second key changes nothing.
    machine.pass(DAY);
    machine.license.install_key(machine.now);
    assert_eq!(machine.minutes(), days(29));
    assert_eq!(machine.events(), []);
}

#[test]
fn a_key_installed_again_starts_no_second_grace() {
    let mut machine = Machine::with_key(Policy::default());
    machine.pass(10 * DAY);
    machine.license.uninstall_key(machine.now);
    machine.pass(10 * DAY);
    machine.license.install_key(machine.now);
    assert_eq!(machine.status(), LicenseStatus::OobGrace);
    assert_eq!(machine.minutes(), days(10));
    machine.license.uninstall_key(machine.now);
    machine.pass(10 * DAY);
    machine.restart(Duration::ZERO);
    machine.events();
    machine.license.install_key(machine.now);
    let over = changed(
        LicenseStatus::Unlicensed,
        LicenseStatus::Notification,
        StatusCode::GRACE_TIME_EXPIRED,
    );
    assert_eq!(machine.events(), [over, Event::SaveDue, Event::AttemptDue]);
}

#[test]
fn a_sufficient_count_licenses_from_initial_grace() {
    let mut machine = Machine::with_key(Policy::default());
    machine.pass(3 * DAY);
    let outcome = machine.answer(25).unwrap();
    let expires = machine.now.after(180 * DAY).wall;
    assert_eq!(outcome, Outcome::Activated { expires });
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.license.status_reason(), StatusCode::OK);
    assert_eq!(machine.minutes(), days(180));
    assert_eq!(machine.license.expires(), Some(expires));
    assert_eq!(machine.license.last_count(), Some(25));
    assert!(machine.events().contains(&changed(
        LicenseStatus::OobGrace,
        LicenseStatus::Licensed,
        StatusCode::OK
    )));
}

/// "How Key Management Service works": a count includes the asker, and 25 licenses a client
/// edition where 24 does not; 5 and 4 for a server edition.
#[test]
fn a_low_count_leaves_the_initial_grace_as_it_is() {
    for threshold in [25, 5] {
        let policy = Policy {
            threshold: Threshold::new(threshold).unwrap(),
            ..Policy::default()
        };
        let mut machine = Machine::with_key(policy);
        machine.pass(3 * DAY);
        let low = Outcome::NotEnoughCount {
            count: threshold - 1,
            needed: threshold,
        };
        assert_eq!(machine.answer(threshold - 1), Ok(low));
        assert_eq!(machine.status(), LicenseStatus::OobGrace);
        assert_eq!(machine.minutes(), days(27));
        assert_eq!(machine.license.last_count(), Some(threshold - 1));
        assert!(matches!(
            machine.answer(threshold),
            Ok(Outcome::Activated { .. })
        ));
    }
}

#[test]
fn the_end_of_the_initial_grace_is_notification() {
    let mut machine = Machine::with_key(Policy::default());
    machine.run_without_host(30 * DAY - Duration::from_millis(1));
    assert_eq!(machine.status(), LicenseStatus::OobGrace);
    assert_eq!(machine.minutes(), 1);
    machine.run_without_host(Duration::from_millis(1));
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert_eq!(machine.license.status_reason(), StatusCode(0xC004_F009));
    assert_eq!((machine.minutes(), machine.license.expires()), (0, None));
}

#[test]
fn a_renewal_starts_the_validity_again() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(179 * DAY);
    machine.timeout();
    machine.events();
    assert_eq!(machine.minutes(), days(1));
    assert!(matches!(machine.answer(30), Ok(Outcome::Activated { .. })));
    assert_eq!(machine.minutes(), days(180));
    let events = machine.events();
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::StatusChanged { .. })),
        "{events:?}"
    );
    assert!(events.contains(&Event::SaveDue));
}

#[test]
fn a_low_count_on_renewal_leaves_the_licence_as_it_is() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(7 * DAY);
    machine.timeout();
    assert!(matches!(
        machine.answer(24),
        Ok(Outcome::NotEnoughCount { .. })
    ));
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(173));
    // It waits as one that is not activated does.
    let wait = machine.wait();
    assert!((2 * HOUR..=2 * HOUR + 12 * MINUTE).contains(&wait));
}

#[test]
fn failed_renewals_do_not_shorten_the_validity() {
    let mut machine = Machine::licensed(Policy::default());
    let expires = machine.license.expires();
    let attempts = machine.run_without_host(100 * DAY);
    assert!(attempts.len() > 1000);
    assert_eq!(machine.license.expires(), expires);
    assert_eq!(machine.minutes(), days(80));
}

#[test]
fn the_end_of_the_validity_is_the_additional_grace() {
    let mut machine = Machine::licensed(Policy::default());
    machine.run_without_host(180 * DAY);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    assert_eq!(machine.license.status_reason(), StatusCode(0x4004_F00D));
    assert_eq!(machine.minutes(), days(30));
}

#[test]
fn the_validity_ends_at_its_last_millisecond() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(180 * DAY - Duration::from_millis(1));
    machine.timeout();
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), 1);
    assert_eq!(machine.wait(), Duration::from_millis(1));
    machine.pass(Duration::from_millis(1));
    machine.timeout();
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
}

#[test]
fn the_end_of_the_additional_grace_is_notification() {
    let mut machine = Machine::licensed(Policy::default());
    machine.run_without_host(210 * DAY - Duration::from_millis(1));
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    machine.run_without_host(Duration::from_millis(1));
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert_eq!(
        machine.license.status_reason(),
        StatusCode::GRACE_TIME_EXPIRED
    );
}

#[test]
fn a_machine_that_slept_through_both_passes_both() {
    let mut machine = Machine::licensed(Policy::default());
    machine.pass(300 * DAY);
    machine.timeout();
    let events = machine.events();
    assert_eq!(
        events[..2],
        [
            changed(
                LicenseStatus::Licensed,
                LicenseStatus::OotGrace,
                StatusCode::OOT_GRACE_PERIOD
            ),
            changed(
                LicenseStatus::OotGrace,
                LicenseStatus::Notification,
                StatusCode::GRACE_TIME_EXPIRED
            ),
        ]
    );
}

#[test]
fn a_sufficient_count_licenses_from_additional_grace() {
    let mut machine = Machine::licensed(Policy::default());
    machine.run_without_host(190 * DAY);
    assert_eq!(machine.status(), LicenseStatus::OotGrace);
    assert!(matches!(machine.answer(25), Ok(Outcome::Activated { .. })));
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(180));
}

#[test]
fn a_sufficient_count_licenses_from_notification() {
    let mut machine = Machine::with_key(Policy::default());
    machine.run_without_host(400 * DAY);
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert!(matches!(
        machine.answer(24),
        Ok(Outcome::NotEnoughCount { .. })
    ));
    assert_eq!(machine.status(), LicenseStatus::Notification);
    assert!(matches!(machine.answer(25), Ok(Outcome::Activated { .. })));
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(180));
}

#[test]
fn without_its_key_a_product_is_unlicensed() {
    let notified = || {
        let mut machine = Machine::with_key(Policy::default());
        machine.run_without_host(31 * DAY);
        machine
    };
    for mut machine in [
        Machine::with_key(Policy::default()),
        Machine::licensed(Policy::default()),
        notified(),
    ] {
        machine.begin();
        machine.license.uninstall_key(machine.now);
        assert_eq!(machine.status(), LicenseStatus::Unlicensed);
        assert_eq!((machine.minutes(), machine.license.expires()), (0, None));
        assert_eq!(machine.license.poll_timeout(), None);
        assert!(!machine.attempt_is_due());
        let answer = FakeAnswer::new(50, machine.license.cmid(), machine.now.wall);
        let late = machine
            .license
            .handle_answer(answer, machine.now, &mut machine.entropy);
        assert_eq!(late, Err(AnswerError::NoRequest));
        machine.timeout();
        assert_eq!(machine.license.poll_timeout(), None);
    }
}

#[test]
fn reduced_functionality_is_for_notification_and_only_by_policy() {
    for reduced_functionality in [false, true] {
        let policy = Policy {
            reduced_functionality,
            ..Policy::default()
        };
        let mut machine = Machine::licensed(policy);
        machine.run_without_host(200 * DAY);
        assert_eq!(machine.status(), LicenseStatus::OotGrace);
        assert!(!machine.license.reduced_functionality());
        machine.run_without_host(10 * DAY);
        assert_eq!(machine.status(), LicenseStatus::Notification);
        assert_eq!(
            machine.license.reduced_functionality(),
            reduced_functionality
        );
        machine.answer(25).unwrap();
        assert!(!machine.license.reduced_functionality());
    }
}

#[test]
fn an_answers_validity_is_taken_up_to_the_policys() {
    let policy = Policy {
        validity: ValidityInterval::from_minutes(days(90)).unwrap(),
        ..Policy::default()
    };
    let mut machine = Machine::with_key(policy);
    for (granted, taken) in [(days(10), days(10)), (days(180), days(90))] {
        let mut answer = FakeAnswer::new(25, machine.license.cmid(), machine.now.wall);
        answer.terms.validity = ValidityInterval::from_minutes(granted).unwrap();
        machine.answer_with(answer).unwrap();
        assert_eq!(machine.minutes(), taken);
    }
}

#[test]
fn a_rearm_starts_the_initial_grace_from_every_status() {
    let ages = [0, 190, 400].map(|age| {
        let mut machine = Machine::licensed(Policy::default());
        machine.run_without_host(age * DAY);
        machine
    });
    let mut seen = Vec::new();
    for mut machine in ages
        .into_iter()
        .chain([Machine::with_key(Policy::default())])
    {
        seen.push(machine.status().number());
        machine.pass(HOUR);
        machine.begin();
        let (cmid, answer) = (
            machine.license.cmid(),
            FakeAnswer::new(50, machine.license.cmid(), machine.now.wall),
        );
        let now = machine.now;
        machine.license.rearm(now, &mut machine.entropy).unwrap();
        assert_eq!(machine.status(), LicenseStatus::OobGrace);
        assert_eq!(machine.minutes(), days(30));
        assert_ne!(machine.license.cmid(), cmid);
        assert_eq!(machine.license.previous_cmid(), Some(cmid));
        assert_eq!(machine.license.rearms_left(), 2);
        let events = machine.events();
        assert!(events.contains(&Event::SaveDue) && events.contains(&Event::AttemptDue));
        // The answer to the request before the rearm comes too late.
        let late = machine
            .license
            .handle_answer(answer, now, &mut machine.entropy);
        assert_eq!(late, Err(AnswerError::NoRequest));
    }
    assert_eq!(seen, [1, 3, 5, 2]);
}

#[test]
fn a_rearm_without_a_key_gives_the_next_key_a_fresh_grace() {
    let mut machine = Machine::with_key(Policy::default());
    machine.run_without_host(40 * DAY);
    machine.license.uninstall_key(machine.now);
    let now = machine.now;
    machine.license.rearm(now, &mut machine.entropy).unwrap();
    assert_eq!(machine.status(), LicenseStatus::Unlicensed);
    assert_eq!(machine.license.poll_timeout(), None);
    assert!(!machine.attempt_is_due());
    machine.license.install_key(machine.now);
    assert_eq!(machine.minutes(), days(30));
}

/// "Deploy KMS Activation": the activation timer can be reset three times.
#[test]
fn a_fourth_rearm_fails_and_changes_nothing() {
    let mut machine = Machine::with_key(Policy::default());
    for left in [2, 1, 0] {
        machine.run_without_host(29 * DAY);
        let now = machine.now;
        machine.license.rearm(now, &mut machine.entropy).unwrap();
        assert_eq!(machine.license.rearms_left(), left);
        assert_eq!(machine.minutes(), days(30));
    }
    machine.events();
    machine.begin();
    let (before, timeout) = (
        machine.license.save(machine.now),
        machine.license.poll_timeout(),
    );
    let now = machine.now;
    let error = machine.license.rearm(now, &mut machine.entropy);
    assert_eq!(error, Err(RearmError::NoneLeft { allowed: 3 }));
    let error = error.unwrap_err();
    assert_eq!(error.code(), StatusCode(0xC004_D307));
    assert!(error.to_string().starts_with("0xC004D307 "), "{error}");
    assert_eq!(machine.license.save(machine.now), before);
    assert_eq!(machine.license.poll_timeout(), timeout);
    assert_eq!(machine.events(), []);
    // And not after a restart either.
    machine.restart(Duration::ZERO);
    let now = machine.now;
    assert!(machine.license.rearm(now, &mut machine.entropy).is_err());
}

#[test]
fn two_machines_of_one_image_have_different_ids() {
    let ids = [1, 2].map(|seed| {
        let mut entropy = SeededEntropy::new(seed);
        License::<FakeAnswer>::new(
            Policy::default(),
            product(),
            &mut entropy,
            crate::common::start(),
        )
        .cmid()
    });
    assert_ne!(ids[0], ids[1]);
}
