//! How time passes for a licence, and the few steps that its verbs are made of.

use super::{License, Request};
use crate::{
    CHECKPOINT_INTERVAL, ClockMove, Event, Event12288, StatusFlags,
    state::State,
    timers::{Timers, with_jitter},
};
use core::time::Duration;
use kms_core::{Entropy, Now, StatusCode};

impl<V> License<V> {
    /// Lets time pass: the clock, then whatever has expired, then the timers that depend on both.
    pub(super) fn observe(&mut self, now: Now) {
        if let Some(moved) = self.clock.advance(now) {
            self.events.push(Event::ClockMoved(moved));
            match moved {
                ClockMove::Backward { .. } | ClockMove::ForwardHeld { .. } => {
                    self.hasten_attempt(now, Duration::ZERO);
                }
                ClockMove::ForwardAccepted { .. } => {}
            }
        }
        let time = self.clock.time(now);
        while let Some(next) = self.state.after_expiry(time, &self.policy) {
            self.set_state(next);
            self.hasten_attempt(now, self.activation_interval().duration());
        }
        if self.state.has_key() {
            self.timers.expiry = self
                .state
                .expires()
                .map(|expires| self.clock.tick_of(expires, now));
            self.timers.hold = self.clock.held_until();
        }
    }

    pub(super) fn set_state(&mut self, next: State) {
        let (from, to) = (self.state.status(), next.status());
        if from != to {
            let reason = next.reason();
            self.events.push(Event::StatusChanged { from, to, reason });
        }
        if self.state != next {
            self.events.push(Event::SaveDue);
        }
        self.state = next;
    }

    /// Ends a request in flight, with the record of what came of it.
    pub(super) fn end_request(&mut self, result: StatusCode) {
        if let Some(Request { server, fields }) = self.request.take() {
            self.events.push(Event::RequestSent(Event12288 {
                result,
                flags: StatusFlags::NONE,
                server,
                cmid: fields.cmid,
                client_time: fields.client_time,
                virtual_machine: fields.virtual_machine,
                status: fields.status,
                minutes_remaining: fields.minutes_remaining,
                activation_id: fields.activation_id,
                required_count: fields.required_count,
            }));
        }
    }

    pub(super) fn make_attempt_due(&mut self, now: Now) {
        if self.state.has_key() {
            self.events.push(Event::AttemptDue);
            let interval = self.activation_interval().duration();
            self.timers.arm_attempt(now.tick.saturating_add(interval));
        }
    }

    pub(super) fn arm_retry(&mut self, now: Now, entropy: &mut impl Entropy) {
        let delay = with_jitter(self.activation_interval().duration(), entropy);
        self.timers.arm_attempt(now.tick.saturating_add(delay));
    }

    pub(super) fn hasten_attempt(&mut self, now: Now, delay: Duration) {
        if self.state.has_key() {
            self.timers.hasten_attempt(now.tick.saturating_add(delay));
        }
    }

    pub(super) fn arm_checkpoint(&mut self, now: Now) {
        self.timers.checkpoint = Some(now.tick.saturating_add(CHECKPOINT_INTERVAL));
    }

    /// The timers of a product that has just come to a key.
    pub(super) fn arm_all(&mut self, now: Now) {
        self.timers = Timers::default();
        let interval = self.activation_interval().duration();
        self.timers.arm_attempt(now.tick.saturating_add(interval));
        self.arm_checkpoint(now);
    }
}
