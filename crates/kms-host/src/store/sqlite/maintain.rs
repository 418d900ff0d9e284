//! What goes with time: old events and clients, and records beyond what a family may have.
//!
//! Everything goes in small steps, each a part of a batch or a transaction of its own, so that no
//! request waits for long. The pages that become free are used again; the file does not shrink.

use super::{
    batch::{Book, EVENT_BYTES},
    error::Fault,
};
use crate::StoreConfig;
use core::time::Duration;
use kms_core::{CountedId, Timestamp};
use rusqlite::{Connection, Statement, params};

/// Rows that one step looks at or removes.
const STEP: i64 = 1000;

/// How many records more than it may have make a family be looked through.
const SLACK: i64 = 1000;

/// How often the oldest events are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// How often the clients are looked through for old ones.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Removes what is too old or too much, a step at a time.
pub(super) struct Maintenance<'c> {
    events_kept: Duration,
    events_bytes: i64,
    clients_kept: Duration,
    clients: i64,
    sweep: Option<Sweep>,
    // When the oldest events were last looked at.
    looked: Option<Timestamp>,
    // When the clients were last looked through for old ones.
    swept: Option<Timestamp>,
    old_events: Statement<'c>,
    oldest_events: Statement<'c>,
    count_events: Statement<'c>,
    delete_events: Statement<'c>,
    next_clients: Statement<'c>,
    delete_clients: Statement<'c>,
    next_records: Statement<'c>,
    delete_records: Statement<'c>,
}

/// A table that is looked through from its beginning: once to find out what is too old or too much,
/// and once to remove it.
struct Sweep {
    table: Table,
    // The last key that was looked at.
    cursor: Cursor,
    // While the first pass lasts, what it found.
    found: Option<Vec<i64>>,
    // What is before this sequence goes.
    before: i64,
    // Clients whose last request is before this time go.
    cutoff: i64,
}

#[derive(Clone, Copy)]
enum Table {
    Clients,
    Records { counted_id: CountedId, family: i64 },
}

/// The key of a row, in the order of its table; of a record only the first part is used.
#[derive(Clone, Default)]
struct Cursor {
    cmid: Vec<u8>,
    machine_name: String,
    activation_id: Vec<u8>,
}

impl<'c> Maintenance<'c> {
    pub(super) fn new(connection: &'c Connection, config: &StoreConfig) -> Result<Self, Fault> {
        Ok(Self {
            events_kept: config.events_kept,
            events_bytes: i64::try_from(config.events_bytes).unwrap_or(i64::MAX),
            clients_kept: config.clients_kept,
            clients: i64::try_from(config.clients).unwrap_or(i64::MAX),
            sweep: None,
            looked: None,
            swept: None,
            // Those before an event that is too old are too old as well, whatever the calendar clock
            // said when they happened.
            old_events: connection.prepare(
                "SELECT max(sequence) FROM (SELECT sequence, time FROM events \
                 ORDER BY sequence LIMIT ?2) WHERE time < ?1",
            )?,
            oldest_events: connection.prepare(
                "SELECT max(sequence) FROM (SELECT sequence FROM events ORDER BY sequence LIMIT ?1)",
            )?,
            count_events: connection.prepare(
                "SELECT coalesce(sum(?2 + coalesce(octet_length(machine_name), 0) \
                 + coalesce(octet_length(domain), 0)), 0) FROM events WHERE sequence <= ?1",
            )?,
            delete_events: connection.prepare("DELETE FROM events WHERE sequence <= ?1")?,
            next_clients: connection.prepare(
                "SELECT cmid, machine_name, activation_id, sequence FROM clients \
                 WHERE (cmid, machine_name, activation_id) > (?1, ?2, ?3) \
                 ORDER BY cmid, machine_name, activation_id LIMIT ?4",
            )?,
            delete_clients: connection.prepare(
                "DELETE FROM clients WHERE (cmid, machine_name, activation_id) > (?1, ?2, ?3) \
                 AND (cmid, machine_name, activation_id) <= (?4, ?5, ?6) \
                 AND (sequence < ?7 OR last_request < ?8)",
            )?,
            next_records: connection.prepare(
                "SELECT cmid, sequence FROM records WHERE family = ?1 AND cmid > ?2 \
                 ORDER BY cmid LIMIT ?3",
            )?,
            delete_records: connection.prepare(
                "DELETE FROM records WHERE family = ?1 AND cmid > ?2 AND cmid <= ?3 \
                 AND sequence < ?4",
            )?,
        })
    }

    /// Whether there is something to do.
    pub(super) fn is_due(&self, book: &Book) -> bool {
        self.sweep.is_some()
            || book.totals.events_bytes > self.events_bytes
            || is_over(self.looked, LOOK, book)
            || self.next_sweep(book).is_some()
    }

    /// One step, inside a transaction.
    pub(super) fn step(&mut self, book: &mut Book) -> Result<(), Fault> {
        if !self.trim_events(book)? {
            self.looked = Some(book.now);
        }
        if self.sweep.is_none() {
            self.sweep = self.next_sweep(book);
            if matches!(&self.sweep, Some(sweep) if matches!(sweep.table, Table::Clients)) {
                self.swept = Some(book.now);
            }
        }
        if let Some(sweep) = self.sweep.take() {
            self.sweep = self.sweep_step(sweep, book)?;
        }
        Ok(())
    }

    /// Removes the oldest events if they are too old or too much; true when there are some.
    fn trim_events(&mut self, book: &mut Book) -> Result<bool, Fault> {
        let cutoff = book.now.saturating_sub(self.events_kept).as_millis();
        let mut upto: Option<i64> = self
            .old_events
            .query_row(params![cutoff, STEP], |row| row.get(0))?;
        if book.totals.events_bytes > self.events_bytes {
            let beyond = book.totals.events_bytes - self.events_bytes;
            // A little more than one by one, so that it ends.
            let rows = (beyond / EVENT_BYTES + 1).min(STEP);
            let oldest = self
                .oldest_events
                .query_row([rows], |row| row.get::<_, Option<i64>>(0))?;
            upto = upto.max(oldest);
        }
        let Some(mut upto) = upto else {
            return Ok(false);
        };
        if upto > book.totals.clients_sequence {
            // Clients that are only gathered would be lost with their events.
            upto = book.totals.clients_sequence;
            book.clients.want();
        }
        let bytes: i64 = self
            .count_events
            .query_row(params![upto, EVENT_BYTES], |row| row.get(0))?;
        self.delete_events.execute([upto])?;
        book.totals.events_bytes = (book.totals.events_bytes - bytes).max(0);
        Ok(true)
    }

    /// The table that must be looked through next.
    fn next_sweep(&self, book: &Book) -> Option<Sweep> {
        // A tenth more than allowed, or they would be looked through for every new one.
        let is_full = book.totals.clients > self.clients.saturating_add(self.clients / 10);
        if is_full || (book.totals.clients > 0 && is_over(self.swept, SWEEP, book)) {
            return Some(Sweep::new(Table::Clients));
        }
        let (&counted_id, family) = book.families.iter().find(|(_, family)| {
            family.records > 2 * i64::from(family.threshold.capacity()) + SLACK
        })?;
        Some(Sweep::new(Table::Records {
            counted_id,
            family: family.id,
        }))
    }

    fn sweep_step(&mut self, mut sweep: Sweep, book: &mut Book) -> Result<Option<Sweep>, Fault> {
        let from = sweep.cursor.clone();
        let ages = match sweep.table {
            Table::Clients => self.next_clients(&mut sweep.cursor)?,
            Table::Records { family, .. } => self.next_records(family, &mut sweep.cursor)?,
        };
        let is_end = i64::try_from(ages.len()).is_ok_and(|rows| rows < STEP);
        if let Some(found) = &mut sweep.found {
            found.extend(ages);
            if is_end {
                self.decide(&mut sweep, book);
                sweep.cursor = Cursor::default();
            }
            return Ok(Some(sweep));
        }
        if !ages.is_empty() {
            self.remove(&sweep, &from, book)?;
        }
        Ok((!is_end).then_some(sweep))
    }

    /// Ends the first pass: decides what goes.
    fn decide(&self, sweep: &mut Sweep, book: &mut Book) {
        let mut found = sweep.found.take().unwrap_or_default();
        match sweep.table {
            Table::Clients => {
                book.totals.clients = i64::try_from(found.len()).unwrap_or(i64::MAX);
                let kept = usize::try_from(self.clients).unwrap_or(usize::MAX);
                sweep.before = newest(&mut found, kept);
                sweep.cutoff = book.now.saturating_sub(self.clients_kept).as_millis();
            }
            Table::Records { counted_id, .. } => {
                if let Some(family) = book.families.get_mut(&counted_id) {
                    family.records = i64::try_from(found.len()).unwrap_or(i64::MAX);
                    let kept = usize::try_from(family.threshold.capacity()).unwrap_or(usize::MAX);
                    sweep.before = newest(&mut found, kept);
                }
            }
        }
    }

    fn next_clients(&mut self, cursor: &mut Cursor) -> Result<Vec<i64>, Fault> {
        let mut rows = self.next_clients.query(params![
            cursor.cmid,
            cursor.machine_name,
            cursor.activation_id,
            STEP
        ])?;
        let mut ages = Vec::new();
        while let Some(row) = rows.next()? {
            ages.push(row.get(3)?);
            *cursor = Cursor {
                cmid: row.get(0)?,
                machine_name: row.get(1)?,
                activation_id: row.get(2)?,
            };
        }
        Ok(ages)
    }

    fn next_records(&mut self, family: i64, cursor: &mut Cursor) -> Result<Vec<i64>, Fault> {
        let mut rows = self
            .next_records
            .query(params![family, cursor.cmid, STEP])?;
        let mut ages = Vec::new();
        while let Some(row) = rows.next()? {
            ages.push(row.get(1)?);
            cursor.cmid = row.get(0)?;
        }
        Ok(ages)
    }

    /// Removes what goes, behind `from` and up to the sweep's cursor.
    fn remove(&mut self, sweep: &Sweep, from: &Cursor, book: &mut Book) -> Result<(), Fault> {
        let (to, before) = (&sweep.cursor, sweep.before);
        match sweep.table {
            Table::Clients => {
                let removed = self.delete_clients.execute(params![
                    from.cmid,
                    from.machine_name,
                    from.activation_id,
                    to.cmid,
                    to.machine_name,
                    to.activation_id,
                    before,
                    sweep.cutoff
                ])?;
                book.totals.clients -= i64::try_from(removed).unwrap_or(i64::MAX);
            }
            Table::Records { counted_id, family } => {
                let removed = self
                    .delete_records
                    .execute(params![family, from.cmid, to.cmid, before])?;
                if let Some(family) = book.families.get_mut(&counted_id) {
                    family.records -= i64::try_from(removed).unwrap_or(i64::MAX);
                }
            }
        }
        Ok(())
    }
}

impl Sweep {
    fn new(table: Table) -> Self {
        Self {
            table,
            cursor: Cursor::default(),
            found: Some(Vec::new()),
            before: i64::MIN,
            cutoff: i64::MIN,
        }
    }
}

/// Whether it is long enough ago, by the host's calendar clock, which may be set.
fn is_over(since: Option<Timestamp>, wait: Duration, book: &Book) -> bool {
    since.is_none_or(|since| book.now.distance(since) >= wait)
}

/// The least of the `kept` greatest: what is before it is too much.
fn newest(found: &mut [i64], kept: usize) -> i64 {
    match found.len().checked_sub(kept) {
        Some(beyond) if beyond > 0 && beyond < found.len() => *found.select_nth_unstable(beyond).1,
        _ => i64::MIN,
    }
}
