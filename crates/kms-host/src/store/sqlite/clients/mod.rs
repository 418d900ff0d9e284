//! Who asked, gathered in memory until many rows of the clients' table are written at once.
//!
//! A request's event is durable with its answer, so its client's row may follow later: the totals
//! say up to which entry the rows are written, and what came after it is made again from the events.

use super::{error::Fault, load::Totals, reader, source, source::SourceBytes};
use crate::{HostEvent, RequestProcessed};
use kms_core::{LicenseStatus, StatusCode, Timestamp};
use kms_count::Source;
use rusqlite::{Connection, Statement, params};
use std::collections::{BTreeMap, btree_map};

/// The most rows that are gathered before they are written, though the host is never idle.
pub(super) const ROWS_LIMIT: usize = 8192;

/// The most entries that are gathered: a restart reads as many again, and who reads the clients
/// beside the host does.
pub(super) const ENTRIES_LIMIT: i64 = 65_536;

/// Rows of one step, when nobody waits for it.
pub(super) const STEP: usize = 1024;

/// A client's key, in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) cmid: [u8; 16],
    pub(super) machine_name: Box<str>,
    pub(super) activation_id: [u8; 16],
}

impl Key {
    fn of(event: &RequestProcessed) -> Self {
        Self {
            cmid: event.cmid.as_uuid().into_bytes(),
            machine_name: event.machine_name.as_str().into(),
            activation_id: event.activation_id.as_uuid().into_bytes(),
        }
    }
}

/// What requests change in a client's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The first of these requests: the client's first if it has no row.
    pub(super) first_request: Timestamp,
    pub(super) last_request: Timestamp,
    pub(super) source: Option<Source>,
    /// How many requests these are.
    pub(super) requests: i64,
    pub(super) license_status: LicenseStatus,
    pub(super) code: StatusCode,
    pub(super) virtual_machine: bool,
    /// The last request's.
    pub(super) sequence: i64,
}

/// The changes of many clients, by key.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<Key, Change>);

impl Changes {
    /// Adds a request, which must be later than those before.
    pub(super) fn add(
        &mut self,
        sequence: i64,
        at: Timestamp,
        event: &RequestProcessed,
        source: Option<Source>,
    ) {
        let change = self.0.entry(Key::of(event)).or_insert_with(|| Change {
            first_request: at,
            last_request: at,
            source,
            requests: 0,
            license_status: event.license_status,
            code: event.code,
            virtual_machine: event.virtual_machine,
            sequence,
        });
        change.last_request = at;
        change.source = source;
        change.requests = change.requests.saturating_add(1);
        change.license_status = event.license_status;
        change.code = event.code;
        change.virtual_machine = event.virtual_machine;
        change.sequence = sequence;
    }

    /// The changes in the order of the table.
    pub(super) fn into_sorted(self) -> btree_map::IntoIter<Key, Change> {
        self.0.into_iter()
    }

    /// What the events after `after` change that is not in the clients' table, and the sequence up
    /// to which they were read: to the last, unless that would be more than `rows` changes.
    pub(super) fn read(
        connection: &Connection,
        after: i64,
        rows: usize,
    ) -> Result<(Self, Option<i64>), Fault> {
        // A step of a flush that was not finished has written some rows already.
        let mut statement = connection.prepare(&format!(
            "SELECT {} FROM events WHERE sequence > ?1 AND id = {} \
             AND NOT EXISTS (SELECT 1 FROM clients WHERE clients.cmid = events.cmid \
             AND clients.machine_name = events.machine_name \
             AND clients.activation_id = events.activation_id \
             AND clients.sequence >= events.sequence) ORDER BY sequence",
            reader::EVENT_COLUMNS,
            reader::REQUEST_PROCESSED,
        ))?;
        let mut found = statement.query([after])?;
        let mut changes = Self::default();
        while let Some(row) = found.next()? {
            let HostEvent::RequestProcessed(event) = reader::event(row)? else {
                continue;
            };
            let (sequence, at) = (row.get(0)?, Timestamp::from_millis(row.get(1)?));
            changes.add(
                sequence,
                at,
                &event,
                source::read(row, reader::EVENT_SOURCE)?,
            );
            if changes.0.len() >= rows {
                return Ok((changes, Some(sequence)));
            }
        }
        Ok((changes, None))
    }
}

/// What the writer has gathered, and the flush that is under way.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    changes: Changes,
    // What the flush has not written yet.
    rest: btree_map::IntoIter<Key, Change>,
    // INVARIANT: the sequence up to which all requests are in the table or in the rest, while a
    // flush is under way.
    upto: Option<i64>,
    wanted: bool,
}

impl Gathered {
    pub(super) fn add(
        &mut self,
        sequence: i64,
        at: Timestamp,
        event: &RequestProcessed,
        source: Option<Source>,
    ) {
        self.changes.add(sequence, at, event, source);
    }

    /// Has them written soon: something waits for it.
    pub(super) const fn want(&mut self) {
        self.wanted = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.upto.is_none() && self.changes.0.is_empty()
    }

    /// Whether a step must be written though the host has other things to do.
    pub(super) fn is_due(&self, totals: &Totals) -> bool {
        self.upto.is_some()
            || self.wanted
            || self.changes.0.len() >= ROWS_LIMIT
            || totals.sequence.saturating_sub(totals.clients_sequence) >= ENTRIES_LIMIT
    }

    /// Begins a flush unless one is under way, and gives the next `rows` of it to `write`. Inside a
    /// transaction that also writes the totals.
    pub(super) fn step(
        &mut self,
        rows: usize,
        totals: &mut Totals,
        writer: &mut ClientWriter<'_>,
    ) -> Result<(), Fault> {
        let upto = *self.upto.get_or_insert_with(|| {
            self.rest = core::mem::take(&mut self.changes).into_sorted();
            totals.sequence
        });
        for (key, change) in self.rest.by_ref().take(rows) {
            writer.write(&key, &change, totals)?;
        }
        if self.rest.len() == 0 {
            totals.clients_sequence = upto;
            (self.upto, self.wanted) = (None, false);
        }
        Ok(())
    }
}

/// The statements that write clients.
#[derive(Debug)]
pub(super) struct ClientWriter<'c> {
    insert: Statement<'c>,
    update: Statement<'c>,
}

impl<'c> ClientWriter<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            insert: connection.prepare(
                "INSERT INTO clients (cmid, machine_name, activation_id, first_request, \
                 last_request, source, requests, license_status, code, virtual_machine, sequence) \
                 VALUES (?1, ?2, ?3, ?11, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            update: connection.prepare(
                "UPDATE clients SET last_request = ?4, source = ?5, requests = requests + ?6, \
                 license_status = ?7, code = ?8, virtual_machine = ?9, sequence = ?10 \
                 WHERE cmid = ?1 AND machine_name = ?2 AND activation_id = ?3",
            )?,
        })
    }

    fn write(&mut self, key: &Key, change: &Change, totals: &mut Totals) -> Result<(), Fault> {
        let source = change.source.map(SourceBytes::of);
        let (code, license_status) = (change.code.0, change.license_status.number());
        let last_request = change.last_request.as_millis();
        let updated = self.update.execute(params![
            key.cmid,
            key.machine_name,
            key.activation_id,
            last_request,
            source,
            change.requests,
            license_status,
            code,
            change.virtual_machine,
            change.sequence,
        ])?;
        if updated == 0 {
            self.insert.execute(params![
                key.cmid,
                key.machine_name,
                key.activation_id,
                last_request,
                source,
                change.requests,
                license_status,
                code,
                change.virtual_machine,
                change.sequence,
                change.first_request.as_millis(),
            ])?;
            totals.clients += 1;
        }
        Ok(())
    }
}

/// Writes the clients that a host which was killed had only gathered, a part at a time.
pub(super) fn catch_up(connection: &Connection) -> Result<(), Fault> {
    let mut writer = ClientWriter::prepare(connection)?;
    loop {
        let transaction = connection.unchecked_transaction()?;
        let mut totals = super::load::totals(&transaction)?;
        if totals.clients_sequence == totals.sequence {
            return Ok(());
        }
        let (changes, upto) = Changes::read(&transaction, totals.clients_sequence, ROWS_LIMIT)?;
        for (key, change) in changes.into_sorted() {
            writer.write(&key, &change, &mut totals)?;
        }
        transaction.execute(
            "UPDATE totals SET clients = ?1, clients_sequence = ?2",
            [totals.clients, upto.unwrap_or(totals.sequence)],
        )?;
        transaction.commit()?;
    }
}

#[cfg(test)]
mod tests;
