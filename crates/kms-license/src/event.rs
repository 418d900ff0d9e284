use crate::{ClockMove, Event12288, Event12289};
use alloc::collections::VecDeque;
use kms_core::{LicenseStatus, StatusCode};

/// The most events of the kinds that pile up which wait to be polled; beyond it the oldest is
/// dropped. That an attempt or a save is due is never dropped, and waits only once.
pub const MAX_QUEUED_EVENTS: usize = 64;

/// What a licence tells its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The licence status has changed.
    StatusChanged {
        /// The status before.
        from: LicenseStatus,
        /// The status now.
        to: LicenseStatus,
        /// The documented reason of the new status, as 0x4004F00D for OOT grace.
        reason: StatusCode,
    },
    /// A request to one host has ended; to be logged.
    RequestSent(Event12288),
    /// An answer was processed; to be logged.
    AnswerProcessed(Event12289),
    /// The calendar clock was moved; to be logged as a warning.
    ClockMoved(ClockMove),
    /// What [`save`](crate::License::save) returns should be written now.
    SaveDue,
    /// Ask a host now: discover, [`begin_attempt`](crate::License::begin_attempt), send. If an
    /// attempt is under way already, there is nothing more to do.
    AttemptDue,
}

/// The events that wait: those that pile up in their order, then the two that do not.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    events: VecDeque<Event>,
    save_due: bool,
    attempt_due: bool,
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: Event) {
        match event {
            Event::SaveDue => self.save_due = true,
            Event::AttemptDue => self.attempt_due = true,
            Event::StatusChanged { .. }
            | Event::RequestSent(_)
            | Event::AnswerProcessed(_)
            | Event::ClockMoved(_) => {
                if self.events.len() >= MAX_QUEUED_EVENTS {
                    self.events.pop_front();
                }
                self.events.push_back(event);
            }
        }
    }

    /// An attempt is being made, or would be of no use.
    pub(crate) fn withdraw_attempt(&mut self) {
        self.attempt_due = false;
    }

    /// Saving comes before asking: what was decided is kept before something new is begun.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| {
            if core::mem::take(&mut self.save_due) {
                Some(Event::SaveDue)
            } else if core::mem::take(&mut self.attempt_due) {
                Some(Event::AttemptDue)
            } else {
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn moved(seconds: u64) -> Event {
        Event::ClockMoved(ClockMove::Backward {
            by: Duration::from_secs(seconds),
        })
    }

    #[test]
    fn limit_queued_events_drops_the_oldest_and_never_what_is_due() {
        let mut queue = EventQueue::default();
        queue.push(Event::AttemptDue);
        queue.push(Event::SaveDue);
        queue.push(Event::AttemptDue);
        for seconds in 0..=u64::try_from(MAX_QUEUED_EVENTS).unwrap() {
            queue.push(moved(seconds));
        }
        for seconds in 1..=u64::try_from(MAX_QUEUED_EVENTS).unwrap() {
            assert_eq!(queue.pop(), Some(moved(seconds)));
        }
        assert_eq!(queue.pop(), Some(Event::SaveDue));
        assert_eq!(queue.pop(), Some(Event::AttemptDue));
        assert_eq!(queue.pop(), None);
    }
}
