//! Who has a place, and who loses it for keeping it idle.

use crate::Refusal;
use core::time::Duration;
use kms_core::Tick;

/// The least that a connection may be idle, however few places are left.
pub(super) const LEAST_IDLE: Duration = Duration::from_millis(200);

/// No place.
const NONE: u32 = u32::MAX;

/// The places of all connections, each with the handle `H` by which it can be ended.
///
/// A connection that waits for its peer stands in one of three queues, the longest wait first.
/// Whoever keeps the host waiting in the first two is closed after a time, which shrinks as places
/// fill; and as long as more than four fifths are taken, the longest wait of all is ended. Nobody is
/// closed whose answer is being worked on, or who has waited for less than [`LEAST_IDLE`].
#[derive(Debug)]
pub(super) struct Places<H> {
    capacity: usize,
    first_byte: Duration,
    idle: Duration,
    places: Vec<Place<H>>,
    vacant: u32,
    taken: usize,
    // How many of those taken were closed here and are not gone yet.
    closing: usize,
    queues: [Queue; 3],
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The first byte that its peer ever sends.
    FirstByte,
    /// The first byte behind an answer.
    Idle,
    /// The rest of something that has begun.
    Begun,
}

/// A place that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlaceId {
    at: u32,
    // Tells apart those who had the same place one after the other.
    serial: u32,
}

/// A connection that was closed to make room, or because it took too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed<H> {
    /// By which it is to be ended; none if it has not been attached yet.
    pub(super) handle: Option<H>,
    /// Why, unless it is the usual end of a connection.
    pub(super) why: Option<Refusal>,
}

#[derive(Debug)]
struct Place<H> {
    handle: Option<H>,
    since: Tick,
    serial: u32,
    state: State,
    before: u32,
    // In the list of vacant places the next of these.
    behind: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Vacant,
    Waiting(Wait),
    Busy,
    Closing,
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    first: u32,
    last: u32,
}

impl<H> Places<H> {
    pub(super) const fn new(capacity: usize, first_byte: Duration, idle: Duration) -> Self {
        let empty = Queue {
            first: NONE,
            last: NONE,
        };
        Self {
            capacity,
            first_byte,
            idle,
            places: Vec::new(),
            vacant: NONE,
            taken: 0,
            closing: 0,
            queues: [empty; 3],
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.taken >= self.capacity
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Takes a place, if there is one, for a connection that waits for its first byte.
    pub(super) fn enter(&mut self, now: Tick) -> Option<PlaceId> {
        if self.is_full() {
            return None;
        }
        let at = if self.vacant == NONE {
            let at = u32::try_from(self.places.len())
                .ok()
                .filter(|at| *at != NONE)?;
            self.places.push(Place {
                handle: None,
                since: now,
                serial: 0,
                state: State::Vacant,
                before: NONE,
                behind: NONE,
            });
            at
        } else {
            self.vacant
        };
        let place = self.places.get_mut(at as usize)?;
        self.vacant = place.behind;
        let serial = place.serial;
        self.taken += 1;
        self.push(at, Wait::FirstByte, now);
        Some(PlaceId { at, serial })
    }

    /// Keeps the handle of a connection; gives it back if the connection was closed meanwhile.
    pub(super) fn attach(&mut self, id: PlaceId, handle: H) -> Option<H> {
        let place = self
            .places
            .get_mut(id.at as usize)
            .filter(|place| place.serial == id.serial && place.state != State::Vacant);
        match place {
            Some(place) if place.state == State::Closing => Some(handle),
            Some(place) => {
                place.handle = Some(handle);
                None
            }
            // It is gone already.
            None => None,
        }
    }

    /// A connection begins to wait for its peer. False when it was closed.
    #[must_use]
    pub(super) fn wait(&mut self, id: PlaceId, what: Wait, now: Tick) -> bool {
        let stays = self.work(id);
        if stays {
            self.push(id.at, what, now);
        }
        stays
    }

    /// A connection begins to work for its peer. False when it was closed.
    #[must_use]
    pub(super) fn work(&mut self, id: PlaceId) -> bool {
        match self.state(id.at) {
            State::Waiting(what) => {
                self.unlink(id.at, what);
                self.set_state(id.at, State::Busy);
                true
            }
            State::Busy => true,
            State::Closing | State::Vacant => false,
        }
    }

    /// Gives a place back. True when there was none left before.
    pub(super) fn leave(&mut self, id: PlaceId) -> bool {
        let was_full = self.is_full();
        match self.state(id.at) {
            State::Vacant => return false,
            State::Waiting(what) => self.unlink(id.at, what),
            State::Closing => self.closing -= 1,
            State::Busy => {}
        }
        if let Some(place) = self.places.get_mut(id.at as usize) {
            place.handle = None;
            place.serial = place.serial.wrapping_add(1);
            place.state = State::Vacant;
            place.behind = self.vacant;
            self.vacant = id.at;
            self.taken -= 1;
        }
        was_full
    }

    /// Closes one connection whose time is over, if there is one.
    pub(super) fn close_overdue(&mut self, now: Tick) -> Option<Closed<H>> {
        if self.is_crowded()
            && let Some(closed) = self.close_longest(now)
        {
            return Some(closed);
        }
        let shrunk = self.shrink() > 1;
        for (what, usual) in [
            (Wait::FirstByte, Some(Refusal::Deadline)),
            (Wait::Idle, None),
        ] {
            if self.deadline(what).is_some_and(|deadline| deadline <= now) {
                let why = if shrunk { Some(Refusal::Idle) } else { usual };
                return self.close_first(what, why);
            }
        }
        None
    }

    /// Closes the connection that has waited longest, if that is long enough.
    pub(super) fn close_longest(&mut self, now: Tick) -> Option<Closed<H>> {
        let (since, what) = self.longest()?;
        if since.saturating_add(LEAST_IDLE) > now {
            return None;
        }
        self.close_first(what, Some(Refusal::Idle))
    }

    /// Closes one connection that is in the middle of nothing, if there is one.
    pub(super) fn close_idle(&mut self) -> Option<Closed<H>> {
        self.close_first(Wait::FirstByte, None)
            .or_else(|| self.close_first(Wait::Idle, None))
    }

    /// Closes one connection, whatever it does.
    pub(super) fn close_any(&mut self) -> Option<Closed<H>> {
        if let Some(closed) = self
            .close_idle()
            .or_else(|| self.close_first(Wait::Begun, None))
        {
            return Some(closed);
        }
        let busy = self
            .places
            .iter_mut()
            .find(|place| place.state == State::Busy)?;
        busy.state = State::Closing;
        self.closing += 1;
        Some(Closed {
            handle: busy.handle.take(),
            why: None,
        })
    }

    /// When somebody's time is over, if nothing changes until then.
    pub(super) fn next_timeout(&self) -> Option<Tick> {
        let longest = self.longest().filter(|_| self.is_crowded());
        [
            longest.map(|(since, _)| since.saturating_add(LEAST_IDLE)),
            self.deadline(Wait::FirstByte),
            self.deadline(Wait::Idle),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The shortest time in which a connection that begins to wait now could be closed.
    pub(super) fn shortest(&self) -> Duration {
        if self.is_crowded() {
            return LEAST_IDLE;
        }
        self.allowed(Wait::FirstByte)
            .min(self.allowed(Wait::Idle))
            .max(Duration::from_millis(1))
    }

    /// How many connections there are that were not closed here.
    const fn live(&self) -> usize {
        self.taken - self.closing
    }

    /// More than four fifths of the places are taken.
    const fn is_crowded(&self) -> bool {
        self.live() > self.capacity - self.capacity / 5
    }

    /// By how much idle times are divided.
    const fn shrink(&self) -> u32 {
        let (live, capacity) = (self.live() as u128, self.capacity as u128);
        if live * 100 >= capacity * 65 {
            20
        } else if live * 2 >= capacity {
            4
        } else {
            1
        }
    }

    /// How long such a wait may last now.
    fn allowed(&self, what: Wait) -> Duration {
        let usual = match what {
            Wait::FirstByte => self.first_byte,
            Wait::Idle => self.idle,
            Wait::Begun => Duration::MAX,
        };
        (usual / self.shrink()).max(usual.min(LEAST_IDLE))
    }

    fn deadline(&self, what: Wait) -> Option<Tick> {
        let since = self.first(what)?.since;
        Some(since.saturating_add(self.allowed(what)))
    }

    /// The connection that has waited longest: since when, and for what.
    fn longest(&self) -> Option<(Tick, Wait)> {
        [Wait::FirstByte, Wait::Idle, Wait::Begun]
            .into_iter()
            .filter_map(|what| Some((self.first(what)?.since, what)))
            .min_by_key(|(since, _)| *since)
    }

    fn first(&self, what: Wait) -> Option<&Place<H>> {
        let [first_byte, idle, begun] = &self.queues;
        let queue = match what {
            Wait::FirstByte => first_byte,
            Wait::Idle => idle,
            Wait::Begun => begun,
        };
        self.places.get(queue.first as usize)
    }

    fn close_first(&mut self, what: Wait, why: Option<Refusal>) -> Option<Closed<H>> {
        let at = self.queue(what).first;
        if at == NONE {
            return None;
        }
        self.unlink(at, what);
        let place = self.places.get_mut(at as usize)?;
        place.state = State::Closing;
        self.closing += 1;
        Some(Closed {
            handle: place.handle.take(),
            why,
        })
    }

    const fn queue(&mut self, what: Wait) -> &mut Queue {
        let [first_byte, idle, begun] = &mut self.queues;
        match what {
            Wait::FirstByte => first_byte,
            Wait::Idle => idle,
            Wait::Begun => begun,
        }
    }

    fn state(&self, at: u32) -> State {
        self.places
            .get(at as usize)
            .map_or(State::Vacant, |place| place.state)
    }

    fn set_state(&mut self, at: u32, state: State) {
        if let Some(place) = self.places.get_mut(at as usize) {
            place.state = state;
        }
    }

    /// Puts a place at the end of a queue.
    fn push(&mut self, at: u32, what: Wait, now: Tick) {
        let last = core::mem::replace(&mut self.queue(what).last, at);
        match self.places.get_mut(last as usize) {
            Some(last) => last.behind = at,
            None => self.queue(what).first = at,
        }
        if let Some(place) = self.places.get_mut(at as usize) {
            place.state = State::Waiting(what);
            place.since = now;
            place.before = last;
            place.behind = NONE;
        }
    }

    /// Takes a place out of its queue.
    fn unlink(&mut self, at: u32, what: Wait) {
        let Some(place) = self.places.get_mut(at as usize) else {
            return;
        };
        let before = core::mem::replace(&mut place.before, NONE);
        let behind = core::mem::replace(&mut place.behind, NONE);
        match self.places.get_mut(before as usize) {
            Some(place) => place.behind = behind,
            None => self.queue(what).first = behind,
        }
        match self.places.get_mut(behind as usize) {
            Some(place) => place.before = before,
            None => self.queue(what).last = before,
        }
    }
}

#[cfg(test)]
mod tests;
