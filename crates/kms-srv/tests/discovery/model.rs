//! Discovery against a plain model, and under calls in any order.

use super::{Answer, World, config, host, in_order, name, unavailable};
use core::time::Duration;
use kms_core::{SeededEntropy, StatusCode, Tick};
use kms_srv::{Action, Discovery, DiscoveryConfig, HostAddress, LookupError};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeSet;

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
