//! The store when it cannot write, and what it refuses to open.

use crate::{
    store::keep,
    store_fixture::{Ask, Model, Place},
};
use core::time::Duration;
use kms_count::Snapshot;
use kms_host::{
    SqliteStore, Store as _, StoreHealth,
    store::sqlite::{OpenError, StoreReader, backup, check, repair, set},
};
use rusqlite::Connection;
use std::{fs, time::Instant};

fn ask(machine: u32) -> Ask {
    Ask {
        machine,
        ..Ask::default()
    }
}

/// A store with something in it, closed; and the table that counted it.
fn filled(place: &Place) -> Model {
    let mut model = Model::new();
    let store = place.open();
    let entries: Vec<_> = (0..40)
        .map(|machine| model.answered(ask(machine)))
        .collect();
    keep(&store, entries);
    model
}

fn recovered(store: &SqliteStore) -> Snapshot {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(snapshot) = store.take_recovered() {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "{:?}", store.health());
        std::thread::yield_now();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn after_a_failed_write_nothing_is_kept_until_the_count_begins_again_from_the_disk() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    keep(&store, [model.answered(ask(1))]);
    let kept = model.table.snapshot();

    let other = Connection::open(place.path()).unwrap();
    other
        .execute_batch("ALTER TABLE events RENAME TO elsewhere")
        .unwrap();
    let (first, second) = (model.answered(ask(2)), model.answered(ask(3)));
    let (first, second) = (store.commit(first), store.commit(second));
    let error = block_on(first).unwrap_err().to_string();
    assert!(
        error.contains("host.db") && error.contains("events"),
        "{error}"
    );
    block_on(second).unwrap_err();
    assert!(matches!(store.health(), StoreHealth::Failed { reason } if reason.contains("host.db")));
    assert_eq!(store.take_recovered(), None);
    block_on(store.commit(model.answered(ask(4)))).unwrap_err();

    other
        .execute_batch("ALTER TABLE elsewhere RENAME TO events")
        .unwrap();
    let snapshot = recovered(&store);
    assert_eq!(snapshot, kept);
    assert_eq!(store.health(), StoreHealth::Working);
    assert_eq!(store.take_recovered(), None, "it is handed out once");

    let mut model = Model::new();
    model.answered(ask(1));
    assert_eq!(model.restarted(&snapshot), kept);
    keep(&store, [model.answered(ask(5))]);
    drop((store, other));
    assert_eq!(place.open().load().unwrap(), model.table.snapshot());
}

#[test]
fn a_store_whose_file_is_gone_stays_failed_and_says_so() {
    let place = Place::new();
    let store = place.open();
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("DROP TABLE records").unwrap();
    drop(other);
    let mut model = Model::new();
    block_on(store.commit(model.answered(ask(1)))).unwrap_err();
    fs::remove_file(place.path()).unwrap();
    assert!(matches!(store.health(), StoreHealth::Failed { .. }));
    drop(store);
}

#[test]
fn what_is_no_store_is_refused_with_its_path_and_what_to_do() {
    let place = Place::new();
    let path = place.path();
    let shown = path.display().to_string();
    let refused = |wanted: &str| {
        let error = place.refusal();
        assert!(
            error.starts_with(&shown) && error.contains(wanted),
            "{error}"
        );
        if wanted != "folder" {
            assert!(check(&path).unwrap_err().to_string().contains(wanted));
            assert!(StoreReader::open(&path).is_err());
        }
    };
    fs::create_dir(&path).unwrap();
    refused("folder");
    fs::remove_dir(&path).unwrap();
    for (bytes, wanted) in [
        (
            &b""[..],
            "the file is empty; run: host --config FILE repair",
        ),
        (b"garbage, and nothing else", "host --config FILE repair"),
        (b"SQLite format 3\0", "ends within its header"),
    ] {
        fs::write(&path, bytes).unwrap();
        refused(wanted);
        assert_eq!(fs::read(&path).unwrap(), bytes, "it is not touched");
    }
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(other);
    refused("another program's database");
    fs::remove_file(&path).unwrap();
    fs::write(place.folder.path().join("host.db-wal"), b"something").unwrap();
    assert!(place.refusal().contains("write-ahead log"));
}

#[test]
fn a_newer_store_is_refused_with_both_versions() {
    let place = Place::new();
    filled(&place);
    let other = Connection::open(place.path()).unwrap();
    other.pragma_update(None, "user_version", 4).unwrap();
    drop(other);
    let error = place.refusal();
    assert!(
        error.contains("version 4") && error.contains("up to 3"),
        "{error}"
    );
    assert!(matches!(
        repair(&place.path()),
        Err(OpenError::Newer { .. })
    ));
}

#[test]
fn a_store_of_the_first_version_is_brought_up_to_date_with_its_clients() {
    let place = Place::new();
    let mut model = filled(&place);
    let other = Connection::open(place.path()).unwrap();
    other
        .execute_batch(
            "ALTER TABLE totals DROP COLUMN clients_sequence; \
             ALTER TABLE events DROP COLUMN source; DROP TABLE published; \
             PRAGMA user_version = 1",
        )
        .unwrap();
    drop(other);
    let error = StoreReader::open(&place.path()).unwrap_err().to_string();
    assert!(error.contains("start the host once"), "{error}");
    let store = place.open();
    assert!(place.folder.path().join("host.db.version-1").exists());
    assert_eq!(store.load().unwrap(), model.table.snapshot());
    keep(&store, [model.answered(ask(0))]);
    let clients = store.reader().unwrap().clients(None).unwrap();
    assert_eq!(clients.len(), 40);
    let requests: Vec<u64> = clients.iter().map(|client| client.requests).collect();
    assert_eq!((requests[0], requests.iter().sum::<u64>()), (2, 41));
}

#[test]
fn contradictions_are_damage() {
    for (statement, wanted) in [
        (
            "UPDATE totals SET clients_sequence = sequence + 1",
            "up to an entry that it does not have",
        ),
        ("UPDATE totals SET failed = total + 1", "failed requests"),
        (
            "UPDATE totals SET total = 3, oob_grace = 3",
            "more than those over all",
        ),
        ("UPDATE families SET threshold = 0", "threshold"),
        ("UPDATE records SET family = 9", "missing"),
        ("DELETE FROM totals", "totals are missing"),
        ("DROP TABLE clients", "clients"),
    ] {
        let place = Place::new();
        filled(&place);
        let other = Connection::open(place.path()).unwrap();
        other.execute_batch(statement).unwrap();
        drop(other);
        let error = place.refusal();
        assert!(
            error.contains(wanted) && error.contains("host --config FILE repair"),
            "{statement}: {error}"
        );
    }
}

#[test]
fn no_flipped_byte_and_no_length_makes_it_panic() {
    let place = Place::new();
    let model = filled(&place);
    let whole = fs::read(place.path()).unwrap();
    let shown = place.path().display().to_string();
    let mut refused = 0;
    let mut look = |bytes: &[u8]| {
        fs::write(place.path(), bytes).unwrap();
        if let Err(error) = check(&place.path()) {
            assert!(error.to_string().starts_with(&shown), "{error}");
            refused += 1;
        }
        for left in ["host.db-wal", "host.db-shm"] {
            let _ = fs::remove_file(place.folder.path().join(left));
        }
    };
    for at in (0..100).chain((100..whole.len()).step_by(211)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        look(&bytes);
    }
    for length in (0..whole.len()).step_by(1777) {
        look(&whole[..length]);
    }
    assert!(refused > 50, "{refused}");
    fs::write(place.path(), &whole).unwrap();
    assert_eq!(place.open().load().unwrap(), model.table.snapshot());
}

#[test]
fn a_repair_keeps_the_damaged_file_and_what_can_be_read_of_it() {
    let place = Place::new();
    let model = filled(&place);
    assert_eq!(repair(&place.path()).unwrap().kept, None, "it is whole");
    // The counters contradict each other; everything else is well.
    let other = Connection::open(place.path()).unwrap();
    other
        .execute_batch("UPDATE totals SET failed = total + 1")
        .unwrap();
    drop(other);
    let damaged = fs::read(place.path()).unwrap();
    let repaired = repair(&place.path()).unwrap();
    let kept = repaired.kept.unwrap();
    assert_eq!(fs::read(&kept).unwrap(), damaged);
    assert!(repaired.lost.iter().any(|text| text.contains("totals")));
    let contents = repaired.contents;
    assert_eq!((contents.events, contents.clients), (40, 40));
    assert_eq!(place.open().load().unwrap(), model.table.snapshot());
}

#[test]
fn a_repair_of_a_store_with_broken_pages_saves_the_others() {
    let place = Place::new();
    filled(&place);
    let mut bytes = fs::read(place.path()).unwrap();
    // Every page but the first, one after the other: what is behind it is lost, never more.
    let pages = bytes.len() / 4096;
    for page in 1..pages {
        let mut broken = bytes.clone();
        broken[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(place.path(), &broken).unwrap();
        let repaired = repair(&place.path()).unwrap();
        if let Some(kept) = &repaired.kept {
            assert_eq!(fs::read(kept).unwrap(), broken);
        }
        check(&place.path()).unwrap();
    }
    // The first page says where all others are.
    bytes[100..4096].fill(0xa5);
    fs::write(place.path(), &bytes).unwrap();
    let repaired = repair(&place.path()).unwrap();
    assert!(repaired.kept.is_some());
    assert_eq!(repaired.contents.events, 0);
    drop(place.open());
}

#[test]
fn a_store_in_use_is_not_repaired() {
    let place = Place::new();
    let store = place.open();
    assert!(matches!(
        repair(&place.path()),
        Err(OpenError::InUse { .. })
    ));
    drop(store);
}

#[test]
fn a_backup_is_whole_while_the_host_writes_and_overwrites_nothing() {
    let (place, mut model) = (Place::new(), Model::new());
    let store = place.open();
    let to = place.folder.path().join("backup.db");
    let (path, copy) = (place.path(), to.clone());
    keep(&store, [model.answered(ask(0))]);
    let backing_up = std::thread::spawn(move || backup(&path, &copy));
    for machine in 1..60 {
        keep(&store, [model.answered(ask(machine))]);
    }
    let contents = backing_up.join().unwrap().unwrap();
    assert!(contents.events >= 1);
    assert_eq!(check(&to).unwrap(), contents);
    let before = fs::read(&to).unwrap();
    assert!(matches!(
        backup(&place.path(), &to),
        Err(OpenError::Exists { .. })
    ));
    assert_eq!(fs::read(&to).unwrap(), before);
    drop(store);

    // Put in the store's place, it is a store again.
    let last = place.folder.path().join("last.db");
    backup(&place.path(), &last).unwrap();
    fs::rename(&last, place.path()).unwrap();
    assert_eq!(place.open().load().unwrap(), model.table.snapshot());
}

#[test]
fn damage_in_the_middle_of_the_log_is_refused_and_repaired_as_far_as_it_goes() {
    let (running, mut model) = (Place::new(), Model::new());
    let store = running.open();
    let place = Place::new();
    let log = |place: &Place| place.folder.path().join("host.db-wal");
    for machine in 0..30 {
        keep(&store, [model.answered(ask(machine))]);
    }
    // As after a kill: the log is not in the database.
    fs::copy(running.path(), place.path()).unwrap();
    let mut bytes = fs::read(log(&running)).unwrap();
    drop(store);
    let middle = 32 + (bytes.len() / 4120 / 2) * 4120;
    bytes[middle + 1000] ^= 0x20;
    fs::write(log(&place), &bytes).unwrap();

    let wanted = format!("host.db-wal is not what was written at byte {middle}");
    let mut refusals = vec![place.refusal()];
    refusals.extend(
        StoreReader::open(&place.path())
            .err()
            .map(|e| e.to_string()),
    );
    refusals.extend(check(&place.path()).err().map(|e| e.to_string()));
    refusals.extend(set(&place.path(), |_| {}).err().map(|e| e.to_string()));
    let copy = place.folder.path().join("copy.db");
    refusals.extend(backup(&place.path(), &copy).err().map(|e| e.to_string()));
    assert_eq!(refusals.len(), 5);
    for error in refusals {
        assert!(
            error.contains(&wanted) && error.contains("host --config FILE repair"),
            "{error}"
        );
    }
    assert_eq!(fs::read(log(&place)).unwrap(), bytes, "it is not touched");

    let repaired = repair(&place.path()).unwrap();
    let kept = repaired.kept.unwrap();
    let kept_log = kept.with_file_name(format!("{}-wal", kept.file_name().unwrap().display()));
    assert_eq!(fs::read(kept_log).unwrap(), bytes);
    let lost = repaired.lost.join("; ");
    assert!(lost.contains(&wanted) && lost.contains("is lost"), "{lost}");
    let events = repaired.contents.events;
    assert!((1..30).contains(&events), "{events}");
    assert_eq!(repaired.contents.clients, events);
    let snapshot = place.open().load().unwrap();
    assert_eq!(snapshot.counters.total(), events);
    let mut then = Model::new();
    for machine in 0..u32::try_from(events).unwrap() {
        then.answered(ask(machine));
    }
    assert_eq!(snapshot, then.table.snapshot());
}
