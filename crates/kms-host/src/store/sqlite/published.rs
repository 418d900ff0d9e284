//! What may be in DNS of this host, as rows of a domain and a registration.

use super::{OpenError, error::Fault, place, queue, reader::StoreReader, schema, wal};
use crate::{Kept, PublishedRecords, StoreError};
use kms_srv::{DomainName, Registration};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::{Path, PathBuf};

/// What was published, in the store at a path: for commands beside a running host or without one.
/// The host itself has its [`SqliteStore`](super::SqliteStore).
#[derive(Clone, Debug)]
pub struct StoreRecords {
    path: PathBuf,
}

impl StoreRecords {
    /// The store at this path.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    fn set(&self, domain: &DomainName, registrations: &[Registration]) -> Result<(), OpenError> {
        let path = place::resolve(&self.path)?;
        place::look_for_store(&path)?;
        wal::verify_unless_in_use(&path)?;
        let fault = |fault: Fault| fault.at(&path, "keep what was published");
        let mut connection = schema::connect(&path).map_err(fault)?;
        schema::require_version(&path, schema::version(&connection).map_err(fault)?)?;
        let mut all = || {
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior)?;
            write(&transaction, domain, registrations)?;
            transaction.commit()?;
            Ok(())
        };
        all().map_err(fault)
    }
}

impl PublishedRecords for StoreRecords {
    fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, StoreError> {
        StoreReader::open(&self.path)
            .and_then(|reader| reader.published())
            .map_err(|error| queue::error(&error.to_string()))
    }

    /// A short transaction, which blocks the thread.
    fn set_published<'a>(
        &'a self,
        domain: &'a DomainName,
        registrations: Vec<Registration>,
    ) -> Kept<'a> {
        let kept = self.set(domain, &registrations);
        let kept = kept.map_err(|error| queue::error(&error.to_string()));
        Box::pin(core::future::ready(kept))
    }
}

/// Replaces what was known of a domain.
pub(super) fn write(
    connection: &Connection,
    domain: &DomainName,
    registrations: &[Registration],
) -> Result<(), Fault> {
    let domain = domain.to_string().to_ascii_lowercase();
    connection.execute("DELETE FROM published WHERE domain = ?", [&domain])?;
    let mut insert = connection
        .prepare("INSERT INTO published (domain, place, registration) VALUES (?, ?, ?)")?;
    for (place, registration) in (0_i64..).zip(registrations) {
        insert.execute(params![domain, place, registration.to_string()])?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection) -> Result<Vec<(DomainName, Vec<Registration>)>, Fault> {
    let mut statement =
        connection.prepare("SELECT domain, registration FROM published ORDER BY domain, place")?;
    let mut rows = statement.query([])?;
    let mut all: Vec<(DomainName, Vec<Registration>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (domain, registration): (String, String) = (row.get(0)?, row.get(1)?);
        let domain = domain
            .parse()
            .map_err(|_| Fault::Contents(format!("{domain:?} is no domain")))?;
        let registration = registration
            .parse()
            .map_err(|error| Fault::Contents(format!("{registration:?}: {error}")))?;
        match all.last_mut() {
            Some((last, registrations)) if *last == domain => registrations.push(registration),
            _ => all.push((domain, vec![registration])),
        }
    }
    Ok(all)
}
