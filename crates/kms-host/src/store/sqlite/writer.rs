//! The thread that owns the connection: batches, failure, and opening anew.

use super::{
    OpenError,
    batch::{Book, Statements},
    clients,
    error::Fault,
    load,
    log::Log,
    maintain::Maintenance,
    migrate, place,
    queue::{Item, Queue, Work},
    schema, wal,
};
use crate::{Metrics, StoreConfig};
use core::time::Duration;
use kms_count::Snapshot;
use rusqlite::{Connection, config::DbConfig};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

/// The first wait before the store is opened anew; each further one is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// The longest wait before the store is opened anew.
const LAST_BACKOFF: Duration = Duration::from_secs(10);

/// How often the writer looks after the store when nothing is asked of it.
const IDLE: Duration = Duration::from_secs(60);

/// How long the writer waits for entries between two steps of maintenance.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);

/// How long nothing is asked of the writer before it writes the clients that it gathered.
const QUIET: Duration = Duration::from_secs(1);

/// Clients that are written with a small batch while they are written.
const LEAST_STEP: usize = 256;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) config: StoreConfig,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: Arc<Metrics>,
}

/// How a connection's use ended.
enum End {
    Stopped,
    Failed(String),
}

impl Writer {
    pub(super) fn run(self, connection: Connection) {
        let mut backoff = FIRST_BACKOFF;
        let mut next = Some(connection);
        loop {
            if let Some(connection) = next.take() {
                match self.serve(connection, &mut backoff) {
                    End::Stopped => return,
                    End::Failed(reason) => self.failed(&reason),
                }
            }
            if self.queue.wait_for_stop(backoff) {
                self.queue.fail(super::queue::STOPPED);
                return;
            }
            backoff = (2 * backoff).min(LAST_BACKOFF);
            match open_again(&self.path) {
                Ok((connection, snapshot)) => {
                    tracing::info!(path = %self.path.display(), "the store works again");
                    self.queue.recover(snapshot);
                    next = Some(connection);
                }
                Err(error) => {
                    tracing::debug!(%error, "the store does not open yet");
                }
            }
        }
    }

    fn failed(&self, reason: &str) {
        let path = self.path.display();
        tracing::error!(%path, reason, "the store failed: no request is answered until it works again");
        self.metrics.store_failed();
        self.queue.fail(reason);
    }

    /// Writes batches until the store is closed or fails.
    fn serve(&self, connection: Connection, backoff: &mut Duration) -> End {
        let end = match self.write_batches(&connection, backoff) {
            Ok(end) => end,
            Err(fault) => End::Failed(format!("{}: {}", self.path.display(), fault.reason())),
        };
        match end {
            End::Stopped => close(connection),
            // Closed as it is: what a failed sync left is never synced again on the same handle.
            End::Failed(_) => drop(connection),
        }
        end
    }

    fn write_batches(&self, connection: &Connection, backoff: &mut Duration) -> Result<End, Fault> {
        let mut book = Book::read(connection)?;
        let mut statements = Statements::prepare(connection)?;
        let mut maintenance = Maintenance::new(connection, &self.config)?;
        let mut log = Log::new(connection, &self.path, &self.queue)?;
        loop {
            let (patience, is_quiet) = if is_due(&maintenance, &book) {
                (BETWEEN_STEPS, false)
            } else if book.clients.is_empty() {
                (IDLE, false)
            } else {
                (QUIET, true)
            };
            match self.queue.take(patience) {
                Work::Batch(items) => {
                    let begun = Instant::now();
                    if let Err(fault) =
                        write_batch(&mut statements, &mut maintenance, &mut book, &items)
                    {
                        let reason = format!("{}: {}", self.path.display(), fault.reason());
                        self.queue.fail(&reason);
                        answer(items, &Err(super::queue::error(&reason)));
                        return Err(fault);
                    }
                    let entries = items.len();
                    answer(items, &Ok(()));
                    self.metrics.synced(entries, begun.elapsed());
                    *backoff = FIRST_BACKOFF;
                    log.tend()?;
                }
                Work::Idle if is_quiet || is_due(&maintenance, &book) => {
                    maintain(&mut statements, &mut maintenance, &mut book, is_quiet)?;
                    log.tend()?;
                }
                Work::Idle => {}
                Work::Failed(reason) => return Ok(End::Failed(reason)),
                Work::Stop => {
                    while !book.clients.is_empty() {
                        write_clients(&mut statements, &mut book)?;
                        log.tend()?;
                    }
                    return Ok(End::Stopped);
                }
            }
        }
    }
}

fn write_batch(
    statements: &mut Statements<'_>,
    maintenance: &mut Maintenance<'_>,
    book: &mut Book,
    items: &[Item],
) -> Result<(), Fault> {
    statements.begin()?;
    for item in items {
        statements.write(item, book)?;
    }
    if maintenance.is_due(book) {
        maintenance.step(book)?;
    }
    if book.clients.is_due(&book.totals) {
        // More than the batch can have added, so that it ends; and not much more, as those who wait
        // for the batch wait for it too.
        statements.write_clients((2 * items.len()).max(LEAST_STEP), book)?;
    }
    statements.commit(book)
}

fn is_due(maintenance: &Maintenance<'_>, book: &Book) -> bool {
    maintenance.is_due(book) || book.clients.is_due(&book.totals)
}

/// A step of maintenance in a transaction of its own.
fn maintain(
    statements: &mut Statements<'_>,
    maintenance: &mut Maintenance<'_>,
    book: &mut Book,
    is_quiet: bool,
) -> Result<(), Fault> {
    statements.begin()?;
    if maintenance.is_due(book) {
        maintenance.step(book)?;
    }
    if is_quiet || book.clients.is_due(&book.totals) {
        statements.write_clients(clients::STEP, book)?;
    }
    statements.commit(book)
}

/// Some of the clients that were gathered, in a transaction of their own.
fn write_clients(statements: &mut Statements<'_>, book: &mut Book) -> Result<(), Fault> {
    statements.begin()?;
    statements.write_clients(clients::STEP, book)?;
    statements.commit(book)
}

fn answer(items: Vec<Item>, result: &Result<(), crate::StoreError>) {
    for item in items {
        if let Some(done) = item.done() {
            // Whoever stopped waiting takes nothing back.
            let _ = done.send(result.clone());
        }
    }
}

/// Moves the log into the database and closes, so that one file is left.
pub(super) fn close(connection: Connection) {
    let moved = connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        .and_then(|_| connection.close().map_err(|(_, error)| error));
    if let Err(error) = moved {
        // Nothing is lost: the next start reads the log.
        tracing::warn!(%error, "the store's log could not be moved into the database");
    }
}

/// Opens a store that was open before, and verifies it.
fn open_again(path: &Path) -> Result<(Connection, Snapshot), OpenError> {
    place::require_file(path)?;
    open_verified(path, "open it anew")
}

/// A connection to a store of the present version that was found whole and writable, with what it
/// holds.
pub(super) fn open_verified(
    path: &Path,
    doing: &'static str,
) -> Result<(Connection, Snapshot), OpenError> {
    let fault = |fault: Fault| fault.at(path, doing);
    wal::verify(path)?;
    let connection = schema::connect(path).map_err(fault)?;
    migrate::up_to_date(&connection, path, migrate::MIGRATIONS, schema::VERSION)?;
    let snapshot = verify(&connection).map_err(fault)?;
    Ok((connection, snapshot))
}

fn verify(connection: &Connection) -> Result<Snapshot, Fault> {
    // The log may hold what a failed sync left in memory and not on the disk. Moved into the
    // database it is written anew, and the log begins again.
    let busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        return Err(Fault::Database(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("somebody reads it".to_owned()),
        )));
    }
    schema::quick_check(connection)?;
    // Every table and column that is written is there.
    Statements::prepare(connection)?;
    clients::catch_up(connection)?;
    let snapshot = load::snapshot(connection)?;
    // A disk that is full is found out here, and not by the first who asks. Unlike a row that stays
    // the same, this is written.
    connection.pragma_update(None, "user_version", schema::VERSION)?;
    Ok(snapshot)
}
