//! Discovery as the documents tell it, step by step, and against a plain model.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::time::Duration;
use kms_core::{SeededEntropy, StatusCode, Tick};
use kms_srv::{
    Action, Discovery, DiscoveryConfig, DomainName, HostAddress, LookupError, PublishList,
    SelectionRule, SrvRecord,
};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
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

/// What DNS and the network hold, by which a driver answers the engine.
#[derive(Clone, Debug, Default)]
struct World {
    /// By complete name; a name that is not here does not exist.
    dns: BTreeMap<DomainName, Answer>,
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

    fn lookup(&self, name: &DomainName) -> Answer {
        let missing = || Err(LookupError::NoSuchName);
        self.dns.get(name).cloned().unwrap_or_else(missing)
    }

    /// Drives the engine to its end and tells what it did.
    fn run(&self, discovery: &mut Discovery, entropy: &mut SeededEntropy) -> Vec<String> {
        let mut steps = Vec::new();
        discovery.start(NOW);
        while let Some(action) = discovery.poll_action() {
            match action {
                Action::Lookup(name) => {
                    let domain = name.as_str().strip_prefix("_vlmcs._tcp.").unwrap();
                    steps.push(format!("look in {domain}"));
                    discovery.handle_lookup(&name, self.lookup(&name), entropy, NOW);
                }
                Action::Connect(host) if self.answering.contains(&host) => {
                    steps.push(format!("{host} answers"));
                    discovery.handle_success(&host);
                }
                Action::Connect(host) => {
                    steps.push(format!("{host} fails"));
                    discovery.handle_failure(&host, NOW);
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
    fn slmgr_ckhc_without_caching_every_attempt_asks_dns() {
        let mut config = config(&["contoso.com"]);
        config.caching = false;
        let mut discovery = Discovery::new(config, Some(host("old")));
        let mut entropy = SeededEntropy::new(1);
        for _ in 0..2 {
            assert_eq!(discovery.cached(), None);
            let steps = world().run(&mut discovery, &mut entropy);
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
    fn limit_20_lookups_in_one_discovery() {
        let suffixes: Vec<String> = (0..30).map(|n| format!("d{n}.example")).collect();
        let suffixes: Vec<&str> = suffixes.iter().map(String::as_str).collect();
        let steps = run(&World::default(), config(&suffixes[..20]), None);
        assert_eq!(steps.len(), Discovery::MAX_LOOKUPS + 1);
        assert_eq!(run(&World::default(), config(&suffixes), None), steps);
    }

    #[test]
    fn limit_32_hosts_of_one_domain_are_tried() {
        let targets: Vec<String> = (0..1000).map(|n| format!("kms{n}.a")).collect();
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let world = World::default().with_domain("a", Ok(in_order(&targets)));
        let steps = run(&world, config(&["a"]), None);
        assert_eq!(steps.len(), 1 + 32 + 1);
        assert_eq!(steps[32], "kms31.a:1688 fails");
    }

    #[test]
    fn limit_lookups_may_take_10_seconds_together() {
        let entropy = &mut SeededEntropy::new(1);
        let at = |millis| Tick::from_millis(millis);
        let mut discovery = Discovery::new(config(&["a", "b", "c"]), None);
        discovery.start(at(1000));
        assert_eq!(discovery.poll_timeout(), None);
        let Some(Action::Lookup(a)) = discovery.poll_action() else {
            panic!("no lookup");
        };
        assert_eq!(discovery.poll_timeout(), Some(at(11_000)));
        discovery.handle_lookup(&a, Ok(in_order(&["kms1.a"])), entropy, at(7000));
        // The time that a host takes does not count.
        assert_eq!(
            discovery.poll_action(),
            Some(Action::Connect(host("kms1.a")))
        );
        assert_eq!(discovery.poll_timeout(), None);
        discovery.handle_failure(&host("kms1.a"), at(60_000));
        assert!(matches!(discovery.poll_action(), Some(Action::Lookup(_))));
        assert_eq!(discovery.poll_timeout(), Some(at(64_000)));
        discovery.handle_timeout(at(63_999));
        assert_eq!(discovery.poll_action(), None);
        discovery.handle_timeout(at(64_000));
        let status = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
        assert_eq!(discovery.poll_action(), Some(Action::Exhausted(status)));
        assert_eq!(discovery.poll_timeout(), None);
        // A new start has its time again.
        discovery.start(at(70_000));
        assert!(matches!(discovery.poll_action(), Some(Action::Lookup(_))));
        discovery.handle_timeout(at(80_000));
        assert_eq!(
            discovery.poll_action(),
            Some(Action::Exhausted(StatusCode::TIMEOUT))
        );
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
        discovery.handle_lookup(&wanted, Ok(in_order(&["kms9.a"])), entropy, NOW);
        discovery.handle_success(&host("kms9.a"));
        assert_eq!(discovery.poll_action(), None);
        discovery.start(NOW);
        assert_eq!(discovery.poll_action(), Some(Action::Connect(host("old"))));
        discovery.handle_failure(&host("kms9.a"), NOW);
        assert_eq!(discovery.poll_action(), None);
        discovery.handle_failure(&host("old"), NOW);
        assert_eq!(
            discovery.poll_action(),
            Some(Action::Lookup(wanted.clone()))
        );
        discovery.handle_lookup(&other, Ok(in_order(&["kms9.a"])), entropy, NOW);
        assert_eq!(discovery.poll_action(), None);
        discovery.handle_lookup(&wanted, Ok(in_order(&["kms1.a"])), entropy, NOW);
        discovery.handle_lookup(&wanted, Ok(in_order(&["kms9.a"])), entropy, NOW);
        assert_eq!(
            discovery.poll_action(),
            Some(Action::Connect(host("kms1.a")))
        );
        discovery.handle_success(&host("kms9.a"));
        assert_eq!(discovery.cached(), Some(&host("old")));
        discovery.handle_success(&host("kms1.a"));
        discovery.handle_failure(&host("kms1.a"), NOW);
        assert_eq!(discovery.poll_action(), None);
        assert_eq!(discovery.cached(), Some(&host("kms1.a")));
    }
}

/// KMS and MAK Activation Scenarios, Table 5: the plan for east.contoso.com.
mod table_5 {
    use super::*;

    const RUNS: u32 = 10_000;

    fn east() -> Vec<SrvRecord> {
        let plan: PublishList = "KMS_E1, 10, 75\nKMS_E2, 10, 25\nKMS_W1, 90, 75\nKMS_W2, 90, 25"
            .parse()
            .unwrap();
        let record = |entry: &kms_srv::PublishEntry| {
            SrvRecord::new(entry.priority, entry.weight, 1688, entry.domain.clone())
        };
        plan.entries().iter().map(record).collect()
    }

    /// How often each sequence of hosts was tried; only the hosts named answer.
    fn sequences(answering: &[&str], rule: SelectionRule) -> BTreeMap<Vec<String>, u32> {
        let mut world = World::default().with_domain("east.contoso.com", Ok(east()));
        for answering in answering {
            world = world.with_host(answering);
        }
        // Table 6: host caching is disabled on the clients.
        let mut config = config(&["east.contoso.com"]);
        config.caching = false;
        config.rule = rule;
        let mut discovery = Discovery::new(config, None);
        let mut entropy = SeededEntropy::new(5);
        let mut counts = BTreeMap::new();
        for _ in 0..RUNS {
            let steps = world.run(&mut discovery, &mut entropy);
            let hosts = steps
                .into_iter()
                .filter_map(|step| step.split_once(':').map(|(host, _)| host.into()))
                .filter(|host: &String| host.starts_with("KMS_"))
                .collect();
            *counts.entry(hosts).or_default() += 1;
        }
        counts
    }

    /// Within four standard deviations of the share.
    fn assert_share(count: u32, share: f64) {
        let (count, runs) = (f64::from(count), f64::from(RUNS));
        let deviation = (runs * share * (1.0 - share)).sqrt();
        let expected = runs * share;
        assert!(
            (count - expected).abs() < 4.0 * deviation,
            "{count}, not {expected}"
        );
    }

    fn of(counts: &BTreeMap<Vec<String>, u32>, hosts: &[&str]) -> u32 {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.into()).collect();
        counts.get(&hosts).copied().unwrap_or(0)
    }

    #[test]
    fn with_all_hosts_up_local_traffic_is_divided_75_to_25() {
        let all = ["KMS_E1:1688", "KMS_E2:1688", "KMS_W1:1688", "KMS_W2:1688"];
        let counts = sequences(&all, SelectionRule::Rfc2782);
        assert_eq!(counts.len(), 2, "{counts:?}");
        assert_share(of(&counts, &["KMS_E1"]), 0.75);
        assert_share(of(&counts, &["KMS_E2"]), 0.25);
    }

    #[test]
    fn with_one_local_host_down_the_other_local_one_serves_everybody() {
        let up = ["KMS_E2:1688", "KMS_W1:1688", "KMS_W2:1688"];
        let counts = sequences(&up, SelectionRule::Rfc2782);
        assert_eq!(counts.len(), 2, "{counts:?}");
        assert_share(of(&counts, &["KMS_E1", "KMS_E2"]), 0.75);
        assert_share(of(&counts, &["KMS_E2"]), 0.25);
    }

    #[test]
    fn the_other_site_is_asked_only_when_both_local_hosts_are_down() {
        let counts = sequences(&["KMS_W1:1688", "KMS_W2:1688"], SelectionRule::Rfc2782);
        let mut first_remote: BTreeMap<&str, u32> = BTreeMap::new();
        for (hosts, count) in &counts {
            assert_eq!(hosts.len(), 3);
            assert!(
                hosts[..2].iter().all(|host| host.starts_with("KMS_E")),
                "{hosts:?}"
            );
            *first_remote.entry(&hosts[2]).or_default() += count;
        }
        assert_share(first_remote["KMS_W1"], 0.75);
        assert_share(first_remote["KMS_W2"], 0.25);
    }

    #[test]
    fn windows_vista_clients_choose_any_of_the_four() {
        let all = ["KMS_E1:1688", "KMS_E2:1688", "KMS_W1:1688", "KMS_W2:1688"];
        let counts = sequences(&all, SelectionRule::Legacy);
        for host in ["KMS_E1", "KMS_E2", "KMS_W1", "KMS_W2"] {
            assert_share(of(&counts, &[host]), 0.25);
        }
    }
}

const HOSTS: [&str; 5] = [
    "kms1:1688",
    "kms2:1688",
    "kms3:1700",
    "192.0.2.7:1688",
    "kms4:1",
];
const DOMAINS: [&str; 4] = ["a", "b.a", "c", "d"];

fn any_answer() -> impl Strategy<Value = Answer> {
    let error = prop_oneof![
        Just(LookupError::NoSuchName),
        Just(LookupError::NoRecords),
        Just(LookupError::ServerFailure),
        Just(LookupError::Timeout),
    ];
    let targets = proptest::sample::subsequence(vec!["kms1", "kms2", "kms3", "kms4", "."], 0..=5)
        .prop_shuffle();
    prop_oneof![
        error.prop_map(Err),
        targets.prop_map(|targets| Ok(in_order(&targets))),
    ]
}

fn any_config() -> impl Strategy<Value = DiscoveryConfig> {
    let pinned = || proptest::option::weighted(0.15, proptest::sample::select(&HOSTS[..]));
    let suffixes = proptest::collection::vec(proptest::sample::select(&DOMAINS[..]), 0..6);
    let lookup_domain = proptest::option::weighted(0.2, proptest::sample::select(&DOMAINS[..]));
    let parse = |text: &str| text.parse().unwrap();
    (
        pinned(),
        pinned(),
        pinned(),
        suffixes,
        lookup_domain,
        any::<bool>(),
    )
        .prop_map(
            move |(id, application, all, suffixes, lookup_domain, caching)| DiscoveryConfig {
                pinned_for_activation_id: id.map(parse),
                pinned_for_application: application.map(parse),
                pinned: all.map(parse),
                lookup_domain: lookup_domain.map(name),
                caching,
                ..config(&suffixes)
            },
        )
}

fn any_world() -> impl Strategy<Value = World> {
    let answers = proptest::collection::vec(any_answer(), DOMAINS.len());
    let answering = proptest::sample::subsequence(HOSTS.to_vec(), 0..=3);
    (answers, answering).prop_map(|(answers, answering)| {
        let mut world = World::default();
        for (domain, answer) in DOMAINS.iter().zip(answers) {
            world = world.with_domain(domain, answer);
        }
        for host in answering {
            world = world.with_host(host);
        }
        world
    })
}

/// The documents' discovery in plain words: what a driver would see, and the cache afterwards.
fn model(
    world: &World,
    config: &DiscoveryConfig,
    cached: Option<HostAddress>,
) -> (Vec<String>, Option<HostAddress>) {
    let cached = cached.filter(|_| config.caching);
    let mut steps = Vec::new();
    let mut tried = Vec::new();
    let mut ask = |host: &HostAddress, steps: &mut Vec<String>| {
        if tried.contains(host) {
            return false;
        }
        tried.push(host.clone());
        let answers = world.answering.contains(host);
        steps.push(format!(
            "{host} {}",
            if answers { "answers" } else { "fails" }
        ));
        answers
    };
    let pinned = config
        .pinned_for_activation_id
        .as_ref()
        .or(config.pinned_for_application.as_ref())
        .or(config.pinned.as_ref());
    if let Some(pinned) = pinned {
        if !ask(&host(&pinned.to_string()), &mut steps) {
            steps.push(unavailable());
        }
        return (steps, cached);
    }
    if let Some(host) = &cached
        && ask(host, &mut steps)
    {
        return (steps, cached);
    }
    let mut domains = config.suffixes.clone();
    if let Some(domain) = &config.lookup_domain {
        domains = vec![domain.clone()];
    }
    let mut errors = Vec::new();
    let mut looked_in = Vec::new();
    for domain in domains {
        if looked_in.contains(&domain) {
            continue;
        }
        looked_in.push(domain.clone());
        steps.push(format!("look in {domain}"));
        match world.lookup(&name(&format!("_vlmcs._tcp.{domain}"))) {
            Err(error) => errors.push(error),
            Ok(mut records) => {
                records.retain(|record| !record.target.is_root());
                if records.is_empty() {
                    errors.push(LookupError::NoRecords);
                }
                for record in records {
                    let host = host(&format!("{}:{}", record.target, record.port));
                    if ask(&host, &mut steps) {
                        return (steps, Some(host).filter(|_| config.caching));
                    }
                }
            }
        }
    }
    let among = |wanted: &[LookupError]| {
        let found = errors.iter().find(|error| wanted.contains(error));
        found.map(|error| error.status())
    };
    let status = if steps.iter().any(|step| step.ends_with("fails")) {
        StatusCode(0xC004_F074)
    } else {
        among(&[LookupError::ServerFailure, LookupError::Timeout])
            .or_else(|| among(&[LookupError::NoRecords]))
            .or_else(|| among(&[LookupError::NoSuchName]))
            .unwrap_or(StatusCode(0x8007_007B))
    };
    steps.push(format!("{status:?}"));
    (steps, cached)
}

/// A call that a driver, right or wrong, might make.
#[derive(Clone, Debug)]
enum Call {
    Start,
    Poll,
    LookupAwaited(Answer),
    LookupOther(Answer),
    Failure,
    Success,
    FailureOf(usize),
    SuccessOf(usize),
    Timeout,
    Wait(u64),
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => Just(Call::Start),
        6 => Just(Call::Poll),
        4 => any_answer().prop_map(Call::LookupAwaited),
        1 => any_answer().prop_map(Call::LookupOther),
        4 => Just(Call::Failure),
        1 => Just(Call::Success),
        1 => (0..HOSTS.len()).prop_map(Call::FailureOf),
        1 => (0..HOSTS.len()).prop_map(Call::SuccessOf),
        1 => Just(Call::Timeout),
        1 => (0_u64..12_000).prop_map(Call::Wait),
    ]
}

proptest! {
    #[test]
    fn discovery_does_what_the_plain_model_does(
        world in any_world(),
        config in any_config(),
        cached in proptest::option::of(proptest::sample::select(&HOSTS[..])),
    ) {
        let mut cached = cached.map(host);
        let mut discovery = Discovery::new(config.clone(), cached.clone());
        let mut entropy = SeededEntropy::new(3);
        for _ in 0..2 {
            let (steps, cached_after) = model(&world, &config, cached);
            prop_assert_eq!(world.run(&mut discovery, &mut entropy), steps);
            prop_assert_eq!(discovery.cached(), cached_after.as_ref());
            cached = cached_after;
        }
    }

    #[test]
    fn any_order_of_calls_is_safe_and_comes_to_an_end(
        config in any_config(),
        cached in proptest::option::of(proptest::sample::select(&HOSTS[..])),
        calls in proptest::collection::vec(any_call(), 0..60),
    ) {
        let mut entropy = SeededEntropy::new(3);
        let mut discovery = Discovery::new(config, cached.map(host));
        let (mut now, mut outstanding, mut started) = (0, None, false);
        let (mut lookups, mut tried) = (0, BTreeSet::new());
        for call in calls {
            let cached = discovery.cached().cloned();
            let tick = Tick::from_millis(now);
            let mut may_change_cache = false;
            match call {
                Call::Start => {
                    discovery.start(tick);
                    (outstanding, started) = (None, true);
                    (lookups, tried) = (0, BTreeSet::new());
                }
                Call::Poll => {
                    let action = discovery.poll_action();
                    prop_assert!(action.is_none() || (started && outstanding.is_none()));
                    prop_assert_eq!(discovery.poll_action(), None, "an action is given once");
                    match &action {
                        Some(Action::Lookup(_)) => lookups += 1,
                        Some(Action::Connect(host)) => prop_assert!(tried.insert(host.clone())),
                        Some(Action::Exhausted(status)) => {
                            prop_assert!(!status.is_success());
                            started = false;
                        }
                        None => {}
                    }
                    prop_assert!(lookups <= Discovery::MAX_LOOKUPS);
                    outstanding = action
                        .filter(|action| !matches!(action, Action::Exhausted(_)))
                        .or(outstanding);
                }
                Call::LookupAwaited(answer) => {
                    if let Some(Action::Lookup(name)) = &outstanding {
                        discovery.handle_lookup(name, answer, &mut entropy, tick);
                        outstanding = None;
                    }
                }
                Call::LookupOther(answer) => {
                    let other = name("_vlmcs._tcp.other");
                    discovery.handle_lookup(&other, answer, &mut entropy, tick);
                }
                Call::Failure => {
                    if let Some(Action::Connect(host)) = &outstanding {
                        discovery.handle_failure(host, tick);
                        outstanding = None;
                    }
                }
                Call::Success => {
                    if let Some(Action::Connect(host)) = &outstanding {
                        may_change_cache = true;
                        discovery.handle_success(host);
                        (outstanding, started) = (None, false);
                    }
                }
                Call::FailureOf(at) => {
                    let host = host(HOSTS[at]);
                    discovery.handle_failure(&host, tick);
                    if outstanding == Some(Action::Connect(host)) {
                        outstanding = None;
                    }
                }
                Call::SuccessOf(at) => {
                    let host = host(HOSTS[at]);
                    discovery.handle_success(&host);
                    if outstanding == Some(Action::Connect(host)) {
                        may_change_cache = true;
                        (outstanding, started) = (None, false);
                    }
                }
                Call::Timeout => {
                    let due = discovery.poll_timeout().is_some_and(|at| tick >= at);
                    prop_assert!(!due || matches!(outstanding, Some(Action::Lookup(_))));
                    discovery.handle_timeout(tick);
                    if due {
                        outstanding = None;
                    }
                }
                Call::Wait(millis) => now += millis,
            }
            prop_assert!(may_change_cache || discovery.cached() == cached.as_ref());
            let limit = Discovery::MAX_LOOKUP_TIME + Duration::from_millis(now);
            prop_assert!(discovery.poll_timeout().is_none_or(|at| at <= Tick::ZERO.saturating_add(limit)));
        }
        let steps = World::default().run(&mut discovery, &mut entropy);
        prop_assert!(steps.last().is_some_and(|step| step.starts_with("StatusCode")));
    }
}
