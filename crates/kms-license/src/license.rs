mod passage;
mod view;

use crate::{
    AnswerError, Event, Event12289, LastAnswer, MAX_SERVER_CHARS, NETWORK_WATCH, NoKeyError,
    Outcome, Policy, RearmError, RequestFields, RestoreError, SavedState, StatusFlags,
    clock::Clock,
    event::EventQueue,
    state::State,
    timers::{Timers, renewal_delay},
};
use alloc::string::String;
use core::marker::PhantomData;
use kms_core::{ActivationId, Cmid, Entropy, Now, StatusCode, Tick, Timestamp, VerifiedTerms};

/// The licensing state of one product on one machine.
///
/// It is generic over the proof `V` that an answer was verified, and acts on nothing else, so that
/// it stays free of cryptography. A client for real machines fixes `V` to
/// `kms_trust::VerifiedAnswer`, which only verification can make.
///
/// Every method may be called at any time and in any order. Those that take the present let time
/// pass first: what has expired by then has expired before the call's own effect.
#[derive(Debug)]
pub struct License<V> {
    policy: Policy,
    activation_id: ActivationId,
    cmid: Cmid,
    previous_cmid: Option<Cmid>,
    rearms_used: u32,
    state: State,
    oob_grace_ends: Option<Timestamp>,
    last_answer: Option<LastAnswer>,
    clock: Clock,
    timers: Timers,
    request: Option<Request>,
    events: EventQueue,
    proof: PhantomData<fn(V)>,
}

/// A request in flight.
#[derive(Debug)]
struct Request {
    server: String,
    fields: RequestFields,
}

impl<V: VerifiedTerms> License<V> {
    /// A product that was just installed: unlicensed, without a key, under a fresh client machine id.
    pub fn new(
        policy: Policy,
        activation_id: ActivationId,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Self {
        Self {
            policy,
            activation_id,
            cmid: Cmid::random(entropy),
            previous_cmid: None,
            rearms_used: 0,
            state: State::Unlicensed,
            oob_grace_ends: None,
            last_answer: None,
            clock: Clock::new(None, now),
            timers: Timers::default(),
            request: None,
            events: EventQueue::default(),
            proof: PhantomData,
        }
    }

    /// A product as [`save`](Self::save) left it. What has expired since has expired.
    ///
    /// Time left is cut to what `policy` gives, so a policy that was tightened takes effect. The
    /// product is the saved one; that it is the wanted one is for the caller to compare.
    ///
    /// # Errors
    /// When the parts of the saved state contradict each other.
    pub fn restore(policy: Policy, saved: SavedState, now: Now) -> Result<Self, RestoreError> {
        if saved.previous_cmid == Some(saved.cmid) {
            return Err(RestoreError::SameCmid { cmid: saved.cmid });
        }
        let state = State::from_saved(&saved)?.limited(saved.high_water, &policy);
        let latest_grace = saved.high_water.saturating_add(policy.grace);
        let mut license = Self {
            policy,
            activation_id: saved.activation_id,
            cmid: saved.cmid,
            previous_cmid: saved.previous_cmid,
            rearms_used: saved.rearms_used,
            state,
            oob_grace_ends: saved.oob_grace_ends.map(|ends| ends.min(latest_grace)),
            last_answer: saved.last_answer,
            clock: Clock::new(Some(saved.high_water), now),
            timers: Timers::default(),
            request: None,
            events: EventQueue::default(),
            proof: PhantomData,
        };
        if state.has_key() {
            license.arm_all(now);
        }
        license.observe(now);
        Ok(license)
    }

    /// What must survive a restart. To be written whenever [`Event::SaveDue`] is polled, and when
    /// the process ends.
    #[must_use]
    pub fn save(&self, now: Now) -> SavedState {
        SavedState {
            activation_id: self.activation_id,
            cmid: self.cmid,
            previous_cmid: self.previous_cmid,
            rearms_used: self.rearms_used,
            status: self.state.status(),
            expires: self.state.expires(),
            oob_grace_ends: self.oob_grace_ends,
            last_answer: self.last_answer,
            high_water: self.clock.time(now),
        }
    }

    /// The licensing service starts: with a key, an attempt is due.
    pub fn start(&mut self, now: Now) {
        self.observe(now);
        self.make_attempt_due(now);
    }

    /// A client setup key is installed. The first one starts the initial (OOB) grace, and an attempt
    /// is due.
    ///
    /// A key that comes after one was removed continues that grace where it stands: only a rearm
    /// starts another. With a key in place nothing changes.
    pub fn install_key(&mut self, now: Now) {
        self.observe(now);
        if self.state.has_key() {
            return;
        }
        let time = self.clock.time(now);
        let fresh = time.saturating_add(self.policy.grace);
        let ends = *self.oob_grace_ends.get_or_insert(fresh);
        let grace = State::OobGrace { ends };
        self.set_state(grace.after_expiry(time, &self.policy).unwrap_or(grace));
        self.arm_all(now);
        self.observe(now);
        self.make_attempt_due(now);
    }

    /// The key is removed: the product is unlicensed at once, and nothing is due.
    pub fn uninstall_key(&mut self, now: Now) {
        self.observe(now);
        self.end_request(StatusCode::OK);
        self.set_state(State::Unlicensed);
        self.timers = Timers::default();
        self.events.withdraw_attempt();
    }

    /// Starts the initial grace again under a new client machine id, whatever the status; an
    /// attempt is due. Without a key it is the next key's grace that starts afresh.
    ///
    /// # Errors
    /// When no rearm is left (0xC004D307). Nothing changes then.
    pub fn rearm(&mut self, now: Now, entropy: &mut impl Entropy) -> Result<(), RearmError> {
        if self.rearms_left() == 0 {
            return Err(RearmError::NoneLeft {
                allowed: self.policy.rearms,
            });
        }
        self.observe(now);
        self.end_request(StatusCode::OK);
        self.rearms_used = self.rearms_used.saturating_add(1);
        self.previous_cmid = Some(core::mem::replace(&mut self.cmid, Cmid::random(entropy)));
        self.oob_grace_ends = None;
        self.events.push(Event::SaveDue);
        if self.state.has_key() {
            let ends = self.clock.time(now).saturating_add(self.policy.grace);
            self.oob_grace_ends = Some(ends);
            self.set_state(State::OobGrace { ends });
            self.arm_all(now);
            self.observe(now);
            self.make_attempt_due(now);
        }
        Ok(())
    }

    /// A request to `server` (`host:port`, for the record) is about to be sent, because an attempt
    /// is due or because somebody asked for one. One that is still in flight ends without a result.
    ///
    /// An attempt may ask several hosts, one after the other: each begins here and ends in
    /// [`handle_answer`](Self::handle_answer) or [`handle_failure`](Self::handle_failure).
    ///
    /// # Errors
    /// When no key is installed.
    pub fn begin_attempt(
        &mut self,
        server: &str,
        virtual_machine: bool,
        now: Now,
    ) -> Result<RequestFields, NoKeyError> {
        self.observe(now);
        if !self.state.has_key() {
            return Err(NoKeyError);
        }
        self.end_request(StatusCode::OK);
        self.events.withdraw_attempt();
        let fields = RequestFields {
            activation_id: self.activation_id,
            status: self.status(),
            minutes_remaining: self.minutes_remaining(now),
            cmid: self.cmid,
            previous_cmid: self.previous_cmid,
            required_count: self.policy.threshold,
            virtual_machine,
            client_time: now.wall,
        };
        self.request = Some(Request {
            server: server.chars().take(MAX_SERVER_CHARS).collect(),
            fields,
        });
        Ok(fields)
    }

    /// A host's answer was verified. A count of at least the threshold licenses the product from any
    /// status; a lower one leaves it as it is. The host's intervals are taken either way, and its
    /// time may put right a high-water mark that is ahead.
    ///
    /// # Errors
    /// When the answer does not belong to a request in flight. Nothing changes then.
    pub fn handle_answer(
        &mut self,
        answer: V,
        now: Now,
        entropy: &mut impl Entropy,
    ) -> Result<Outcome, AnswerError> {
        self.observe(now);
        let terms = answer.terms();
        if self.request.is_none() {
            return Err(AnswerError::NoRequest);
        }
        if answer.activation_id() != self.activation_id {
            return Err(AnswerError::OtherProduct {
                asked: self.activation_id,
                answered: answer.activation_id(),
            });
        }
        if terms.cmid != self.cmid {
            return Err(AnswerError::OtherMachine {
                asked: self.cmid,
                answered: terms.cmid,
            });
        }
        self.end_request(StatusCode::OK);
        self.events.withdraw_attempt();
        self.clock.confirm(terms.host_time, now);
        let time = self.clock.time(now);
        self.last_answer = Some(LastAnswer {
            count: terms.count,
            activation_interval: terms.activation_interval,
            renewal_interval: terms.renewal_interval,
            time,
        });
        let activated = terms.count >= self.policy.threshold.machines();
        self.events.push(Event::AnswerProcessed(Event12289 {
            result: StatusCode::OK,
            flags: if activated {
                StatusFlags::NONE
            } else {
                StatusFlags::NOT_ENOUGH_COUNT
            },
            activated,
            count: terms.count,
            activation_interval: terms.activation_interval.minutes(),
            renewal_interval: terms.renewal_interval.minutes(),
            client_time: now.wall,
        }));
        self.events.push(Event::SaveDue);
        self.timers.watch_until = None;

        let outcome = if activated {
            let validity = terms.validity.min(self.policy.validity);
            let expires = time.saturating_add(validity.duration());
            self.set_state(State::Licensed { expires });
            let delay = renewal_delay(self.renewal_interval().duration(), validity);
            self.timers.arm_attempt(now.tick.saturating_add(delay));
            Outcome::Activated { expires }
        } else {
            // The clock may just have been put right: what was measured by the wrong one is cut.
            self.set_state(self.state.limited(time, &self.policy));
            let latest_grace = time.saturating_add(self.policy.grace);
            self.oob_grace_ends = self.oob_grace_ends.map(|ends| ends.min(latest_grace));
            self.arm_retry(now, entropy);
            Outcome::NotEnoughCount {
                count: terms.count,
                needed: self.policy.threshold.machines(),
            }
        };
        self.observe(now);
        Ok(outcome)
    }

    /// A host could not be asked or its answer not be used, or a whole attempt found no host. The
    /// next attempt is due after the activation interval and up to a tenth more; what remains of a
    /// validity or grace stays. After a failed renewal, a change of the network within
    /// [`NETWORK_WATCH`] makes one due at once.
    ///
    /// `code` is the reason, which the record of a request in flight takes.
    pub fn handle_failure(&mut self, code: StatusCode, now: Now, entropy: &mut impl Entropy) {
        self.observe(now);
        self.end_request(code);
        if self.state.has_key() {
            self.arm_retry(now, entropy);
            self.timers.watch_until = match self.state {
                State::Licensed { .. } => Some(now.tick.saturating_add(NETWORK_WATCH)),
                State::Unlicensed
                | State::OobGrace { .. }
                | State::OotGrace { .. }
                | State::Notification => None,
            };
        }
    }

    /// The machine's network has changed: makes an attempt due at once if a renewal has just
    /// failed and none is under way.
    pub fn handle_network_change(&mut self, now: Now) {
        self.observe(now);
        let watched = |until: &mut Tick| now.tick < *until;
        let idle = self.request.is_none();
        if idle && self.timers.watch_until.take_if(watched).is_some() {
            self.make_attempt_due(now);
        }
    }

    /// Time has passed, usually until [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Now, entropy: &mut impl Entropy) {
        self.observe(now);
        if !self.state.has_key() {
            return;
        }
        if self.timers.attempt_is_due(now.tick, entropy) {
            self.events.push(Event::AttemptDue);
            // Should the driver lose the attempt, the next is due as if it had failed.
            self.arm_retry(now, entropy);
        }
        if self.timers.checkpoint_is_due(now.tick) {
            self.events.push(Event::SaveDue);
            self.arm_checkpoint(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next: always at some time
    /// while a key is installed, never without one.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }

    /// What has happened, oldest first; then, each at most once, that a save and an attempt are due.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }
}
