//! KMS and MAK Activation Scenarios, Table 5: the plans for east.contoso.com and west.contoso.com.

use super::{World, config, host, unavailable};
use kms_core::SeededEntropy;
use kms_srv::{Discovery, LookupError, PublishList, SelectionRule, SrvRecord};
use std::collections::BTreeMap;

const RUNS: u32 = 10_000;

const EAST: &str = "KMS_E1, 10, 75\nKMS_E2, 10, 25\nKMS_W1, 90, 75\nKMS_W2, 90, 25";
const WEST: &str = "KMS_W1, 10, 75\nKMS_W2, 10, 25\nKMS_E1, 90, 75\nKMS_E2, 90, 25";

fn records(plan: &str) -> Vec<SrvRecord> {
    let plan: PublishList = plan.parse().unwrap();
    let record = |entry: &kms_srv::PublishEntry| {
        SrvRecord::new(entry.priority, entry.weight, 1688, entry.domain.clone())
    };
    plan.entries().iter().map(record).collect()
}

/// Both domains; only the hosts named answer.
fn world(answering: &[&str]) -> World {
    let mut world = World::default()
        .with_domain("east.contoso.com", Ok(records(EAST)))
        .with_domain("west.contoso.com", Ok(records(WEST)));
    for answering in answering {
        world = world.with_host(answering);
    }
    world
}

/// What one client does that starts anew with these suffixes.
fn steps(world: &World, suffixes: &[&str], seed: u64) -> Vec<String> {
    let mut config = config(suffixes);
    config.caching = false;
    world.run(
        &mut Discovery::new(config, None),
        &mut SeededEntropy::new(seed),
    )
}

/// The hosts that were asked, in their order, without what came of it.
fn asked(steps: &[String]) -> Vec<&str> {
    let hosts = steps.iter().filter_map(|step| step.split_once(':'));
    let hosts = hosts.map(|(host, _)| host);
    hosts.filter(|host| host.starts_with("KMS_")).collect()
}

/// How often each sequence of hosts was tried; only the hosts named answer.
fn sequences(answering: &[&str], rule: SelectionRule) -> BTreeMap<Vec<String>, u32> {
    let world = world(answering);
    // Table 6: host caching is disabled on the clients.
    let mut config = config(&["east.contoso.com"]);
    config.caching = false;
    config.rule = rule;
    let mut discovery = Discovery::new(config, None);
    let mut entropy = SeededEntropy::new(5);
    let mut counts = BTreeMap::new();
    for _ in 0..RUNS {
        let steps = world.run(&mut discovery, &mut entropy);
        let hosts = asked(&steps).into_iter().map(str::to_owned).collect();
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

#[test]
fn while_hosts_fail_one_by_one_clients_go_to_those_left_local_ones_first() {
    for (suffix, failing) in [
        ("east.contoso.com", ["KMS_E1", "KMS_E2", "KMS_W1", "KMS_W2"]),
        ("west.contoso.com", ["KMS_W2", "KMS_W1", "KMS_E2", "KMS_E1"]),
    ] {
        for down in 0..failing.len() {
            let up = &failing[down..];
            let addresses: Vec<String> = up.iter().map(|host| format!("{host}:1688")).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            // The first two are the local ones.
            let expected = match down {
                0 | 1 => &failing[down..2],
                _ => up,
            };
            for seed in 0..100 {
                let steps = steps(&world(&addresses), &[suffix], seed);
                let asked = asked(&steps);
                let (used, failed) = asked.split_last().unwrap();
                assert!(expected.contains(used), "{up:?} are up: {steps:?}");
                assert!(failed.iter().all(|host| !up.contains(host)), "{steps:?}");
            }
        }
    }
}

#[test]
fn with_all_hosts_down_each_is_asked_once_whichever_domains_are_searched() {
    for seed in 0..100 {
        // DHCP adds both domains to the suffix search list of all clients.
        let steps = steps(&world(&[]), &["east.contoso.com", "west.contoso.com"], seed);
        let mut asked = asked(&steps);
        assert!(asked[..2].iter().all(|host| host.starts_with("KMS_E")));
        asked.sort_unstable();
        assert_eq!(asked, ["KMS_E1", "KMS_E2", "KMS_W1", "KMS_W2"]);
        assert_eq!(steps[0], "look in east.contoso.com");
        assert_eq!(steps[5..], ["look in west.contoso.com", &unavailable()]);
    }
}

#[test]
fn a_domain_without_an_answer_leads_to_the_next_suffix_and_its_own_local_hosts() {
    let world = world(&["KMS_E1:1688", "KMS_W1:1688", "KMS_W2:1688"])
        .with_domain("east.contoso.com", Err(LookupError::ServerFailure));
    for seed in 0..100 {
        let steps = steps(&world, &["east.contoso.com", "west.contoso.com"], seed);
        assert_eq!(
            steps[..2],
            ["look in east.contoso.com", "look in west.contoso.com"]
        );
        assert!(steps[2].starts_with("KMS_W"), "{steps:?}");
        assert_eq!(steps.len(), 3, "{steps:?}");
    }
}

#[test]
fn activate_clients_a_cached_host_of_the_other_site_is_kept_until_it_fails() {
    let mut entropy = SeededEntropy::new(7);
    let mut discovery = Discovery::new(config(&["east.contoso.com"]), None);
    // The local hosts are down: one of the other site is found, and kept when they return.
    world(&["KMS_W1:1688"]).run(&mut discovery, &mut entropy);
    assert_eq!(discovery.cached(), Some(&host("KMS_W1:1688")));
    let all = world(&["KMS_E1:1688", "KMS_E2:1688", "KMS_W1:1688", "KMS_W2:1688"]);
    for _ in 0..100 {
        let steps = all.run(&mut discovery, &mut entropy);
        assert_eq!(steps, ["KMS_W1:1688 answers"]);
    }
    // It fails: the records decide again.
    let steps = world(&["KMS_E2:1688", "KMS_W2:1688"]).run(&mut discovery, &mut entropy);
    let asked = asked(&steps);
    assert_eq!((asked[0], asked[asked.len() - 1]), ("KMS_W1", "KMS_E2"));
    assert!(asked[1..].iter().all(|host| host.starts_with("KMS_E")));
    assert_eq!(discovery.cached(), Some(&host("KMS_E2:1688")));
}
