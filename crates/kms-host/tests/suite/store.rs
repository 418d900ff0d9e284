//! The store on SQLite: what is durable, when, and what a restart finds.

use crate::store_fixture::{Ask, Model, Place, activation_id, cmid, processed, source};
use core::time::Duration;
use kms_core::{LicenseStatus, StatusCode, Timestamp};
use kms_host::{
    Entry, HostEvent, SqliteStore, Store as _, StoreHealth,
    store::sqlite::{
        EventFilter, HostState, OpenError, PublishResult, RunningHost, StoreReader, set,
    },
};
use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

/// Commits entries and waits for the last of those that somebody waits for.
pub(crate) fn keep(store: &SqliteStore, entries: impl IntoIterator<Item = Entry>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let commits: Vec<_> = entries
        .into_iter()
        .map(|entry| store.commit(entry))
        .collect();
    for commit in commits {
        runtime.block_on(commit).unwrap();
    }
}

fn answered(model: &mut Model, machines: core::ops::Range<u32>) -> Vec<Entry> {
    machines
        .map(|machine| {
            model.answered(Ask {
                machine,
                ..Ask::default()
            })
        })
        .collect()
}

#[test]
fn sqlite_has_the_repaired_write_ahead_log() {
    assert!(rusqlite::version_number() >= 3_051_003);
}

#[test]
fn an_entry_whose_future_ended_is_seen_by_others_while_the_store_is_open() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    assert_eq!(store.load().unwrap(), model.table.snapshot());
    for machine in 0..20 {
        keep(&store, answered(&mut model, machine..machine + 1));
        let reader = StoreReader::open(&place.path()).unwrap();
        assert_eq!(reader.snapshot().unwrap(), model.table.snapshot());
    }
    assert_eq!(store.health(), StoreHealth::Working);
}

#[test]
fn a_restart_finds_everything_and_a_clean_stop_leaves_one_file_beside_the_lock() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    keep(&store, answered(&mut model, 0..30));
    drop((
        store.commit(model.failed(Ask::default())),
        store.commit(model.malformed()),
    ));
    drop(store);
    let mut names: Vec<_> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["host.db", "host.db.lock"]);
    let mode = std::fs::metadata(place.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let store = place.open();
    assert_eq!(store.load().unwrap(), model.table.snapshot());
    assert_eq!(store.load().unwrap(), model.table.snapshot());
}

/// The transactions in a store's log: a frame that ends one says how large the database is then.
fn transactions(place: &Place) -> usize {
    let log = std::fs::read(place.folder.path().join("host.db-wal")).unwrap();
    log.get(32..)
        .unwrap_or_default()
        .chunks(24 + 4096)
        .filter(|frame| frame[4..8] != [0; 4])
        .count()
}

#[test]
fn entries_that_wait_for_the_disk_share_its_next_sync() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    let before = transactions(&place);
    let other = rusqlite::Connection::open(place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first waits for the other connection, as it would for a sync; the rest for the first.
    let entries = answered(&mut model, 0..500);
    let commits: Vec<_> = entries
        .into_iter()
        .map(|entry| store.commit(entry))
        .collect();
    other.execute_batch("ROLLBACK").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for commit in commits {
        runtime.block_on(commit).unwrap();
    }
    let shared = transactions(&place) - before;
    assert!(shared <= 3, "{shared} transactions");
    let reader = StoreReader::open(&place.path()).unwrap();
    assert_eq!(reader.snapshot().unwrap(), model.table.snapshot());
}

#[test]
fn events_come_back_as_they_were_and_in_their_order() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    let domain: kms_srv::DomainName = "contoso.com".parse().unwrap();
    let (at, code) = (
        Timestamp::from_millis(model.now.wall.as_millis() - 77),
        StatusCode::DNS_BADSIG,
    );
    let published = HostEvent::PublishFailed {
        code,
        domain: domain.clone(),
    };
    let events = [
        HostEvent::StartFailed { code },
        published,
        HostEvent::Published { domain },
    ];
    let entries: Vec<Entry> = events
        .map(|event| Entry::Event { at, event })
        .into_iter()
        .chain([
            model.answered(Ask::default()),
            model.failed(Ask::default()),
            model.malformed(),
            model.answered(Ask {
                name: "büro, 0x0",
                ..Ask::default()
            }),
        ])
        .collect();
    let expected: Vec<_> = entries.iter().filter_map(Entry::event).collect();
    keep(&store, entries);
    let reader = StoreReader::open(&place.path()).unwrap();
    let all = reader.events(&EventFilter::default()).unwrap();
    let kept: Vec<_> = all
        .iter()
        .map(|kept| (kept.time, kept.event.clone()))
        .collect();
    assert_eq!(kept, expected);
    assert!(all.is_sorted_by(|a, b| a.sequence < b.sequence));

    let sequences = |filter: EventFilter| -> Vec<u64> {
        let events = reader.events(&filter).unwrap();
        events.iter().map(|event| event.sequence).collect()
    };
    let filter = EventFilter::default;
    assert_eq!(
        sequences(EventFilter {
            limit: 2,
            ..filter()
        }),
        [5, 7]
    );
    assert_eq!(
        sequences(EventFilter {
            after: Some(2),
            limit: 2,
            ..filter()
        }),
        [3, 4]
    );
    assert_eq!(
        sequences(EventFilter {
            id: Some(12293),
            ..filter()
        }),
        [2]
    );
    let since = Some(model.now.wall);
    assert_eq!(sequences(EventFilter { since, ..filter() }), [4, 5, 7]);
    assert_eq!(
        sequences(EventFilter {
            after: Some(u64::MAX),
            ..filter()
        }),
        [0; 0]
    );
}

#[test]
fn who_asks_is_kept_with_the_first_and_the_last_request() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    let first = model.now.wall;
    keep(&store, [model.answered(Ask::default())]);
    model.advance(crate::fixture::DAY);
    let last = Ask {
        status: 1,
        ..Ask::default()
    };
    keep(&store, [model.failed(last)]);
    let reader = StoreReader::open(&place.path()).unwrap();
    let [client] = reader.clients(None).unwrap().try_into().unwrap();
    assert_eq!(
        (client.cmid, client.activation_id),
        (cmid(1), activation_id())
    );
    assert_eq!(client.machine_name.as_str(), "ws-1");
    assert_eq!(
        (client.first_request, client.last_request),
        (first, model.now.wall)
    );
    assert_eq!((client.source, client.requests), (Some(source(1)), 2));
    assert_eq!(client.license_status, LicenseStatus::Licensed);
    assert_eq!(
        client.code,
        processed(last, StatusCode::VL_INVALID_TIMESTAMP).code
    );
    assert!(!client.virtual_machine);
    let later = Timestamp::from_millis(model.now.wall.as_millis() + 1);
    assert_eq!(reader.clients(Some(model.now.wall)).unwrap().len(), 1);
    assert_eq!(reader.clients(Some(later)).unwrap().len(), 0);
}

#[test]
fn a_client_machine_id_under_several_names_is_told_with_them() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    let ask = |machine, name| Ask {
        machine,
        name,
        ..Ask::default()
    };
    let asks = [
        ask(1, "ws-1"),
        ask(2, "ws-2"),
        ask(2, "ws-3"),
        ask(1, "ws-1"),
    ];
    let entries: Vec<Entry> = asks.map(|ask| model.answered(ask)).into();
    keep(&store, entries);
    let reader = StoreReader::open(&place.path()).unwrap();
    let [duplicate] = reader.duplicates().unwrap().try_into().unwrap();
    assert_eq!(duplicate.cmid, cmid(2));
    let names: Vec<&str> = duplicate
        .clients
        .iter()
        .map(|client| client.machine_name.as_str())
        .collect();
    assert_eq!(names, ["ws-2", "ws-3"]);
}

#[test]
fn the_machines_that_asked_latest_are_known_oldest_first() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    for machine in [1, 2, 3, 1, 4] {
        model.advance(Duration::from_secs(1));
        let ask = Ask {
            machine,
            ..Ask::default()
        };
        keep(&store, vec![model.answered(ask)]);
    }
    let known = |most| {
        let records = store.known_machines(most).unwrap();
        records
            .into_iter()
            .map(|record| record.cmid)
            .collect::<Vec<_>>()
    };
    assert_eq!(known(9), [2, 3, 1, 4].map(cmid));
    assert_eq!(known(2), [1, 4].map(cmid));
    let records = store.known_machines(2).unwrap();
    assert_eq!(
        records[0].last_request.distance(records[0].first_request),
        Duration::from_secs(3)
    );
}

#[test]
fn a_second_process_is_told_who_uses_the_store() {
    let place = Place::new();
    let store = place.open();
    let error = SqliteStore::open(&place.config(), Arc::default()).unwrap_err();
    assert!(
        matches!(error, OpenError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    let wanted = format!("in use by process {}", std::process::id());
    assert!(error.to_string().contains(&wanted), "{error}");
    drop(store);
    drop(place.open());
}

#[test]
fn settings_are_changed_beside_the_running_host() {
    let place = Place::new();
    let missing = set(&place.path(), |_| {}).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }), "{missing}");
    let store = place.open();
    let reader = StoreReader::open(&place.path()).unwrap();
    assert_eq!(reader.settings().unwrap(), Default::default());
    let wanted = kms_host::StoredSettings {
        activation_interval: kms_core::ActivationInterval::from_minutes(15).ok(),
        renewal_interval: kms_core::RenewalInterval::from_minutes(43_200).ok(),
        port: Some(65_535),
        dns_publishing: Some(false),
        low_priority: Some(true),
    };
    assert_eq!(set(&place.path(), |now| *now = wanted).unwrap(), wanted);
    assert_eq!(reader.settings().unwrap(), wanted);
    let less = set(&place.path(), |now| now.port = None).unwrap();
    assert_eq!((less.port, less.low_priority), (None, Some(true)));
    keep(&store, [Model::new().answered(Ask::default())]);
    drop(store);
    assert_eq!(reader.settings().unwrap(), less);
}

#[test]
fn what_the_running_host_says_of_itself_is_read_beside_it() {
    let place = Place::new();
    let store = place.open();
    let reader = StoreReader::open(&place.path()).unwrap();
    assert_eq!(reader.host().unwrap(), None);
    let host = RunningHost {
        pid: std::process::id(),
        started: Timestamp::from_millis(5),
        name: "kms1.contoso.com".to_owned(),
        addresses: vec![
            "0.0.0.0:1688".parse().unwrap(),
            "[::1]:1688".parse().unwrap(),
        ],
        state: HostState::Serving,
        low_priority: true,
        dns_publishing: false,
        published: vec![PublishResult {
            domain: "contoso.com".parse().unwrap(),
            at: Timestamp::from_millis(6),
            code: StatusCode::DNS_BADSIG,
        }],
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(store.set_host(host.clone())).unwrap();
    let seen = reader.host().unwrap().unwrap();
    assert!(seen.alive);
    assert_eq!(seen.host, host);
    drop(store);
    let seen = reader.host().unwrap().unwrap();
    assert!(!seen.alive, "its lock is gone");
}
