//! Reading a whole store to see whether it is one.

use super::{
    OpenError,
    error::Fault,
    load, machines, place, published,
    reader::{self, EVENT_COLUMNS},
    running, schema, settings, wal,
};
use rusqlite::Connection;
use std::path::Path;

/// What a store holds, after everything in it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The version of its tables.
    pub version: u32,
    /// Families of products that have asked.
    pub families: u64,
    /// Machines that count, unless their time is over.
    pub records: u64,
    /// Machines with a product that ask.
    pub clients: u64,
    /// Events.
    pub events: u64,
}

/// Reads the whole store at `path`, also while a host writes it: each page, each index and each
/// row.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn check(path: &Path) -> Result<Contents, OpenError> {
    let path = place::resolve(path)?;
    place::look_for_store(&path)?;
    wal::verify_unless_in_use(&path)?;
    let fault = |fault: Fault| fault.at(&path, "check it");
    let connection = schema::connect_to_read(&path).map_err(fault)?;
    schema::require_version(&path, schema::version(&connection).map_err(fault)?)?;
    contents(&connection).map_err(fault)
}

/// As [`check`], over a connection.
pub(super) fn contents(connection: &Connection) -> Result<Contents, Fault> {
    let transaction = connection.unchecked_transaction()?;
    integrity(&transaction)?;
    let snapshot = load::snapshot(&transaction)?;
    settings::read(&transaction)?;
    running::read(&transaction)?;
    published::read(&transaction)?;
    let events = count(
        &transaction,
        &format!("SELECT {EVENT_COLUMNS} FROM events"),
        reader::check_event,
    )?;
    let mut clients = 0;
    machines::each(&transaction, |_| clients += 1)?;
    Ok(Contents {
        version: schema::version(&transaction)?,
        families: number(snapshot.families.len()),
        records: number(
            snapshot
                .families
                .iter()
                .map(|family| family.records.len())
                .sum(),
        ),
        clients,
        events,
    })
}

/// The database's own verdict about each page, index and constraint.
pub(super) fn integrity(connection: &Connection) -> Result<(), Fault> {
    let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
    let lines = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    if lines == ["ok"] {
        Ok(())
    } else {
        Err(Fault::Contents(lines.join("; ")))
    }
}

fn count(
    connection: &Connection,
    query: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        read(row)?;
        count += 1;
    }
    Ok(count)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
