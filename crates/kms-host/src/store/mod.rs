//! Where the count is kept beyond the process: behind a trait, so that stores can differ.

pub mod sqlite;

use crate::{HostEvent, RequestProcessed};
use core::future::{Future, ready};
use kms_core::{Cmid, CountedId, LicenseStatus, Timestamp};
use kms_count::{Change, Record, Request, Snapshot, Source};

/// What one request changed, or another event, in the order of their happening.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must keep every kind of entry"
)]
pub enum Entry {
    /// A request was answered and its machine counts, or is known not to.
    Answered {
        /// What was asked, and from where.
        request: Request,
        /// When, by the host's calendar clock.
        at: Timestamp,
        /// What became of the machine's record.
        change: Change,
        /// The machine that left a full table for this one.
        dropped: Option<Cmid>,
        /// The event that tells of it.
        event: RequestProcessed,
    },
    /// A request was refused: a counter moved and nothing else. Nobody waits for this entry.
    Failed {
        /// The product's family, where the product is known.
        counted_id: Option<CountedId>,
        /// The state of the client's licence, where the message was understood.
        license_status: Option<LicenseStatus>,
        /// Where it came from.
        source: Option<Source>,
        /// When, by the host's calendar clock.
        at: Timestamp,
        /// The event that tells of it, where the message was understood.
        event: Option<RequestProcessed>,
    },
    /// Something else happened. Nobody waits for this entry.
    Event {
        /// When, by the host's calendar clock.
        at: Timestamp,
        /// What.
        event: HostEvent,
    },
}

impl Entry {
    /// When it happened, and the event that tells of it: none of a message that was not understood.
    #[must_use]
    pub fn event(&self) -> Option<(Timestamp, HostEvent)> {
        match self {
            Self::Answered { at, event, .. } => Some((*at, HostEvent::RequestProcessed(*event))),
            Self::Failed { at, event, .. } => {
                event.map(|event| (*at, HostEvent::RequestProcessed(event)))
            }
            Self::Event { at, event } => Some((*at, event.clone())),
        }
    }
}

/// A store could not do its work. No answer is signed for a request that it could not keep.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store failed: {reason}")]
pub struct StoreError {
    /// What failed, and what to do.
    pub reason: String,
}

/// Whether a store takes entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreHealth {
    /// It does.
    Working,
    /// It failed and has not been opened anew yet.
    Failed {
        /// What failed, and what to do.
        reason: String,
    },
}

/// Keeps the count.
pub trait Store: Send + Sync + 'static {
    /// What was kept when the host stopped; an empty snapshot at the first start.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    fn load(&self) -> Result<Snapshot, StoreError>;

    /// The machines that asked lately, whether they count or not, at most `most` and then the latest.
    /// A host that knows them does not take them for new ones in its alerts; without them it gets to
    /// know its fleet anew after each start.
    ///
    /// # Errors
    /// When they cannot be read.
    fn known_machines(&self, _most: usize) -> Result<Vec<Record>, StoreError> {
        Ok(Vec::new())
    }

    /// Takes an entry at once, so that entries keep their order, and gives a future that ends when
    /// the entry is durable. An answer goes out only after that.
    ///
    /// It is called under the engine's lock, so it must not wait: for a disk, a queue that is full,
    /// or anything else. An entry is durable when all before it are, because the count in an answer
    /// includes the machines of the requests before; so a store that failed to keep one entry must
    /// fail all that follow, until what it holds was taken by
    /// [`take_recovered`](Self::take_recovered). The future may be dropped before it ends, which
    /// takes nothing back.
    ///
    /// # Errors
    /// The future's: when the entry was not kept.
    fn commit(&self, entry: Entry)
    -> impl Future<Output = Result<(), StoreError>> + Send + 'static;

    /// What the store holds, once, after it failed and was opened anew and verified: the count must
    /// begin again from there, and entries are taken again from then on. It is called before each
    /// request, under the engine's lock, so it must neither wait nor read a disk.
    fn take_recovered(&self) -> Option<Snapshot> {
        None
    }

    /// Whether it takes entries.
    fn health(&self) -> StoreHealth {
        StoreHealth::Working
    }
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
