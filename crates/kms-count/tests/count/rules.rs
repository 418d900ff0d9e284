//! Each rule of the table by itself.

use crate::support::{
    Host, MILLI, OFFICE, WINDOWS, client, cmid, days, server, threshold, virtual_machine,
};
use core::time::Duration;
use kms_core::{CountedId, LicenseStatus, Now, Tick, Timestamp};
use kms_count::{Change, CmidTable, Config, Recorded, Request};
use uuid::Uuid;

fn office(number: u32) -> Request {
    Request {
        counted_id: OFFICE,
        threshold: threshold(5),
        ..client(number)
    }
}

#[test]
fn a_machine_that_was_dropped_and_returns_is_new() {
    let mut host = Host::default();
    (0..11).for_each(|number| _ = host.ask(server(number)));
    let expected = Recorded {
        count: 10,
        change: Change::New,
        dropped: Some(cmid(1)),
        expired: 0,
    };
    assert_eq!(host.ask(server(0)), expected);
}

#[test]
fn a_machine_that_expired_and_returns_is_new() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(days(30));
    let expected = Recorded {
        count: 1,
        change: Change::New,
        dropped: None,
        expired: 1,
    };
    assert_eq!(host.ask(client(1)), expected);
}

#[test]
fn a_renewal_in_a_full_table_drops_nothing() {
    let mut host = Host::default();
    (0..10).for_each(|number| _ = host.ask(server(number)));
    for number in [0, 5, 9, 9] {
        let recorded = host.ask(server(number));
        assert_eq!((recorded.count, recorded.dropped), (10, None));
        assert_eq!(recorded.change, Change::Renewed);
    }
    assert_eq!(host.machines(), [1, 2, 3, 4, 6, 7, 8, 0, 5, 9]);
}

#[test]
fn the_lowest_threshold_keeps_two_machines() {
    let mut host = Host::default();
    let request = |number| Request {
        threshold: threshold(1),
        ..client(number)
    };
    let counts: Vec<u32> = (0..4)
        .map(|number| host.ask(request(number)).count)
        .collect();
    assert_eq!(counts, [1, 2, 2, 2]);
}

#[test]
fn a_lower_threshold_after_a_higher_one_changes_nothing() {
    let mut host = Host::default();
    host.ask(client(1));
    host.ask(server(2));
    let family = host.table.family(WINDOWS).unwrap();
    assert_eq!(family.threshold(), threshold(25));
    assert_eq!(family.capacity(), 50);
}

#[test]
fn families_are_counted_apart_and_listed_by_their_id() {
    let mut host = Host::default();
    assert_eq!(host.ask(client(1)).count, 1);
    assert_eq!(host.ask(office(1)).count, 1);
    assert_eq!(host.ask(client(2)).count, 2);
    let listed: Vec<(CountedId, u32, u32)> = host
        .table
        .families()
        .map(|family| (family.counted_id(), family.count(), family.capacity()))
        .collect();
    assert_eq!(listed, [(OFFICE, 1, 10), (WINDOWS, 2, 50)]);
}

#[test]
fn the_request_of_one_family_expires_the_records_of_all() {
    let mut host = Host::default();
    host.ask(client(1));
    host.ask(client(2));
    host.pass(days(30));
    assert_eq!(host.ask(office(1)).expired, 2);
    assert_eq!(host.table.family(WINDOWS).unwrap().count(), 0);
}

#[test]
fn the_next_timeout_is_the_first_expiry_of_any_family() {
    let mut host = Host::default();
    assert_eq!(host.table.poll_timeout(), None);
    let start = host.now.tick;
    host.ask(client(1));
    host.pass(days(1));
    host.ask(office(1));
    assert_eq!(
        host.table.poll_timeout(),
        Some(start.saturating_add(days(30)))
    );
    host.pass(days(1));
    host.ask(client(1));
    assert_eq!(
        host.table.poll_timeout(),
        Some(start.saturating_add(days(31)))
    );

    host.pass(days(29) - MILLI);
    assert_eq!(host.table.handle_timeout(host.now), 0);
    host.pass(MILLI);
    assert_eq!(host.table.handle_timeout(host.now), 1);
    assert_eq!(
        host.table.poll_timeout(),
        Some(start.saturating_add(days(32)))
    );
    host.pass(days(1));
    assert_eq!(host.table.handle_timeout(host.now), 1);
    assert_eq!(host.table.poll_timeout(), None);
}

#[test]
fn a_shorter_retention_is_kept_to_the_millisecond() {
    let retention = Duration::from_millis(10);
    let mut host = Host::new(Config::default().with_retention(retention));
    host.ask(client(1));
    host.pass(retention - MILLI);
    assert_eq!(host.count(), 1);
    host.pass(MILLI);
    assert_eq!(host.count(), 0);
}

#[test]
fn virtual_machines_that_are_ignored_are_answered_and_leave_no_record() {
    let mut host = Host::new(Config::default().with_count_virtual_machines(false));
    let ignored = |count| Recorded {
        count,
        change: Change::NotCounted,
        dropped: None,
        expired: 0,
    };
    assert_eq!(host.ask(virtual_machine(server(1))), ignored(0));
    assert_eq!(host.ask(server(2)).count, 1);
    assert_eq!(host.ask(virtual_machine(server(1))), ignored(1));
    assert_eq!(host.machines(), [2]);

    let family = host.table.family(WINDOWS).unwrap();
    assert_eq!(
        (family.counters().total(), family.counters().failed()),
        (3, 0)
    );
    assert_eq!(family.capacity(), 10);
    // Its product has asked, whether or not the machine counts.
    host.ask(virtual_machine(client(3)));
    assert_eq!(host.table.family(WINDOWS).unwrap().capacity(), 50);
}

#[test]
fn the_shown_count_is_minus_one_before_the_first_valid_request() {
    let mut host = Host::default();
    assert_eq!(host.table.shown_count(), -1);
    host.table
        .record_failure(Some(WINDOWS), Some(LicenseStatus::OobGrace));
    assert_eq!(host.table.shown_count(), -1);
    host.ask(client(1));
    host.ask(office(1));
    assert_eq!(host.table.shown_count(), 2);
    assert_eq!(host.table.shown_count_of(WINDOWS), 1);
    assert_eq!(
        host.table
            .shown_count_of(CountedId::new(Uuid::from_u128(7))),
        -1
    );
    host.pass(days(30));
    host.table.handle_timeout(host.now);
    assert_eq!(host.table.shown_count(), 0);
    assert_eq!(host.table.shown_count_of(WINDOWS), 0);
}

#[test]
fn a_failed_request_is_in_the_total_and_in_its_family_only_if_that_is_known() {
    let mut host = Host::default();
    host.ask(client(1));
    host.table
        .record_failure(Some(WINDOWS), Some(LicenseStatus::Notification));
    host.table
        .record_failure(Some(OFFICE), Some(LicenseStatus::Notification));
    host.table.record_failure(None, None);

    let overall = host.table.counters();
    assert_eq!((overall.total(), overall.failed()), (4, 3));
    assert_eq!(overall.by_status(), [0, 0, 1, 0, 0, 2, 0]);
    let family = host.table.family(WINDOWS).unwrap().counters();
    assert_eq!((family.total(), family.failed()), (2, 1));
    assert_eq!(family.by_status(), [0, 0, 1, 0, 0, 1, 0]);
    assert!(host.table.family(OFFICE).is_none());
    assert_eq!(host.count(), 1, "a failed request makes no record");
}

#[test]
fn one_family_too_many_is_not_counted() {
    let mut host = Host::default();
    let family = |number: usize| Request {
        counted_id: CountedId::new(Uuid::from_u128(number as u128)),
        ..client(1)
    };
    for number in 0..CmidTable::MAX_FAMILIES {
        assert_eq!(host.ask(family(number)).change, Change::New);
    }
    let refused = host.ask(family(CmidTable::MAX_FAMILIES));
    assert_eq!(
        (refused.change, refused.count),
        (Change::TooManyFamilies, 0)
    );
    assert_eq!(host.table.families().count(), CmidTable::MAX_FAMILIES);
    assert_eq!(host.table.counters().failed(), 1);
    assert_eq!(host.ask(family(0)).change, Change::Renewed);
}

#[test]
fn setting_the_calendar_clock_expires_nothing() {
    let mut host = Host::default();
    let year = days(365);
    host.ask(client(1));
    host.now.wall = host.now.wall.saturating_add(year);
    assert_eq!(host.ask(client(2)).count, 2);
    host.now.wall = host.now.wall.saturating_sub(year).saturating_sub(year);
    assert_eq!(host.ask(client(3)).count, 3);
    // Nor does it keep anything longer.
    host.now.tick = host.now.tick.saturating_add(days(30));
    assert_eq!(host.count(), 0);
}

#[test]
fn a_tick_that_steps_back_is_taken_as_the_latest_one() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(days(10));
    host.ask(client(2));
    let latest = host.now;
    host.now.tick = Tick::ZERO;
    assert_eq!(host.ask(client(3)).count, 3);
    assert_eq!(host.ask(client(1)).change, Change::Renewed);
    assert_eq!(host.machines(), [2, 3, 1]);
    host.now = latest;
    host.pass(days(30) - MILLI);
    assert_eq!(host.count(), 3);
    host.pass(MILLI);
    assert_eq!(host.count(), 0, "all three asked at the latest tick");
}

#[test]
fn the_ends_of_both_clocks_break_nothing() {
    let mut host = Host::default();
    host.ask(client(1));
    host.now = Now::new(Tick::MAX, Timestamp::from_millis(i64::MAX));
    assert_eq!(host.ask(client(2)).count, 1);
    host.now.wall = Timestamp::from_millis(i64::MIN);
    assert_eq!(host.ask(client(3)).count, 2);
    assert_eq!(host.table.poll_timeout(), None);
    assert_eq!(host.table.handle_timeout(host.now), 0);

    // One machine whose time ends just before the end of time, and one whose time would end after.
    let mut host = Host::default();
    let before_end =
        |time| Tick::from_millis(u64::MAX - u64::try_from(Duration::as_millis(&time)).unwrap());
    host.now.tick = before_end(days(31));
    host.ask(client(1));
    host.now.tick = before_end(days(29));
    host.ask(client(2));
    host.now.tick = Tick::MAX;
    assert_eq!(host.table.handle_timeout(host.now), 1);
    assert_eq!(host.machines(), [2]);

    let mut host = Host::new(Config::default().with_retention(Duration::MAX));
    host.ask(client(1));
    host.pass(days(1_000_000));
    assert_eq!(host.count(), 1);
}

#[test]
fn the_calendar_time_of_the_last_request_is_shown() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(days(1));
    host.ask(client(1));
    let family = host.table.family(WINDOWS).unwrap();
    let shown: Vec<Timestamp> = family.records().map(|record| record.last_request).collect();
    assert_eq!(shown, [host.now.wall]);
}
