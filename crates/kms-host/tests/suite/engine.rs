//! The engine: what is decided, without I/O.

use crate::fixture::{DAY, Fixture, HOST_KEY, HOUR, START, request};
use core::time::Duration;
use kms_core::{
    ActivationId, ApplicationId, Clock as _, CountedId, Encode as _, KeyId, LicenseStatus, Now,
    SeededEntropy, StatusCode, Threshold, Timestamp,
};
use kms_count::Snapshot;
use kms_host::{Activation, Caller, Decision, Entry, Handled, Host, HostEvent, Settings};
use kms_keys::Catalogue;
use kms_wire::ActivationRequest;

const MILLISECOND: Duration = Duration::from_millis(1);
const NOT_ACTIVATED: StatusCode = StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED;
const MISMATCH: StatusCode = StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH;

fn activation() -> Activation {
    let groups = Catalogue::builtin();
    let groups = groups.groups_activated_by(HOST_KEY).unwrap();
    Activation {
        key_id: KeyId([9; 8]),
        scope: groups
            .iter()
            .map(|group| group.as_str().to_owned())
            .collect(),
        not_after: START.wall.saturating_add(365 * DAY),
    }
}

fn host_with(activation: Option<Activation>, count: kms_count::Config) -> Host {
    Host::new(
        Catalogue::builtin(),
        activation,
        Settings::default(),
        count,
        &Snapshot::default(),
        &mut SeededEntropy::new(1),
        START,
    )
    .unwrap()
}

fn host() -> Host {
    host_with(Some(activation()), kms_count::Config::default())
}

fn refusal(handled: &Handled) -> Option<StatusCode> {
    match handled.decision {
        Decision::Grant(_) => None,
        Decision::Refuse(code) => Some(code),
        Decision::Disconnect => panic!("disconnected"),
    }
}

fn count(handled: &Handled) -> u32 {
    match handled.decision {
        Decision::Grant(terms) => terms.count,
        refused => panic!("{refused:?}"),
    }
}

#[test]
fn a_valid_request_is_granted_with_the_terms_of_host_and_product() {
    let fixture = Fixture::new();
    let (mut host, request) = (host(), fixture.request(1));
    let handled = host.handle_request(&request.to_vec(), &mut Caller::default(), START);
    let Decision::Grant(terms) = handled.decision else {
        panic!("{handled:?}");
    };
    assert_eq!(terms.count, 1);
    assert_eq!(terms.activation_interval.minutes(), 120);
    assert_eq!(terms.renewal_interval.minutes(), 10_080);
    assert_eq!(terms.validity.minutes(), 259_200);
    assert_eq!((terms.cmid, terms.host_time), (request.cmid, START.wall));
    assert_eq!(terms.key_id, KeyId([9; 8]));
    let Entry::Answered {
        request: counted,
        at,
        dropped: None,
        ..
    } = handled.entry
    else {
        panic!("{handled:?}");
    };
    assert_eq!((counted.cmid, at), (request.cmid, START.wall));
    assert_eq!(counted.threshold, fixture.client().threshold);
}

#[test]
fn every_refusal_has_its_code_and_counts_as_failed_only() {
    let fixture = Fixture::new();
    let uncovered = fixture.product("Windows Server 2008 R2 Datacenter");
    let good = fixture.request(1);
    let after = |time| ActivationRequest {
        request_time: time,
        ..good
    };
    let wall = START.wall;
    let table: [(&str, ActivationRequest, StatusCode); 10] = [
        (
            "an unknown product",
            ActivationRequest {
                activation_id: ActivationId::new(good.cmid.as_uuid()),
                ..good
            },
            MISMATCH,
        ),
        (
            "a product beyond the certificate's scope",
            request(uncovered, 1, wall),
            MISMATCH,
        ),
        (
            "a product under another application",
            ActivationRequest {
                application_id: ApplicationId::new(good.cmid.as_uuid()),
                ..good
            },
            MISMATCH,
        ),
        (
            "a product in another family",
            ActivationRequest {
                counted_id: CountedId::new(good.cmid.as_uuid()),
                ..good
            },
            MISMATCH,
        ),
        (
            "a clock 4 h and 1 ms ahead",
            after(wall.saturating_add(4 * HOUR + MILLISECOND)),
            StatusCode::VL_INVALID_TIMESTAMP,
        ),
        (
            "a clock 4 h and 1 ms behind",
            after(wall.saturating_sub(4 * HOUR + MILLISECOND)),
            StatusCode::VL_INVALID_TIMESTAMP,
        ),
        (
            "the last time of the wire",
            after(Timestamp::from_millis(i64::MAX)),
            StatusCode::VL_INVALID_TIMESTAMP,
        ),
        (
            "the first time of the wire",
            after(Timestamp::from_millis(i64::MIN)),
            StatusCode::VL_INVALID_TIMESTAMP,
        ),
        (
            "an unknown product and a wrong clock: the product is asked first",
            ActivationRequest {
                activation_id: ActivationId::new(good.cmid.as_uuid()),
                request_time: Timestamp::EPOCH,
                ..good
            },
            MISMATCH,
        ),
        (
            "no clock at all",
            after(Timestamp::EPOCH),
            StatusCode::VL_INVALID_TIMESTAMP,
        ),
    ];
    let mut host = host();
    for (number, (what, request, code)) in (1..).zip(table) {
        let handled = host.handle_request(&request.to_vec(), &mut Caller::default(), START);
        assert_eq!(refusal(&handled), Some(code), "{what}");
        let known = fixture.catalogue.product(request.activation_id);
        let Entry::Failed {
            counted_id,
            license_status: Some(LicenseStatus::OobGrace),
            source: None,
            at,
            event: Some(event),
        } = handled.entry
        else {
            panic!("{what}: {handled:?}");
        };
        assert_eq!(
            counted_id,
            known.map(|product| product.counted_id),
            "{what}"
        );
        assert_eq!(at, START.wall);
        assert_eq!(event.code, code, "{what}");
        assert!(!event.to_string().is_empty());
        let counters = host.counters();
        assert_eq!((counters.total(), counters.failed()), (number, number));
        assert_eq!(counters.with_status(LicenseStatus::OobGrace), number);
        assert_eq!(host.families().count(), 0, "{what}");
    }
}

#[test]
fn clocks_4_hours_apart_are_close_enough() {
    let (fixture, mut host) = (Fixture::new(), host());
    for time in [
        START.wall.saturating_add(4 * HOUR),
        START.wall.saturating_sub(4 * HOUR),
    ] {
        let request = ActivationRequest {
            request_time: time,
            ..fixture.request(1)
        };
        assert_eq!(
            refusal(&host.handle_request(&request.to_vec(), &mut Caller::default(), START)),
            None
        );
    }
}

#[test]
fn a_time_that_no_calendar_has_is_told_as_a_number() {
    let (fixture, mut host) = (Fixture::new(), host());
    let request = ActivationRequest {
        request_time: Timestamp::from_millis(i64::MAX),
        ..fixture.request(1)
    };
    let event = host
        .handle_request(&request.to_vec(), &mut Caller::default(), START)
        .entry
        .event()
        .unwrap()
        .1;
    let text = event.to_string();
    assert!(
        text.contains(", 9223372036854775807 ms, 0, 2, 40123, "),
        "{text}"
    );
}

#[test]
fn a_malformed_message_is_refused_before_anything_else_and_has_no_event() {
    let message = Fixture::new().message(1);
    let mut version = message.clone();
    version[0] = 2;
    let mut flags = message.clone();
    flags[4] = 2;
    let mut status = message.clone();
    status[8] = 7;
    let mut cmid = message.clone();
    cmid[64..80].fill(0);
    let mut required = message.clone();
    required[96..100].fill(0);
    let mut name = message.clone();
    name[129] = 7;
    let mut longer = message.clone();
    longer.push(0);
    let mut malformed = vec![version, flags, status, cmid, required, name, longer];
    malformed.extend((0..message.len()).map(|len| message[..len].to_vec()));
    // Activated or not, the message is looked at first.
    for activation in [Some(activation()), None] {
        let mut host = host_with(activation, kms_count::Config::default());
        for (number, message) in (1..).zip(&malformed) {
            let handled = host.handle_request(message, &mut Caller::default(), START);
            assert_eq!(refusal(&handled), Some(StatusCode::INVALID_DATA));
            assert_eq!(handled.entry.event(), None);
            let nothing = Entry::Failed {
                counted_id: None,
                license_status: None,
                source: None,
                at: START.wall,
                event: None,
            };
            assert_eq!(handled.entry, nothing);
            assert_eq!(host.counters().failed(), number);
        }
        assert_eq!(host.counters().by_status(), [0; 7]);
    }
}

#[test]
fn a_host_without_a_certificate_refuses_whatever_else_is_wrong() {
    let fixture = Fixture::new();
    let mut host = host_with(None, kms_count::Config::default());
    assert!(!host.is_activated(START));
    let good = fixture.request(1);
    let bad = ActivationRequest {
        activation_id: ActivationId::new(good.cmid.as_uuid()),
        request_time: Timestamp::EPOCH,
        ..good
    };
    for request in [good, bad] {
        let handled = host.handle_request(&request.to_vec(), &mut Caller::default(), START);
        assert_eq!(refusal(&handled), Some(NOT_ACTIVATED));
    }
}

#[test]
fn a_certificate_is_good_to_its_last_moment_and_no_longer() {
    let (fixture, mut host) = (Fixture::new(), host());
    let last = Now::new(START.tick, activation().not_after);
    let ask = |host: &mut Host, now: Now| {
        let request = request(fixture.client(), 1, now.wall);
        refusal(&host.handle_request(&request.to_vec(), &mut Caller::default(), now))
    };
    assert!(host.is_activated(last));
    assert_eq!(ask(&mut host, last), None);
    let after = last.after(MILLISECOND);
    assert!(!host.is_activated(after));
    assert_eq!(ask(&mut host, after), Some(NOT_ACTIVATED));
}

#[test]
fn the_count_that_a_client_says_it_needs_moves_nothing() {
    let (fixture, mut host) = (Fixture::new(), host());
    let mut asked = Vec::new();
    for (machine, required) in (1..).zip([1, 5, 1_000_000]) {
        let request = ActivationRequest {
            required_count: Threshold::new(required).unwrap(),
            ..fixture.request(machine)
        };
        let handled = host.handle_request(&request.to_vec(), &mut Caller::default(), START);
        let Some(HostEvent::RequestProcessed(event)) =
            handled.entry.event().map(|(_, event)| event)
        else {
            panic!("no event");
        };
        asked.push(event.required_count);
        let Entry::Answered { request, .. } = handled.entry else {
            panic!("refused");
        };
        assert_eq!(request.threshold.machines(), 25);
        let family = host.families().next().unwrap();
        assert_eq!((family.threshold().machines(), family.capacity()), (25, 50));
    }
    assert_eq!(asked, [1, 5, 1_000_000], "it is told in the event");
}

#[test]
fn servers_and_clients_share_a_count_whose_capacity_follows_the_catalogue() {
    let (fixture, mut host) = (Fixture::new(), host());
    let server = fixture.product("Windows Server 2008 Standard");
    let server = request(server, 1, START.wall);
    assert_eq!(
        count(&host.handle_request(&server.to_vec(), &mut Caller::default(), START)),
        1
    );
    assert_eq!(host.families().next().unwrap().capacity(), 10);
    assert_eq!(
        count(&host.handle_request(&fixture.message(2), &mut Caller::default(), START)),
        2
    );
    assert_eq!(host.families().next().unwrap().capacity(), 50);
    assert_eq!(host.families().count(), 1);
}

#[test]
fn a_machine_that_leaves_a_full_table_is_named_in_the_entry() {
    let (fixture, mut host) = (Fixture::new(), host());
    for machine in 1..=50 {
        let handled = host.handle_request(&fixture.message(machine), &mut Caller::default(), START);
        assert!(matches!(
            handled.entry,
            Entry::Answered { dropped: None, .. }
        ));
    }
    let handled = host.handle_request(&fixture.message(51), &mut Caller::default(), START);
    assert_eq!(count(&handled), 50);
    let Entry::Answered { dropped, .. } = handled.entry else {
        panic!("refused");
    };
    assert_eq!(dropped, Some(fixture.request(1).cmid));
}

#[test]
fn event_12290_tells_of_the_request_in_the_documented_form() {
    let (fixture, mut host) = (Fixture::new(), host());
    let request = ActivationRequest {
        virtual_machine: true,
        required_count: Threshold::new(25).unwrap(),
        cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
        ..fixture.request(1)
    };
    let event = host
        .handle_request(&request.to_vec(), &mut Caller::default(), START)
        .entry
        .event()
        .unwrap()
        .1;
    assert_eq!(event.id(), 12290);
    assert_eq!(
        event.to_string(),
        format!(
            "0x0, 25, ws-17.contoso.x, 00112233-4455-4677-8899-aabbccddeeff, \
             2023/11/14 22:13, 1, 2, 40123, {}",
            fixture.client().activation_id
        )
    );
}

#[test]
fn a_record_is_gone_30_days_after_its_last_request() {
    let (fixture, mut host) = (Fixture::new(), host());
    host.handle_request(&fixture.message(1), &mut Caller::default(), START);
    let gone = START.after(30 * DAY);
    assert_eq!(host.poll_timeout(), Some(gone.tick));
    let records = |host: &Host| host.families().next().unwrap().count();
    host.handle_timeout(START.after(30 * DAY - MILLISECOND));
    assert_eq!(records(&host), 1);
    host.handle_timeout(gone);
    assert_eq!((records(&host), host.poll_timeout()), (0, None));
}

#[test]
fn a_new_host_goes_on_from_a_snapshot() {
    let (fixture, mut host) = (Fixture::new(), host());
    for machine in 1..=24 {
        host.handle_request(&fixture.message(machine), &mut Caller::default(), START);
    }
    host.handle_request(b"malformed", &mut Caller::default(), START);
    let mut restarted = Host::new(
        Catalogue::builtin(),
        Some(activation()),
        Settings::default(),
        kms_count::Config::default(),
        &host.snapshot(),
        &mut SeededEntropy::new(2),
        START,
    )
    .unwrap();
    assert_eq!(restarted.counters(), host.counters());
    assert_eq!(restarted.snapshot(), host.snapshot());
    assert_eq!(
        count(&restarted.handle_request(&fixture.message(1), &mut Caller::default(), START)),
        24
    );
    assert_eq!(
        count(&restarted.handle_request(&fixture.message(25), &mut Caller::default(), START)),
        25
    );
}

#[test]
fn virtual_machines_are_answered_and_count_only_where_they_are_meant_to() {
    let fixture = Fixture::new();
    let virtual_machine = ActivationRequest {
        virtual_machine: true,
        ..fixture.request(2)
    };
    for (counted, wanted) in [(true, 2), (false, 1)] {
        let config = kms_count::Config::default().with_count_virtual_machines(counted);
        let mut host = host_with(Some(activation()), config);
        host.handle_request(&fixture.message(1), &mut Caller::default(), START);
        let handled = host.handle_request(&virtual_machine.to_vec(), &mut Caller::default(), START);
        assert_eq!(count(&handled), wanted);
        assert_eq!(host.families().next().unwrap().count(), wanted);
    }
}

#[test]
fn a_calendar_clock_that_is_set_expires_nothing() {
    let (fixture, mut host) = (Fixture::new(), host());
    host.handle_request(&fixture.message(1), &mut Caller::default(), START);
    fixture.clock.set_wall(START.wall.saturating_add(60 * DAY));
    let now = fixture.clock.now();
    assert_eq!(
        count(&host.handle_request(&fixture.message(2), &mut Caller::default(), now)),
        2
    );
}
