//! Asking hosts: clocks, counts, and that nothing but the counts changes.

use super::{
    Network, codes,
    common::{
        Answer, FakeHost, HOUR,
        machine::{Machine, activate},
    },
    only,
};
use core::time::Duration;
use kms_client::audit::{AskFailure, Question, QuestionError};
use kms_core::{Clock, StatusCode};
use std::fs;

/// A network, and a machine on it that has been activated once by a host of its own.
async fn activated() -> (Network, Machine) {
    let network = Network::new();
    let mut machine = Machine::new("");
    let own = machine.honest(77).listen("127.0.0.1").await;
    machine.lines = format!("host = \"{own}\"\n");
    activate(&mut machine.open().unwrap()).await;
    (network, machine)
}

fn question(machine: &Machine) -> Question {
    Question::load(&machine.config(), machine.clock.now()).unwrap()
}

/// Publishes the host and asks it.
async fn ask(host: FakeHost) -> (kms_client::audit::AuditReport, FakeHost) {
    let (mut network, machine) = activated().await;
    let at = host.listen("127.0.0.1").await;
    network.publish(11, at);
    let _server = network.serve().await;
    let report = network.audit_with(Some(question(&machine))).await;
    (report, host)
}

/// A host that may activate the machine's product, named `host-11`.
fn honest() -> FakeHost {
    Machine::new("").honest(11)
}

#[tokio::test]
async fn a_host_that_is_asked_tells_its_count_and_clock_and_the_state_stays() {
    let (mut network, machine) = activated().await;
    let before = fs::read(machine.state()).unwrap();
    let host = honest();
    let at = host.listen("127.0.0.1").await;
    network.publish(11, at);
    let _server = network.serve().await;
    let report = network.audit_with(Some(question(&machine))).await;
    assert_eq!(codes(&report), [""; 0]);
    let asked = report.hosts[0].asked.as_ref().unwrap();
    assert_eq!(asked.address, at);
    let answer = asked.result.as_ref().unwrap();
    assert_eq!(
        (answer.count, answer.needed, answer.clock_offset),
        (25, 25, 0)
    );
    assert!(answer.would_license());
    assert_eq!(host.requests().len(), 1, "asked once");
    assert_eq!(fs::read(machine.state()).unwrap(), before);
}

#[tokio::test]
async fn activate_clients_0xc004f038_a_count_that_is_too_low_is_a_note() {
    let mut host = honest();
    host.count = 24;
    let (report, _) = ask(host).await;
    assert_eq!(codes(&report), ["count-too-low"]);
    let found = only(&report, "count-too-low");
    assert!(found.problem.contains("counts 24"), "{found:?}");
    let answer = report.hosts[0].asked.as_ref().unwrap().result.as_ref();
    assert!(!answer.unwrap().would_license());
}

#[tokio::test]
async fn a_clock_that_is_off_is_a_warning_and_beyond_the_tolerance_an_error() {
    for (ahead, wanted) in [
        (Duration::from_secs(300), None),
        (Duration::from_secs(301), Some("clock-off")),
        (4 * HOUR, Some("clock-off")),
        (
            4 * HOUR + Duration::from_secs(1),
            Some("clock-beyond-tolerance"),
        ),
    ] {
        let host = honest();
        host.clock.advance(ahead);
        let (report, _) = ask(host).await;
        let wanted: Vec<&str> = wanted.into_iter().collect();
        assert_eq!(codes(&report), wanted, "{ahead:?}");
        for finding in &report.findings {
            assert!(
                finding.problem.contains("ahead of this machine's"),
                "{finding:?}"
            );
        }
        let millis = i64::try_from(ahead.as_millis()).unwrap();
        match &report.hosts[0].asked.as_ref().unwrap().result {
            Ok(answer) => assert_eq!(answer.clock_offset, millis),
            Err(AskFailure::Clock { clock_offset, .. }) => assert_eq!(*clock_offset, millis),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn refusals_are_told_by_their_documented_meaning() {
    for (status, code) in [
        (StatusCode::VL_INVALID_TIMESTAMP, "clock-beyond-tolerance"),
        (
            StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED,
            "not-activated",
        ),
        (
            StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH,
            "not-for-product",
        ),
        (StatusCode::BUSY, "ask-failed"),
        // Only a signed answer may say this; from a refusal it is no more than a refusal.
        (StatusCode::VL_NOT_ENOUGH_COUNT, "ask-failed"),
    ] {
        let (report, _) = ask(honest().answering(move |_, _| Answer::Refused(status))).await;
        assert_eq!(codes(&report), [code]);
        assert_eq!(only(&report, code).status, Some(status));
    }
}

#[tokio::test]
async fn answers_that_do_not_verify_are_told_and_count_for_nothing() {
    let forged = honest().answering(|host, message| {
        let mut bytes = host.honest(message);
        bytes[4] ^= 1;
        Answer::Bytes(bytes)
    });
    let short = honest().answering(|_, _| Answer::Bytes(vec![0; 119]));
    let busy = honest().answering(|_, _| Answer::TooBusy);
    for (host, wanted) in [(forged, "signature"), (short, "0x"), (busy, "fault")] {
        let (report, _) = ask(host).await;
        assert_eq!(codes(&report), ["ask-failed"]);
        let found = only(&report, "ask-failed");
        assert!(found.problem.contains(wanted), "{found:?}");
        assert!(report.hosts[0].asked.as_ref().unwrap().result.is_err());
    }
}

#[tokio::test]
async fn a_host_without_the_products_key_group_is_told_without_being_believed() {
    let network = Network::new();
    let (report, _) = ask(network.host(11, &["other"])).await;
    assert_eq!(codes(&report), ["not-for-product"]);
}

#[tokio::test]
async fn a_host_that_does_not_verify_is_not_asked() {
    let stranger = Machine::new("");
    let identity = super::identity(&super::authority(2), 11, &["windows"], HOUR);
    let host = FakeHost::new(identity, 25, &stranger.clock);
    let (report, host) = ask(host).await;
    assert!(report.hosts[0].asked.is_none());
    assert!(host.requests().is_empty());
}

#[test]
fn without_a_state_there_is_nothing_to_ask_with_and_none_is_made() {
    let machine = Machine::new("");
    let error = Question::load(&machine.config(), machine.clock.now()).unwrap_err();
    assert!(matches!(error, QuestionError::NoState { .. }), "{error}");
    assert!(error.to_string().contains("activate this client once"));
    assert!(!machine.state().exists());
    fs::write(machine.state(), "damage").unwrap();
    let error = Question::load(&machine.config(), machine.clock.now()).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}
