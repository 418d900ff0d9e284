//! What the store lets go, and that what it keeps is what the table counts.

use crate::{
    fixture::{DAY, HOUR},
    store::keep,
    store_fixture::{Ask, Model, Place, cmid},
};
use core::time::Duration;
use kms_count::{Config, Snapshot};
use kms_host::{
    Entry, SqliteStore, Store as _, StoreConfig,
    store::sqlite::{EventFilter, StoreReader},
};
use proptest::prelude::*;
use std::{fs, sync::Arc, time::Instant};

fn ask(machine: u32) -> Ask {
    Ask {
        machine,
        ..Ask::default()
    }
}

fn open(config: &StoreConfig) -> SqliteStore {
    SqliteStore::open(config, Arc::default()).unwrap()
}

/// Keeps an entry again and again, since maintenance goes with batches, until the store is as wanted.
fn until(store: &SqliteStore, mut entry: impl FnMut() -> Entry, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "it never lets go");
        keep(store, [entry()]);
    }
}

fn events(place: &Place) -> usize {
    let reader = StoreReader::open(&place.path()).unwrap();
    reader.events(&EventFilter::default()).unwrap().len()
}

fn clients(place: &Place) -> Vec<kms_core::Cmid> {
    let reader = StoreReader::open(&place.path()).unwrap();
    let clients = reader.clients(None).unwrap();
    clients.iter().map(|client| client.cmid).collect()
}

/// Waits for as many rows of clients, which are written when nothing is asked of the store.
fn written(place: &Place, wanted: u32) {
    let other = rusqlite::Connection::open(place.path()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let query = "SELECT count(*) FROM clients";
    loop {
        let rows: u32 = other.query_row(query, [], |row| row.get(0)).unwrap();
        if rows == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{rows} rows and not {wanted}");
        std::thread::yield_now();
    }
}

#[test]
fn limit_events_days() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    let first: Vec<_> = (0..10)
        .map(|machine| model.answered(ask(machine)))
        .collect();
    keep(&store, first);
    // At the limit they stay; and a clock that was set and set back does not hold them for ever.
    model.advance(90 * DAY);
    keep(&store, [model.answered(ask(10))]);
    model.advance(Duration::from_millis(1));
    keep(&store, [model.answered(ask(11))]);
    // They are looked at once a minute.
    model.advance(Duration::from_secs(60));
    until(
        &store,
        || model.answered(ask(12)),
        || {
            let reader = StoreReader::open(&place.path()).unwrap();
            reader.events(&EventFilter::default()).unwrap()[0].sequence > 10
        },
    );
    let reader = StoreReader::open(&place.path()).unwrap();
    let oldest = &reader.events(&EventFilter::default()).unwrap()[0];
    assert_eq!(oldest.sequence, 11);
}

#[test]
fn limit_events_megabytes() {
    let place = Place::new();
    let mut model = Model::new();
    let mut config = place.config();
    config.events_bytes = 100_000;
    let store = open(&config);
    let mut sizes = Vec::new();
    for _ in 0..30 {
        let batch: Vec<_> = (0..500).map(|n| model.answered(ask(n % 10))).collect();
        keep(&store, batch);
        until(&store, || model.answered(ask(1)), || events(&place) <= 1000);
        sizes.push(fs::metadata(place.path()).unwrap().len());
    }
    // What was let go is used again: the file has its size after a while.
    assert!(events(&place) > 500);
    drop(store);
    let size = fs::metadata(place.path()).unwrap().len();
    assert!(size < 400_000, "{size}");
}

#[test]
fn limit_clients() {
    let place = Place::new();
    let mut model = Model::new();
    let mut config = place.config();
    config.clients = 100;
    let store = open(&config);
    // They are looked through at the start, and from then on when they are a tenth too many, of
    // those that are written.
    keep(&store, [model.answered(ask(0))]);
    written(&place, 1);
    for _ in 0..9 {
        keep(&store, [model.answered(ask(0))]);
    }
    let batch: Vec<_> = (0..110)
        .map(|machine| model.answered(ask(machine)))
        .collect();
    keep(&store, batch);
    written(&place, 110);
    for _ in 0..9 {
        keep(&store, [model.answered(ask(109))]);
    }
    assert_eq!(clients(&place).len(), 110);
    keep(&store, [model.answered(ask(110))]);
    written(&place, 100);
    let kept = clients(&place);
    assert_eq!(kept.len(), 100);
    assert!(kept.contains(&cmid(110)) && kept.contains(&cmid(11)) && !kept.contains(&cmid(10)));
}

#[test]
fn limit_clients_days() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    keep(&store, [model.answered(ask(1))]);
    model.advance(180 * DAY);
    keep(&store, [model.answered(ask(2))]);
    drop(store);
    let store = place.open();
    model.advance(Duration::from_millis(1));
    until(
        &store,
        || model.answered(ask(3)),
        || !clients(&place).contains(&cmid(1)),
    );
    assert_eq!(clients(&place), [cmid(2), cmid(3)]);
}

#[test]
fn records_whose_time_is_over_do_not_gather() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    // A capacity of 10, and ever new machines that expire before it is full.
    let mut machine = 0;
    for _ in 0..4 {
        let mut batch = Vec::new();
        for _ in 0..600 {
            model.advance(4 * DAY);
            machine += 1;
            batch.push(model.answered(ask(machine)));
        }
        keep(&store, batch);
    }
    let other = rusqlite::Connection::open(place.path()).unwrap();
    let rows = || {
        let query = "SELECT count(*) FROM records";
        other
            .query_row(query, [], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    until(&store, || model.answered(ask(machine)), || rows() <= 10);
    let snapshot = StoreReader::open(&place.path())
        .unwrap()
        .snapshot()
        .unwrap();
    assert_eq!(model.restarted(&snapshot), model.table.snapshot());
}

#[derive(Clone, Debug)]
enum Step {
    Answered(Ask),
    Failed(Ask),
    Malformed,
    Wait(Duration),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ask = (0..30_u32, 0..3_u8, 1..6_u32, 0..7_u32).prop_map(
        |(machine, family, threshold, status)| Ask {
            machine,
            family,
            threshold,
            status,
            name: "ws-1",
        },
    );
    let step = prop_oneof![
        12 => ask.clone().prop_map(Step::Answered),
        2 => ask.prop_map(Step::Failed),
        1 => Just(Step::Malformed),
        2 => (1..40_u32).prop_map(|hours| Step::Wait(hours * HOUR)),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..80)
}

fn run(steps: Vec<Step>) -> (Snapshot, Snapshot) {
    let place = Place::new();
    let mut model = Model::with(Config::default().with_retention(10 * DAY));
    let mut store = place.open();
    let mut entries = Vec::new();
    for step in steps {
        match step {
            Step::Answered(ask) => entries.push(model.answered(ask)),
            Step::Failed(ask) => entries.push(model.failed(ask)),
            Step::Malformed => entries.push(model.malformed()),
            Step::Wait(duration) => model.advance(duration),
            Step::Restart => {
                for entry in entries.drain(..) {
                    drop(store.commit(entry));
                }
                drop(store);
                store = place.open();
            }
        }
    }
    for entry in entries {
        drop(store.commit(entry));
    }
    drop(store);
    model.table.handle_timeout(model.now);
    let found = place.open().load().unwrap();
    (model.restarted(&found), model.table.snapshot())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_counts_what_the_table_counted(steps in steps()) {
        let (restarted, counted) = run(steps);
        prop_assert_eq!(restarted, counted);
    }
}
