use super::server_model::ServerModel;
use core::num::NonZeroU32;
use kms_core::{DecodeError, StatusCode};
use kms_wire::{
    MAX_ANSWER, MAX_BUFFERED_INPUT, MAX_CONNECTION_MEMORY, MAX_FRAGMENT, MAX_PENDING_OUTPUT,
    pdu::Header,
    server::{Call, Config, Connection, Event, Reply, RespondError, Violation},
};

/// What a host's connection told, without what was borrowed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the events of the engine"
)]
pub enum ServerEvent {
    /// The client asks for an activation: call number and message.
    RequestActivation(u32, Vec<u8>),
    /// The client asks for the host's certificate: call number.
    GetHostCertificate(u32),
    /// The connection was closed.
    Closed(Violation),
}

/// How a call is answered, with a pattern for the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the replies of the engine"
)]
pub enum Answer {
    /// HRESULT 0 with this many bytes; more than [`MAX_ANSWER`] must be refused.
    Bytes(usize),
    /// This HRESULT; 0 must be refused.
    Refused(u32),
    /// The fault for a busy server.
    TooBusy,
}

/// A host's connection beside an independent model of it.
///
/// Whatever is done to it, in any order, it panics unless:
///
/// - every byte that the connection sends, every event and every result of `respond` is the one
///   that the model of PROTOCOL section 1 has at that place;
/// - [`memory`](Connection::memory) is at most [`MAX_CONNECTION_MEMORY`] after each step;
/// - each poll gives what there is as soon as there is something, unless more than
///   [`MAX_PENDING_OUTPUT`] waits to be fetched; once all was polled and answered, no whole PDU is
///   left waiting;
/// - there is at most one reply to a PDU, and apart from answers at most twice as many bytes are
///   sent as came in;
/// - a closed connection stays closed, says why exactly once and as the last thing, drops further
///   input and gives nothing more.
#[derive(Debug)]
pub struct ServerHarness {
    connection: Connection,
    model: ServerModel,
    events: Vec<ServerEvent>,
    sent: Vec<u8>,
    fed: usize,
    // More than the room was fed: the connection may close for that, and the model does not tell when.
    overfed: bool,
    // So much output waited that the connection may take up the next PDU only when it is fetched.
    behind: bool,
    waiting: Option<Call>,
    answered: Option<Call>,
    closed: bool,
    end_seen: bool,
    most_memory: usize,
}

/// The association group of the harness's host.
pub(super) const GROUP: NonZeroU32 = NonZeroU32::new(0x0a0b_0c0d).unwrap();

impl Default for ServerHarness {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerHarness {
    /// A connection that was just accepted, on port 1688, of the association group 0x0a0b0c0d.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connection: new_connection(),
            model: ServerModel::new(GROUP.get()),
            events: Vec::new(),
            sent: Vec::new(),
            fed: 0,
            overfed: false,
            behind: false,
            waiting: None,
            answered: None,
            closed: false,
            end_seen: false,
            most_memory: 0,
        }
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> &[ServerEvent] {
        &self.events
    }

    /// The bytes sent so far.
    #[must_use]
    pub fn sent(&self) -> &[u8] {
        &self.sent
    }

    /// The most that the connection held after any step, in bytes.
    #[must_use]
    pub const fn most_memory(&self) -> usize {
        self.most_memory
    }

    /// Whether the connection is closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    /// Gives bytes as far as there is room for them, and says how many that were.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let room = self.connection.input_room();
        let bytes = bytes.get(..room).unwrap_or(bytes);
        self.give(bytes);
        bytes.len()
    }

    /// Gives bytes whether there is room or not.
    pub fn overfeed(&mut self, bytes: &[u8]) {
        self.overfed |= bytes.len() > self.connection.input_room();
        self.give(bytes);
    }

    fn give(&mut self, bytes: &[u8]) {
        self.fed += bytes.len();
        if !self.closed {
            self.model.input(bytes);
        }
        self.connection.handle_input(bytes);
        self.check();
    }

    /// Takes the next event. False when there is none.
    pub fn poll_event(&mut self) -> bool {
        let event = match self.connection.poll_event() {
            None => {
                assert!(self.behind || !self.owes_an_event(), "an event is missing");
                return false;
            }
            Some(Event::RequestActivation { call, message }) => {
                self.waiting = Some(call);
                ServerEvent::RequestActivation(call.id().0, message.to_vec())
            }
            Some(Event::GetHostCertificate { call }) => {
                self.waiting = Some(call);
                ServerEvent::GetHostCertificate(call.id().0)
            }
            Some(Event::Closed { violation }) => ServerEvent::Closed(violation),
            Some(other) => unknown(&other),
        };
        assert!(!self.end_seen, "{event:?} after the end");
        let expected = self.model.waiting.as_ref();
        let expected = expected.map(|waiting| (waiting.call, waiting.message.as_deref()));
        match &event {
            ServerEvent::RequestActivation(call, message) => {
                assert_eq!(expected, Some((*call, Some(message.as_slice()))));
            }
            ServerEvent::GetHostCertificate(call) => assert_eq!(expected, Some((*call, None))),
            ServerEvent::Closed(violation) => {
                self.end_seen = true;
                assert!(self.connection.is_closed());
                if *violation == Violation::InputOverflow {
                    assert!(
                        self.overfed,
                        "closed for more input than there was room for"
                    );
                } else {
                    if let Violation::Malformed(error) = violation {
                        assert_in_body(error);
                    }
                    let name = rule(violation);
                    assert_eq!(self.model.closed(), Some(name), "{violation:?}");
                }
            }
        }
        self.events.push(event);
        self.check();
        true
    }

    /// The call that was handed out and not answered.
    #[must_use]
    pub const fn waiting(&self) -> Option<Call> {
        self.waiting
    }

    /// The call that was answered last.
    #[must_use]
    pub const fn answered(&self) -> Option<Call> {
        self.answered
    }

    /// Answers a call, and checks that the connection takes or refuses the answer as it should.
    pub fn respond(&mut self, call: Call, answer: Answer) {
        let bytes;
        let reply = match answer {
            Answer::Bytes(length) => {
                bytes = pattern(length);
                Reply::Bytes(&bytes)
            }
            Answer::Refused(status) => Reply::Refused(StatusCode(status)),
            Answer::TooBusy => Reply::TooBusy,
        };
        let expected = match answer {
            _ if self.closed => Err(RespondError::Closed(call.id())),
            _ if self.waiting != Some(call) => Err(RespondError::NotWaiting(call.id())),
            Answer::Bytes(length) if length > MAX_ANSWER => Err(RespondError::TooLong(length)),
            Answer::Refused(0) => Err(RespondError::RefusedWithSuccess),
            _ => Ok(()),
        };
        assert_eq!(self.connection.respond(call, reply), expected);
        if expected.is_ok() {
            self.waiting = None;
            self.answered = Some(call);
            match answer {
                Answer::Bytes(length) => self.model.answer(&pattern(length)),
                Answer::Refused(status) => self.model.refuse(status),
                Answer::TooBusy => self.model.too_busy(),
            }
        }
        self.check();
    }

    /// Takes what is to be sent. False when there is nothing.
    pub fn fetch(&mut self) -> bool {
        let Some(bytes) = self.connection.poll_transmit() else {
            let ended = self.overfed && self.closed;
            assert!(
                ended || self.sent.len() == self.model.output.len(),
                "a reply is missing"
            );
            self.behind = false;
            self.check();
            return false;
        };
        assert!(!bytes.is_empty(), "nothing is given as something");
        let expected = self.model.output.get(self.sent.len()..).unwrap_or_default();
        if self.overfed && self.closed && !expected.starts_with(bytes) {
            // Closed for too much input: a fault about that ends what was to be sent.
            let at = bytes.len().saturating_sub(32);
            let (before, fault) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            assert!(expected.starts_with(before));
            assert_eq!(fault.get(2..4), Some(&[3, 3][..]), "{fault:02x?}");
            assert_eq!(fault.get(24..28), Some(&[0x0b, 0, 1, 0x1c][..]));
        } else {
            assert!(
                expected.starts_with(bytes),
                "sent {bytes:02x?}, where the protocol says {expected:02x?}"
            );
        }
        self.sent.extend_from_slice(bytes);
        self.check();
        true
    }

    /// Fetches and answers until nothing is left to do; `answer` is given the number of the call,
    /// from 0, and the length of its message.
    pub fn pump(&mut self, answer: impl Fn(usize, usize) -> Answer) {
        loop {
            let fetched = self.fetch();
            let polled = self.poll_event();
            if let Some(call) = self.waiting.filter(|_| !self.closed) {
                let length = match self.events.last() {
                    Some(ServerEvent::RequestActivation(_, message)) => message.len(),
                    _ => 0,
                };
                let number = self.events.len().saturating_sub(1);
                self.respond(call, answer(number, length));
            } else if !fetched && !polled {
                break;
            }
        }
        self.check_settled();
    }

    /// Ends the test: after a last [`pump`](Self::pump), nothing may come of further bytes on a
    /// closed connection.
    pub fn finish(&mut self) {
        self.pump(|_, _| Answer::TooBusy);
        if self.closed {
            assert!(self.end_seen, "closed without saying why");
            assert_eq!(self.connection.input_room(), 0);
            let memory = self.connection.memory();
            self.connection.handle_input(&pattern(100));
            assert!(
                self.connection.memory() <= memory,
                "input is kept after the end"
            );
            assert_eq!(self.connection.poll_transmit(), None);
            assert_eq!(self.connection.poll_event(), None);
            assert!(self.connection.is_closed());
        }
    }

    /// All was fetched and answered: the connection stands where the model stands.
    fn check_settled(&self) {
        if self.closed && self.overfed {
            return;
        }
        assert_eq!(
            self.sent.len(),
            self.model.output.len(),
            "a reply is missing"
        );
        assert_eq!(self.model.waiting, None, "a call was not handed out");
        assert_eq!(
            self.closed,
            self.model.closed().is_some(),
            "{:?}",
            self.model.closed()
        );
        assert_eq!(self.closed, self.end_seen);
        assert!(self.model.replies <= self.model.pdus);
        if !self.closed {
            let room = self.connection.input_room();
            let part = usize::from(MAX_FRAGMENT);
            assert!(
                room > MAX_BUFFERED_INPUT - part,
                "a whole PDU is left waiting"
            );
        }
    }

    /// The model tells something that was not polled yet.
    fn owes_an_event(&self) -> bool {
        let ended = self.overfed && self.closed;
        let call = self.model.waiting.is_some() && self.waiting.is_none();
        !ended && (call || self.model.closed().is_some() && !self.end_seen)
    }

    fn check(&mut self) {
        self.behind |= self.model.output.len() >= self.sent.len() + MAX_PENDING_OUTPUT;
        let memory = self.connection.memory();
        assert!(memory <= MAX_CONNECTION_MEMORY, "{memory} bytes held");
        self.most_memory = self.most_memory.max(memory);
        assert!(!self.closed || self.connection.is_closed(), "open again");
        self.closed = self.connection.is_closed();
        let answers = self.model.answer_bytes;
        assert!(
            self.sent.len() <= answers + 2 * self.fed,
            "{} bytes sent, {answers} of answers, for {} received",
            self.sent.len(),
            self.fed
        );
    }
}

pub(super) fn new_connection() -> Connection {
    Connection::new(Config {
        port: 1688,
        association_group: GROUP,
    })
}

/// An error about a PDU's body points into it.
pub(super) fn assert_in_body(error: &DecodeError) {
    let body = Header::LEN..=usize::from(MAX_FRAGMENT);
    assert!(body.contains(&error.offset()), "{error}");
}

/// Bytes that are not all the same.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    const BLOCK: [u8; 251] = {
        let mut block = [0; 251];
        let mut at = 1;
        while at < block.len() {
            block[at] = block[at - 1] + 1;
            at += 1;
        }
        block
    };
    let mut bytes = BLOCK.repeat(length / BLOCK.len() + 1);
    bytes.truncate(length);
    bytes
}

/// The model's name for it.
fn rule(violation: &Violation) -> &'static str {
    use kms_core::DecodeErrorKind;
    use kms_wire::pdu::HeaderError;
    match violation {
        Violation::Header(HeaderError::FragmentLength(length)) if *length < 16 => {
            "ShortFragmentLength"
        }
        Violation::Header(HeaderError::FragmentLength(_)) => "LongFragmentLength",
        Violation::Header(_) => "Header",
        Violation::NotABind(_) => "NotABind",
        Violation::Authentication(_) => "Authentication",
        Violation::Malformed(error) if matches!(error.kind(), DecodeErrorKind::Limit { .. }) => {
            "MalformedLimit"
        }
        Violation::Malformed(_) => "Malformed",
        Violation::NoContext => "NoContext",
        Violation::NoTransferSyntax(_) => "NoTransferSyntax",
        Violation::FeaturesTwice => "FeaturesTwice",
        Violation::AssociationGroup(_) => "AssociationGroup",
        Violation::Unexpected(_) => "Unexpected",
        Violation::PendingCancel(_) => "PendingCancel",
        Violation::FragmentOrder(_) => "FragmentOrder",
        Violation::RepresentationChanged(_) => "RepresentationChanged",
        Violation::StubTooLong(_) => "StubTooLong",
        Violation::TooManyFragments(_) => "TooManyFragments",
        Violation::InputOverflow => "InputOverflow",
        _ => "a rule that the model does not have",
    }
}

#[expect(clippy::panic, reason = "an oracle panics when a property breaks")]
fn unknown<T>(event: &Event<'_>) -> T {
    panic!("the oracle does not know {event:?}")
}
