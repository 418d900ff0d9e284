use super::{
    client_model::{ClientEvent, ClientModel},
    server_harness::{assert_in_body, pattern},
};
use kms_wire::{
    MAX_ANSWER_STUB, MAX_CONNECTION_MEMORY, MAX_FRAGMENT, MAX_REQUEST, Operation,
    client::{CallError, Config, Connection, Event, Rejection, Violation},
};

/// A client's connection beside an independent model of it.
///
/// Whatever is done to it, in any order, it panics unless:
///
/// - every byte that the connection sends, every event and every result of `call` is the one that
///   the model has at that place; so an answer comes only to a call, and once;
/// - [`memory`](Connection::memory) is at most [`MAX_CONNECTION_MEMORY`] after each step;
/// - each poll gives something or says that there is nothing;
/// - a closed connection stays closed, says why exactly once and as the last thing, drops further
///   input and gives nothing more.
#[derive(Debug)]
pub struct ClientHarness {
    connection: Connection,
    model: ClientModel,
    events: Vec<ClientEvent>,
    sent: Vec<u8>,
    closed: bool,
    most_memory: usize,
}

impl Default for ClientHarness {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientHarness {
    /// A connection that was just established, of the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connection: Connection::new(Config::default()),
            model: ClientModel::new(),
            events: Vec::new(),
            sent: Vec::new(),
            closed: false,
            most_memory: 0,
        }
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> &[ClientEvent] {
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

    /// Gives bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.model.input(bytes);
        }
        self.connection.handle_input(bytes);
        self.check();
    }

    /// Asks for an activation with a message of this length, or for the certificate, and checks that
    /// the connection makes or refuses the call as it should. Returns whether it was made.
    pub fn call(&mut self, message: Option<usize>) -> bool {
        let message = message.map(pattern);
        let operation = message
            .as_ref()
            .map_or(Operation::GetHostCertificate, |message| {
                Operation::RequestActivation { message }
            });
        let error = if self.closed {
            Some(CallError::Closed)
        } else if self.model.is_binding() {
            Some(CallError::NotBound)
        } else if self.model.is_calling() || self.events.len() < self.model.events.len() {
            Some(CallError::Busy)
        } else {
            let length = message.as_ref().map_or(0, Vec::len);
            (length > MAX_REQUEST).then_some(CallError::TooLong(8 + length))
        };
        let made = self.connection.call(operation);
        assert_eq!(made.err(), error);
        if let Ok(call) = made {
            let expected = match &message {
                Some(message) => {
                    let n = u32::try_from(message.len()).unwrap_or(u32::MAX);
                    let n = n.to_le_bytes();
                    self.model.call(0, &[&n, &n, message.as_slice()].concat())
                }
                None => self.model.call(1, &[]),
            };
            assert_eq!(call.0, expected);
        }
        self.check();
        made.is_ok()
    }

    /// Takes the next event. False when there is none.
    pub fn poll_event(&mut self) -> bool {
        let event = match self.connection.poll_event() {
            None => {
                assert_eq!(self.events, self.model.events, "an event is missing");
                return false;
            }
            Some(Event::Bound) => ClientEvent::Bound,
            Some(Event::Answered { call, bytes }) => ClientEvent::Answered(call.0, bytes.to_vec()),
            Some(Event::Refused { call, status }) => ClientEvent::Refused(call.0, status.0),
            Some(Event::Fault {
                call,
                status,
                did_not_execute,
            }) => ClientEvent::Fault(call.0, status.0, did_not_execute),
            Some(Event::Rejected(rejection)) => rejected(&rejection),
            Some(Event::Closed { violation }) => {
                match &violation {
                    Violation::Malformed(error) => assert_in_body(error),
                    Violation::Stub(error) => assert!(error.offset() <= MAX_ANSWER_STUB, "{error}"),
                    _ => {}
                }
                ClientEvent::Closed(rule(&violation))
            }
            Some(other) => unknown(&other),
        };
        assert_eq!(Some(&event), self.model.events.get(self.events.len()));
        self.events.push(event);
        self.check();
        true
    }

    /// Takes what is to be sent. False when there is nothing.
    pub fn fetch(&mut self) -> bool {
        let Some(bytes) = self.connection.poll_transmit() else {
            // What a closed connection did not send yet need not be sent.
            assert!(self.closed || self.sent.len() == self.model.output.len());
            return false;
        };
        assert!(!bytes.is_empty(), "nothing is given as something");
        let expected = self.model.output.get(self.sent.len()..);
        assert_eq!(Some(bytes), expected);
        self.sent.extend_from_slice(bytes);
        self.check();
        true
    }

    /// Fetches and polls until nothing is left to do.
    pub fn pump(&mut self) {
        while self.fetch() || self.poll_event() {}
    }

    /// Ends the test: after a last [`pump`](Self::pump), nothing may come of further bytes on a
    /// closed connection.
    pub fn finish(&mut self) {
        self.pump();
        assert_eq!(self.closed, self.model.is_closed());
        if self.closed {
            let memory = self.connection.memory();
            self.connection.handle_input(&pattern(100));
            assert!(
                self.connection.memory() <= memory,
                "input is kept after the end"
            );
            assert_eq!(self.connection.poll_transmit(), None);
            assert_eq!(self.connection.poll_event(), None);
            assert_eq!(
                self.connection.call(Operation::GetHostCertificate),
                Err(CallError::Closed)
            );
        } else {
            assert!(self.model.part() < usize::from(MAX_FRAGMENT));
        }
    }

    fn check(&mut self) {
        let memory = self.connection.memory();
        assert!(memory <= MAX_CONNECTION_MEMORY, "{memory} bytes held");
        self.most_memory = self.most_memory.max(memory);
        assert!(!self.closed || self.connection.is_closed(), "open again");
        self.closed = self.connection.is_closed();
        assert_eq!(self.closed, self.model.is_closed());
    }
}

fn rejected(rejection: &Rejection) -> ClientEvent {
    match rejection {
        Rejection::Nak(reason) => ClientEvent::Rejected("Nak", reason.0.into()),
        Rejection::Context { result, .. } => ClientEvent::Rejected("Context", result.0.into()),
        Rejection::Fault(status) => ClientEvent::Rejected("Fault", status.0),
        other => unknown(other),
    }
}

/// The model's name for it.
fn rule(violation: &Violation) -> &'static str {
    match violation {
        Violation::Header(_) => "Header",
        Violation::Authentication(_) => "Authentication",
        Violation::Malformed(_) => "Malformed",
        Violation::Unexpected(_) => "Unexpected",
        Violation::OtherCall { .. } => "OtherCall",
        Violation::OtherContext(_) => "OtherContext",
        Violation::Results(_) => "Results",
        Violation::Acceptance => "Acceptance",
        Violation::FragmentSize(_) => "FragmentSize",
        Violation::FragmentOrder => "FragmentOrder",
        Violation::RepresentationChanged => "RepresentationChanged",
        Violation::AnswerTooLong => "AnswerTooLong",
        Violation::TooManyFragments => "TooManyFragments",
        Violation::Stub(_) => "Stub",
        Violation::Shutdown => "Shutdown",
        other => unknown(other),
    }
}

#[expect(clippy::panic, reason = "an oracle panics when a property breaks")]
fn unknown<T>(value: &impl core::fmt::Debug) -> T {
    panic!("the oracle does not know {value:?}")
}
