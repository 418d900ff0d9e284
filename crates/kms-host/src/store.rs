//! Where the count is kept beyond the process: behind a trait, so that stores can differ.

use core::future::{Future, ready};
use kms_core::{Cmid, CountedId, LicenseStatus, Timestamp};
use kms_count::{Request, Snapshot};

/// What one request changed, in the order of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must keep every kind of entry"
)]
pub enum Entry {
    /// A request was answered and its machine counts, or is known not to.
    Answered {
        /// What was asked.
        request: Request,
        /// When, by the host's calendar clock.
        at: Timestamp,
        /// The machine that left a full table for this one.
        dropped: Option<Cmid>,
    },
    /// A request was refused: a counter moved and nothing else. Nobody waits for this entry.
    Failed {
        /// The product's family, where the product is known.
        counted_id: Option<CountedId>,
        /// The state of the client's licence, where the message was understood.
        license_status: Option<LicenseStatus>,
    },
}

/// A store could not do its work. No answer is signed for a request that it could not keep.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {reason}")]
pub struct StoreError {
    /// What failed, and what to do.
    pub reason: String,
}

/// Keeps the count.
pub trait Store: Send + Sync + 'static {
    /// What was kept when the host stopped; an empty snapshot at the first start.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    fn load(&self) -> Result<Snapshot, StoreError>;

    /// Takes an entry at once, so that entries keep their order, and gives a future that ends when
    /// the entry is durable. An answer goes out only after that.
    ///
    /// It is called under the engine's lock, so it must not wait: for a disk, a queue that is full,
    /// or anything else. An entry is durable when all before it are, because the count in an answer
    /// includes the machines of the requests before; so a store that failed to keep one entry must
    /// fail all that follow, until it is opened anew. The future may be dropped before it ends, which
    /// takes nothing back.
    ///
    /// # Errors
    /// The future's: when the entry was not kept.
    fn commit(&self, entry: Entry)
    -> impl Future<Output = Result<(), StoreError>> + Send + 'static;
}

/// Keeps nothing: the count starts anew with the process, as the documents describe of old hosts.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStore;

impl Store for MemoryStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }

    fn commit(
        &self,
        _entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        ready(Ok(()))
    }
}
