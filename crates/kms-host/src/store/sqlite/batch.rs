//! Entries into tables: what each of them writes, and what is written once for all of them.

use super::{
    clients::{ClientWriter, Gathered},
    error::Fault,
    load::{self, FamilyRow, Totals},
    published,
    queue::{Failure, Item},
    running,
    source::SourceBytes,
    tally::{Columns, Tally},
};
use crate::{Entry, HostEvent, RequestProcessed};
use kms_core::{Cmid, CountedId, Threshold, Timestamp};
use kms_count::{Change, Request, Source};
use rusqlite::{Connection, Statement, params};
use std::collections::BTreeMap;

/// What an event takes up besides its texts, in bytes: measured, with the database's own overhead.
pub(super) const EVENT_BYTES: i64 = 100;

/// What changes with nearly every entry, held in memory and written once for a batch.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) totals: Totals,
    pub(super) families: BTreeMap<CountedId, Family>,
    /// Who asked, as far as it is not written.
    pub(super) clients: Gathered,
    next_family: i64,
    /// When the latest entry happened, by the host's calendar clock: how old others are goes by it.
    pub(super) now: Timestamp,
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) id: i64,
    pub(super) threshold: Threshold,
    tally: Tally,
    /// At least as many as the rows of its records.
    pub(super) records: i64,
    is_new: bool,
    changed: bool,
}

impl Book {
    pub(super) fn read(connection: &Connection) -> Result<Self, Fault> {
        let totals = load::totals(connection)?;
        let mut families: BTreeMap<CountedId, Family> = load::families(connection)?
            .into_iter()
            .map(|row| (row.counted_id, Family::from(row)))
            .collect();
        let mut by_id: BTreeMap<i64, i64> = BTreeMap::new();
        let mut statement =
            connection.prepare("SELECT family, count(*) FROM records GROUP BY family")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            by_id.insert(row.get(0)?, row.get(1)?);
        }
        for family in families.values_mut() {
            family.records = by_id.get(&family.id).copied().unwrap_or_default();
        }
        let newest: Option<i64> = connection
            .query_row(
                "SELECT time FROM events ORDER BY sequence DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .map_or_else(
                |error| match error {
                    rusqlite::Error::QueryReturnedNoRows => Ok(None),
                    other => Err(other),
                },
                |time| Ok(Some(time)),
            )?;
        Ok(Self {
            totals,
            next_family: 1 + families.values().map(|family| family.id).max().unwrap_or(0),
            families,
            clients: Gathered::default(),
            now: Timestamp::from_millis(newest.unwrap_or(i64::MIN)),
        })
    }

    /// The family of an answered request, which makes it if it is the first.
    fn family(&mut self, request: &Request) -> &mut Family {
        let next = &mut self.next_family;
        self.families.entry(request.counted_id).or_insert_with(|| {
            let id = *next;
            *next += 1;
            Family {
                id,
                threshold: request.threshold,
                tally: Tally::default(),
                records: 0,
                is_new: true,
                changed: true,
            }
        })
    }

    fn add_failures(&mut self, (counted_id, license_status): Failure, times: u64) {
        self.totals.tally.add(true, license_status, times);
        let family = counted_id.and_then(|counted_id| self.families.get_mut(&counted_id));
        if let Some(family) = family {
            family.tally.add(true, license_status, times);
            family.changed = true;
        }
    }
}

impl From<FamilyRow> for Family {
    fn from(row: FamilyRow) -> Self {
        Self {
            id: row.id,
            threshold: row.threshold,
            tally: row.tally,
            records: 0,
            is_new: false,
            changed: false,
        }
    }
}

/// The statements of a batch, prepared once for a connection.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    insert_record: Statement<'c>,
    renew_record: Statement<'c>,
    delete_record: Statement<'c>,
    clients: ClientWriter<'c>,
    insert_event: Statement<'c>,
    insert_family: Statement<'c>,
    update_family: Statement<'c>,
    update_totals: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, Fault> {
        Ok(Self {
            connection,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert_record: connection.prepare(
                "INSERT OR REPLACE INTO records \
                 (family, cmid, sequence, first_request, last_request, source) \
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?,
            renew_record: connection.prepare(
                "UPDATE records SET sequence = ?3, last_request = ?4 \
                 WHERE family = ?1 AND cmid = ?2",
            )?,
            delete_record: connection
                .prepare("DELETE FROM records WHERE family = ?1 AND cmid = ?2")?,
            clients: ClientWriter::prepare(connection)?,
            insert_event: connection.prepare(
                "INSERT INTO events (sequence, time, id, code, required_count, machine_name, cmid, \
                 client_time, virtual_machine, license_status, minutes_remaining, activation_id, \
                 domain, source) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?,
            insert_family: connection.prepare(
                "INSERT INTO families VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
            update_family: connection.prepare(
                "UPDATE families SET threshold = ?2, total = ?3, failed = ?4, unlicensed = ?5, \
                 licensed = ?6, oob_grace = ?7, oot_grace = ?8, non_genuine_grace = ?9, \
                 notification = ?10, extended_grace = ?11 WHERE id = ?1",
            )?,
            update_totals: connection.prepare(
                "UPDATE totals SET sequence = ?1, events_bytes = ?2, clients = ?3, total = ?4, \
                 failed = ?5, unlicensed = ?6, licensed = ?7, oob_grace = ?8, oot_grace = ?9, \
                 non_genuine_grace = ?10, notification = ?11, extended_grace = ?12, clients_sequence = ?13 \
                 WHERE id = 1",
            )?,
        })
    }

    pub(super) fn begin(&mut self) -> Result<(), Fault> {
        self.begin.execute([])?;
        Ok(())
    }

    /// Writes what the batch's entries changed together, and syncs.
    pub(super) fn commit(&mut self, book: &mut Book) -> Result<(), Fault> {
        for (counted_id, family) in &mut book.families {
            if core::mem::take(&mut family.changed) {
                self.write_family(*counted_id, family)?;
                family.is_new = false;
            }
        }
        let [total, failed, a, b, c, d, e, f, g] = book.totals.tally.columns();
        self.update_totals.execute(params![
            book.totals.sequence,
            book.totals.events_bytes,
            book.totals.clients,
            total,
            failed,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            book.totals.clients_sequence
        ])?;
        self.commit.execute([])?;
        Ok(())
    }

    fn write_family(&mut self, counted_id: CountedId, family: &Family) -> Result<(), Fault> {
        let threshold = family.threshold.machines();
        let [total, failed, a, b, c, d, e, f, g]: Columns = family.tally.columns();
        if family.is_new {
            let counted_id = counted_id.as_uuid().into_bytes();
            self.insert_family.execute(params![
                family.id, counted_id, threshold, total, failed, a, b, c, d, e, f, g
            ])?;
        } else {
            self.update_family.execute(params![
                family.id, threshold, total, failed, a, b, c, d, e, f, g
            ])?;
        }
        Ok(())
    }

    /// Writes one of a batch.
    pub(super) fn write(&mut self, item: &Item, book: &mut Book) -> Result<(), Fault> {
        match item {
            Item::Entry { entry, .. } => self.write_entry(entry, book),
            Item::Failures(failures) => {
                for &(failure, times) in failures {
                    book.add_failures(failure, times);
                }
                Ok(())
            }
            Item::Host { host, .. } => running::write(self.connection, host),
            Item::Published {
                domain,
                registrations,
                ..
            } => published::write(self.connection, domain, registrations),
        }
    }

    fn write_entry(&mut self, entry: &Entry, book: &mut Book) -> Result<(), Fault> {
        book.totals.sequence += 1;
        match entry {
            Entry::Answered {
                request,
                at,
                change,
                dropped,
                event,
            } => {
                book.now = *at;
                self.write_record(request, *at, *change, *dropped, book)?;
                self.write_request(*at, event, request.source, book)
            }
            Entry::Failed {
                counted_id,
                license_status,
                source,
                at,
                event,
            } => {
                book.now = *at;
                book.add_failures((*counted_id, *license_status), 1);
                let Some(event) = event else {
                    return Ok(());
                };
                self.write_request(*at, event, *source, book)
            }
            Entry::Event { at, event } => {
                book.now = *at;
                self.write_event(*at, event, book)
            }
        }
    }

    fn write_record(
        &mut self,
        request: &Request,
        at: Timestamp,
        change: Change,
        dropped: Option<Cmid>,
        book: &mut Book,
    ) -> Result<(), Fault> {
        let sequence = book.totals.sequence;
        book.totals
            .tally
            .add(false, Some(request.license_status), 1);
        let family = book.family(request);
        family.threshold = family.threshold.max(request.threshold);
        family.tally.add(false, Some(request.license_status), 1);
        family.changed = true;
        let cmid = request.cmid.as_uuid().into_bytes();
        let is_there = match change {
            Change::New => false,
            Change::Renewed => {
                self.renew_record
                    .execute(params![family.id, cmid, sequence, at.as_millis()])?
                    > 0
            }
            Change::NotCounted | Change::OverQuota | Change::Full | Change::TooManyFamilies => {
                return Ok(());
            }
        };
        if !is_there {
            let source = request.source.map(SourceBytes::of);
            self.insert_record.execute(params![
                family.id,
                cmid,
                sequence,
                at.as_millis(),
                source
            ])?;
            family.records += 1;
        }
        if let Some(dropped) = dropped {
            let dropped = dropped.as_uuid().into_bytes();
            let rows = self.delete_record.execute(params![family.id, dropped])?;
            family.records -= i64::from(rows > 0);
        }
        Ok(())
    }

    /// Writes the next `rows` of the clients that were gathered, inside a transaction.
    pub(super) fn write_clients(&mut self, rows: usize, book: &mut Book) -> Result<(), Fault> {
        book.clients.step(rows, &mut book.totals, &mut self.clients)
    }

    fn write_request(
        &mut self,
        at: Timestamp,
        event: &RequestProcessed,
        source: Option<Source>,
        book: &mut Book,
    ) -> Result<(), Fault> {
        let (cmid, activation_id) = (
            event.cmid.as_uuid().into_bytes(),
            event.activation_id.as_uuid().into_bytes(),
        );
        let name = event.machine_name.as_str();
        self.insert_event.execute(params![
            book.totals.sequence,
            at.as_millis(),
            HostEvent::RequestProcessed(*event).id(),
            event.code.0,
            event.required_count,
            name,
            cmid,
            event.client_time.as_millis(),
            event.virtual_machine,
            event.license_status.number(),
            event.minutes_remaining,
            activation_id,
            None::<&str>,
            source.map(SourceBytes::of),
        ])?;
        book.clients.add(book.totals.sequence, at, event, source);
        book.totals.events_bytes += EVENT_BYTES + length(name);
        Ok(())
    }

    fn write_event(
        &mut self,
        at: Timestamp,
        event: &HostEvent,
        book: &mut Book,
    ) -> Result<(), Fault> {
        let (code, domain) = match event {
            HostEvent::RequestProcessed(event) => {
                return self.write_request(at, event, None, book);
            }
            HostEvent::StartFailed { code } => (Some(code.0), None),
            HostEvent::PublishFailed { code, domain } => (Some(code.0), Some(domain.to_string())),
            HostEvent::Published { domain } => (None, Some(domain.to_string())),
            HostEvent::Alert(alert) => (None, Some(alert.to_string())),
            HostEvent::StoredAlert { data, .. } => (None, Some(data.clone())),
        };
        book.totals.events_bytes += EVENT_BYTES + domain.as_deref().map_or(0, length);
        let (nothing, no_text, no_bytes) = (None::<i64>, None::<&str>, None::<[u8; 16]>);
        self.insert_event.execute(params![
            book.totals.sequence,
            at.as_millis(),
            event.id(),
            code,
            nothing,
            no_text,
            no_bytes,
            nothing,
            nothing,
            nothing,
            nothing,
            no_bytes,
            domain,
            no_bytes,
        ])?;
        Ok(())
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}
