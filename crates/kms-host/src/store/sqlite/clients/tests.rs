//! Gathered clients: whatever happens, none is lost and none is counted twice.

use super::super::{
    batch::{Book, Statements},
    machines::{self, Client},
    maintain::Maintenance,
    queue::Item,
    schema, writer,
};
use super::*;
use crate::{Entry, StoreConfig};
use kms_core::{ActivationId, Cmid};
use std::path::{Path, PathBuf};
use uuid::Uuid;

fn store(folder: &Path) -> PathBuf {
    let path = folder.join("host.db");
    schema::create(&path).unwrap();
    path
}

fn cmid(machine: u64) -> Cmid {
    // Not in the order in which they ask.
    let number = u128::from(machine.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let uuid = Uuid::from_u128(0x4000_8000_0000_0000_0000 | number << 80 | number & 0xffff);
    Cmid::from_bytes(uuid.as_bytes()).unwrap()
}

/// The request of a machine at a time, in which everything is of its own.
fn request(machine: u64, time: i64) -> (Timestamp, RequestProcessed, Option<Source>) {
    let event = RequestProcessed {
        code: StatusCode(u32::try_from(time % 5).unwrap()),
        required_count: 25,
        machine_name: format!("ws-{}", machine % 7).parse().unwrap(),
        cmid: cmid(machine),
        client_time: Timestamp::from_millis(0),
        virtual_machine: time % 2 == 0,
        license_status: LicenseStatus::ALL[usize::try_from(time % 7).unwrap()],
        minutes_remaining: 1,
        activation_id: ActivationId::new(Uuid::from_u128(1)),
    };
    let source = (time % 3 > 0).then(|| format!("192.0.2.{}", time % 256).parse().unwrap());
    (Timestamp::from_millis(time), event, source)
}

fn entry(machine: u64, time: i64) -> Entry {
    let (at, event, source) = request(machine, time);
    Entry::Failed {
        counted_id: None,
        license_status: None,
        source,
        at,
        event: Some(event),
    }
}

fn write(statements: &mut Statements<'_>, book: &mut Book, entries: Vec<Entry>) {
    statements.begin().unwrap();
    for entry in entries {
        let (done, _) = tokio::sync::oneshot::channel();
        statements
            .write(&Item::Entry { entry, done }, book)
            .unwrap();
    }
    statements.commit(book).unwrap();
}

fn flush(statements: &mut Statements<'_>, book: &mut Book, rows: usize) {
    statements.begin().unwrap();
    statements.write_clients(rows, book).unwrap();
    statements.commit(book).unwrap();
}

/// What the clients are, by the requests alone.
fn expected(requests: &[(u64, i64)]) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for &(machine, time) in requests {
        let (at, event, source) = request(machine, time);
        let known = clients.iter().position(|client| client.cmid == event.cmid);
        let at_first = known.map_or((at, 0), |known| {
            let client = clients.swap_remove(known);
            (client.first_request, client.requests)
        });
        clients.push(Client {
            cmid: event.cmid,
            machine_name: event.machine_name,
            activation_id: event.activation_id,
            first_request: at_first.0,
            last_request: at,
            source,
            requests: at_first.1 + 1,
            license_status: event.license_status,
            code: event.code,
            virtual_machine: event.virtual_machine,
        });
    }
    clients.sort_by_key(|client| client.cmid);
    clients
}

fn rows(connection: &Connection) -> i64 {
    let query = "SELECT count(*) FROM clients";
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn wherever_a_flush_was_stopped_readers_and_a_restart_find_every_client() {
    for stop in 0..12_i64 {
        let folder = tempfile::tempdir().unwrap();
        let path = store(folder.path());
        let (connection, _) = writer::open_verified(&path, "open it").unwrap();
        let mut statements = Statements::prepare(&connection).unwrap();
        let mut book = Book::read(&connection).unwrap();
        let mut requests = Vec::new();
        for round in 0..=stop {
            let batch: Vec<(u64, i64)> = (0..40)
                .map(|n| {
                    (
                        (n * 7 + round.cast_unsigned() * 13) % 60,
                        round * 40 + n.cast_signed(),
                    )
                })
                .collect();
            let entries = batch.iter().map(|&(machine, time)| entry(machine, time));
            write(&mut statements, &mut book, entries.collect());
            requests.extend(batch);
            if round % 4 > 0 {
                flush(&mut statements, &mut book, 17);
            }
            let reader = schema::connect_to_read(&path).unwrap();
            assert_eq!(
                machines::clients(&reader, None).unwrap(),
                expected(&requests)
            );
        }
        // Nothing is closed in order: the next finds the log.
        drop((statements, book));
        drop(connection);
        let (connection, _) = writer::open_verified(&path, "open it").unwrap();
        let totals = super::super::load::totals(&connection).unwrap();
        assert_eq!(totals.clients_sequence, totals.sequence);
        assert_eq!(totals.clients, rows(&connection));
        assert_eq!(
            machines::clients(&connection, None).unwrap(),
            expected(&requests)
        );
    }
}

#[test]
fn limit_rows_and_limit_entries_begin_a_flush_that_reaches_all() {
    let folder = tempfile::tempdir().unwrap();
    let connection = schema::connect(&store(folder.path())).unwrap();
    let mut statements = Statements::prepare(&connection).unwrap();
    let mut book = Book::read(&connection).unwrap();
    let entries = |machines: core::ops::Range<usize>| -> Vec<Entry> {
        machines.map(|machine| entry(machine as u64, 1)).collect()
    };
    write(&mut statements, &mut book, entries(0..ROWS_LIMIT - 1));
    assert!(!book.clients.is_due(&book.totals));
    write(&mut statements, &mut book, entries(0..1));
    assert!(!book.clients.is_due(&book.totals), "it is no new row");
    write(
        &mut statements,
        &mut book,
        entries(ROWS_LIMIT - 1..ROWS_LIMIT),
    );
    assert!(book.clients.is_due(&book.totals));
    let mut steps = 0;
    while book.clients.is_due(&book.totals) {
        flush(&mut statements, &mut book, STEP);
        steps += 1;
    }
    assert_eq!(steps, ROWS_LIMIT / STEP);
    assert!(book.clients.is_empty());
    assert_eq!(rows(&connection), i64::try_from(ROWS_LIMIT).unwrap());

    book.totals.sequence += ENTRIES_LIMIT - 1;
    assert!(!book.clients.is_due(&book.totals));
    book.totals.sequence += 1;
    assert!(book.clients.is_due(&book.totals));
    flush(&mut statements, &mut book, STEP);
    assert_eq!(book.totals.clients_sequence, book.totals.sequence);
}

#[test]
fn more_clients_than_are_gathered_at_once_are_made_again_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let connection = schema::connect(&store(folder.path())).unwrap();
    let mut statements = Statements::prepare(&connection).unwrap();
    let mut book = Book::read(&connection).unwrap();
    let requests: Vec<(u64, i64)> = (0..2 * ROWS_LIMIT as u64 + 5)
        .map(|machine| (machine % (ROWS_LIMIT as u64 + 9), 3))
        .collect();
    let entries = requests.iter().map(|&(machine, time)| entry(machine, time));
    write(&mut statements, &mut book, entries.collect());
    catch_up(&connection).unwrap();
    let clients = machines::clients(&connection, None).unwrap();
    assert_eq!(clients.len(), ROWS_LIMIT + 9);
    let all: u64 = clients.iter().map(|client| client.requests).sum();
    assert_eq!(all, requests.len() as u64);
    assert_eq!(rows(&connection), i64::try_from(ROWS_LIMIT).unwrap() + 9);
}

#[test]
fn events_stay_until_the_clients_they_tell_of_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let connection = schema::connect(&store(folder.path())).unwrap();
    let mut statements = Statements::prepare(&connection).unwrap();
    let mut book = Book::read(&connection).unwrap();
    let config = StoreConfig {
        events_bytes: 1,
        ..StoreConfig::default()
    };
    let mut maintenance = Maintenance::new(&connection, &config).unwrap();
    let events = || {
        let query = "SELECT count(*) FROM events";
        connection
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    write(
        &mut statements,
        &mut book,
        (0..50).map(|n| entry(n, 1)).collect(),
    );
    maintenance.step(&mut book).unwrap();
    assert_eq!(events(), 50);
    assert!(book.clients.is_due(&book.totals), "they are wanted");
    flush(&mut statements, &mut book, 49);
    maintenance.step(&mut book).unwrap();
    assert_eq!(events(), 50, "the last is not written");
    flush(&mut statements, &mut book, 49);
    maintenance.step(&mut book).unwrap();
    assert_eq!((events(), rows(&connection)), (0, 50));
    assert!(maintenance.is_due(&book), "to see whether there are more");
}
