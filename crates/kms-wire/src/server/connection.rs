use super::{Violation, contexts::Contexts};
use crate::{
    limits::{MAX_ANSWER, MAX_BUFFERED_INPUT, MAX_PENDING_OUTPUT, MAX_STUB, RETAINED},
    ndr::{Opnum, Outcome},
    pdu::{BindNak, CallId, DataRepresentation, FaultStatus, Header, PfcFlags},
    reassembly::Reassembly,
};
use alloc::vec::Vec;
use core::{num::NonZeroU32, ops::Range};
use kms_core::{Reader, StatusCode};

/// What a host tells its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair that callers make")]
pub struct Config {
    /// The port that the host listens on: the secondary address in a bind_ack.
    pub port: u16,
    /// The association group, the same for all connections of a host. It should be random for each
    /// process, so that a client of an earlier one is told that its group is gone.
    pub association_group: NonZeroU32,
}

/// A call that was handed out, to be given back with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    pub(super) serial: u64,
    pub(super) id: CallId,
}

impl Call {
    /// The client's number for it. A client may use one number for several calls.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The client asks for an activation.
    RequestActivation {
        /// To be given back with the reply.
        call: Call,
        /// The message exactly as it came: the answer's signature covers its hash. Whether it is
        /// well formed is for [`ActivationRequest`](crate::ActivationRequest) to say.
        message: &'a [u8],
    },
    /// The client asks for the host's certificate.
    GetHostCertificate {
        /// To be given back with the reply.
        call: Call,
    },
    /// The client broke a rule, and the connection is closed. It comes once, as the last event.
    Closed {
        /// Which rule.
        violation: Violation,
    },
}

/// How a host answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no other way to answer a call"
)]
pub enum Reply<'a> {
    /// HRESULT 0 with these bytes, at most [`MAX_ANSWER`].
    Bytes(&'a [u8]),
    /// Another HRESULT, not 0, and no bytes.
    Refused(StatusCode),
    /// The fault `nca_s_server_too_busy`, which says that nothing was executed. The connection
    /// stays open.
    TooBusy,
}

/// Why a reply was not taken. A host that sees one has a fault of its own, except for
/// [`Closed`](Self::Closed), which a client can bring about while its call is being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// The connection was closed meanwhile.
    #[error("the connection is closed, the reply to call {0} is dropped")]
    Closed(CallId),
    /// The call was answered before, or is of another connection.
    #[error("call {0} is not waiting for a reply: answer each call once, on its own connection")]
    NotWaiting(CallId),
    /// The bytes do not fit in an answer. The call still waits.
    #[error("an answer has at most {MAX_ANSWER} bytes, this one has {0}")]
    TooLong(usize),
    /// A refusal with the HRESULT of success. The call still waits.
    #[error("a call cannot be refused with HRESULT 0, which means success")]
    RefusedWithSuccess,
}

/// The host's end of one connection.
///
/// Everything that a client can send is answered as PROTOCOL section 1 says; nothing of it can
/// panic, loop, or hold more than [`MAX_CONNECTION_MEMORY`](crate::MAX_CONNECTION_MEMORY).
/// Methods may be called in any order.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) contexts: Contexts,
    pub(super) minor_version: u8,
    // What cannot be looked at yet: part of a PDU, or whatever follows a call that waits for its
    // reply.
    pub(super) input: Vec<u8>,
    // The stub of the call that arrives, then the message of the call that waits, then its answer.
    pub(super) stub: Reassembly,
    pub(super) assembling: Option<Assembling>,
    pub(super) waiting: Option<Waiting>,
    pub(super) serial: u64,
    pub(super) output: Vec<u8>,
    // How much of the output was fetched: nothing or all of it.
    pub(super) fetched: usize,
    pub(super) closed: Option<Violation>,
}

#[derive(Debug)]
pub(super) enum State {
    Unbound,
    Bound {
        max_fragment: u16,
        // PFC_CONC_MPX was negotiated: it decides which call a fault is about.
        multiplexed: bool,
    },
    Closed,
}

/// A call whose last fragment has not come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assembling {
    pub(super) origin: Origin,
    pub(super) opnum: Opnum,
    pub(super) representation: DataRepresentation,
    // False when the call has had its fault, and the rest of it is passed over.
    pub(super) keep: bool,
}

/// What an answer repeats of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) call_id: CallId,
    pub(super) context_id: u16,
}

/// A call that waits for its reply.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) call: Call,
    pub(super) context_id: u16,
    // Where the message stands in the stub; none for GetHostCertificate.
    pub(super) message: Option<Range<usize>>,
    pub(super) handed_out: bool,
}

impl Connection {
    /// A connection that was just accepted.
    #[must_use]
    #[inline]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Unbound,
            contexts: Contexts::NONE,
            minor_version: 0,
            input: Vec::new(),
            stub: Reassembly::new(MAX_STUB),
            assembling: None,
            waiting: None,
            serial: 0,
            output: Vec::new(),
            fetched: 0,
            closed: None,
        }
    }

    /// Takes bytes from the socket, in pieces of any size.
    ///
    /// What comes while a call waits for its reply, or while output waits to be fetched, is kept up
    /// to [`MAX_BUFFERED_INPUT`] bytes; a byte more closes the connection. So read at most
    /// [`input_room`](Self::input_room) bytes from the socket.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.input.is_empty() {
            let used = self.process(bytes);
            bytes = bytes.get(used..).unwrap_or_default();
        }
        while !bytes.is_empty() && !self.is_closed() {
            let room = self.input_room();
            if room == 0 {
                let call_id = self.waiting.as_ref().map(|waiting| waiting.call.id);
                self.close(
                    Violation::InputOverflow,
                    Origin {
                        call_id: call_id.unwrap_or_default(),
                        context_id: 0,
                    },
                );
                break;
            }
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.input.extend_from_slice(now);
            bytes = later;
            self.process_input();
        }
    }

    /// How many bytes [`handle_input`](Self::handle_input) can take now without closing.
    #[must_use]
    pub fn input_room(&self) -> usize {
        if self.is_closed() {
            0
        } else {
            MAX_BUFFERED_INPUT.saturating_sub(self.input.len())
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        if let Some(waiting) = self.waiting.as_mut().filter(|waiting| !waiting.handed_out) {
            waiting.handed_out = true;
            let call = waiting.call;
            return Some(match &waiting.message {
                Some(range) => Event::RequestActivation {
                    call,
                    message: self.stub.stub().get(range.clone()).unwrap_or_default(),
                },
                None => Event::GetHostCertificate { call },
            });
        }
        let violation = self.closed.take()?;
        Some(Event::Closed { violation })
    }

    /// Answers a call.
    ///
    /// # Errors
    /// When the call does not wait for a reply, the connection is closed, or the reply is none that
    /// can be sent.
    pub fn respond(&mut self, call: Call, reply: Reply<'_>) -> Result<(), RespondError> {
        if self.is_closed() {
            return Err(RespondError::Closed(call.id));
        }
        let context_id = match &self.waiting {
            Some(waiting) if waiting.call == call => waiting.context_id,
            _ => return Err(RespondError::NotWaiting(call.id)),
        };
        let origin = Origin {
            call_id: call.id,
            context_id,
        };
        match reply {
            Reply::Bytes(bytes) if bytes.len() > MAX_ANSWER => {
                return Err(RespondError::TooLong(bytes.len()));
            }
            Reply::Refused(StatusCode::OK) => return Err(RespondError::RefusedWithSuccess),
            Reply::Bytes(bytes) => self.write_answer(origin, Outcome::Answered(bytes)),
            Reply::Refused(status) => self.write_answer(origin, Outcome::Refused(status)),
            Reply::TooBusy => self.write_fault(origin, FaultStatus::SERVER_TOO_BUSY, true),
        }
        self.waiting = None;
        self.stub.clear();
        self.process_input();
        Ok(())
    }

    /// The bytes to be sent next, all of them. They are given once, and stay until another method
    /// is called; several PDUs may stand in them.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        if self.fetched != 0 {
            self.drop_fetched();
            self.process_input();
        }
        if self.output.is_empty() {
            return None;
        }
        self.fetched = self.output.len();
        Some(&self.output)
    }

    /// Whether the conversation is over: once [`poll_transmit`](Self::poll_transmit) has nothing
    /// more, the socket is to be closed. Input is dropped.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The heap that the connection holds, in bytes: at most
    /// [`MAX_CONNECTION_MEMORY`](crate::MAX_CONNECTION_MEMORY).
    #[must_use]
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.stub.memory() + self.output.capacity()
    }

    /// Whether another PDU may be looked at now.
    fn is_ready(&self) -> bool {
        !self.is_closed()
            && self.waiting.is_none()
            && self.output.len() - self.fetched < MAX_PENDING_OUTPUT
    }

    /// Looks at what waits.
    fn process_input(&mut self) {
        if self.input.is_empty() {
            return;
        }
        let mut input = core::mem::take(&mut self.input);
        let used = self.process(&input);
        input.drain(..used.min(input.len()));
        if !self.is_closed() {
            if input.is_empty() {
                input.shrink_to(RETAINED);
            }
            self.input = input;
        }
    }

    /// Handles whole PDUs as long as it can, and returns how many bytes they were.
    fn process(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while self.is_ready() {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(head) = rest.first_chunk() else {
                break;
            };
            let header = Header::from_bytes(head);
            if let Err(violation) = self.check(&header) {
                self.close(violation, Origin::of(&header));
                break;
            }
            let Some(pdu) = rest.get(..usize::from(header.fragment_length)) else {
                break;
            };
            // INVARIANT: at least a header was used, so this comes to an end.
            used += pdu.len();
            let mut body = Reader::new(pdu, "");
            if body.skip(Header::LEN, "header").is_ok() {
                self.handle_pdu(&header, &mut body);
            }
        }
        used
    }

    /// Answers a violation, and ends the conversation.
    pub(super) fn close(&mut self, violation: Violation, about: Origin) {
        match self.state {
            State::Unbound => {
                let reason = violation.reject_reason();
                self.write(about.call_id, PfcFlags::WHOLE, BindNak { reason });
            }
            State::Bound { .. } => {
                let (status, did_not_execute) = violation.fault();
                self.write_fault(about, status, did_not_execute);
            }
            State::Closed => return,
        }
        self.state = State::Closed;
        self.input = Vec::new();
        self.stub = Reassembly::new(MAX_STUB);
        self.assembling = None;
        self.waiting = None;
        self.closed = Some(violation);
    }
}

impl Origin {
    /// Of a PDU that belongs to no context.
    pub(super) const fn of(header: &Header) -> Self {
        Self {
            call_id: header.call_id,
            context_id: 0,
        }
    }
}
