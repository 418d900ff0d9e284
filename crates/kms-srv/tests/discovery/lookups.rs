//! Looking for records: where, how often, for how long, and what is reported.

use super::{Answer, NOW, TTL, World, config, found, host, in_order, name, run, unavailable};
use kms_core::{SeededEntropy, StatusCode, Tick};
use kms_srv::{Action, Discovery, DomainName, LookupAnswer, LookupError, SrvRecord};

#[test]
fn suffixes_are_looked_in_in_order_until_a_host_answers() {
    let world = World::default()
        .with_domain("b", Ok(in_order(&["kms1.b", "kms1.a"])))
        .with_domain("c", Ok(in_order(&["KMS1.B", "kms1.c"])))
        .with_host("kms1.c:1688");
    let steps = run(&world, config(&["a", "b", ".", "B", "c", "d"]), None);
    assert_eq!(
        steps,
        [
            "look in a",
            "look in b",
            "kms1.b:1688 fails",
            "kms1.a:1688 fails",
            "look in c",
            "kms1.c:1688 answers"
        ]
    );
}

#[test]
fn slmgr_skms_domain_replaces_the_suffix_list() {
    let mut config = config(&["a", "b"]);
    config.lookup_domain = Some(name("c"));
    assert_eq!(run(&World::default(), config, None)[0], "look in c");
}

#[test]
fn rfc_2782_a_lone_dot_ends_the_search_in_its_domain_only() {
    let dot = vec![SrvRecord::new(0, 0, 0, DomainName::root())];
    let world = World::default()
        .with_domain("a", Ok(dot))
        .with_domain("b", Ok(in_order(&["kms1.b"])))
        .with_host("kms1.b:1688");
    assert_eq!(
        run(&world, config(&["a", "b"]), None),
        ["look in a", "look in b", "kms1.b:1688 answers"]
    );
}

#[test]
fn activation_errors_the_final_code_tells_why_no_host_was_found() {
    use LookupError::{BadAnswer, NoRecords, NoSuchName, Refused, ServerFailure, Timeout};
    let unusable = || Ok(vec![SrvRecord::new(0, 0, 0, name("kms1.a"))]);
    let last = |answers: &[Answer]| {
        let domains = ["a", "b", "c"];
        let mut world = World::default();
        for (domain, answer) in domains.iter().zip(answers) {
            world = world.with_domain(domain, answer.clone());
        }
        run(&world, config(&domains[..answers.len()]), None)
            .pop()
            .unwrap()
    };
    for (answers, code) in [
        (vec![], 0x8007_007B),
        (vec![Err(NoSuchName)], 0x8007_232B),
        (vec![Err(NoRecords)], 0x8007_251D),
        (vec![Ok(vec![])], 0x8007_251D),
        (vec![unusable()], 0x8007_251D),
        (vec![Err(ServerFailure)], 0x8007_232A),
        (vec![Err(Refused)], 0x8007_232D),
        (vec![Err(Timeout)], 0x8007_05B4),
        (vec![Err(BadAnswer)], 0x8007_251E),
        (
            vec![Err(NoSuchName), Err(NoRecords), Err(NoSuchName)],
            0x8007_251D,
        ),
        (
            vec![Err(NoRecords), Err(ServerFailure), Err(NoSuchName)],
            0x8007_232A,
        ),
        (
            vec![Err(Timeout), Err(ServerFailure), Err(NoRecords)],
            0x8007_05B4,
        ),
        (
            vec![Ok(in_order(&["kms1.a"])), Err(ServerFailure)],
            0xC004_F074,
        ),
    ] {
        assert_eq!(
            last(&answers),
            format!("{:?}", StatusCode(code)),
            "{answers:?}"
        );
    }
}

#[test]
fn limit_20_queries_in_one_discovery() {
    let suffixes: Vec<String> = (0..30).map(|n| format!("d{n}.example")).collect();
    let suffixes: Vec<&str> = suffixes.iter().map(String::as_str).collect();
    let steps = run(&World::default(), config(&suffixes[..20]), None);
    assert_eq!(steps.len(), Discovery::MAX_QUERIES + 1);
    assert_eq!(
        steps.last(),
        Some(&format!("{:?}", StatusCode(0x8007_232B)))
    );
    let mut too_many = run(&World::default(), config(&suffixes[..21]), None);
    assert_eq!(too_many.remove(20), "used up");
    assert_eq!(too_many, steps);
}

#[test]
fn limit_the_addresses_of_a_host_count_for_two_queries() {
    let targets: Vec<String> = (0..32).map(|n| format!("kms{n}.a")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let domain = |count: usize| World::default().with_domain("a", Ok(in_order(&targets[..count])));
    // One for the records, and nine times two.
    let steps = run(&domain(9), config(&["a"]), None);
    assert_eq!(steps.len(), 1 + 9 + 1);
    let steps = run(&domain(10), config(&["a"]), None);
    assert_eq!(
        steps[9..],
        ["kms8.a:1688 fails".into(), "used up".into(), unavailable()]
    );
    // A name is looked up once, for all its ports.
    let ports = (0..32).map(|n| SrvRecord::new(n, 0, 1 + n, name("kms1.a")));
    let world = World::default().with_domain("a", Ok(ports.collect()));
    let steps = run(&world, config(&["a"]), None);
    assert_eq!(steps.len(), 1 + 32 + 1);
}

#[test]
fn limit_32_hosts_are_tried_in_one_discovery() {
    let ports = |from: u16| (from..from + 20).map(|n| SrvRecord::new(n, 0, n, name("kms1.a")));
    let world = World::default()
        .with_domain("a", Ok(ports(1).collect()))
        .with_domain("b", Ok(ports(101).collect()));
    let steps = run(&world, config(&["a", "b"]), None);
    assert_eq!(steps.len(), 2 + 32 + 2);
    assert_eq!(
        steps[33..],
        ["kms1.a:112 fails".into(), "32 hosts".into(), unavailable()]
    );
}

#[test]
fn what_the_lookups_did_not_reach_is_left_open() {
    // Nineteen domains without a host, and one whose host's addresses are not asked for any more.
    let suffixes: Vec<String> = (0..20).map(|n| format!("d{n}.example")).collect();
    let suffixes: Vec<&str> = suffixes.iter().map(String::as_str).collect();
    let world = World::default().with_domain("d19.example", Ok(in_order(&["kms1.a"])));
    let steps = run(&world, config(&suffixes), None);
    let last = format!("{:?}", StatusCode::TIMEOUT);
    assert_eq!(steps[20..], ["used up".to_owned(), last]);
}

#[test]
fn limit_32_records_of_one_answer_are_used() {
    let ports = (0..1000).map(|n| SrvRecord::new(n, 0, 1 + n, name("kms1.a")));
    let world = World::default().with_domain("a", Ok(ports.collect()));
    let steps = run(&world, config(&["a"]), None);
    assert_eq!(steps.len(), 1 + 32 + 1);
    assert_eq!(steps[32], "kms1.a:32 fails");
}

#[test]
fn limit_lookups_may_take_10_seconds_together() {
    let entropy = &mut SeededEntropy::new(1);
    let at = |millis| Tick::from_millis(millis);
    let mut discovery = Discovery::new(config(&["a", "b", "c"]), None);
    discovery.start(at(1000));
    assert_eq!(discovery.poll_timeout(), None);
    let Some(Action::Lookup(a)) = discovery.poll_action(entropy) else {
        panic!("no lookup");
    };
    assert_eq!(discovery.poll_timeout(), Some(at(11_000)));
    let records = LookupAnswer::new(in_order(&["kms1.a"]), TTL);
    discovery.handle_lookup(&a, Ok(records), at(4000));
    let Some(Action::Addresses { name, .. }) = discovery.poll_action(entropy) else {
        panic!("no address lookup");
    };
    assert_eq!(discovery.poll_timeout(), Some(at(11_000)));
    discovery.handle_addresses(&name, found(&["192.0.2.7"]), at(7000));
    // The time that a host takes does not count.
    let Some(Action::Connect { host, .. }) = discovery.poll_action(entropy) else {
        panic!("no host");
    };
    assert_eq!(discovery.poll_timeout(), None);
    discovery.handle_failure(&host, at(60_000));
    assert!(matches!(
        discovery.poll_action(entropy),
        Some(Action::Lookup(_))
    ));
    assert_eq!(discovery.poll_timeout(), Some(at(64_000)));
    discovery.handle_timeout(at(63_999));
    assert_eq!(discovery.poll_action(entropy), None);
    discovery.handle_timeout(at(64_000));
    let status = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
    assert_eq!(
        discovery.poll_action(entropy),
        Some(Action::Exhausted(status))
    );
    assert_eq!(discovery.poll_timeout(), None);
    let told: Vec<String> = core::iter::from_fn(|| discovery.poll_event())
        .map(|event| event.to_string())
        .collect();
    assert!(
        told[0].starts_with("_vlmcs._tcp.b: 0x800705B4 ")
            && told[1].contains("used up, after 4 queries and 10 s"),
        "{told:?}"
    );
    // A new start has its time again.
    discovery.start(at(70_000));
    assert!(matches!(
        discovery.poll_action(entropy),
        Some(Action::Lookup(_))
    ));
    discovery.handle_timeout(at(80_000));
    assert_eq!(
        discovery.poll_action(entropy),
        Some(Action::Exhausted(StatusCode::TIMEOUT))
    );
}

#[test]
fn a_host_whose_addresses_take_too_long_is_skipped_with_that_reason() {
    let entropy = &mut SeededEntropy::new(1);
    let mut discovery = Discovery::new(config(&["a"]), Some(host("old")));
    discovery.start(NOW);
    assert!(matches!(
        discovery.poll_action(entropy),
        Some(Action::Addresses { .. })
    ));
    let end = discovery.poll_timeout().unwrap();
    discovery.handle_timeout(end);
    assert_eq!(
        discovery.poll_action(entropy),
        Some(Action::Exhausted(
            StatusCode::VL_BINDING_SERVICE_UNAVAILABLE
        ))
    );
    let told = discovery.poll_event().unwrap().to_string();
    assert!(told.starts_with("old:1688: 0x800705B4 "), "{told}");
    assert_eq!(discovery.cached(), Some(&host("old")));
}

#[test]
fn a_domain_too_long_for_the_service_name_is_passed_over() {
    let long = ["x".repeat(60).as_str(); 4].join(".");
    let steps = run(&World::default(), config(&[&long, "b"]), None);
    assert_eq!(steps[0], "look in b");
    assert_eq!(run(&World::default(), config(&[&long]), None).len(), 1);
}

#[test]
fn answers_that_are_not_awaited_change_nothing() {
    let entropy = &mut SeededEntropy::new(1);
    let mut discovery = Discovery::new(config(&["a"]), Some(host("old")));
    let (wanted, other) = (name("_vlmcs._tcp.a"), name("_vlmcs._tcp.b"));
    let records = |targets| Ok(LookupAnswer::new(in_order(targets), TTL));
    let connect = |text| {
        Some(Action::Connect {
            host: host(text),
            addresses: vec!["192.0.2.7:1688".parse().unwrap()],
        })
    };
    let find = |text| {
        Some(Action::Addresses {
            name: name(text),
            search: false,
        })
    };
    discovery.handle_lookup(&wanted, records(&["kms9.a"]), NOW);
    discovery.handle_addresses(&name("old"), found(&["192.0.2.9"]), NOW);
    discovery.handle_success(&host("kms9.a"));
    assert_eq!(discovery.poll_action(entropy), None);
    discovery.start(NOW);
    assert_eq!(discovery.poll_action(entropy), find("old"));
    discovery.handle_addresses(&name("kms9.a"), found(&["192.0.2.9"]), NOW);
    discovery.handle_lookup(&wanted, records(&["kms9.a"]), NOW);
    discovery.handle_failure(&host("old"), NOW);
    assert_eq!(discovery.poll_action(entropy), None);
    discovery.handle_addresses(&name("OLD"), found(&["192.0.2.7"]), NOW);
    assert_eq!(discovery.poll_action(entropy), connect("old"));
    discovery.handle_failure(&host("kms9.a"), NOW);
    assert_eq!(discovery.poll_action(entropy), None);
    discovery.handle_failure(&host("old"), NOW);
    assert_eq!(
        discovery.poll_action(entropy),
        Some(Action::Lookup(wanted.clone()))
    );
    discovery.handle_lookup(&other, records(&["kms9.a"]), NOW);
    assert_eq!(discovery.poll_action(entropy), None);
    discovery.handle_lookup(&wanted, records(&["kms1.a"]), NOW);
    discovery.handle_lookup(&wanted, records(&["kms9.a"]), NOW);
    assert_eq!(discovery.poll_action(entropy), find("kms1.a"));
    discovery.handle_addresses(&name("kms1.a"), found(&["192.0.2.7"]), NOW);
    discovery.handle_addresses(&name("kms1.a"), found(&["192.0.2.9"]), NOW);
    assert_eq!(discovery.poll_action(entropy), connect("kms1.a"));
    discovery.handle_success(&host("kms9.a"));
    assert_eq!(discovery.cached(), Some(&host("old")));
    discovery.handle_success(&host("kms1.a"));
    discovery.handle_failure(&host("kms1.a"), NOW);
    assert_eq!(discovery.poll_action(entropy), None);
    assert_eq!(discovery.cached(), Some(&host("kms1.a")));
}
