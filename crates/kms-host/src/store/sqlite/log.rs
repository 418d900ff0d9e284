//! Moving the write-ahead log into the database, beside the writer.
//!
//! The thread here moves most of the log while the writer goes on. What the writer adds meanwhile
//! it moves itself, between two batches, and then begins the log again: so the log stays short, and
//! no batch waits for much of it.

use super::{error::Fault, queue::Queue, schema};
use core::sync::atomic::{AtomicBool, Ordering};
use rusqlite::{Connection, Statement};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

/// The pages of the log, of 4 KiB, that begin a move.
pub(super) const LOG_PAGES: i64 = 1000;

/// The size to which a log is cut that grew beyond it, in bytes: as when somebody read for long.
pub(super) const LOG_BYTES: i64 = 16 * 1024 * 1024;

/// The writer's side.
pub(super) struct Log<'c> {
    measure: Statement<'c>,
    finish: Statement<'c>,
    begin: Option<SyncSender<()>>,
    moved: Arc<AtomicBool>,
    mover: Option<JoinHandle<()>>,
}

impl<'c> Log<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        path: &Path,
        queue: &Arc<Queue>,
    ) -> Result<Self, Fault> {
        let own = schema::connect(path)?;
        let (begin, requests) = sync_channel(1);
        let moved = Arc::new(AtomicBool::new(false));
        let mover = Mover {
            path: path.to_owned(),
            queue: Arc::clone(queue),
            requests,
            moved: Arc::clone(&moved),
        };
        let mover = std::thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || mover.run(&own))
            .map_err(|error| Fault::Contents(format!("no thread for its log: {error}")))?;
        Ok(Self {
            measure: connection.prepare("PRAGMA wal_checkpoint(NOOP)")?,
            finish: connection.prepare("PRAGMA wal_checkpoint(PASSIVE)")?,
            begin: Some(begin),
            moved,
            mover: Some(mover),
        })
    }

    /// Has the log moved when it is long enough. Called between two batches.
    pub(super) fn tend(&mut self) -> Result<(), Fault> {
        if self.moved.swap(false, Ordering::AcqRel) {
            self.finish.query_row([], |_| Ok(()))?;
            return Ok(());
        }
        let pages: i64 = self.measure.query_row([], |row| row.get(1))?;
        if pages >= LOG_PAGES
            && let Some(begin) = &self.begin
            && let Err(TrySendError::Disconnected(())) = begin.try_send(())
        {
            return Err(Fault::Contents(
                "the thread that moves its log ended".to_owned(),
            ));
        }
        Ok(())
    }
}

impl Drop for Log<'_> {
    fn drop(&mut self) {
        self.begin = None;
        if let Some(mover) = self.mover.take() {
            // A panic there was reported where it happened.
            let _ = mover.join();
        }
    }
}

/// The thread's side.
struct Mover {
    path: PathBuf,
    queue: Arc<Queue>,
    requests: Receiver<()>,
    moved: Arc<AtomicBool>,
}

impl Mover {
    fn run(self, connection: &Connection) {
        while self.requests.recv().is_ok() {
            let moved = connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                .map_err(Fault::from);
            match moved {
                Ok(()) => self.moved.store(true, Ordering::Release),
                Err(fault) => {
                    let reason = format!("{}: {}", self.path.display(), fault.reason());
                    self.queue.refuse(&reason);
                    return;
                }
            }
        }
    }
}
