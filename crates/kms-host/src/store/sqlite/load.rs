//! Reading the count back.

use super::{error::Fault, source, tally::Tally};
use kms_core::{Cmid, CountedId, Threshold, Timestamp};
use kms_count::{FamilySnapshot, Record, Snapshot};
use rusqlite::Connection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The numbers that go with all entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    /// The last entry's sequence.
    pub(super) sequence: i64,
    /// What the events take up, by the measure of [`super::batch`].
    pub(super) events_bytes: i64,
    /// Rows of the clients' table.
    pub(super) clients: i64,
    /// The counters over all families.
    pub(super) tally: Tally,
}

/// A family's row.
#[derive(Clone, Debug)]
pub(super) struct FamilyRow {
    pub(super) id: i64,
    pub(super) counted_id: CountedId,
    pub(super) threshold: Threshold,
    pub(super) tally: Tally,
}

pub(super) fn totals(connection: &Connection) -> Result<Totals, Fault> {
    let mut statement = connection.prepare(
        "SELECT sequence, events_bytes, clients, total, failed, unlicensed, licensed, oob_grace, \
         oot_grace, non_genuine_grace, notification, extended_grace FROM totals WHERE id = 1",
    )?;
    let mut rows = statement.query([])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::Contents("the totals are missing".to_owned()))?;
    let totals = Totals {
        sequence: row.get(0)?,
        events_bytes: row.get(1)?,
        clients: row.get(2)?,
        tally: Tally::read(row, 3)?,
    };
    if totals.sequence < 0 || totals.events_bytes < 0 || totals.clients < 0 {
        return Err(Fault::Contents("a total is negative".to_owned()));
    }
    Ok(totals)
}

pub(super) fn families(connection: &Connection) -> Result<Vec<FamilyRow>, Fault> {
    let mut statement = connection.prepare(
        "SELECT id, counted_id, threshold, total, failed, unlicensed, licensed, oob_grace, \
         oot_grace, non_genuine_grace, notification, extended_grace FROM families \
         ORDER BY counted_id",
    )?;
    let mut rows = statement.query([])?;
    let mut families = Vec::new();
    while let Some(row) = rows.next()? {
        let threshold = Threshold::new(row.get(2)?)
            .map_err(|error| Fault::Contents(format!("a family has {error}")))?;
        families.push(FamilyRow {
            id: row.get(0)?,
            counted_id: CountedId::new(Uuid::from_bytes(row.get(1)?)),
            threshold,
            tally: Tally::read(row, 3)?,
        });
    }
    Ok(families)
}

/// The count: of each family the newest records, as many as it may have. What is beyond them left
/// the count long ago by age.
pub(super) fn snapshot(connection: &Connection) -> Result<Snapshot, Fault> {
    let counters = totals(connection)?.tally.counters()?;
    let rows = families(connection)?;
    let mut places = BTreeMap::new();
    let mut families = Vec::with_capacity(rows.len());
    for row in rows {
        places.insert(row.id, families.len());
        families.push((
            FamilySnapshot {
                counted_id: row.counted_id,
                threshold: row.threshold,
                counters: row.tally.counters()?,
                records: Vec::new(),
            },
            Vec::new(),
        ));
    }
    let mut statement = connection.prepare(
        "SELECT family, sequence, cmid, first_request, last_request, source FROM records",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let family = places
            .get(&row.get(0)?)
            .and_then(|&place| families.get_mut(place));
        let Some((_, records)) = family else {
            return Err(Fault::Contents(
                "a record belongs to a family that is missing".to_owned(),
            ));
        };
        records.push((row.get::<_, i64>(1)?, record(row)?));
    }
    Ok(Snapshot {
        counters,
        families: families
            .into_iter()
            .map(|(mut family, mut records)| {
                records.sort_unstable_by_key(|&(sequence, _)| sequence);
                let capacity = usize::try_from(family.threshold.capacity()).unwrap_or(usize::MAX);
                let beyond = records.len().saturating_sub(capacity);
                family.records = records
                    .into_iter()
                    .skip(beyond)
                    .map(|(_, record)| record)
                    .collect();
                family
            })
            .collect(),
    })
}

fn record(row: &rusqlite::Row<'_>) -> Result<Record, Fault> {
    Ok(Record {
        cmid: cmid(row.get(2)?)?,
        first_request: Timestamp::from_millis(row.get(3)?),
        last_request: Timestamp::from_millis(row.get(4)?),
        source: source::read(row, 5)?,
    })
}

pub(super) fn cmid(bytes: [u8; 16]) -> Result<Cmid, Fault> {
    Cmid::from_bytes(&bytes).map_err(|error| Fault::Contents(error.to_string()))
}
