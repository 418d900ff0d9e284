//! Discovery against a plain model, and under calls in any order.

use super::{Addresses, Answer, TTL, World, config, found, host, in_order, name, unavailable};
use core::time::Duration;
use kms_core::{SeededEntropy, StatusCode, Tick};
use kms_srv::{
    Action, AddressAnswer, Discovery, DiscoveryConfig, HostAddress, HostName, LookupAnswer,
    LookupError, SrvRecord,
};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::collections::{BTreeMap, BTreeSet};

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

fn any_addresses() -> impl Strategy<Value = Addresses> {
    prop_oneof![
        4 => Just(found(&["192.0.2.7"])),
        1 => Just(found(&["127.0.0.1"])),
        1 => Just(found(&["224.0.0.1", "2001:db8::7"])),
        1 => Just(found(&[])),
        1 => Just(Err(LookupError::ServerFailure)),
        1 => Just(Ok(AddressAnswer {
            addresses: vec!["192.0.2.7".parse().unwrap()],
            alias_of: Some(name("other")),
        })),
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
        any::<bool>(),
    )
        .prop_map(
            move |(id, application, all, suffixes, lookup_domain, caching, lab)| DiscoveryConfig {
                allow_loopback: lab,
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
    let addresses = proptest::collection::vec(any_addresses(), 4);
    (answers, answering, addresses).prop_map(|(answers, answering, addresses)| {
        let mut world = World::default();
        for (host, addresses) in ["kms1", "kms2", "kms3", "kms4"].iter().zip(addresses) {
            world = world.with_addresses(host, addresses);
        }
        for (domain, answer) in DOMAINS.iter().zip(answers) {
            world = world.with_domain(domain, answer);
        }
        for host in answering {
            world = world.with_host(host);
        }
        world
    })
}

/// What is known between two discoveries.
#[derive(Clone, Debug, Default)]
struct Known {
    cached: Option<HostAddress>,
    /// By domain, with the second in which their time is over.
    kept: BTreeMap<String, (u64, Vec<SrvRecord>)>,
}

/// What a host comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answers,
    Fails,
    MustNotBeAsked,
    NotFound,
}

fn fate(world: &World, config: &DiscoveryConfig, host: &HostAddress, pinned: bool) -> Fate {
    let answer = match host.host() {
        HostName::Ip(ip) => Ok(AddressAnswer::new(vec![*ip])),
        HostName::Name(name) => world.find(name),
    };
    let Ok(answer) = answer else {
        return Fate::NotFound;
    };
    let usable = |ip: &core::net::IpAddr| {
        !ip.is_multicast() && (pinned || config.allow_loopback || !ip.is_loopback())
    };
    if !pinned && answer.alias_of.is_some() {
        Fate::MustNotBeAsked
    } else if answer.addresses.is_empty() {
        Fate::NotFound
    } else if !answer.addresses.iter().any(usable) {
        Fate::MustNotBeAsked
    } else if world.answering.contains(host) {
        Fate::Answers
    } else {
        Fate::Fails
    }
}

/// The documents' discovery in plain words: what a driver would see, and what is known afterwards.
fn model(world: &World, config: &DiscoveryConfig, known: &mut Known, now: u64) -> Vec<String> {
    let mut steps = Vec::new();
    let mut tried: Vec<(HostAddress, Fate)> = Vec::new();
    let pinned = config
        .pinned_for_activation_id
        .as_ref()
        .or(config.pinned_for_application.as_ref())
        .or(config.pinned.as_ref());
    let mut ask = |host: &HostAddress, steps: &mut Vec<String>| {
        if let Some((_, fate)) = tried.iter().find(|(other, _)| other == host) {
            return *fate;
        }
        let fate = fate(world, config, host, pinned.is_some());
        tried.push((host.clone(), fate));
        let what = match fate {
            Fate::Answers => "answers",
            Fate::Fails => "fails",
            Fate::MustNotBeAsked | Fate::NotFound => "is skipped",
        };
        steps.push(format!("{host} {what}"));
        fate
    };
    if let Some(pinned) = pinned {
        if ask(&host(&pinned.to_string()), &mut steps) != Fate::Answers {
            steps.push(unavailable());
        }
        return steps;
    }
    if let Some(host) = &known.cached
        && ask(host, &mut steps) == Fate::Answers
    {
        return steps;
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
        let kept = known.kept.get(domain.as_str());
        let kept = kept.filter(|(until, _)| now < *until).cloned();
        let records = match kept {
            Some((_, records)) => records,
            None => {
                steps.push(format!("look in {domain}"));
                let mut records = match world.lookup(&name(&format!("_vlmcs._tcp.{domain}"))) {
                    Ok(records) => records,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                };
                records.retain(|record| !record.target.is_root());
                if records.is_empty() {
                    errors.push(LookupError::NoRecords);
                    continue;
                }
                let kept = (now + u64::from(TTL), records.clone());
                known.kept.insert(domain.to_string(), kept);
                records
            }
        };
        let mut in_vain = false;
        for record in records {
            let host = host(&format!("{}:{}", record.target, record.port));
            match ask(&host, &mut steps) {
                Fate::Answers => {
                    known.cached = Some(host).filter(|_| config.caching);
                    return steps;
                }
                Fate::Fails | Fate::MustNotBeAsked => in_vain = true,
                Fate::NotFound => {}
            }
        }
        if in_vain {
            known.kept.remove(domain.as_str());
        }
    }
    let among = |wanted: &[LookupError]| {
        let found = errors.iter().find(|error| wanted.contains(error));
        found.map(|error| error.status())
    };
    let status = if tried.is_empty() {
        among(&[LookupError::ServerFailure, LookupError::Timeout])
            .or_else(|| among(&[LookupError::NoRecords]))
            .or_else(|| among(&[LookupError::NoSuchName]))
            .unwrap_or(StatusCode(0x8007_007B))
    } else {
        StatusCode(0xC004_F074)
    };
    steps.push(format!("{status:?}"));
    steps
}

/// A call that a driver, right or wrong, might make.
#[derive(Clone, Debug)]
enum Call {
    Start,
    Poll,
    LookupAwaited(Answer),
    LookupOther(Answer),
    AddressesAwaited(Addresses),
    AddressesOther(Addresses),
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
        4 => any_addresses().prop_map(Call::AddressesAwaited),
        1 => any_addresses().prop_map(Call::AddressesOther),
        4 => Just(Call::Failure),
        1 => Just(Call::Success),
        1 => (0..HOSTS.len()).prop_map(Call::FailureOf),
        1 => (0..HOSTS.len()).prop_map(Call::SuccessOf),
        1 => Just(Call::Timeout),
        1 => (0_u64..12_000).prop_map(Call::Wait),
    ]
}

fn is_connecting(outstanding: Option<&Action>, host: &HostAddress) -> bool {
    matches!(outstanding, Some(Action::Connect { host: asked, .. }) if asked == host)
}

proptest! {
    #[test]
    fn discovery_does_what_the_plain_model_does(
        worlds in proptest::collection::vec((any_world(), 0_u64..5000), 1..5),
        config in any_config(),
        cached in proptest::option::of(proptest::sample::select(&HOSTS[..])),
    ) {
        let cached = cached.map(host);
        let mut discovery = Discovery::new(config.clone(), cached.clone());
        let mut known = Known {
            cached: cached.filter(|_| config.caching),
            ..Known::default()
        };
        let mut entropy = SeededEntropy::new(3);
        let mut now = 0;
        for (world, seconds) in worlds {
            now += seconds;
            let steps = model(&world, &config, &mut known, now);
            let tick = Tick::from_millis(now * 1000);
            prop_assert_eq!(world.run_at(tick, &mut discovery, &mut entropy), steps);
            prop_assert_eq!(discovery.cached(), known.cached.as_ref());
            // What is configured as before changes nothing.
            discovery.set_config(config.clone());
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
        let (mut queries, mut tried) = (0, BTreeSet::new());
        for call in calls {
            let cached = discovery.cached().cloned();
            let tick = Tick::from_millis(now);
            let mut may_change_cache = false;
            match call {
                Call::Start => {
                    discovery.start(tick);
                    (outstanding, started) = (None, true);
                    (queries, tried) = (0, BTreeSet::new());
                }
                Call::Poll => {
                    let action = discovery.poll_action(&mut entropy);
                    prop_assert!(action.is_none() || (started && outstanding.is_none()));
                    prop_assert_eq!(discovery.poll_action(&mut entropy), None, "an action is given once");
                    match &action {
                        Some(Action::Lookup(_)) => queries += 1,
                        Some(Action::Addresses { .. }) => queries += 2,
                        Some(Action::Connect { host, addresses }) => {
                            prop_assert!(tried.insert(host.clone()));
                            prop_assert!(!addresses.is_empty());
                        }
                        Some(Action::Exhausted(status)) => {
                            prop_assert!(!status.is_success());
                            started = false;
                        }
                        None => {}
                    }
                    prop_assert!(queries <= Discovery::MAX_QUERIES);
                    outstanding = action
                        .filter(|action| !matches!(action, Action::Exhausted(_)))
                        .or(outstanding);
                }
                Call::LookupAwaited(answer) => {
                    if let Some(Action::Lookup(name)) = &outstanding {
                        let answer = answer.map(|records| LookupAnswer::new(records, TTL));
                        discovery.handle_lookup(name, answer, tick);
                        outstanding = None;
                    }
                }
                Call::LookupOther(answer) => {
                    let other = name("_vlmcs._tcp.other");
                    let answer = answer.map(|records| LookupAnswer::new(records, TTL));
                    discovery.handle_lookup(&other, answer, tick);
                }
                Call::AddressesAwaited(answer) => {
                    if let Some(Action::Addresses { name, .. }) = &outstanding {
                        discovery.handle_addresses(name, answer, tick);
                        outstanding = None;
                    }
                }
                Call::AddressesOther(answer) => {
                    discovery.handle_addresses(&name("other"), answer, tick);
                }
                Call::Failure => {
                    if let Some(Action::Connect { host, .. }) = &outstanding {
                        discovery.handle_failure(host, tick);
                        outstanding = None;
                    }
                }
                Call::Success => {
                    if let Some(Action::Connect { host, .. }) = &outstanding {
                        may_change_cache = true;
                        discovery.handle_success(host);
                        (outstanding, started) = (None, false);
                    }
                }
                Call::FailureOf(at) => {
                    let host = host(HOSTS[at]);
                    discovery.handle_failure(&host, tick);
                    if is_connecting(outstanding.as_ref(), &host) {
                        outstanding = None;
                    }
                }
                Call::SuccessOf(at) => {
                    let host = host(HOSTS[at]);
                    discovery.handle_success(&host);
                    if is_connecting(outstanding.as_ref(), &host) {
                        may_change_cache = true;
                        (outstanding, started) = (None, false);
                    }
                }
                Call::Timeout => {
                    let due = discovery.poll_timeout().is_some_and(|at| tick >= at);
                    let looking = matches!(
                        outstanding,
                        Some(Action::Lookup(_) | Action::Addresses { .. })
                    );
                    prop_assert!(!due || looking);
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
