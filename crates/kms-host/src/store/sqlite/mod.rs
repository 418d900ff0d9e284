//! The store on SQLite.
//!
//! One thread owns the connection that writes. It puts all entries that wait into one transaction
//! and answers all of them after its sync; meanwhile the next wait. Others read beside it, and
//! change settings, over connections of their own.

mod backup;
mod batch;
mod check;
mod clients;
mod error;
mod load;
mod lock;
mod log;
mod machines;
mod maintain;
mod migrate;
mod place;
mod published;
mod queue;
mod reader;
mod repair;
mod running;
mod schema;
mod settings;
mod source;
mod tally;
mod wal;
mod writer;

pub use backup::backup;
pub use check::{Contents, check};
pub use error::OpenError;
pub use machines::{Client, Duplicate};
pub use published::StoreRecords;
pub use reader::{EventFilter, HostSeen, StoreReader, StoredEvent};
pub use repair::{Repaired, repair};
pub use running::{HostState, PublishResult, RunningHost};
pub use settings::set;

use crate::{Entry, Kept, Metrics, PublishedRecords, Store, StoreConfig, StoreError, StoreHealth};
use kms_count::{Record, Snapshot};
use kms_srv::{DomainName, Registration};
use lock::Lock;
use queue::Queue;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// Keeps the count, the events and who asked in an SQLite database.
///
/// An entry is durable when its future ends well: it is in a transaction that was synced. Dropping
/// the store writes what waits and closes it, which takes as long as the disk does.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    queue: Arc<Queue>,
    // What it held when it was opened, until somebody takes it.
    initial: Mutex<Option<Snapshot>>,
    writer: Option<JoinHandle<()>>,
    // INVARIANT: held until the writer has ended, as fields are dropped after `drop`.
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the store, or makes it where there is none, and verifies it.
    ///
    /// # Errors
    /// When another process uses it, it is damaged or a newer program's, it lies on a network
    /// filesystem and that is not allowed, or the system refuses something.
    pub fn open(config: &StoreConfig, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let path = place::resolve(&config.path)?;
        if !config.allow_network_filesystem {
            place::refuse_network_filesystem(&path)?;
        }
        let standing = place::look(&path)?;
        let lock = Lock::take(&path)?;
        if standing == place::Standing::Nothing {
            schema::create(&path)?;
        }
        let (connection, snapshot) = writer::open_verified(&path, "open it")?;
        let queue = Arc::new(Queue::new());
        let writer = writer::Writer {
            path: path.clone(),
            config: config.clone(),
            queue: Arc::clone(&queue),
            metrics,
        };
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(connection))
            .map_err(OpenError::io(&path, "start the thread that writes it"))?;
        Ok(Self {
            path,
            queue,
            initial: Mutex::new(Some(snapshot)),
            writer: Some(writer),
            _lock: lock,
        })
    }

    /// The database file, without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the store from the process that writes it, where [`StoreReader::open`] must not be used.
    ///
    /// Drop it before the store, so that closing the store leaves one file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reader(&self) -> Result<StoreReader, OpenError> {
        StoreReader::of_this_process(&self.path)
    }

    /// Writes down what the host says of itself, in the order of the entries; what it said before
    /// is replaced. The future ends when it is durable, and may be dropped.
    ///
    /// # Errors
    /// The future's: when it was not kept.
    pub fn set_host(
        &self,
        host: RunningHost,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        kept(self.queue.push_host(host))
    }
}

impl Store for SqliteStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        let initial = self
            .initial
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match initial {
            Some(snapshot) => Ok(snapshot),
            None => self
                .reader()
                .and_then(|reader| reader.snapshot())
                .map_err(|error| queue::error(&error.to_string())),
        }
    }

    fn known_machines(&self, most: usize) -> Result<Vec<Record>, StoreError> {
        self.reader()
            .and_then(|reader| reader.known_machines(most))
            .map_err(|error| queue::error(&error.to_string()))
    }

    fn commit(
        &self,
        entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        kept(self.queue.push(entry))
    }

    fn take_recovered(&self) -> Option<Snapshot> {
        self.queue.take_recovered()
    }

    fn health(&self) -> StoreHealth {
        self.queue.health()
    }
}

impl PublishedRecords for SqliteStore {
    fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, StoreError> {
        self.reader()
            .and_then(|reader| reader.published())
            .map_err(|error| queue::error(&error.to_string()))
    }

    fn set_published<'a>(
        &'a self,
        domain: &'a DomainName,
        registrations: Vec<Registration>,
    ) -> Kept<'a> {
        Box::pin(kept(
            self.queue.push_published(domain.clone(), registrations),
        ))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.queue.stop();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that writes the store panicked");
        }
    }
}

type Answer = oneshot::Receiver<Result<(), StoreError>>;

async fn kept(answer: Result<Answer, StoreError>) -> Result<(), StoreError> {
    match answer {
        Ok(answer) => answer
            .await
            .unwrap_or_else(|_| Err(queue::error(queue::STOPPED))),
        Err(error) => Err(error),
    }
}
