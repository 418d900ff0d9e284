//! Who may come in, who may ask, and who must go.

use super::{
    places::{Closed, PlaceId, Places, Wait},
    sources::Sources,
};
use crate::{Limits, Refusal};
use core::time::Duration;
use kms_core::Tick;
use kms_count::Source;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

/// The places and sources of all connections, with the clock that they go by.
#[derive(Debug)]
pub(super) struct Gate {
    tables: Mutex<Tables>,
    freed: Notify,
    epoch: Instant,
}

#[derive(Debug)]
struct Tables {
    places: Places<AbortHandle>,
    sources: Sources,
    phase: Phase,
}

/// How far the server has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    // Whoever is in the middle of nothing goes.
    Stopping,
    // Everybody goes.
    Ended,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is to be answered.
    Answer,
    /// Its source asks too often.
    TooBusy,
    /// The connection was closed.
    Closed,
}

/// What became of a connection that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It has a place.
    In {
        /// Which.
        place: PlaceId,
        /// When to sweep.
        next_sweep: Tick,
        /// Whether it was the last one.
        full: bool,
    },
    /// It is closed at once.
    Refused(Refusal),
}

impl Gate {
    pub(super) fn new(limits: &Limits, places: usize) -> Self {
        Self {
            tables: Mutex::new(Tables {
                places: Places::new(places, limits.first_byte, limits.idle),
                sources: Sources::new(limits),
                phase: Phase::Open,
            }),
            freed: Notify::new(),
            epoch: Instant::now(),
        }
    }

    /// The present, by the clock of the places.
    pub(super) fn now(&self) -> Tick {
        Tick::ZERO.saturating_add(self.epoch.elapsed())
    }

    /// The end of a millisecond by the runtime's clock, so that nobody is a part of one too early;
    /// none when it is beyond that clock, which nobody waits for.
    pub(super) fn instant(&self, tick: Tick) -> Option<Instant> {
        let end = tick.as_millis().saturating_add(1);
        self.epoch.checked_add(Duration::from_millis(end))
    }

    /// Takes in a connection. Only who knows that there is a place may ask.
    pub(super) fn enter(&self, source: Source) -> Entered {
        let now = self.now();
        let mut tables = self.lock();
        if let Err(refusal) = tables.sources.enter(source, now) {
            return Entered::Refused(refusal);
        }
        match tables.places.enter(now) {
            Some(place) => Entered::In {
                place,
                next_sweep: next_sweep(&tables.places, now),
                full: tables.places.is_full(),
            },
            None => {
                tables.sources.leave(source, now);
                Entered::Refused(Refusal::ConnectionsPerSource)
            }
        }
    }

    /// Keeps the handle by which a connection's task can be ended.
    pub(super) fn attach(&self, id: PlaceId, handle: AbortHandle) {
        let mut tables = self.lock();
        let late = if tables.phase == Phase::Ended {
            Some(handle)
        } else {
            tables.places.attach(id, handle)
        };
        drop(tables);
        if let Some(handle) = late {
            handle.abort();
        }
    }

    /// A connection begins to wait for its peer. False when it must go.
    #[must_use]
    pub(super) fn wait(&self, id: PlaceId, what: Wait) -> bool {
        let now = self.now();
        let mut tables = self.lock();
        let stays = match tables.phase {
            Phase::Open => true,
            Phase::Stopping => what == Wait::Begun,
            Phase::Ended => false,
        };
        stays && tables.places.wait(id, what, now)
    }

    /// A connection begins to work on a call.
    pub(super) fn ask(&self, id: PlaceId, source: Source) -> Asked {
        let now = self.now();
        let mut tables = self.lock();
        if !tables.places.work(id) {
            Asked::Closed
        } else if tables.sources.ask(source, now) {
            Asked::Answer
        } else {
            Asked::TooBusy
        }
    }

    /// A connection has ended.
    pub(super) fn leave(&self, id: PlaceId, source: Source) {
        let now = self.now();
        let mut tables = self.lock();
        tables.sources.leave(source, now);
        let was_full = tables.places.leave(id);
        drop(tables);
        if was_full {
            self.freed.notify_one();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().places.is_full()
    }

    /// Waits until a place is free. It may end early.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Closes all whose time is over, and gives the reason for each where it is not the usual end;
    /// and when to do so again, unless there is nobody.
    pub(super) fn sweep(&self, mut refused: impl FnMut(Refusal)) -> Option<Tick> {
        loop {
            let now = self.now();
            let mut tables = self.lock();
            let Some(closed) = tables.places.close_overdue(now) else {
                let empty = tables.places.is_empty();
                return (!empty).then(|| next_sweep(&tables.places, now));
            };
            // The lock is not held while a task ends, which takes it.
            drop(tables);
            if let Some(why) = end(closed) {
                refused(why);
            }
        }
    }

    /// Closes the connection that has waited longest, if it has for a while: its file is needed.
    pub(super) fn make_room(&self) -> Option<Refusal> {
        let now = self.now();
        let closed = self.lock().places.close_longest(now);
        closed.and_then(end)
    }

    /// Closes all that are in the middle of nothing, now and from now on.
    pub(super) fn stop(&self) {
        self.close_all(Phase::Stopping, Places::close_idle);
    }

    /// Closes all.
    pub(super) fn end(&self) {
        self.close_all(Phase::Ended, Places::close_any);
    }

    fn close_all(
        &self,
        phase: Phase,
        next: fn(&mut Places<AbortHandle>) -> Option<Closed<AbortHandle>>,
    ) {
        self.lock().phase = phase;
        loop {
            // The lock is not held while a task ends, which takes it.
            let closed = next(&mut self.lock().places);
            match closed {
                Some(one) => _ = end(one),
                None => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // The tables do not panic; if they did, refusing to serve for ever would help nobody.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(closed: Closed<AbortHandle>) -> Option<Refusal> {
    if let Some(handle) = closed.handle {
        handle.abort();
    }
    closed.why
}

/// When to look again. Whoever begins to wait later than now is not overdue before that.
fn next_sweep(places: &Places<AbortHandle>, now: Tick) -> Tick {
    let later = now.saturating_add(places.shortest());
    places
        .next_timeout()
        .map_or(later, |timeout| timeout.min(later))
}
