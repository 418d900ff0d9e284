//! What a restart keeps and what it refuses.

use crate::support::{Host, MILLI, OFFICE, WINDOWS, client, cmid, days, server, threshold};
use core::time::Duration;
use kms_core::{LicenseStatus, Now, SeededEntropy, Tick};
use kms_count::{
    Change, CmidTable, Config, Counters, FamilySnapshot, Record, RestoreError, Snapshot,
};

/// A restart after `time`, into a process whose clock begins at zero.
fn restart_after(host: &Host, time: Duration) -> Host {
    let now = Now::new(Tick::ZERO, host.now.wall.saturating_add(time));
    let mut entropy = SeededEntropy::new(99);
    let snapshot = host.table.snapshot();
    let table = CmidTable::restore(host.table.config(), &snapshot, &mut entropy, now).unwrap();
    Host { table, now }
}

fn family(counted_id: kms_core::CountedId, machines: core::ops::Range<u32>) -> FamilySnapshot {
    let record = |number| Record {
        cmid: cmid(number),
        last_request: kms_core::Timestamp::EPOCH,
        first_request: kms_core::Timestamp::EPOCH,
        source: None,
    };
    FamilySnapshot {
        counted_id,
        threshold: threshold(5),
        counters: Counters::default(),
        records: machines.map(record).collect(),
    }
}

fn restore(families: Vec<FamilySnapshot>) -> Result<CmidTable, RestoreError> {
    let snapshot = Snapshot {
        counters: Counters::default(),
        families,
    };
    CmidTable::restore(
        Config::default(),
        &snapshot,
        &mut SeededEntropy::new(1),
        Now::default(),
    )
}

#[test]
fn a_restart_keeps_machines_order_capacity_and_counters() {
    let mut host = Host::default();
    (0..30).for_each(|number| _ = host.ask(client(number)));
    host.ask(client(3));
    host.table
        .record_failure(None, Some(LicenseStatus::Unlicensed));
    let mut again = restart_after(&host, days(1));
    assert_eq!(again.table.snapshot(), host.table.snapshot());
    assert_eq!(again.table.shown_count(), 30);
    assert_eq!(again.ask(server(3)).change, Change::Renewed);
    assert_eq!(again.table.family(WINDOWS).unwrap().capacity(), 50);
    assert_eq!(again.table.counters().total(), 33);
}

#[test]
fn the_30_days_go_on_over_a_restart() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(days(5));
    host.ask(client(2));

    let mut again = restart_after(&host, days(10));
    assert_eq!(
        again.table.poll_timeout(),
        Some(Tick::ZERO.saturating_add(days(15)))
    );
    again.pass(days(15) - MILLI);
    assert_eq!(again.count(), 2);
    again.pass(MILLI);
    assert_eq!(again.machines(), [1, 2]);
    assert_eq!(again.count(), 1);
    again.pass(days(5));
    assert_eq!(again.count(), 0);
}

#[test]
fn machines_whose_30_days_ended_while_the_host_was_down_are_gone_to_the_millisecond() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(MILLI);
    host.ask(client(2));
    assert_eq!(restart_after(&host, days(30) - MILLI).machines(), [2]);
    assert_eq!(restart_after(&host, days(30)).table.shown_count(), 0);
}

#[test]
fn a_calendar_clock_behind_the_snapshot_gives_the_full_retention() {
    let mut host = Host::default();
    host.ask(client(1));
    host.now.wall = host.now.wall.saturating_sub(days(400));
    let mut again = restart_after(&host, Duration::ZERO);
    again.pass(days(30) - MILLI);
    assert_eq!(again.count(), 1);
    again.pass(MILLI);
    assert_eq!(again.count(), 0);
}

#[test]
fn a_machine_that_asked_while_the_calendar_clock_was_behind_does_not_expire_early() {
    let mut host = Host::default();
    host.ask(client(1));
    let right = host.now.wall;
    host.now.wall = right.saturating_sub(days(365));
    host.ask(client(2));
    host.now.wall = right;
    let mut again = restart_after(&host, days(10));
    assert_eq!(again.machines(), [1, 2]);
    again.pass(days(20) - MILLI);
    assert_eq!(again.count(), 2);
    again.pass(MILLI);
    assert_eq!(again.count(), 0);
}

#[test]
fn a_restart_with_a_shorter_retention_applies_it_at_once() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(days(2));
    host.ask(client(2));
    let table = CmidTable::restore(
        Config::default().with_retention(days(2)),
        &host.table.snapshot(),
        &mut SeededEntropy::new(1),
        host.now,
    );
    assert_eq!(table.unwrap().shown_count(), 1);
}

#[test]
fn a_full_family_is_restored_and_one_record_more_is_refused() {
    let table = restore(vec![family(WINDOWS, 0..10)]).unwrap();
    assert_eq!(table.shown_count(), 10);
    let error = restore(vec![family(OFFICE, 0..1), family(WINDOWS, 0..11)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "family 00000000-0000-0000-0000-000000000081 has 11 records: with a highest threshold of 5 \
         it holds at most 10; keep the newest"
    );
}

#[test]
fn a_machine_that_comes_twice_is_refused_with_its_place() {
    let mut twice = family(WINDOWS, 0..9);
    twice.records.extend(twice.records.get(4).copied());
    assert_eq!(
        restore(vec![twice]).unwrap_err(),
        RestoreError::DuplicateCmid {
            counted_id: WINDOWS,
            index: 9,
            cmid: cmid(4),
        }
    );
    assert!(
        restore(vec![family(WINDOWS, 0..5), family(OFFICE, 0..5)]).is_ok(),
        "a machine may be in two families"
    );
}

#[test]
fn a_family_that_comes_twice_is_refused_with_its_place() {
    let families = vec![
        family(WINDOWS, 0..1),
        family(OFFICE, 0..1),
        family(WINDOWS, 1..2),
    ];
    let error = restore(families).unwrap_err();
    assert_eq!(
        error,
        RestoreError::DuplicateFamily {
            counted_id: WINDOWS,
            index: 2,
        }
    );
}

#[test]
fn too_many_families_are_refused() {
    let families = vec![family(WINDOWS, 0..0); CmidTable::MAX_FAMILIES + 1];
    let error = restore(families).unwrap_err();
    assert_eq!(
        error.to_string(),
        "65537 families: a table holds at most 65536; leave out those that the catalogue no longer has"
    );
}
