//! The engine with hosts in memory: what an attempt does, in which order, and what it reports.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use common::{
    Answer, DAY, HOUR, identity,
    rig::{Behaviour, GROUP, PRODUCT, Rig, THRESHOLD},
};
use kms_client::{Action, MAX_KNOWN_HOSTS};
use kms_core::{Clock, LicenseStatus, StatusCode};
use kms_srv::{
    AddressAnswer, AddressFault, DiscoveryConfig, DiscoveryEvent, LookupAnswer, LookupError,
    Unusable,
};

const KMS1: &str = "kms1.contoso.com:1688";
const KMS2: &str = "kms2.contoso.com:1688";

/// Two published hosts of which the second is honest, and the first does as told.
fn two_hosts(first: Behaviour) -> Rig {
    let mut rig = Rig::discovering();
    rig.publish("contoso.com", &["kms1.contoso.com", "kms2.contoso.com"]);
    let second = rig.honest(12);
    rig.host(KMS1, first);
    rig.host(KMS2, Behaviour::Host(second));
    rig
}

fn cmid(rig: &Rig) -> String {
    rig.engine.license().cmid().to_string()
}

#[test]
fn a_sufficient_count_activates_and_both_records_are_there() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let report = rig.attempt();
    let activated = report.result.unwrap();
    assert_eq!(
        activated.expires,
        rig.clock.now().wall.saturating_add(180 * DAY)
    );
    assert_eq!(report.host.unwrap().to_string(), "kms1:1688");
    assert_eq!(report.count, Some(THRESHOLD));
    assert!(report.attempts.is_empty());
    assert_eq!(rig.engine.license().status(), LicenseStatus::Licensed);
    let cmid = cmid(&rig);
    assert_eq!(
        rig.records(),
        [
            format!(
                "12288 0x0, 0x0, kms1:1688, {cmid}, 2023/11/14 22:13, 0, 2, 43200, {PRODUCT}, 5"
            ),
            "12289 0x0, 0x0, 1, 0, 5, 120, 10080, 2023/11/14 22:13".to_owned(),
        ]
    );
}

#[test]
fn a_count_that_is_too_low_is_reported_with_the_host_and_its_count() {
    let mut rig = Rig::pinned(|rig| {
        let mut host = rig.honest(11);
        host.count = THRESHOLD - 1;
        host
    });
    let report = rig.attempt();
    assert_eq!(report.code(), StatusCode::VL_NOT_ENOUGH_COUNT);
    assert_eq!(report.count, Some(THRESHOLD - 1));
    assert_eq!(report.host.unwrap().to_string(), "kms1:1688");
    assert_eq!(rig.engine.license().status(), LicenseStatus::OobGrace);
    assert_eq!(
        rig.records()[1],
        "12289 0x0, 0x4000000, 0, 0, 4, 120, 10080, 2023/11/14 22:13"
    );
    let failure = report.result.unwrap_err();
    assert!(failure.to_string().starts_with("0xC004F038 "), "{failure}");
}

#[test]
fn after_each_refusal_of_protocol_section_2_the_next_host_is_asked() {
    for code in [
        StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED,
        StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH,
        StatusCode::VL_INVALID_TIMESTAMP,
        StatusCode::INVALID_DATA,
        StatusCode::BUSY,
    ] {
        let first = Rig::discovering()
            .honest(11)
            .answering(move |_, _| Answer::Refused(code));
        let mut rig = two_hosts(Behaviour::Host(first));
        let report = rig.attempt();
        assert!(report.result.is_ok());
        assert_eq!(report.host.unwrap().to_string(), KMS2);
        let [failed] = report.attempts.as_slice() else {
            unreachable!("{:?}", report.attempts)
        };
        assert_eq!(
            (failed.host.to_string().as_str(), failed.code),
            (KMS1, code)
        );
        assert!(
            failed.to_string().contains(code.info().unwrap().meaning),
            "{failed}"
        );
        let records = rig.records();
        assert!(
            records[0].starts_with(&format!("12288 0x{:X}, 0x0, {KMS1}, ", code.0)),
            "{records:?}"
        );
        assert_eq!(records.len(), 3);
    }
}

#[test]
fn a_refusal_that_all_hosts_agree_on_is_the_code_of_the_attempt() {
    let not_activated = StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED;
    let mismatch = StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH;
    let unavailable = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
    for (first, second, wanted) in [
        (not_activated, not_activated, not_activated),
        (mismatch, mismatch, mismatch),
        (not_activated, mismatch, unavailable),
        // Not of the documents' own range: "no host could be contacted" says more.
        (StatusCode::BUSY, StatusCode::BUSY, unavailable),
    ] {
        let mut rig = two_hosts(Behaviour::Bytes(Vec::new()));
        for (address, code) in [(KMS1, first), (KMS2, second)] {
            let host = rig.honest(11).answering(move |_, _| Answer::Refused(code));
            rig.host(address, Behaviour::Host(host));
        }
        let report = rig.attempt();
        assert_eq!(report.code(), wanted);
        assert_eq!((report.host, report.count), (None, None));
        assert_eq!(report.attempts.len(), 2);
    }
}

/// A refusal is not signed: it must not say what only a verified answer can.
#[test]
fn a_refusal_that_the_protocol_does_not_know_is_no_more_than_an_unusable_answer() {
    for code in [
        StatusCode::VL_NOT_ENOUGH_COUNT,
        StatusCode::MAX_REARM_REACHED,
        StatusCode(1),
        StatusCode(u32::MAX),
    ] {
        let mut rig =
            Rig::pinned(|rig| rig.honest(11).answering(move |_, _| Answer::Refused(code)));
        let report = rig.attempt();
        let unavailable = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
        assert_eq!(report.code(), unavailable);
        assert_eq!(report.attempts[0].code, unavailable);
        let reason = &report.attempts[0].reason;
        assert!(reason.contains(&code.to_string()), "{reason}");
    }
}

#[test]
fn a_host_that_is_too_busy_or_refuses_its_certificate_is_left_for_the_next() {
    let rules = [
        Rig::discovering()
            .honest(11)
            .answering(|_, _| Answer::TooBusy),
        Rig::discovering()
            .honest(11)
            .showing(|_, _| Answer::TooBusy),
        Rig::discovering()
            .honest(11)
            .showing(|_, _| Answer::Refused(StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED)),
    ];
    for first in rules {
        let report = two_hosts(Behaviour::Host(first)).attempt();
        assert!(report.result.is_ok());
        assert_eq!(report.attempts.len(), 1);
    }
}

#[test]
fn a_host_that_was_never_connected_to_has_its_event_12288() {
    let mut rig = Rig::discovering();
    rig.publish("contoso.com", &["kms1.contoso.com"]);
    let report = rig.attempt();
    assert_eq!(report.code(), StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
    assert_eq!(
        report.attempts[0].to_string(),
        "kms1.contoso.com:1688: 0x800706BA HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE): connection refused"
    );
    let cmid = cmid(&rig);
    assert_eq!(
        rig.records(),
        [format!(
            "12288 0x800706BA, 0x0, {KMS1}, {cmid}, 2023/11/14 22:13, 0, 2, 43200, {PRODUCT}, 5"
        )]
    );
}

#[test]
fn without_any_host_there_is_no_record_and_the_code_is_that_of_dns() {
    for (answer, wanted) in [
        (Err(LookupError::NoSuchName), StatusCode::DNS_NAME_ERROR),
        (Err(LookupError::NoRecords), StatusCode::DNS_NO_RECORDS),
        (Ok(LookupAnswer::default()), StatusCode::DNS_NO_RECORDS),
        (Err(LookupError::Timeout), StatusCode::TIMEOUT),
    ] {
        let mut rig = Rig::discovering();
        rig.dns.insert("_vlmcs._tcp.contoso.com".to_owned(), answer);
        let report = rig.attempt();
        assert_eq!(report.code(), wanted);
        assert!(report.attempts.is_empty());
        assert_eq!(rig.records(), [""; 0]);
        // The next attempt is planned all the same.
        let due = rig.engine.license().poll_timeout().unwrap();
        let wait = due.saturating_since(rig.clock.now().tick);
        assert!(wait >= 2 * HOUR && wait <= HOUR * 22 / 10, "{wait:?}");
    }
}

#[test]
fn a_certificate_is_fetched_once_and_remembered() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let Some(Behaviour::Host(host)) = rig.hosts.get("kms1:1688").cloned() else {
        unreachable!()
    };
    for _ in 0..3 {
        assert!(rig.attempt().result.is_ok());
        rig.clock.advance(HOUR);
    }
    assert_eq!(host.fetched(), 1);
    // Each request has a nonce of its own, and is the protocol's to the byte.
    let requests = host.requests();
    let [first, second, third] = requests.as_slice() else {
        unreachable!("{} requests", requests.len())
    };
    assert_eq!(first.len(), 129 + "ws-17.contoso.example".len());
    assert_ne!(first[112..128], second[112..128]);
    assert_ne!(second[112..128], third[112..128]);
    assert_eq!(first[64..80], second[64..80]);
}

#[test]
fn a_remembered_certificate_that_is_out_of_its_time_is_fetched_again() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let Some(Behaviour::Host(host)) = rig.hosts.get("kms1:1688").cloned() else {
        unreachable!()
    };
    assert!(rig.attempt().result.is_ok());
    let start = rig.clock.now().wall;
    // The certificate is of a day.
    rig.clock.set_wall(start.saturating_add(3 * DAY));
    let report = rig.attempt();
    let reason = &report.attempts[0].reason;
    assert!(
        reason.contains("expired") && reason.contains("renew it"),
        "{reason}"
    );
    assert_eq!(host.fetched(), 2);
    // Nothing of it lasts: with the clock put right, all is well.
    rig.clock.set_wall(start);
    assert!(rig.attempt().result.is_ok());
    assert_eq!(host.fetched(), 2);
}

#[test]
fn a_host_with_a_new_certificate_is_believed_at_once() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    assert!(rig.attempt().result.is_ok());
    let renewed = rig.honest(13);
    rig.host("kms1:1688", Behaviour::Host(renewed.clone()));
    assert!(rig.attempt().result.is_ok());
    assert_eq!(renewed.fetched(), 1);
}

#[test]
fn limit_known_hosts_forgets_the_one_that_expires_first() {
    let mut rig = Rig::pinned(|rig| rig.honest(100));
    let hosts: Vec<_> = (0..=u32::try_from(MAX_KNOWN_HOSTS).unwrap())
        .map(|n| {
            let mut host = rig.honest(100);
            let identity = identity(&rig.authority, 200 + u64::from(n), &[GROUP], DAY * (n + 1));
            host.identity = identity.into();
            host.fetched = std::sync::Arc::default();
            host
        })
        .collect();
    let mut ask = |n: usize| {
        rig.host("kms1:1688", Behaviour::Host(hosts[n].clone()));
        assert!(rig.attempt().result.is_ok());
        hosts[n].fetched()
    };
    for n in 0..hosts.len() {
        assert_eq!(ask(n), 1);
    }
    for n in 1..hosts.len() {
        assert_eq!(ask(n), 1, "{n}");
    }
    assert_eq!(ask(0), 2);
}

#[test]
fn limit_hosts_of_one_attempt() {
    // 20 queries are one for the service and two for each host.
    let mut rig = Rig::discovering();
    let hosts: Vec<String> = (0..32).map(|n| format!("kms{n}.contoso.com")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    rig.publish("contoso.com", &hosts);
    let report = rig.attempt();
    assert_eq!(report.attempts.len(), 9);
    assert_eq!(report.code(), StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
    assert!(
        matches!(
            report.lookups[..],
            [DiscoveryEvent::LookupsUsedUp { queries: 19, .. }]
        ),
        "{:?}",
        report.lookups
    );
    // None of their records was lost, and the next attempt begins from the start.
    assert_eq!(rig.records().len(), 9);
    assert_eq!(rig.attempt().attempts.len(), 9);
}

#[test]
fn a_host_that_cannot_be_asked_is_reported_and_recorded_with_its_own_reason() {
    let mut rig = Rig::discovering();
    let names = ["kms1.contoso.com", "kms2.contoso.com", "kms3.contoso.com"];
    rig.publish("contoso.com", &names);
    let alias = AddressAnswer {
        addresses: vec!["192.0.2.8".parse().unwrap()],
        alias_of: Some("other.contoso.com".parse().unwrap()),
    };
    let loopback = AddressAnswer::new(vec!["127.0.0.1".parse().unwrap()]);
    let answers = [Err(LookupError::NoSuchName), Ok(alias), Ok(loopback)];
    for (name, answer) in names.iter().zip(answers) {
        rig.addresses.insert((*name).to_owned(), answer);
    }
    let report = rig.attempt();
    assert_eq!(report.code(), StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
    let reasons = [
        Unusable::Lookup(LookupError::NoSuchName),
        Unusable::Alias("other.contoso.com".parse().unwrap()),
        Unusable::Address("127.0.0.1".parse().unwrap(), AddressFault::Loopback),
    ];
    assert_eq!(report.attempts.len(), reasons.len());
    let records = rig.records();
    for (((attempt, reason), name), record) in
        report.attempts.iter().zip(reasons).zip(names).zip(records)
    {
        assert_eq!(attempt.host.to_string(), format!("{name}:1688"));
        assert_eq!(attempt.code, reason.status());
        assert_eq!(attempt.reason, reason.to_string());
        let start = format!("12288 0x{:08X}, 0x0, {name}:1688, ", attempt.code.0);
        assert!(record.starts_with(&start), "{record}");
    }
}

#[test]
fn the_report_tells_where_was_looked_in_vain() {
    let mut rig = Rig::new(DiscoveryConfig {
        suffixes: vec!["a".parse().unwrap(), "b".parse().unwrap()],
        ..DiscoveryConfig::default()
    });
    let refused = Err(LookupError::Refused);
    rig.dns.insert("_vlmcs._tcp.b".to_owned(), refused);
    let report = rig.attempt();
    let lookups: Vec<String> = report.lookups.iter().map(ToString::to_string).collect();
    assert!(
        lookups[0].starts_with("_vlmcs._tcp.a: 0x8007232B ")
            && lookups[1].starts_with("_vlmcs._tcp.b: 0x8007232D "),
        "{lookups:?}"
    );
    assert_eq!(report.code(), StatusCode::DNS_REFUSED);
    assert_eq!(rig.attempt().lookups.len(), 2);
}

#[test]
fn records_are_used_again_while_nothing_about_discovery_changes() {
    let mut rig = Rig::discovering();
    let config = DiscoveryConfig {
        suffixes: vec!["contoso.com".parse().unwrap()],
        caching: false,
        ..DiscoveryConfig::default()
    };
    rig.engine.set_discovery(config.clone());
    rig.publish("contoso.com", &["kms1.contoso.com"]);
    let host = rig.honest(11);
    rig.host(KMS1, Behaviour::Host(host));
    assert!(rig.attempt().result.is_ok());
    assert_eq!(rig.actions[0], "lookup _vlmcs._tcp.contoso.com");
    rig.engine.set_discovery(config.clone());
    assert!(rig.attempt().result.is_ok());
    assert_eq!(rig.actions, [format!("connect {KMS1}")]);
    rig.engine.set_discovery(DiscoveryConfig {
        allow_loopback: true,
        ..config
    });
    assert!(rig.attempt().result.is_ok());
    assert_eq!(rig.actions[0], "lookup _vlmcs._tcp.contoso.com");
}

#[test]
fn answers_in_pieces_of_one_byte_are_as_good() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    rig.piece = 1;
    assert!(rig.attempt().result.is_ok());
}

#[test]
fn a_pinned_host_is_the_only_one() {
    let mut rig = Rig::new(DiscoveryConfig {
        pinned: Some("kms9:1700".parse().unwrap()),
        suffixes: vec!["contoso.com".parse().unwrap()],
        ..DiscoveryConfig::default()
    });
    rig.publish("contoso.com", &["kms1.contoso.com"]);
    let host = rig.honest(11);
    rig.host(KMS1, Behaviour::Host(host));
    assert_eq!(
        rig.attempt().code(),
        StatusCode::VL_BINDING_SERVICE_UNAVAILABLE
    );
    assert_eq!(rig.actions, ["connect kms9:1700"]);
    assert_eq!(rig.engine.cached_host(), None);
}

#[test]
fn the_host_that_answered_is_asked_first_and_dns_when_it_fails() {
    let first = Rig::discovering().honest(12);
    let mut rig = two_hosts(Behaviour::Host(first));
    rig.attempt();
    assert_eq!(
        rig.actions,
        [
            "lookup _vlmcs._tcp.contoso.com".to_owned(),
            format!("connect {KMS1}"),
        ]
    );
    assert_eq!(rig.engine.cached_host().unwrap().to_string(), KMS1);
    rig.attempt();
    assert_eq!(rig.actions, [format!("connect {KMS1}")]);

    rig.hosts.remove(KMS1);
    rig.clock.advance(HOUR);
    assert!(rig.attempt().result.is_ok());
    assert_eq!(
        rig.actions,
        [
            format!("connect {KMS1}"),
            "lookup _vlmcs._tcp.contoso.com".to_owned(),
            format!("connect {KMS2}"),
        ]
    );
    assert_eq!(rig.engine.cached_host().unwrap().to_string(), KMS2);
}

#[test]
fn without_caching_dns_is_asked_each_time_that_its_answer_is_too_old() {
    let mut rig = Rig::new(DiscoveryConfig {
        suffixes: vec!["contoso.com".parse().unwrap()],
        caching: false,
        ..DiscoveryConfig::default()
    });
    rig.publish("contoso.com", &["kms1.contoso.com"]);
    let host = rig.honest(11);
    rig.host(KMS1, Behaviour::Host(host));
    for _ in 0..2 {
        assert!(rig.attempt().result.is_ok());
        assert_eq!(rig.actions.len(), 2);
        assert_eq!(rig.engine.cached_host(), None);
        rig.clock.advance(HOUR);
    }
}

#[test]
fn a_changed_network_is_looked_in_from_the_next_attempt_on() {
    let mut rig = two_hosts(Behaviour::Bytes(Vec::new()));
    rig.attempt();
    assert_eq!(rig.engine.cached_host().unwrap().to_string(), KMS2);
    rig.hosts.clear();
    rig.publish("fabrikam.com", &["kms.fabrikam.com"]);
    let host = rig.honest(13);
    rig.host("kms.fabrikam.com:1688", Behaviour::Host(host));
    rig.engine.set_discovery(DiscoveryConfig {
        suffixes: vec!["fabrikam.com".parse().unwrap()],
        ..DiscoveryConfig::default()
    });
    assert!(rig.attempt().result.is_ok());
    assert_eq!(rig.actions[0], format!("connect {KMS2}"));
    assert_eq!(rig.actions[1], "lookup _vlmcs._tcp.fabrikam.com");
}

#[test]
fn an_attempt_that_is_under_way_goes_on_where_it_began() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let now = rig.clock.now();
    let entropy = &mut rig.entropy.clone();
    let host = rig.start();
    rig.engine.set_discovery(DiscoveryConfig::default());
    rig.engine.handle_connected(&host, now, entropy);
    rig.engine.handle_input(&[0xff; 100], now, entropy);
    assert!(rig.engine.poll_action(now, entropy).is_none());
    assert_eq!(rig.engine.poll_report().unwrap().attempts.len(), 1);
    assert_eq!(rig.attempt().code(), StatusCode::INVALID_NAME);
}

#[test]
fn without_a_product_key_nobody_is_asked() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let now = rig.clock.now();
    rig.engine.license_mut().uninstall_key(now);
    let report = rig.attempt();
    assert_eq!(report.code(), StatusCode::PKEY_NOT_INSTALLED);
    assert_eq!(rig.actions, [""; 0]);
}

#[test]
fn a_key_that_is_removed_while_a_host_is_asked_ends_the_attempt_unlicensed() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let now = rig.clock.now();
    let host = rig.start();
    rig.engine.license_mut().uninstall_key(now);
    rig.engine.handle_connected(&host, now, &mut rig.entropy);
    assert!(!rig.engine.is_exchanging());
    assert!(rig.engine.poll_action(now, &mut rig.entropy).is_none());
    let report = rig.engine.poll_report().unwrap();
    assert_eq!(report.code(), StatusCode::PKEY_NOT_INSTALLED);
    assert_eq!(rig.engine.license().status(), LicenseStatus::Unlicensed);
}

#[test]
fn calls_that_nothing_waits_for_change_nothing() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let now = rig.clock.now();
    let entropy = &mut rig.entropy.clone();
    let stranger = "other:1688".parse().unwrap();
    let code = StatusCode::TIMEOUT;
    let disturb = |rig: &mut Rig| {
        let entropy = &mut rig.entropy.clone();
        let engine = &mut rig.engine;
        engine.handle_connected(&stranger, now, entropy);
        engine.handle_failure(&stranger, code, "late", now, entropy);
        engine.handle_timeout(now);
        let name = "_vlmcs._tcp.contoso.com".parse().unwrap();
        engine.handle_lookup(&name, Ok(LookupAnswer::default()), now);
        engine.handle_addresses(&name, Ok(AddressAnswer::default()), now);
    };
    // Before an attempt.
    disturb(&mut rig);
    rig.engine.handle_input(b"bytes", now, entropy);
    assert!(rig.engine.poll_action(now, entropy).is_none());
    assert!(rig.engine.poll_transmit().is_none() && rig.engine.poll_report().is_none());
    // While a host is being connected to.
    let host = rig.start();
    disturb(&mut rig);
    rig.engine.handle_input(b"bytes", now, entropy);
    assert!(rig.engine.poll_action(now, entropy).is_none());
    // While it is being asked.
    rig.engine.handle_connected(&host, now, entropy);
    let bind = rig.engine.poll_transmit().unwrap().to_vec();
    assert!(!bind.is_empty());
    disturb(&mut rig);
    rig.engine.handle_connected(&host, now, entropy);
    assert!(rig.engine.is_exchanging() && rig.engine.poll_transmit().is_none());
    // After it has failed, and twice.
    rig.engine.handle_failure(&host, code, "slow", now, entropy);
    rig.engine.handle_failure(&host, code, "slow", now, entropy);
    rig.engine.handle_connected(&host, now, entropy);
    rig.engine.handle_input(b"bytes", now, entropy);
    assert!(!rig.engine.is_exchanging());
    assert!(rig.engine.poll_action(now, entropy).is_none());
    let report = rig.engine.poll_report().unwrap();
    assert_eq!(report.attempts.len(), 1);
    assert_eq!(rig.records().len(), 1);
    assert_eq!(rig.engine.license().status(), LicenseStatus::OobGrace);
}

#[test]
fn an_attempt_that_is_begun_anew_leaves_a_record_of_the_host_that_was_being_asked() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let now = rig.clock.now();
    let entropy = &mut rig.entropy.clone();
    let host = rig.start();
    rig.engine.handle_connected(&host, now, entropy);
    let report = rig.attempt();
    assert!(report.result.is_ok() && report.attempts.is_empty());
    let records = rig.records();
    assert!(
        records[0].starts_with("12288 0x800705B4, 0x0, kms1:1688, "),
        "{records:?}"
    );
    assert!(records[1].starts_with("12288 0x0, "), "{records:?}");
    assert_eq!(records.len(), 3);
}

#[test]
fn the_time_for_lookups_is_bounded_also_without_a_resolver_that_says_so() {
    let mut rig = Rig::discovering();
    let now = rig.clock.now();
    rig.engine.start(now, &mut rig.entropy);
    let action = rig.engine.poll_action(now, &mut rig.entropy);
    assert!(matches!(action, Some(Action::Lookup(_))));
    let until = rig.engine.poll_timeout().unwrap();
    let now = rig.clock.advance_to(until);
    rig.engine.handle_timeout(now);
    assert!(rig.engine.poll_action(now, &mut rig.entropy).is_none());
    let report = rig.engine.poll_report().unwrap();
    assert_eq!(report.code(), StatusCode::TIMEOUT);
}
