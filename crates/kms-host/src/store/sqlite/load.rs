//! Reading the count back.

use super::{error::Fault, source, tally::Tally};
use kms_core::{Cmid, CountedId, Threshold, Timestamp};
use kms_count::{Counters, FamilySnapshot, Record, Snapshot};
use rusqlite::{Connection, Row};
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
    /// The entry up to which they are written; what came after it is in the events.
    pub(super) clients_sequence: i64,
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
         oot_grace, non_genuine_grace, notification, extended_grace, clients_sequence FROM totals WHERE id = 1",
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
        clients_sequence: row.get(12)?,
    };
    if totals.sequence < 0 || totals.events_bytes < 0 || totals.clients < 0 {
        return Err(Fault::Contents("a total is negative".to_owned()));
    }
    if !(0..=totals.sequence).contains(&totals.clients_sequence) {
        return Err(Fault::Contents(
            "its clients are written up to an entry that it does not have".to_owned(),
        ));
    }
    Ok(totals)
}

pub(super) fn families(connection: &Connection) -> Result<Vec<FamilyRow>, Fault> {
    let mut statement = connection.prepare(&format!(
        "SELECT {FAMILY_COLUMNS} FROM families ORDER BY counted_id"
    ))?;
    let mut rows = statement.query([])?;
    let mut families = Vec::new();
    while let Some(row) = rows.next()? {
        families.push(family(row)?);
    }
    Ok(families)
}

/// A row of [`FAMILY_COLUMNS`].
pub(super) fn family(row: &Row<'_>) -> Result<FamilyRow, Fault> {
    let threshold = Threshold::new(row.get(2)?)
        .map_err(|error| Fault::Contents(format!("a family has {error}")))?;
    Ok(FamilyRow {
        id: row.get(0)?,
        counted_id: CountedId::new(Uuid::from_bytes(row.get(1)?)),
        threshold,
        tally: Tally::read(row, 3)?,
    })
}

/// What the families' counters add up to.
pub(super) fn sum(families: &[FamilyRow]) -> Tally {
    let mut sum = Tally::default();
    for family in families {
        sum.add_all(&family.tally);
    }
    sum
}

/// The counters over all families, unless they contradict themselves or the families'.
pub(super) fn agree(totals: &Tally, families: &[FamilyRow]) -> Result<Counters, Fault> {
    let counters = totals.counters()?;
    if sum(families).is_within(totals) {
        Ok(counters)
    } else {
        Err(Fault::Contents(
            "the families' counters are more than those over all of them".to_owned(),
        ))
    }
}

/// The count: of each family the newest records, as many as it may have. What is beyond them left
/// the count long ago by age.
pub(super) fn snapshot(connection: &Connection) -> Result<Snapshot, Fault> {
    let rows = families(connection)?;
    let counters = agree(&totals(connection)?.tally, &rows)?;
    let mut families = BTreeMap::new();
    for row in &rows {
        let family = FamilySnapshot {
            counted_id: row.counted_id,
            threshold: row.threshold,
            counters: row.tally.counters()?,
            records: Vec::new(),
        };
        families.insert(row.id, (family, Vec::new()));
    }
    let mut statement = connection.prepare(&format!("SELECT {RECORD_COLUMNS} FROM records"))?;
    let mut read = statement.query([])?;
    while let Some(row) = read.next()? {
        let record = record(row)?;
        let Some((_, records)) = families.get_mut(&record.family) else {
            return Err(Fault::Contents(
                "a record belongs to a family that is missing".to_owned(),
            ));
        };
        records.push((record.sequence, record.record));
    }
    let mut families: Vec<FamilySnapshot> = families.into_values().map(newest).collect();
    families.sort_unstable_by_key(|family| family.counted_id);
    Ok(Snapshot { counters, families })
}

/// A family with as many of its records, the newest, as it may have.
fn newest((mut family, mut records): (FamilySnapshot, Vec<(i64, Record)>)) -> FamilySnapshot {
    records.sort_unstable_by_key(|&(sequence, _)| sequence);
    let capacity = usize::try_from(family.threshold.capacity()).unwrap_or(usize::MAX);
    let beyond = records.len().saturating_sub(capacity);
    let newest = records.into_iter().skip(beyond);
    family.records = newest.map(|(_, record)| record).collect();
    family
}

/// A record's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordRow {
    pub(super) family: i64,
    pub(super) sequence: i64,
    pub(super) record: Record,
}

/// A row of [`RECORD_COLUMNS`].
pub(super) fn record(row: &Row<'_>) -> Result<RecordRow, Fault> {
    Ok(RecordRow {
        family: row.get(0)?,
        sequence: row.get(2)?,
        record: Record {
            cmid: cmid(row.get(1)?)?,
            first_request: Timestamp::from_millis(row.get(3)?),
            last_request: Timestamp::from_millis(row.get(4)?),
            source: source::read(row, 5)?,
        },
    })
}

pub(super) fn cmid(bytes: [u8; 16]) -> Result<Cmid, Fault> {
    Cmid::from_bytes(&bytes).map_err(|error| Fault::Contents(error.to_string()))
}

pub(super) const FAMILY_COLUMNS: &str = "id, counted_id, threshold, total, failed, unlicensed, \
    licensed, oob_grace, oot_grace, non_genuine_grace, notification, extended_grace";

pub(super) const RECORD_COLUMNS: &str =
    "family, cmid, sequence, first_request, last_request, source";
