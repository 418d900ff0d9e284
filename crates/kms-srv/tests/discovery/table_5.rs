//! KMS and MAK Activation Scenarios, Table 5: the plan for east.contoso.com.

use super::{World, config};
use kms_core::SeededEntropy;
use kms_srv::{Discovery, PublishList, SelectionRule, SrvRecord};
use std::collections::BTreeMap;

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
