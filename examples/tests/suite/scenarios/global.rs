//! "KMS and MAK scenarios": a complex, global network, by Table 5.

use super::report::{Attempt, OK, Report, play};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

const EAST: [&str; 2] = ["kms-e1.east.contoso.test", "kms-e2.east.contoso.test"];
const WEST: [&str; 2] = ["kms-w1.west.contoso.test", "kms-w2.west.contoso.test"];

fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| play(&["--scenario", "global"]))
}

/// What a site's machines did up to a moment of the timeline, from the one before it.
fn phase(site: &'static str, end: usize) -> Vec<&'static Attempt> {
    let timeline = &report().timeline;
    let (from, to) = (timeline[end - 1].day, timeline[end].day);
    let first = end == 1;
    report()
        .attempts
        .iter()
        .filter(|a| a.machine.starts_with(site))
        .filter(|a| (a.day > from || first) && a.day <= to)
        .collect()
}

fn used(attempts: &[&Attempt]) -> BTreeMap<&'static str, usize> {
    let mut used = BTreeMap::new();
    for host in attempts.iter().filter_map(|a| a.host()) {
        let host = EAST
            .into_iter()
            .chain(WEST)
            .find(|&name| name == host)
            .unwrap();
        *used.entry(host).or_default() += 1;
    }
    used
}

/// Whether the first of two hosts with weights 75 and 25 was chosen about that often: within four
/// standard deviations of the share that RFC 2782 gives it, which draws from 0 to 100 inclusive.
fn is_75_to_25(used: &BTreeMap<&str, usize>, [first, second]: [&str; 2]) -> bool {
    let [first, second] = [first, second].map(|host| {
        let times = used.get(host).copied().unwrap_or(0);
        f64::from(u32::try_from(times).unwrap())
    });
    let (share, total) = (75.5 / 101.0, first + second);
    (first / total - share).abs() <= 4.0 * (share * (1.0 - share) / total).sqrt()
}

#[test]
fn kms_and_mak_scenarios_global_network_prefers_local_hosts_by_75_to_25() {
    for (site, hosts) in [("east", EAST), ("west", WEST)] {
        let attempts = phase(site, 1);
        let used = used(&attempts);
        assert!(used.keys().eq(hosts.iter()), "{site}: {used:?}");
        assert!(
            attempts.len() > 400 && is_75_to_25(&used, hosts),
            "{site}: {used:?}"
        );
        // Without caching every renewal draws anew: machines change hosts.
        let mut of_machine: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for attempt in &attempts {
            of_machine
                .entry(&attempt.machine)
                .or_default()
                .extend(attempt.host());
        }
        let changed = of_machine.values().filter(|hosts| hosts.len() == 2).count();
        assert!(changed > 50, "{site}: {changed}");
    }
}

#[test]
fn kms_and_mak_scenarios_global_network_one_local_host_down_the_other_serves_the_site() {
    let attempts = phase("east", 2);
    assert!(
        used(&attempts).keys().eq([&EAST[1]]),
        "{:?}",
        used(&attempts)
    );
    let met: Vec<_> = attempts.iter().filter(|a| !a.tried.is_empty()).collect();
    assert!(
        met.len() > attempts.len() / 2,
        "most drew the stopped host first"
    );
    assert!(
        met.iter()
            .all(|a| a.tried.len() == 1 && a.tried[0].starts_with(EAST[0]))
    );
    // The other site notices nothing.
    assert!(phase("west", 2).iter().all(|a| a.tried.is_empty()));
}

#[test]
fn kms_and_mak_scenarios_global_network_the_other_site_serves_only_when_both_local_hosts_are_down()
{
    let attempts = phase("east", 3);
    let used = used(&attempts);
    assert!(used.keys().eq(WEST.iter()), "{used:?}");
    assert!(is_75_to_25(&used, WEST), "{used:?}");
    for attempt in &attempts {
        let mut tried: Vec<&str> = attempt
            .tried
            .iter()
            .map(|t| t.split(':').next().unwrap())
            .collect();
        tried.sort_unstable();
        assert_eq!(
            tried, EAST,
            "both priorities of 10 before one of 90: {attempt:?}"
        );
        assert_eq!(attempt.code, OK);
    }
}

#[test]
fn kms_and_mak_scenarios_global_network_returns_to_the_local_hosts_and_nobody_lost_a_licence() {
    let used = used(&phase("east", 4));
    assert!(used.keys().eq(EAST.iter()), "{used:?}");
    for machine in &report().machines {
        assert_eq!(machine.status, "Licensed", "{machine:?}");
    }
    let licensed: Vec<usize> = report()
        .timeline
        .iter()
        .map(|moment| moment.licensed)
        .collect();
    assert_eq!(licensed, [0, 220, 220, 220, 220]);
}

#[test]
fn kms_and_mak_scenarios_global_network_publishes_every_host_in_both_domains() {
    for host in WEST {
        let mut domains = report().events_of(host, 12294);
        domains.sort_unstable();
        assert_eq!(
            domains,
            ["east.contoso.test", "west.contoso.test"],
            "{host}"
        );
    }
}

#[test]
fn kms_and_mak_scenarios_global_network_a_host_that_was_started_again_counts_anew() {
    let restarted = report().timeline[3].day;
    report().counts_are_those_of_the_model(|host| EAST.contains(&host).then_some(restarted));
}
