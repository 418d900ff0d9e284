//! What waits for the writer, and whether anything may.

use super::RunningHost;
use crate::{Entry, StoreError, StoreHealth};
use core::time::Duration;
use kms_core::{CountedId, LicenseStatus};
use kms_count::Snapshot;
use kms_srv::{DomainName, Registration};
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::oneshot;

/// The most entries that wait. A request that finds as many waiting fails.
pub(super) const QUEUE_LIMIT: usize = 65_536;

/// Beyond this many entries, refused requests wait as sums: their counters move, their events are
/// lost. So a flood of them leaves room for those that are answered.
pub(super) const FAILURES_LIMIT: usize = QUEUE_LIMIT / 2;

/// The most entries of one transaction.
pub(super) const BATCH_LIMIT: usize = 1024;

/// How long an entry that nobody waits for may wait for company.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who waits for an entry.
pub(super) type Done = oneshot::Sender<Result<(), StoreError>>;

/// Something for the writer to do.
#[derive(Debug)]
pub(super) enum Item {
    /// To be kept.
    Entry { entry: Entry, done: Done },
    /// Refused requests without their events, and how many of each kind.
    Failures(Vec<(Failure, u64)>),
    /// What the daemon says of itself.
    Host { host: Box<RunningHost>, done: Done },
    /// What may be in DNS of the host in one domain.
    Published {
        domain: DomainName,
        registrations: Vec<Registration>,
        done: Done,
    },
}

impl Item {
    /// Who waits for it.
    pub(super) fn done(self) -> Option<Done> {
        match self {
            Self::Entry { done, .. } | Self::Host { done, .. } | Self::Published { done, .. } => {
                Some(done)
            }
            Self::Failures(_) => None,
        }
    }
}

/// Which counters a refused request moves.
pub(super) type Failure = (Option<CountedId>, Option<LicenseStatus>);

/// What the writer finds.
#[derive(Debug)]
pub(super) enum Work {
    /// Entries, in their order.
    Batch(Vec<Item>),
    /// Nothing until the deadline.
    Idle,
    /// Nothing is taken any more, for this reason, before the count begins again.
    Failed(String),
    /// The store is being closed and everything is written.
    Stop,
}

#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    bell: Condvar,
}

#[derive(Debug)]
struct Inner {
    items: Vec<Item>,
    // INVARIANT: how many of the items somebody waits for.
    awaited: usize,
    // INVARIANT: when the items began to wait, while there are any.
    since: Option<Instant>,
    mode: Mode,
    stopping: bool,
    asleep: bool,
}

#[derive(Debug)]
enum Mode {
    Working,
    Failed { reason: String },
    // Opened anew; nobody has begun again from this snapshot yet.
    Recovered(Snapshot),
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                items: Vec::new(),
                awaited: 0,
                since: None,
                mode: Mode::Working,
                stopping: false,
                asleep: false,
            }),
            bell: Condvar::new(),
        }
    }

    /// Puts an entry at the end, and says where its result comes out.
    pub(super) fn push(
        &self,
        entry: Entry,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let mut inner = self.lock();
        match (&inner.mode, &entry) {
            // An event moves no count, so it need not wait for that to begin again.
            (Mode::Working, _) | (Mode::Recovered(_), Entry::Event { .. }) => {}
            (Mode::Recovered(_), _) => return Err(error(NOT_TAKEN)),
            (Mode::Failed { reason }, _) => return Err(error(reason)),
        }
        if inner.stopping {
            return Err(error(STOPPED));
        }
        match &entry {
            Entry::Failed {
                counted_id,
                license_status,
                ..
            } if inner.items.len() >= FAILURES_LIMIT => {
                inner.sum((*counted_id, *license_status));
                return Err(error(SUMMED));
            }
            Entry::Event { .. } if inner.items.len() >= QUEUE_LIMIT => return Err(error(FULL)),
            Entry::Answered { .. } if inner.items.len() >= QUEUE_LIMIT => {
                // The table has counted this request already and those that follow build on it.
                inner.mode = Mode::Failed {
                    reason: FULL.to_owned(),
                };
                return Err(error(FULL));
            }
            _ => {}
        }
        let awaited = matches!(entry, Entry::Answered { .. });
        let (done, answer) = oneshot::channel();
        self.add(inner, Item::Entry { entry, done }, awaited);
        Ok(answer)
    }

    /// Puts what the daemon says of itself at the end.
    pub(super) fn push_host(
        &self,
        host: RunningHost,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let host = Box::new(host);
        self.push_awaited(|done| Item::Host { host, done })
    }

    /// Puts what may be in DNS at the end.
    pub(super) fn push_published(
        &self,
        domain: DomainName,
        registrations: Vec<Registration>,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        self.push_awaited(|done| Item::Published {
            domain,
            registrations,
            done,
        })
    }

    /// Puts something at the end that moves no count and that somebody waits for.
    fn push_awaited(
        &self,
        item: impl FnOnce(Done) -> Item,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let inner = self.lock();
        if let Mode::Failed { reason } = &inner.mode {
            return Err(error(reason));
        }
        if inner.stopping {
            return Err(error(STOPPED));
        }
        if inner.items.len() >= QUEUE_LIMIT {
            return Err(error(FULL));
        }
        let (done, answer) = oneshot::channel();
        self.add(inner, item(done), true);
        Ok(answer)
    }

    fn add(&self, mut inner: MutexGuard<'_, Inner>, item: Item, awaited: bool) {
        let first = inner.items.is_empty();
        inner.items.push(item);
        inner.awaited += usize::from(awaited);
        if first {
            inner.since = Some(Instant::now());
        }
        // The first sets the time, the first that somebody waits for ends the wait.
        if inner.asleep && (first || awaited || inner.items.len() >= BATCH_LIMIT) {
            inner.asleep = false;
            drop(inner);
            self.bell.notify_one();
        }
    }

    /// Waits for something to do, for at most `patience`.
    pub(super) fn take(&self, patience: Duration) -> Work {
        let mut inner = self.lock();
        let until = Instant::now() + patience;
        loop {
            let failed = match &inner.mode {
                Mode::Failed { reason } => Some(reason.clone()),
                Mode::Working | Mode::Recovered(_) => None,
            };
            let now = Instant::now();
            let due = inner.since.map(|since| since + PATIENCE);
            if !inner.items.is_empty()
                && (inner.awaited > 0
                    || inner.items.len() >= BATCH_LIMIT
                    || inner.stopping
                    || failed.is_some()
                    || due.is_some_and(|due| due <= now))
            {
                return Work::Batch(inner.batch(now));
            }
            if let Some(reason) = failed {
                return Work::Failed(reason);
            }
            if inner.stopping {
                return Work::Stop;
            }
            if until <= now {
                return Work::Idle;
            }
            let wake = due.map_or(until, |due| due.min(until));
            inner.asleep = true;
            (inner, _) = self
                .bell
                .wait_timeout(inner, wake.saturating_duration_since(now))
                .unwrap_or_else(PoisonError::into_inner);
            inner.asleep = false;
        }
    }

    /// Waits, for at most `patience`, for the store to be closed; true when it is.
    pub(super) fn wait_for_stop(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut inner = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if inner.stopping || left.is_zero() {
                return inner.stopping;
            }
            inner.asleep = true;
            (inner, _) = self
                .bell
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner);
            inner.asleep = false;
        }
    }

    /// Fails everything that waits, and what comes.
    pub(super) fn fail(&self, reason: &str) {
        let mut inner = self.lock();
        inner.mode = Mode::Failed {
            reason: reason.to_owned(),
        };
        (inner.awaited, inner.since) = (0, None);
        let items = core::mem::take(&mut inner.items);
        drop(inner);
        for item in items {
            if let Some(done) = item.done() {
                // Whoever stopped waiting takes nothing back.
                let _ = done.send(Err(error(reason)));
            }
        }
    }

    /// Takes nothing more, but lets the writer finish what waits: it came before the failure.
    pub(super) fn refuse(&self, reason: &str) {
        let mut inner = self.lock();
        if !matches!(inner.mode, Mode::Failed { .. }) {
            inner.mode = Mode::Failed {
                reason: reason.to_owned(),
            };
        }
        drop(inner);
        self.bell.notify_one();
    }

    /// Takes entries again as soon as somebody has taken `snapshot`.
    pub(super) fn recover(&self, snapshot: Snapshot) {
        self.lock().mode = Mode::Recovered(snapshot);
    }

    pub(super) fn take_recovered(&self) -> Option<Snapshot> {
        let mut inner = self.lock();
        match core::mem::replace(&mut inner.mode, Mode::Working) {
            Mode::Recovered(snapshot) => Some(snapshot),
            other => {
                inner.mode = other;
                None
            }
        }
    }

    pub(super) fn health(&self) -> StoreHealth {
        match &self.lock().mode {
            Mode::Working | Mode::Recovered(_) => StoreHealth::Working,
            Mode::Failed { reason } => StoreHealth::Failed {
                reason: reason.clone(),
            },
        }
    }

    /// Nothing is taken any more, and what waits is written at once.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.bell.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing here stops halfway.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Adds a refused request to the sums at the end.
    fn sum(&mut self, failure: Failure) {
        if !matches!(self.items.last(), Some(Item::Failures(_))) {
            tracing::warn!("the store is behind: of refused requests only the counters are kept");
            self.items.push(Item::Failures(Vec::new()));
        }
        if let Some(Item::Failures(failures)) = self.items.last_mut() {
            match failures.iter_mut().find(|(kind, _)| *kind == failure) {
                Some((_, times)) => *times += 1,
                None => failures.push((failure, 1)),
            }
        }
    }

    fn batch(&mut self, now: Instant) -> Vec<Item> {
        let batch = if self.items.len() <= BATCH_LIMIT {
            core::mem::take(&mut self.items)
        } else {
            let rest = self.items.split_off(BATCH_LIMIT);
            core::mem::replace(&mut self.items, rest)
        };
        let is_awaited = |item: &&Item| {
            matches!(
                item,
                Item::Host { .. }
                    | Item::Published { .. }
                    | Item::Entry {
                        entry: Entry::Answered { .. },
                        ..
                    }
            )
        };
        self.awaited -= batch.iter().filter(is_awaited).count().min(self.awaited);
        self.since = (!self.items.is_empty()).then_some(now);
        batch
    }
}

pub(super) fn error(reason: &str) -> StoreError {
    StoreError {
        reason: reason.to_owned(),
    }
}

const FULL: &str = "more requests wait for the disk than may; it is too slow for them";
const SUMMED: &str = "many requests wait for the disk; this one's counters are kept, not its event";
const NOT_TAKEN: &str = "it was opened anew, and the count has not begun again from it yet";
pub(super) const STOPPED: &str = "the host is stopping";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostEvent;
    use kms_core::{StatusCode, Timestamp};
    use kms_count::{Change, Request};

    const AT: Timestamp = Timestamp::from_millis(1);

    fn answered() -> Entry {
        let id = "00000000-0000-4000-8000-000000000001";
        let request = Request {
            counted_id: id.parse().unwrap(),
            cmid: id.parse().unwrap(),
            threshold: kms_core::Threshold::MIN,
            license_status: LicenseStatus::Licensed,
            virtual_machine: false,
            source: None,
            quota: None,
        };
        let event = crate::RequestProcessed {
            code: StatusCode::OK,
            required_count: 1,
            machine_name: "ws-1".parse().unwrap(),
            cmid: request.cmid,
            client_time: AT,
            virtual_machine: false,
            license_status: LicenseStatus::Licensed,
            minutes_remaining: 1,
            activation_id: id.parse().unwrap(),
        };
        Entry::Answered {
            request,
            at: AT,
            change: Change::New,
            dropped: None,
            event,
        }
    }

    fn failed(license_status: Option<LicenseStatus>) -> Entry {
        Entry::Failed {
            counted_id: None,
            license_status,
            source: None,
            at: AT,
            event: None,
        }
    }

    fn event() -> Entry {
        let code = StatusCode::OK;
        let event = HostEvent::StartFailed { code };
        Entry::Event { at: AT, event }
    }

    #[test]
    fn limit_queue_an_answer_beyond_it_fails_with_all_that_follow_and_those_before_are_written() {
        let queue = Queue::new();
        let waiting: Vec<_> = (0..QUEUE_LIMIT)
            .map(|_| queue.push(answered()).unwrap())
            .collect();
        assert_eq!(queue.push(event()).unwrap_err().reason, FULL);
        assert_eq!(
            queue.health(),
            StoreHealth::Working,
            "an event moves no count"
        );
        assert_eq!(queue.push(answered()).unwrap_err().reason, FULL);
        assert_eq!(queue.push(event()).unwrap_err().reason, FULL);
        assert!(matches!(queue.health(), StoreHealth::Failed { .. }));
        let mut batches = 0;
        while let Work::Batch(items) = queue.take(Duration::ZERO) {
            assert_eq!(items.len(), BATCH_LIMIT);
            batches += 1;
        }
        assert_eq!(batches, QUEUE_LIMIT / BATCH_LIMIT);
        assert!(matches!(queue.take(Duration::ZERO), Work::Failed(reason) if reason == FULL));
        drop(waiting);
    }

    #[test]
    fn limit_failures_beyond_it_refused_requests_wait_as_sums_in_their_place() {
        let queue = Queue::new();
        for _ in 0..FAILURES_LIMIT {
            queue.push(failed(None)).unwrap();
        }
        for _ in 0..1000 {
            let licensed = Some(LicenseStatus::Licensed);
            assert_eq!(queue.push(failed(None)).unwrap_err().reason, SUMMED);
            assert_eq!(queue.push(failed(licensed)).unwrap_err().reason, SUMMED);
        }
        let answer = queue.push(answered()).unwrap();
        assert_eq!(queue.push(failed(None)).unwrap_err().reason, SUMMED);
        let mut items = Vec::new();
        while let Work::Batch(batch) = queue.take(Duration::ZERO) {
            items.extend(batch);
        }
        let [.., first, Item::Entry { .. }, Item::Failures(last)] = items.as_slice() else {
            panic!("the sums are out of place");
        };
        let licensed = (None, Some(LicenseStatus::Licensed));
        assert!(matches!(first, Item::Failures(sums)
            if *sums == [((None, None), 1000), (licensed, 1000)]));
        assert_eq!(*last, [((None, None), 1)]);
        assert_eq!(items.len(), FAILURES_LIMIT + 3);
        drop(answer);
    }

    #[test]
    fn what_nobody_waits_for_waits_for_what_somebody_does() {
        let queue = Queue::new();
        let event = queue.push(event()).unwrap();
        assert!(matches!(queue.take(Duration::ZERO), Work::Idle));
        let answer = queue.push(answered()).unwrap();
        assert!(matches!(queue.take(Duration::ZERO), Work::Batch(items) if items.len() == 2));
        assert!(matches!(queue.take(Duration::ZERO), Work::Idle));
        drop((event, answer));
    }

    #[test]
    fn what_nobody_waits_for_is_written_after_a_while_all_the_same() {
        let queue = Queue::new();
        let event = queue.push(event()).unwrap();
        assert!(matches!(
            queue.take(Duration::from_secs(60)),
            Work::Batch(_)
        ));
        drop(event);
    }

    #[test]
    fn nothing_is_taken_between_a_failure_and_the_count_that_begins_again() {
        let queue = Queue::new();
        let before = queue.push(answered()).unwrap();
        queue.fail("the disk is full");
        assert_eq!(
            before.blocking_recv().unwrap().unwrap_err().reason,
            "the disk is full"
        );
        assert!(queue.push(answered()).is_err() && queue.push(event()).is_err());
        assert_eq!(queue.take_recovered(), None);
        queue.recover(Snapshot::default());
        assert_eq!(queue.health(), StoreHealth::Working);
        assert_eq!(queue.push(answered()).unwrap_err().reason, NOT_TAKEN);
        assert_eq!(queue.push(failed(None)).unwrap_err().reason, NOT_TAKEN);
        let event = queue.push(event()).unwrap();
        assert_eq!(queue.take_recovered(), Some(Snapshot::default()));
        assert_eq!(queue.take_recovered(), None);
        let answer = queue.push(answered()).unwrap();
        drop((event, answer));
    }
}
