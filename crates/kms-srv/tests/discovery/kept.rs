//! What is kept of an answer: its records, until their TTL is over.

use super::{NOW, TTL, World, config, found, host, in_order, name, unavailable};
use kms_core::{SeededEntropy, Tick};
use kms_srv::{Action, Discovery, DiscoveryConfig, LookupAnswer, LookupError, SrvRecord};
use std::collections::BTreeSet;

fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}

fn uncached(suffixes: &[&str]) -> DiscoveryConfig {
    DiscoveryConfig {
        caching: false,
        ..config(suffixes)
    }
}

fn world() -> World {
    World::default()
        .with_domain("a", Ok(in_order(&["kms1.a", "kms2.a"])))
        .with_host("kms2.a:1688")
}

const ASKED: [&str; 3] = ["look in a", "kms1.a:1688 fails", "kms2.a:1688 answers"];

#[test]
fn records_are_used_again_until_their_ttl_is_over() {
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(uncached(&["a"]), None);
    let ttl = u64::from(TTL);
    for (now, asked) in [
        (100, true),
        (100, false),
        (100 + ttl - 1, false),
        (100 + ttl, true),
        (100 + 2 * ttl - 1, false),
    ] {
        let steps = world().run_at(at(now), &mut discovery, &mut entropy);
        assert_eq!(steps, if asked { &ASKED[..] } else { &ASKED[1..] }, "{now}");
    }
}

#[test]
fn limit_ttls_count_from_60_seconds_to_24_hours() {
    for (ttl, kept) in [(0, 60), (59, 60), (61, 61), (86_401, 86_400), (1 << 31, 60)] {
        let mut entropy = SeededEntropy::new(1);
        let mut discovery = Discovery::new(uncached(&["a"]), None);
        discovery.start(NOW);
        let Some(Action::Lookup(name)) = discovery.poll_action(&mut entropy) else {
            panic!("no lookup");
        };
        let answer = LookupAnswer::new(in_order(&["kms2.a"]), ttl);
        discovery.handle_lookup(&name, Ok(answer), NOW);
        let mut asks_at = |now| {
            discovery.start(now);
            matches!(discovery.poll_action(&mut entropy), Some(Action::Lookup(_)))
        };
        assert!(!asks_at(at(kept - 1)), "{ttl}");
        assert!(asks_at(at(kept)), "{ttl}");
    }
}

#[test]
fn records_that_are_used_again_are_ordered_anew() {
    let records = ["kms1.a", "kms2.a", "kms3.a", "kms4.a"]
        .map(|target| SrvRecord::new(0, 0, 1688, name(target)));
    let mut world = World::default().with_domain("a", Ok(records.to_vec()));
    for host in ["kms1.a:1688", "kms2.a:1688", "kms3.a:1688", "kms4.a:1688"] {
        world = world.with_host(host);
    }
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(uncached(&["a"]), None);
    let mut first = BTreeSet::new();
    for n in 0..100 {
        let mut steps = world.run(&mut discovery, &mut entropy);
        first.extend(steps.pop());
        assert_eq!(steps.len(), usize::from(n == 0), "{steps:?}");
    }
    assert_eq!(first.len(), 4);
}

#[test]
fn records_of_which_no_host_helped_are_asked_for_again_by_the_next_start() {
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(uncached(&["a"]), None);
    world().run(&mut discovery, &mut entropy);
    let down = World::default().with_domain("a", Ok(in_order(&["kms1.a"])));
    let fails = |steps: &[String]| steps.last() == Some(&unavailable());
    let steps = down.run(&mut discovery, &mut entropy);
    assert_eq!(steps[0], "kms1.a:1688 fails");
    assert!(fails(&steps));
    let steps = down.run(&mut discovery, &mut entropy);
    assert_eq!(steps[..2], ["look in a", "kms1.a:1688 fails"]);
    assert!(fails(&steps));
}

#[test]
fn a_host_of_theirs_that_was_cached_and_failed_counts_for_that() {
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(config(&["a"]), None);
    let up = World::default()
        .with_domain("a", Ok(in_order(&["kms1.a"])))
        .with_host("kms1.a:1688");
    up.run(&mut discovery, &mut entropy);
    let down = World::default().with_domain("a", Ok(in_order(&["kms2.a"])));
    let steps = down.run(&mut discovery, &mut entropy);
    assert_eq!(steps, ["kms1.a:1688 fails".into(), unavailable()]);
    let steps = down.run(&mut discovery, &mut entropy);
    assert_eq!(steps[1], "look in a");
    assert_eq!(discovery.cached(), Some(&host("kms1.a")));
}

#[test]
fn lookups_that_fail_never_drop_records_in_their_time() {
    for error in [
        LookupError::NoSuchName,
        LookupError::NoRecords,
        LookupError::ServerFailure,
        LookupError::Refused,
        LookupError::Timeout,
        LookupError::BadAnswer,
    ] {
        let mut entropy = SeededEntropy::new(1);
        let mut discovery = Discovery::new(uncached(&["a"]), None);
        world().run(&mut discovery, &mut entropy);
        let failing = World::default()
            .with_domain("a", Err(error))
            .with_addresses("kms1.a", Err(error))
            .with_addresses("kms2.a", Err(error));
        for _ in 0..2 {
            let steps = failing.run(&mut discovery, &mut entropy);
            assert_eq!(
                steps,
                [
                    "kms1.a:1688 is skipped".into(),
                    "kms2.a:1688 is skipped".into(),
                    unavailable()
                ]
            );
        }
        assert_eq!(world().run(&mut discovery, &mut entropy), ASKED[1..]);
    }
}

#[test]
fn records_whose_hosts_must_not_be_asked_are_asked_for_again() {
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(uncached(&["a"]), None);
    let world = World::default()
        .with_domain("a", Ok(in_order(&["kms1.a"])))
        .with_addresses("kms1.a", found(&["127.0.0.1"]));
    for _ in 0..2 {
        assert_eq!(world.run(&mut discovery, &mut entropy)[0], "look in a");
    }
}

#[test]
fn answers_that_name_no_host_are_not_kept() {
    let dot = SrvRecord::new(0, 0, 0, ".".parse().unwrap());
    for answer in [Ok(vec![dot]), Ok(vec![]), Err(LookupError::NoSuchName)] {
        let mut entropy = SeededEntropy::new(1);
        let mut discovery = Discovery::new(uncached(&["a"]), None);
        let world = World::default().with_domain("a", answer);
        for _ in 0..2 {
            assert_eq!(world.run(&mut discovery, &mut entropy)[0], "look in a");
        }
    }
}

#[test]
fn records_survive_a_configuration_that_is_the_same_and_no_other() {
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(uncached(&["a"]), None);
    world().run(&mut discovery, &mut entropy);
    discovery.set_config(uncached(&["a"]));
    assert_eq!(world().run(&mut discovery, &mut entropy), ASKED[1..]);
    discovery.set_config(uncached(&["a", "b"]));
    assert_eq!(world().run(&mut discovery, &mut entropy), ASKED);
    // The cached host survives as caching is on.
    discovery.set_config(config(&["a"]));
    world().run(&mut discovery, &mut entropy);
    discovery.set_config(config(&["b"]));
    assert_eq!(discovery.cached(), Some(&host("kms2.a")));
    discovery.set_config(uncached(&["b"]));
    assert_eq!(discovery.cached(), None);
}

#[test]
fn limit_of_20_names_the_records_are_kept_and_lookups_of_the_others_go_on() {
    let suffixes: Vec<String> = (0..20).map(|n| format!("d{n}")).collect();
    let suffixes: Vec<&str> = suffixes.iter().map(String::as_str).collect();
    let mut entropy = SeededEntropy::new(1);
    let mut discovery = Discovery::new(uncached(&suffixes), None);
    let dns = |world: World, suffix: &&str| world.with_domain(suffix, Ok(in_order(&["kms1.a"])));
    let failing = suffixes.iter().fold(World::default(), dns);
    let failing = failing.with_addresses("kms1.a", Err(LookupError::Timeout));
    // One host for all domains: two queries for it, so that 18 domains are looked in at first.
    let steps = failing.run(&mut discovery, &mut entropy);
    assert_eq!(
        steps.iter().filter(|step| step.starts_with("look")).count(),
        18
    );
    let steps = failing.run(&mut discovery, &mut entropy);
    let looked: Vec<&String> = steps
        .iter()
        .filter(|step| step.starts_with("look"))
        .collect();
    assert_eq!(looked, ["look in d18", "look in d19"]);
}
