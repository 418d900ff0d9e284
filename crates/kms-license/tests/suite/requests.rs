//! Requests, the answers to them, and their records.

use crate::common::{DAY, FakeAnswer, Machine, SERVER, days, product};
use core::time::Duration;
use kms_core::{LicenseStatus, StatusCode, Threshold};
use kms_license::{AnswerError, Event, Policy, StatusFlags};

#[test]
fn an_answer_that_is_not_to_a_request_of_this_product_and_machine_changes_nothing() {
    let mut machine = Machine::with_key(Policy::default());
    let good = FakeAnswer::new(50, machine.license.cmid(), machine.now.wall);
    let give = |machine: &mut Machine, answer| {
        machine
            .license
            .handle_answer(answer, machine.now, &mut machine.entropy)
    };
    assert_eq!(give(&mut machine, good), Err(AnswerError::NoRequest));
    machine.begin();
    let before = machine.license.save(machine.now);
    let other_product = FakeAnswer {
        activation_id: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        ..good
    };
    assert!(matches!(
        give(&mut machine, other_product),
        Err(AnswerError::OtherProduct { .. })
    ));
    let mut other_machine = good;
    other_machine.terms.cmid = "00000000-0000-4000-8000-000000000002".parse().unwrap();
    assert!(matches!(
        give(&mut machine, other_machine),
        Err(AnswerError::OtherMachine { .. })
    ));
    assert_eq!(machine.license.save(machine.now), before);
    assert_eq!(machine.events(), []);
    // The request is still in flight; an answer to it is taken once.
    assert!(give(&mut machine, good).is_ok());
    assert_eq!(give(&mut machine, good), Err(AnswerError::NoRequest));
}

#[test]
fn a_request_says_what_the_licence_is() {
    let mut machine = Machine::with_key(Policy::default());
    machine.pass(3 * DAY + Duration::from_secs(30));
    let fields = machine
        .license
        .begin_attempt(SERVER, true, machine.now)
        .unwrap();
    assert_eq!(fields.activation_id, product());
    assert_eq!(fields.status, LicenseStatus::OobGrace);
    assert_eq!(fields.minutes_remaining, days(27));
    assert_eq!(fields.cmid, machine.license.cmid());
    assert_eq!(fields.previous_cmid, None);
    assert_eq!(fields.required_count.machines(), 25);
    assert!(fields.virtual_machine);
    assert_eq!(fields.client_time, machine.now.wall);
    // The wire's N is 1 to 1,000,000 whatever a policy says.
    for threshold in [Threshold::MIN, Threshold::MAX] {
        let mut machine = Machine::with_key(Policy {
            threshold,
            ..Policy::default()
        });
        let fields = machine
            .license
            .begin_attempt(SERVER, true, machine.now)
            .unwrap();
        assert_eq!(fields.required_count, threshold);
    }
}

#[test]
fn a_low_count_is_recorded_with_its_flag_and_an_activation_without() {
    let mut machine = Machine::with_key(Policy::default());
    for (count, activated) in [(4, false), (25, true)] {
        machine.answer(count).unwrap();
        let events = machine.events();
        let [
            Event::RequestSent(sent),
            Event::AnswerProcessed(processed),
            ..,
        ] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!(sent.result, StatusCode::OK);
        assert_eq!(sent.server, SERVER);
        assert_eq!(sent.flags, StatusFlags::NONE);
        assert_eq!(processed.activated, activated);
        assert_eq!(
            processed.flags.contains(StatusFlags::NOT_ENOUGH_COUNT),
            !activated
        );
        let text = processed.to_string();
        let start = if activated {
            "0x0, 0x0, 1, 0, 25, 120, 10080, "
        } else {
            "0x0, 0x4000000, 0, 0, 4, 120, 10080, "
        };
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn each_host_that_fails_is_recorded_with_its_reason() {
    let mut machine = Machine::with_key(Policy::default());
    let codes = [
        StatusCode::RPC_SERVER_UNAVAILABLE,
        StatusCode::VL_INVALID_TIMESTAMP,
    ];
    for code in codes {
        machine.begin();
        machine
            .license
            .handle_failure(code, machine.now, &mut machine.entropy);
    }
    // The whole attempt has failed: no request is in flight, so nothing more is recorded.
    machine.license.handle_failure(
        StatusCode::VL_BINDING_SERVICE_UNAVAILABLE,
        machine.now,
        &mut machine.entropy,
    );
    // One that is begun while another is in flight ends that one.
    machine.begin();
    machine.begin();
    let results: Vec<_> = machine
        .events()
        .into_iter()
        .map(|event| match event {
            Event::RequestSent(sent) => sent.result,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, [codes[0], codes[1], StatusCode::OK]);
}

#[test]
fn limit_a_servers_text_is_cut_in_the_record() {
    let mut machine = Machine::with_key(Policy::default());
    for (given, kept) in [(261, 261), (262, 261)] {
        machine
            .license
            .begin_attempt(&"x".repeat(given), false, machine.now)
            .unwrap();
        machine
            .license
            .handle_failure(StatusCode::TIMEOUT, machine.now, &mut machine.entropy);
        let Some(Event::RequestSent(sent)) = machine.license.poll_event() else {
            panic!("no record");
        };
        assert_eq!(sent.server.len(), kept);
    }
}
