//! What a client keeps, and what it does when it cannot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use common::{
    DAY, HOUR,
    machine::{Machine, PRODUCT, TestClient, activate},
};
use kms_client::{MAX_WAITING_EVENTS, OpenError, RearmFailure, StateError, StateFileError};
use kms_core::{Clock, LicenseStatus, StatusCode};
use kms_keys::Catalogue;
use kms_license::{Event, RearmError};
use std::{fs, os::unix::fs::PermissionsExt};

/// A machine with the one host, which activates it.
async fn with_host() -> Machine {
    let mut machine = Machine::new("");
    let address = machine.honest(11).listen("127.0.0.1").await;
    machine.lines = format!("host = \"{address}\"\n");
    machine
}

/// Why a client does not open, with the state file left as it is.
fn refusal(machine: &Machine) -> String {
    let before = fs::read(machine.state()).ok();
    let error = machine.open().map(drop).unwrap_err();
    assert!(matches!(error, OpenError::State(_)), "{error}");
    assert_eq!(fs::read(machine.state()).ok(), before);
    let text = error.to_string();
    let path = machine.state().display().to_string();
    assert!(text.starts_with(&path), "{text}");
    text
}

fn status_changes(client: &mut TestClient) -> Vec<LicenseStatus> {
    core::iter::from_fn(|| client.poll_event())
        .filter_map(|event| match event {
            Event::StatusChanged { to, .. } => Some(to),
            _ => None,
        })
        .collect()
}

#[test]
fn the_first_start_begins_the_grace_and_makes_the_file_for_its_owner_alone() {
    let machine = Machine::new("");
    let mut client = machine.open().unwrap();
    assert_eq!(client.license().status(), LicenseStatus::OobGrace);
    assert_eq!(status_changes(&mut client), [LicenseStatus::OobGrace]);
    let mode = fs::metadata(machine.state()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let names: Vec<_> = fs::read_dir(machine.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_restart_keeps_licence_cmid_and_count() {
    let machine = with_host().await;
    let mut client = machine.open().unwrap();
    let cmid = client.license().cmid();
    let expires = activate(&mut client).await.result.unwrap().expires;
    drop(client);
    machine.clock.advance(10 * DAY);
    let client = machine.open().unwrap();
    let license = client.license();
    assert_eq!(license.status(), LicenseStatus::Licensed);
    assert_eq!(license.expires(), Some(expires));
    assert_eq!((license.cmid(), license.last_count()), (cmid, Some(25)));
    assert_eq!(
        license.minutes_remaining(machine.clock.now()),
        170 * 24 * 60
    );
}

#[test]
fn a_client_that_is_opened_to_look_writes_nothing() {
    let machine = Machine::new("");
    machine.open().unwrap();
    let before = fs::read(machine.state()).unwrap();
    machine.clock.advance(40 * DAY);
    let client = machine.open().unwrap();
    // What has expired shows all the same.
    assert_eq!(client.license().status(), LicenseStatus::Notification);
    assert_eq!(fs::read(machine.state()).unwrap(), before);
}

#[test]
fn an_attempt_is_due_at_each_start_and_whoever_polls_events_does_not_lose_it() {
    let machine = Machine::new("");
    for _ in 0..2 {
        let mut client = machine.open().unwrap();
        while client.poll_event().is_some() {}
        assert!(client.handle_timeout().unwrap());
        assert!(!client.handle_timeout().unwrap());
        let due = client.poll_timeout().unwrap();
        assert!(due > machine.clock.now().tick);
    }
}

#[test]
fn what_expires_is_kept_before_it_is_told() {
    // Whether it expires while the client is open, or while it is not.
    for is_open in [true, false] {
        let machine = Machine::new("");
        let mut client = machine.open().unwrap();
        status_changes(&mut client);
        machine.clock.advance(31 * DAY);
        if !is_open {
            client = machine.open().unwrap();
        }
        // Nothing can be written where a folder lies.
        let in_the_way = machine.folder.path().join("client.state.new");
        fs::create_dir(&in_the_way).unwrap();
        for _ in 0..2 {
            let error = client.handle_timeout().unwrap_err();
            let is_io = matches!(error, StateError::File(StateFileError::Io { .. }));
            assert!(is_io, "{error}");
            assert_eq!(status_changes(&mut client), []);
        }
        fs::remove_dir(&in_the_way).unwrap();
        assert!(client.handle_timeout().unwrap());
        assert_eq!(status_changes(&mut client), [LicenseStatus::Notification]);
        let reopened = machine.open().unwrap();
        assert_eq!(reopened.license().status(), LicenseStatus::Notification);
    }
}

#[tokio::test]
async fn an_activation_that_cannot_be_kept_has_not_happened() {
    let machine = with_host().await;
    let mut client = machine.open().unwrap();
    status_changes(&mut client);
    let ends = client.license().expires();
    let in_the_way = machine.folder.path().join("client.state.new");
    fs::create_dir(&in_the_way).unwrap();
    machine.clock.advance(HOUR);
    let error = client.activate().await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert_eq!(client.license().status(), LicenseStatus::OobGrace);
    assert_eq!(client.license().expires(), ends);
    assert_eq!(client.license().last_answer(), None);
    assert_eq!(status_changes(&mut client), []);
    // Nor has time gone back, and the next attempt comes by itself.
    let now = machine.clock.now();
    assert_eq!(client.license().minutes_remaining(now), 43_200 - 60);
    assert!(client.poll_timeout().unwrap() > now.tick);

    fs::remove_dir(&in_the_way).unwrap();
    assert!(activate(&mut client).await.result.is_ok());
    assert_eq!(status_changes(&mut client), [LicenseStatus::Licensed]);
    let reopened = machine.open().unwrap();
    assert_eq!(reopened.license().status(), LicenseStatus::Licensed);
}

#[test]
fn a_rearm_that_cannot_be_kept_has_not_happened() {
    let machine = Machine::new("");
    let mut client = machine.open().unwrap();
    let cmid = client.license().cmid();
    let in_the_way = machine.folder.path().join("client.state.new");
    fs::create_dir(&in_the_way).unwrap();
    // An hour passes, and then the calendar clock is set back.
    let start = machine.clock.now().wall;
    machine.clock.advance(HOUR);
    let now = machine.clock.set_wall(start);
    for _ in 0..5 {
        let error = client.rearm().unwrap_err();
        assert!(matches!(error, RearmFailure::State(_)), "{error}");
    }
    assert_eq!(client.license().cmid(), cmid);
    assert_eq!(client.license().rearms_left(), 3);
    // Only time has passed, and does not come back.
    assert_eq!(client.license().minutes_remaining(now), 43_200 - 60);
}

#[test]
fn three_rearms_each_renew_grace_and_cmid_and_the_fourth_fails_with_its_code() {
    let machine = Machine::new("");
    let mut cmid = None;
    for left in (0..3).rev() {
        machine.clock.advance(20 * DAY);
        // Each survives a restart.
        let mut client = machine.open().unwrap();
        client.rearm().unwrap();
        let license = client.license();
        assert_eq!(license.rearms_left(), left);
        assert_eq!(license.minutes_remaining(machine.clock.now()), 43_200);
        assert_ne!(Some(license.cmid()), cmid);
        cmid = Some(license.cmid());
    }
    let mut client = machine.open().unwrap();
    let before = fs::read(machine.state()).unwrap();
    let RearmFailure::Rearm(error @ RearmError::NoneLeft { .. }) = client.rearm().unwrap_err()
    else {
        panic!("another failure")
    };
    assert_eq!(error.code(), StatusCode(0xC004_D307));
    assert_eq!(Some(client.license().cmid()), cmid);
    assert_eq!(fs::read(machine.state()).unwrap(), before);
}

#[test]
fn a_damaged_or_cut_state_is_refused_with_the_remedy() {
    let machine = Machine::new("");
    let mut client = machine.open().unwrap();
    let whole = fs::read(machine.state()).unwrap();
    for len in [0, 1, 20, whole.len() / 2, whole.len() - 1] {
        fs::write(machine.state(), &whole[..len]).unwrap();
        let text = refusal(&machine);
        assert!(
            text.contains("damaged") && text.contains("to start again"),
            "{text}"
        );
    }
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(machine.state(), flipped).unwrap();
    assert!(refusal(&machine).contains("checksum"));
    // With a predecessor the remedy is the way back to it.
    fs::write(machine.state(), &whole).unwrap();
    client.rearm().unwrap();
    let path = machine.state();
    fs::write(&path, "nonsense").unwrap();
    let text = refusal(&machine);
    let command = format!("cp -p '{0}.previous' '{0}'", path.display());
    assert!(text.contains(&command), "{text}");
    fs::copy(path.with_extension("state.previous"), &path).unwrap();
    assert_eq!(machine.open().unwrap().license().rearms_left(), 3);
}

#[test]
fn a_state_that_is_gone_while_its_predecessor_is_there_is_no_first_start() {
    let machine = Machine::new("");
    machine.open().unwrap().rearm().unwrap();
    fs::remove_file(machine.state()).unwrap();
    let text = refusal(&machine);
    assert!(
        text.contains("missing, though") && text.contains("cp -p"),
        "{text}"
    );
}

#[test]
fn a_state_that_is_no_readable_file_is_refused_with_the_remedy() {
    let machine = Machine::new("");
    fs::create_dir(machine.state()).unwrap();
    let text = refusal(&machine);
    assert!(
        text.contains("cannot be read") && text.contains("name a file of its own"),
        "{text}"
    );
}

#[test]
fn the_state_of_another_product_is_refused_with_both_ids() {
    let machine = Machine::new("");
    machine.open().unwrap();
    let other = Catalogue::builtin();
    let other = other
        .product_named("Windows Server 2008 R2 Standard")
        .unwrap();
    let mut config = machine.config();
    config.product = other.name.clone();
    let before = fs::read(machine.state()).unwrap();
    let opened = TestClient::open(
        &config,
        machine.clock.clone(),
        kms_core::SeededEntropy::new(1),
    );
    let text = opened.map(drop).unwrap_err().to_string();
    let catalogue = Catalogue::builtin();
    let mine = catalogue.product_named(PRODUCT).unwrap().activation_id;
    for id in [mine, other.activation_id] {
        assert!(text.contains(&id.to_string()), "{text}");
    }
    assert!(text.contains("a state file of its own"), "{text}");
    assert_eq!(fs::read(machine.state()).unwrap(), before);
}

#[tokio::test]
async fn a_change_by_another_process_is_not_overwritten() {
    let machine = with_host().await;
    let mut first = machine.open().unwrap();
    let mut second = machine.open().unwrap();
    second.rearm().unwrap();
    let theirs = fs::read(machine.state()).unwrap();
    let error = first.activate().await.unwrap_err();
    assert!(matches!(error, StateError::Changed { .. }), "{error}");
    assert_eq!(first.license().status(), LicenseStatus::OobGrace);
    assert_eq!(fs::read(machine.state()).unwrap(), theirs);
    // Opened again, it goes on from there.
    let mut first = machine.open().unwrap();
    assert!(activate(&mut first).await.result.is_ok());
    assert_eq!(first.license().cmid(), second.license().cmid());
}

#[test]
fn files_that_the_configuration_names_are_named_in_the_error() {
    let machine = Machine::new("");
    let cases: [(&str, &str); 3] = [
        ("root", "nowhere.pem"),
        ("product", "no product is called"),
        ("catalogue", "nowhere.toml"),
    ];
    for (key, wanted) in cases {
        let mut config = machine.config();
        match key {
            "root" => config.root = "nowhere.pem".into(),
            "product" => config.product = "Windows 3.11".to_owned(),
            _ => config.catalogue = Some("nowhere.toml".into()),
        }
        let entropy = kms_core::SeededEntropy::new(1);
        let opened = TestClient::open(&config, machine.clock.clone(), entropy);
        let text = opened.map(drop).unwrap_err().to_string();
        assert!(
            text.contains(wanted) || text.contains("Windows 3.11"),
            "{key}: {text}"
        );
        assert!(!machine.state().exists());
    }
}

#[test]
fn limit_waiting_events() {
    let machine = Machine::new("");
    let mut client = machine.open().unwrap();
    let right = machine.clock.now().wall;
    for _ in 0..MAX_WAITING_EVENTS + 5 {
        machine.clock.set_wall(right.saturating_sub(2 * HOUR));
        client.handle_timeout().unwrap();
        machine.clock.set_wall(right);
        client.handle_timeout().unwrap();
    }
    let events: Vec<Event> = core::iter::from_fn(|| client.poll_event()).collect();
    assert_eq!(events.len(), MAX_WAITING_EVENTS);
    assert!(
        events
            .iter()
            .all(|event| matches!(event, Event::ClockMoved(_))),
        "the oldest, a change of status, is gone"
    );
}

#[test]
fn a_change_of_the_network_matters_only_after_a_failed_renewal() {
    let machine = Machine::new("");
    let mut client = machine.open().unwrap();
    client.handle_timeout().unwrap();
    assert!(!client.handle_network_change().unwrap());
}

#[tokio::test]
async fn a_change_of_the_network_after_a_failed_renewal_makes_an_attempt_due() {
    let mut machine = with_host().await;
    let mut client = machine.open().unwrap();
    assert!(activate(&mut client).await.result.is_ok());
    drop(client);
    machine.lines = "host = \"127.0.0.1:1\"\n".to_owned();
    let mut client = machine.open().unwrap();
    assert!(client.handle_timeout().unwrap());
    assert!(activate(&mut client).await.result.is_err());
    assert!(client.handle_network_change().unwrap());
    assert_eq!(client.license().status(), LicenseStatus::Licensed);
}
