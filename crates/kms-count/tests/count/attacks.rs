//! What strangers can do to a guarded count, by the numbers of the threat model.

use crate::support::{Host, client, days, server};
use core::{net::Ipv4Addr, time::Duration};
use kms_core::{Cmid, Now, SeededEntropy, Tick};
use kms_count::{Admission, Change, CmidTable, Config, Guarded, Quota, Recorded, Request, Source};
use std::collections::BTreeSet;

const HOUR: Duration = Duration::from_secs(3600);

fn guarded() -> Host {
    Host::new(Config::default().with_admission(Admission::Guarded(Guarded::default())))
}

fn source(number: u32) -> Source {
    Source::of(Ipv4Addr::from_bits(0x0a00_0000 | number).into())
}

fn from(number: u32, request: Request) -> Request {
    Request {
        source: Some(source(number)),
        ..request
    }
}

/// A restart into a process whose clock begins at zero, at the same calendar time.
fn restarted(host: &Host) -> Host {
    let now = Now::new(Tick::ZERO, host.now.wall);
    let mut entropy = SeededEntropy::new(7);
    let table = CmidTable::restore(
        host.table.config(),
        &host.table.snapshot(),
        &mut entropy,
        now,
    );
    Host {
        table: table.unwrap(),
        now,
    }
}

/// Machines 0 to `machines` ask twice, each from its own source, an hour apart.
fn establish(host: &mut Host, machines: u32) {
    for _ in 0..2 {
        (0..machines).for_each(|number| _ = host.ask(from(number, client(number))));
        host.pass(HOUR);
    }
}

fn cmids(host: &Host) -> BTreeSet<Cmid> {
    let families = host.table.families();
    families
        .flat_map(|family| family.records())
        .map(|record| record.cmid)
        .collect()
}

/// The results of 1 to `requests` from random machines, each from the source of its number.
fn flood<'a>(
    host: &'a mut Host,
    requests: u32,
    from_source: impl Fn(u32) -> Option<Source> + 'a,
) -> impl Iterator<Item = Recorded> + 'a {
    let mut entropy = SeededEntropy::new(3);
    (1..=requests).map(move |number| {
        host.pass(Duration::from_millis(1));
        let request = Request {
            cmid: Cmid::random(&mut entropy),
            source: from_source(number),
            ..client(0)
        };
        host.ask(request)
    })
}

#[test]
fn p1_random_machines_of_one_source_add_a_fifth_of_the_threshold_at_most() {
    let mut host = guarded();
    let recorded: Vec<_> = flood(&mut host, 25, |_| Some(source(1))).collect();
    for (number, recorded) in (1_u32..).zip(&recorded) {
        let change = if number <= 5 {
            Change::New
        } else {
            Change::OverQuota
        };
        assert_eq!((recorded.change, recorded.count), (change, number.min(5)));
    }
    assert_eq!(host.table.counters().total(), 25);
    assert_eq!(host.table.counters().failed(), 0);
}

#[test]
fn p1_a_restart_in_the_middle_gives_a_source_no_new_places() {
    let mut host = guarded();
    for number in 0..25 {
        host.ask(from(1, client(number)));
        host.pass(HOUR);
        host = restarted(&host);
    }
    assert_eq!(host.machines(), [0, 1, 2, 3, 4]);
}

#[test]
fn p2_as_many_sources_as_the_threshold_reach_it() {
    // What a quota cannot stop, and an alert must tell.
    let mut host = guarded();
    let last = flood(&mut host, 25, |number| Some(source(number))).last();
    assert_eq!(last.unwrap().count, 25);
}

#[test]
fn p3_a_flood_of_a_million_machines_leaves_all_that_are_established() {
    let mut host = guarded();
    establish(&mut host, 40);
    let before = cmids(&host);
    let mut changes = [0_u32; 2];
    for recorded in flood(&mut host, 1_000_000, |number| Some(source(number + 100))) {
        assert_eq!(recorded.change, Change::New);
        assert!(recorded.count <= 50);
        changes[usize::from(recorded.dropped.is_some())] += 1;
    }
    assert_eq!(changes, [10, 999_990]);
    assert!(before.is_subset(&cmids(&host)));
    assert_eq!(host.count(), 50);
}

#[test]
fn p3_a_family_full_of_established_machines_takes_nobody_in() {
    let mut host = guarded();
    establish(&mut host, 50);
    let before = host.machines();
    for recorded in flood(&mut host, 1000, |_| None) {
        assert_eq!(
            recorded,
            Recorded {
                count: 50,
                change: Change::Full,
                dropped: None,
                expired: 0
            }
        );
    }
    assert_eq!(host.machines(), before);
    // Each that is silent for 30 days leaves a place.
    host.pass(days(30));
    let number = 777;
    assert_eq!(host.ask(from(1, client(number))).change, Change::New);
    assert_eq!(host.machines(), [number]);
}

#[test]
fn p4_a_client_that_claims_much_changes_no_capacity() {
    // What a client says of its need is not in a request: only the host's catalogue is.
    let mut host = guarded();
    host.ask(server(1));
    let flooded = flood(&mut host, 1, |_| None).last().unwrap();
    assert_eq!(flooded.count, 2);
    let family = host.table.families().next().unwrap();
    assert_eq!((family.threshold().machines(), family.capacity()), (25, 50));
}

#[test]
fn p5_many_machines_of_one_connection_are_held_to_the_quota_of_its_source() {
    let mut host = guarded();
    let last = flood(&mut host, 100, |_| Some(source(9))).last().unwrap();
    assert_eq!((last.change, last.count), (Change::OverQuota, 5));
}

#[test]
fn p6_a_machine_that_asks_from_elsewhere_keeps_one_place_where_it_began() {
    let mut host = guarded();
    (0..5).for_each(|number| _ = host.ask(from(1, client(number))));
    for number in 0..5 {
        assert_eq!(host.ask(from(2, client(number))).change, Change::Renewed);
    }
    assert_eq!(host.ask(from(1, client(5))).change, Change::OverQuota);
    assert_eq!(host.ask(from(2, client(6))).change, Change::New);
    assert_eq!(host.count(), 6);
}

#[test]
fn a_machine_beyond_the_quota_counts_when_a_place_is_free() {
    let mut host = guarded();
    host.ask(from(1, client(0)));
    host.pass(days(29));
    (1..=5).for_each(|number| _ = host.ask(from(1, client(number))));
    assert_eq!(host.ask(from(1, client(5))).change, Change::OverQuota);
    host.pass(days(1));
    let recorded = host.ask(from(1, client(5)));
    assert_eq!((recorded.change, recorded.count), (Change::New, 5));
    assert_eq!(host.ask(from(1, client(5))).change, Change::Renewed);
}

#[test]
fn a_quota_grows_with_the_threshold_and_a_request_can_bring_its_own() {
    let mut host = guarded();
    assert_eq!(host.ask(from(1, server(0))).change, Change::New);
    assert_eq!(host.ask(from(1, server(1))).change, Change::OverQuota);
    assert_eq!(host.ask(from(1, client(1))).change, Change::New);
    assert_eq!(host.ask(from(1, server(2))).change, Change::New);
    let trusted = |number| Request {
        quota: Some(7),
        ..from(1, client(number))
    };
    for number in 3..20 {
        host.ask(trusted(number));
    }
    assert_eq!(host.count(), 7);
    let barred = Request {
        quota: Some(0),
        ..from(2, client(30))
    };
    assert_eq!(host.ask(barred).change, Change::OverQuota);
    // Without a source there is nothing to hold it to.
    let unknown = Request {
        source: None,
        ..barred
    };
    assert_eq!(host.ask(unknown).change, Change::New);
}

#[test]
fn a_configured_quota_and_time_are_obeyed() {
    let policy = Guarded::default()
        .with_quota(Quota::Machines(2))
        .with_established_after(days(1));
    let mut host = Host::new(Config::default().with_admission(Admission::Guarded(policy)));
    (0..3).for_each(|number| _ = host.ask(from(1, client(number))));
    assert_eq!(host.machines(), [0, 1]);
    host.pass(days(1) - Duration::from_millis(1));
    host.ask(client(0));
    host.pass(Duration::from_millis(1));
    host.ask(client(1));
    let dropped: Vec<_> = flood(&mut host, 60, |_| None)
        .filter_map(|recorded| recorded.dropped)
        .collect();
    assert_eq!(dropped[0], client(0).cmid, "a millisecond short of a day");
    assert!(!dropped.contains(&client(1).cmid));
}

#[test]
fn an_hour_makes_a_machine_established_and_a_restart_keeps_it_so() {
    let mut host = guarded();
    (0..3).for_each(|number| _ = host.ask(from(number, client(number))));
    host.pass(HOUR - Duration::from_millis(1));
    host.ask(from(0, client(0)));
    host.pass(Duration::from_millis(1));
    host.ask(from(1, client(1)));
    let mut host = restarted(&host);
    assert_eq!(flood(&mut host, 100, |_| None).last().unwrap().count, 50);
    assert!(cmids(&host).contains(&client(1).cmid));
    let first = host
        .table
        .families()
        .next()
        .unwrap()
        .records()
        .next()
        .unwrap();
    assert_eq!(first.cmid, client(1).cmid);
    assert_eq!(
        first.last_request.saturating_since(first.first_request),
        HOUR
    );
    assert_eq!(first.source, Some(source(1)));
}

#[test]
fn a_guarded_snapshot_is_restored_as_it_was() {
    let mut host = guarded();
    establish(&mut host, 30);
    flood(&mut host, 40, |number| Some(source(number % 7))).for_each(drop);
    let snapshot = host.table.snapshot();
    assert_eq!(restarted(&host).table.snapshot(), snapshot);
    let records = &snapshot.families[0].records;
    assert_eq!(records.len(), 50);
    assert!(records.iter().all(|record| record.source.is_some()));
}
