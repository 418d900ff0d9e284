//! Stores that fail, and stores that wait until a test lets them go on.

use core::sync::atomic::{AtomicBool, Ordering};
use kms_count::Snapshot;
use kms_host::{Entry, Store, StoreError};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Fails every entry.
pub(crate) struct FailingStore;

impl Store for FailingStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }

    fn commit(
        &self,
        _entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        core::future::ready(Err(failure()))
    }
}

/// Cannot be read.
pub(crate) struct UnreadableStore;

impl Store for UnreadableStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Err(failure())
    }

    fn commit(
        &self,
        _entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        core::future::ready(Ok(()))
    }
}

pub(crate) fn failure() -> StoreError {
    StoreError {
        reason: "the disk is full: make room".to_owned(),
    }
}

/// Does what the test says, and gives back a snapshot once when it is told to.
#[derive(Clone, Default)]
pub(crate) struct MendedStore {
    pub(crate) fails: Arc<AtomicBool>,
    pub(crate) recovered: Arc<Mutex<Option<Snapshot>>>,
}

impl Store for MendedStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }

    fn commit(
        &self,
        _entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let fails = self.fails.load(Ordering::Relaxed);
        core::future::ready(if fails { Err(failure()) } else { Ok(()) })
    }

    fn take_recovered(&self) -> Option<Snapshot> {
        self.recovered.lock().unwrap().take()
    }
}

/// A commit that waits to be let go.
pub(crate) type Held = oneshot::Sender<Result<(), StoreError>>;

/// Keeps entries in a list and holds every commit back.
#[derive(Clone)]
pub(crate) struct HeldStore {
    pub(crate) entries: Arc<Mutex<Vec<Entry>>>,
    held: mpsc::UnboundedSender<Held>,
}

impl HeldStore {
    /// The store, and where its commits come out.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Held>) {
        let (held, commits) = mpsc::unbounded_channel();
        let entries = Arc::default();
        (Self { entries, held }, commits)
    }
}

impl Store for HeldStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }

    fn commit(
        &self,
        entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        self.entries.lock().unwrap().push(entry);
        let (release, released) = oneshot::channel();
        // A test that no longer listens lets everything wait.
        let _ = self.held.send(release);
        async { released.await.unwrap_or_else(|_| Err(failure())) }
    }
}
