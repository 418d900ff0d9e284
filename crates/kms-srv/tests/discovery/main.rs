//! Discovery as the documents tell it, step by step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod addresses;
mod kept;
mod model;
mod table_5;

use kms_core::{SeededEntropy, StatusCode, Tick};
use kms_srv::{
    Action, AddressAnswer, Discovery, DiscoveryConfig, DiscoveryEvent, DomainName, HostAddress,
    LookupAnswer, LookupError, SrvRecord,
};
use std::collections::{BTreeMap, BTreeSet};

const NOW: Tick = Tick::ZERO;

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn host(text: &str) -> HostAddress {
    text.parse().unwrap()
}

fn config(suffixes: &[&str]) -> DiscoveryConfig {
    DiscoveryConfig {
        suffixes: suffixes.iter().map(|suffix| name(suffix)).collect(),
        ..DiscoveryConfig::default()
    }
}

/// Records of one priority each, so that their order is theirs.
fn in_order(targets: &[&str]) -> Vec<SrvRecord> {
    (0..)
        .zip(targets)
        .map(|(priority, target)| SrvRecord::new(priority, 0, 1688, name(target)))
        .collect()
}

type Answer = Result<Vec<SrvRecord>, LookupError>;
type Addresses = Result<AddressAnswer, LookupError>;

/// The TTL of all records, in seconds.
const TTL: u32 = 3600;

fn found(addresses: &[&str]) -> Addresses {
    let addresses = addresses.iter().map(|ip| ip.parse().unwrap());
    Ok(AddressAnswer::new(addresses.collect()))
}

/// What DNS and the network hold, by which a driver answers the engine.
#[derive(Clone, Debug, Default)]
struct World {
    /// By complete name; a name that is not here does not exist.
    dns: BTreeMap<DomainName, Answer>,
    /// By complete name; a name that is not here has one good address.
    addresses: BTreeMap<DomainName, Addresses>,
    answering: BTreeSet<HostAddress>,
}

impl World {
    fn with_domain(mut self, domain: &str, answer: Answer) -> Self {
        self.dns
            .insert(name(&format!("_vlmcs._tcp.{domain}")), answer);
        self
    }

    fn with_host(mut self, address: &str) -> Self {
        self.answering.insert(host(address));
        self
    }

    fn with_addresses(mut self, host: &str, addresses: Addresses) -> Self {
        self.addresses.insert(name(host), addresses);
        self
    }

    fn lookup(&self, name: &DomainName) -> Answer {
        let missing = || Err(LookupError::NoSuchName);
        self.dns.get(name).cloned().unwrap_or_else(missing)
    }

    fn find(&self, name: &DomainName) -> Addresses {
        let good = || found(&["192.0.2.7"]);
        self.addresses.get(name).cloned().unwrap_or_else(good)
    }

    /// Drives the engine to its end and tells what it did.
    fn run(&self, discovery: &mut Discovery, entropy: &mut SeededEntropy) -> Vec<String> {
        self.run_at(NOW, discovery, entropy)
    }

    fn run_at(
        &self,
        now: Tick,
        discovery: &mut Discovery,
        entropy: &mut SeededEntropy,
    ) -> Vec<String> {
        let mut steps = Vec::new();
        discovery.start(now);
        while let Some(action) = discovery.poll_action(entropy) {
            while let Some(event) = discovery.poll_event() {
                match event {
                    DiscoveryEvent::HostSkipped { host, .. } => {
                        steps.push(format!("{host} is skipped"));
                    }
                    DiscoveryEvent::LookupsUsedUp { .. } => steps.push("used up".to_owned()),
                    _ => {}
                }
            }
            match action {
                Action::Lookup(name) => {
                    let domain = name.as_str().strip_prefix("_vlmcs._tcp.").unwrap();
                    steps.push(format!("look in {domain}"));
                    let answer = self.lookup(&name);
                    let answer = answer.map(|records| LookupAnswer::new(records, TTL));
                    discovery.handle_lookup(&name, answer, now);
                }
                Action::Addresses { name, .. } => {
                    discovery.handle_addresses(&name, self.find(&name), now);
                }
                Action::Connect { host, .. } if self.answering.contains(&host) => {
                    steps.push(format!("{host} answers"));
                    discovery.handle_success(&host);
                }
                Action::Connect { host, .. } => {
                    steps.push(format!("{host} fails"));
                    discovery.handle_failure(&host, now);
                }
                Action::Exhausted(status) => steps.push(format!("{status:?}")),
            }
            assert!(steps.len() < 1000, "it does not end");
        }
        steps
    }
}

fn run(world: &World, config: DiscoveryConfig, cached: Option<&str>) -> Vec<String> {
    let mut discovery = Discovery::new(config, cached.map(host));
    world.run(&mut discovery, &mut SeededEntropy::new(1))
}

fn unavailable() -> String {
    format!("{:?}", StatusCode(0xC004_F074))
}

mod pinned {
    use super::*;

    #[test]
    fn timing_the_narrowest_scope_wins() {
        let world = World::default()
            .with_host("for-id:1688")
            .with_host("for-app:1688")
            .with_host("for-all:1688");
        let mut config = config(&["contoso.com"]);
        config.pinned = Some("for-all".parse().unwrap());
        assert_eq!(run(&world, config.clone(), None), ["for-all:1688 answers"]);
        config.pinned_for_application = Some("for-app".parse().unwrap());
        assert_eq!(run(&world, config.clone(), None), ["for-app:1688 answers"]);
        config.pinned_for_activation_id = Some("for-id".parse().unwrap());
        assert_eq!(run(&world, config, Some("cached")), ["for-id:1688 answers"]);
    }

    #[test]
    fn deploy_kms_a_pinned_host_disables_auto_discovery() {
        let world = World::default()
            .with_domain("contoso.com", Ok(in_order(&["kms1.contoso.com"])))
            .with_host("kms1.contoso.com:1688");
        let mut config = config(&["contoso.com"]);
        config.pinned = Some("other:1700".parse().unwrap());
        let steps = run(&world, config, Some("kms1.contoso.com"));
        assert_eq!(steps, ["other:1700 fails".into(), unavailable()]);
    }

    #[test]
    fn a_pinned_host_is_not_cached() {
        let world = World::default().with_host("other:1688");
        let mut config = config(&[]);
        config.pinned = Some("other".parse().unwrap());
        let mut discovery = Discovery::new(config, Some(host("kms1")));
        world.run(&mut discovery, &mut SeededEntropy::new(1));
        assert_eq!(discovery.cached(), Some(&host("kms1")));
        assert_eq!(discovery.pinned(), Some(&host("other")));
    }

    #[test]
    fn slmgr_skms_a_port_alone_leaves_discovery_on_and_serves_a_wider_scope() {
        let world = World::default()
            .with_domain("contoso.com", Ok(in_order(&["kms1.contoso.com"])))
            .with_host("kms1.contoso.com:1688");
        let mut config = config(&["contoso.com"]);
        config.pinned_for_activation_id = Some(":1700".parse().unwrap());
        assert_eq!(
            run(&world, config.clone(), None),
            ["look in contoso.com", "kms1.contoso.com:1688 answers"]
        );
        config.pinned = Some("other:1701".parse().unwrap());
        let pinned =
            |config: &DiscoveryConfig| Discovery::new(config.clone(), None).pinned().cloned();
        assert_eq!(pinned(&config), Some(host("other:1700")));
        config.pinned_for_activation_id = None;
        assert_eq!(pinned(&config), Some(host("other:1701")));
        config.pinned = Some("other".parse().unwrap());
        config.default_port = 1702.try_into().unwrap();
        assert_eq!(pinned(&config), Some(host("other:1702")));
    }
}

mod cache {
    use super::*;

    fn world() -> World {
        World::default()
            .with_domain(
                "contoso.com",
                Ok(in_order(&["kms1.contoso.com", "kms2.contoso.com"])),
            )
            .with_host("kms2.contoso.com:1688")
    }

    #[test]
    fn activate_clients_the_host_that_answered_is_asked_first_the_next_time() {
        let mut discovery = Discovery::new(config(&["contoso.com"]), None);
        let mut entropy = SeededEntropy::new(1);
        let first = world().run(&mut discovery, &mut entropy);
        assert_eq!(
            first,
            [
                "look in contoso.com",
                "kms1.contoso.com:1688 fails",
                "kms2.contoso.com:1688 answers"
            ]
        );
        assert_eq!(discovery.cached(), Some(&host("kms2.contoso.com")));
        let second = world().run(&mut discovery, &mut entropy);
        assert_eq!(second, ["kms2.contoso.com:1688 answers"]);
    }

    #[test]
    fn activate_clients_a_cached_host_that_fails_leads_to_discovery() {
        let mut discovery = Discovery::new(config(&["contoso.com"]), Some(host("old:1700")));
        let steps = world().run(&mut discovery, &mut SeededEntropy::new(1));
        assert_eq!(steps[..2], ["old:1700 fails", "look in contoso.com"]);
        assert_eq!(discovery.cached(), Some(&host("kms2.contoso.com")));
    }

    #[test]
    fn a_failed_lookup_never_drops_a_cached_host() {
        for error in [
            LookupError::NoSuchName,
            LookupError::NoRecords,
            LookupError::ServerFailure,
            LookupError::Refused,
            LookupError::Timeout,
            LookupError::BadAnswer,
        ] {
            let world = World::default().with_domain("contoso.com", Err(error));
            let mut discovery = Discovery::new(config(&["contoso.com"]), Some(host("old")));
            let steps = world.run(&mut discovery, &mut SeededEntropy::new(1));
            assert_eq!(
                steps,
                [
                    "old:1688 fails".into(),
                    "look in contoso.com".into(),
                    unavailable()
                ]
            );
            assert_eq!(discovery.cached(), Some(&host("old")));
        }
    }

    #[test]
    fn slmgr_ckhc_without_caching_every_attempt_goes_by_dns() {
        let mut config = config(&["contoso.com"]);
        config.caching = false;
        let mut discovery = Discovery::new(config, Some(host("old")));
        let mut entropy = SeededEntropy::new(1);
        for hour in 0..2 {
            assert_eq!(discovery.cached(), None);
            let now = Tick::from_millis(hour * 3_600_000);
            let steps = world().run_at(now, &mut discovery, &mut entropy);
            assert_eq!(steps[0], "look in contoso.com");
        }
    }

    #[test]
    fn a_cached_host_that_failed_is_not_tried_again_when_dns_names_it_too() {
        let steps = run(&world(), config(&["contoso.com"]), Some("kms1.contoso.com"));
        assert_eq!(
            steps,
            [
                "kms1.contoso.com:1688 fails",
                "look in contoso.com",
                "kms2.contoso.com:1688 answers"
            ]
        );
    }
}

mod lookups {
    use super::*;

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
        let domain =
            |count: usize| World::default().with_domain("a", Ok(in_order(&targets[..count])));
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
}
