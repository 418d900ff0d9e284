//! "KMS and MAK scenarios": the default implementation, Contoso in a single site.

use super::report::{Attempt, OK, Report, play};
use chrono::TimeDelta;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

const HOSTS: [&str; 2] = ["kms1.contoso.test", "kms2.contoso.test"];
const ROGUE: &str = "rogue.contoso.test";

fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| play(&["--scenario", "single-site"]))
}

/// What the machines of the site did before their host was stopped, and after.
fn before_and_after() -> (Vec<&'static Attempt>, Vec<&'static Attempt>) {
    let stopped = report()
        .timeline
        .iter()
        .find(|moment| !moment.counts.contains_key(HOSTS[0]))
        .unwrap()
        .day;
    let site = |attempt: &&Attempt| !attempt.machine.starts_with("lured");
    report()
        .attempts
        .iter()
        .filter(site)
        .partition(|attempt| attempt.day <= stopped)
}

#[test]
fn kms_and_mak_scenarios_single_site_has_100_windows_7_clients_and_two_hosts() {
    let report = report();
    assert_eq!(report.scenario, "single-site");
    assert!(report.document.contains("single site"));
    let mut products: BTreeMap<&str, usize> = BTreeMap::new();
    for machine in &report.machines {
        *products.entry(&machine.product).or_default() += 1;
    }
    assert_eq!(products["Windows 7 Enterprise"], 100);
    assert!(products.len() >= 4, "{products:?}");
    let names: BTreeSet<&str> = report.machines.iter().map(|m| &*m.name).collect();
    assert_eq!(names.len(), report.machines.len());
    for host in HOSTS {
        assert!(report.host(host).requests > 0);
        assert_eq!(report.events_of(host, 12294), ["contoso.test"]);
    }
    assert!(!report.host(HOSTS[0]).running && report.host(HOSTS[1]).running);
}

#[test]
fn kms_and_mak_scenarios_single_site_activates_from_the_threshold_on_and_never_below_it() {
    let (before, _) = before_and_after();
    for threshold in [5, 25] {
        let of = |a: &&&Attempt| a.threshold == threshold;
        let refused = before.iter().filter(of).filter(|a| !a.activated).count();
        let activated = before.iter().filter(of).filter(|a| a.activated).count();
        assert!(
            refused > 0 && activated > 0,
            "{threshold}: {refused}, {activated}"
        );
    }
    // Hosts count on their own: each refused a client at 24 and activated one at 25.
    for host in HOSTS {
        let asked = |count| {
            let of = |a: &&&Attempt| a.host() == Some(host) && a.count == Some(count);
            before
                .iter()
                .filter(of)
                .map(|a| (a.threshold, a.activated))
                .collect::<Vec<_>>()
        };
        for (count, threshold) in [(4, 5), (24, 25)] {
            assert!(
                !asked(count).contains(&(threshold, true)),
                "{host} at {count}"
            );
        }
        let counts: BTreeSet<u32> = before
            .iter()
            .filter(|a| a.host() == Some(host))
            .filter_map(|a| a.count)
            .collect();
        assert_eq!(
            (counts.first(), counts.last()),
            (Some(&1), Some(&50)),
            "{host}"
        );
    }
}

#[test]
fn kms_and_mak_scenarios_single_site_hosts_count_each_for_itself() {
    report().counts_are_those_of_the_model(|_| None);
}

#[test]
fn kms_and_mak_scenarios_single_site_activates_servers_before_clients() {
    let (before, _) = before_and_after();
    let first = |threshold| {
        let of_kind = |a: &&Attempt| a.activated && a.threshold == threshold;
        before.iter().position(of_kind).unwrap()
    };
    assert!(first(5) < first(25), "{} and {}", first(5), first(25));
}

#[test]
fn kms_and_mak_scenarios_single_site_licenses_every_machine_for_180_days() {
    let report = report();
    let (before, _) = before_and_after();
    let fleet: BTreeSet<&str> = before.iter().map(|a| &*a.machine).collect();
    let licensed: BTreeSet<&str> = before
        .iter()
        .filter(|a| a.activated)
        .map(|a| &*a.machine)
        .collect();
    assert_eq!(fleet, licensed);
    for machine in report.machines.iter().filter(|m| fleet.contains(&*m.name)) {
        assert_eq!(machine.status, "Licensed", "{machine:?}");
        let of = |a: &&Attempt| a.machine == machine.name && a.activated;
        let last = report.attempts.iter().rfind(of).unwrap();
        let off = machine.expires.unwrap() - last.time - TimeDelta::days(180);
        assert!(off.abs() <= TimeDelta::seconds(1), "{machine:?} {off}");
    }
}

#[test]
fn kms_and_mak_scenarios_single_site_the_other_host_takes_over() {
    let (before, after) = before_and_after();
    let used = |attempts: &[&'static Attempt]| {
        attempts
            .iter()
            .filter_map(|a| a.host())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(used(&before), HOSTS.into());
    assert_eq!(used(&after), [HOSTS[1]].into());
    let renewed: BTreeSet<&str> = after.iter().map(|a| &*a.machine).collect();
    let fleet: BTreeSet<&str> = before.iter().map(|a| &*a.machine).collect();
    assert_eq!(renewed, fleet);
    assert!(after.iter().all(|a| a.code == OK));
    // Who had used the stopped host met its closed port first.
    let moved: Vec<_> = after.iter().filter(|a| !a.tried.is_empty()).collect();
    assert!(moved.len() > 20, "{}", moved.len());
    for attempt in moved {
        assert!(
            attempt
                .tried
                .iter()
                .all(|tried| tried.starts_with(HOSTS[0])),
            "{attempt:?}"
        );
        assert!(attempt.tried[0].contains("0x800706BA"), "{attempt:?}");
    }
    for machine in report()
        .machines
        .iter()
        .filter(|m| !m.name.starts_with("lured"))
    {
        assert_eq!(machine.host(), Some(HOSTS[1]), "{machine:?}");
    }
}

#[test]
fn kms_and_mak_scenarios_single_site_an_uncertified_host_licenses_nobody() {
    let lured = report().machines("lured");
    assert_eq!(lured.len(), 6);
    // Its own count says enough for a server, and it said so.
    assert_eq!(report().host(ROGUE).counts["Windows"], 6);
    assert_eq!(report().host(ROGUE).failed, 0);
    for machine in lured {
        assert_eq!(machine.status, "Initial grace period", "{machine:?}");
        assert_eq!(machine.count, None);
        let attempts: Vec<_> = report()
            .attempts
            .iter()
            .filter(|a| a.machine == machine.name)
            .collect();
        let [attempt] = attempts[..] else {
            panic!("{attempts:?}")
        };
        assert!(
            !attempt.activated && attempt.code.starts_with("0xC004F074"),
            "{attempt:?}"
        );
        assert!(attempt.tried[0].contains("root"), "{attempt:?}");
    }
}

#[test]
fn kms_and_mak_scenarios_single_site_events_have_the_documented_numbers_and_fields() {
    let report = report();
    for event in &report.events {
        let fields = event.text.split(", ").count();
        let wanted = match event.id {
            12288 => 10,
            12289 => 8,
            12290 => 9,
            12294 => 1,
            other => panic!("event {other}"),
        };
        assert_eq!(fields, wanted, "{event:?}");
    }
    // Every verified answer was logged by the machine that got it.
    let answered = report.attempts.iter().filter(|a| a.count.is_some()).count();
    let logged = report
        .events
        .iter()
        .filter(|event| event.id == 12289)
        .count();
    assert_eq!(answered, logged);
}
