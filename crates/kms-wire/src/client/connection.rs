use super::Violation;
use crate::{
    limits::{MAX_ANSWER_STUB, MAX_FRAGMENT, MAX_STUB, MUST_RECEIVE_FRAGMENT, RETAINED},
    ndr::{Operation, Outcome},
    pdu::{
        AckHead, Bind, BindAck, BindNak, CallId, ContextResultCode, DataRepresentation, DecodeBody,
        Fault, FaultStatus, Header, Pdu, PduType, PfcFlags, Prefix, PresentationContext,
        ProviderReason, RejectReason, Request, Response, SyntaxId, TransferSyntaxes, WholeRequest,
        decode_results,
    },
    reassembly::{Overflow, Reassembly},
};
use alloc::{vec, vec::Vec};
use core::ops::Range;
use kms_core::{ByteOrder, Encode, Reader, StatusCode, Writer};

/// What a client chooses for its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a choice that callers make")]
pub struct Config {
    /// The fragment size that is proposed for both directions, in bytes; the default is
    /// [`MAX_FRAGMENT`]. It is held to [`MUST_RECEIVE_FRAGMENT`] and [`MAX_FRAGMENT`].
    pub max_fragment: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_fragment: MAX_FRAGMENT,
        }
    }
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The host accepted the bind: calls can be made.
    Bound,
    /// The host answered a call, with HRESULT 0.
    Answered {
        /// The call.
        call: CallId,
        /// The message: not verified, and perhaps not well formed.
        bytes: &'a [u8],
    },
    /// The host refused a call with an HRESULT.
    Refused {
        /// The call.
        call: CallId,
        /// The HRESULT, not 0.
        status: StatusCode,
    },
    /// A call failed in the RPC layer. A host that closes the connection for it just does so.
    Fault {
        /// The call.
        call: CallId,
        /// Why.
        status: FaultStatus,
        /// Whether the host says that the call was not executed.
        did_not_execute: bool,
    },
    /// The host does not want to talk, and the connection is closed. It is the last event.
    Rejected(Rejection),
    /// The host broke a rule, or closes the connection. It is the last event.
    Closed {
        /// Which rule.
        violation: Violation,
    },
}

/// How a host refused a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// With a bind_nak.
    #[error("the host refused the bind, reason {0}")]
    Nak(RejectReason),
    /// With a bind_ack that rejects the context.
    #[error("the host does not offer the activation interface (result {}, reason {})", .result.0, .reason.0)]
    #[non_exhaustive]
    Context {
        /// What it says became of the context.
        result: ContextResultCode,
        /// Why.
        reason: ProviderReason,
    },
    /// With a fault.
    #[error("the host answered the bind with fault {0}")]
    Fault(FaultStatus),
}

/// Why a call was not made. A client that sees one calls at the wrong time or with too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The host has not accepted the bind yet.
    #[error("not bound yet: wait for the event that says so")]
    NotBound,
    /// Another call is under way, or its event was not fetched.
    #[error("another call is under way: fetch its event first")]
    Busy,
    /// The connection is closed.
    #[error("the connection is closed: make another")]
    Closed,
    /// The message does not fit in a call.
    #[error("a call has at most {MAX_STUB} bytes of stub, this one has {0}")]
    TooLong(usize),
}

/// The client's end of one connection.
///
/// Methods may be called in any order.
#[derive(Debug)]
pub struct Connection {
    state: State,
    max_fragment: u16,
    next_call: u32,
    // Part of a PDU: less than MAX_FRAGMENT bytes.
    input: Vec<u8>,
    // The answer that arrives, or that an event will show.
    stub: Reassembly,
    event: Option<Pending>,
    // Why the conversation ended: shown after the event, which may be an answer.
    end: Option<End>,
    output: Vec<u8>,
    // How much of the output was fetched: nothing or all of it.
    fetched: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Binding(CallId),
    Idle,
    Calling {
        call: CallId,
        // The representation of the first fragment, once it has come.
        begun: Option<DataRepresentation>,
    },
    Closed,
}

/// An event that was not fetched, with a range where it will show bytes.
#[derive(Clone, Debug)]
enum Pending {
    Bound,
    Answered(CallId, Range<usize>),
    Refused(CallId, StatusCode),
    Fault(CallId, FaultStatus, bool),
}

/// Why a conversation ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Rejected(Rejection),
    Closed(Violation),
}

/// The context that is proposed, the only one.
const CONTEXT_ID: u16 = 0;

impl Connection {
    /// A connection that was just established. The bind waits to be sent.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let max_fragment = config
            .max_fragment
            .clamp(MUST_RECEIVE_FRAGMENT, MAX_FRAGMENT);
        let call_id = CallId(1);
        let bind = Bind {
            max_transmit_fragment: max_fragment,
            max_receive_fragment: max_fragment,
            association_group: 0,
            contexts: vec![PresentationContext {
                id: CONTEXT_ID,
                abstract_syntax: SyntaxId::INTERFACE,
                transfer_syntaxes: TransferSyntaxes::ndr(),
            }],
        };
        let prefix = Prefix::new(call_id);
        Self {
            state: State::Binding(call_id),
            max_fragment,
            next_call: 2,
            input: Vec::new(),
            stub: Reassembly::new(MAX_ANSWER_STUB),
            event: None,
            end: None,
            output: Pdu { prefix, body: bind }.to_vec(),
            fetched: 0,
        }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// When it cannot be made now, or is too long.
    pub fn call(&mut self, operation: Operation<'_>) -> Result<CallId, CallError> {
        match self.state {
            State::Binding(_) => return Err(CallError::NotBound),
            State::Calling { .. } => return Err(CallError::Busy),
            State::Closed => return Err(CallError::Closed),
            State::Idle => {}
        }
        // The event of the last call would show what is about to be overwritten.
        if self.event.is_some() {
            return Err(CallError::Busy);
        }
        if operation.encoded_len() > MAX_STUB {
            return Err(CallError::TooLong(operation.encoded_len()));
        }
        let call = CallId(self.next_call);
        self.next_call = self.next_call.wrapping_add(1);
        self.state = State::Calling { call, begun: None };
        self.write_request(call, operation);
        Ok(call)
    }

    /// Takes bytes from the socket, in pieces of any size. After the end they are dropped.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() && !self.is_closed() {
            if self.input.is_empty() {
                let used = self.process(bytes);
                bytes = bytes.get(used..).unwrap_or_default();
                if used != 0 {
                    continue;
                }
            }
            // A PDU in parts: put together what its header wants, or the header first.
            let missing = self.missing(bytes);
            let (now, later) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.input.extend_from_slice(now);
            bytes = later;
            let mut input = core::mem::take(&mut self.input);
            if self.process(&input) != 0 {
                input.clear();
            }
            self.input = input;
        }
        if self.is_closed() {
            self.input = Vec::new();
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        let Some(event) = self.event.take() else {
            return self.end.take().map(|end| match end {
                End::Rejected(rejection) => Event::Rejected(rejection),
                End::Closed(violation) => Event::Closed { violation },
            });
        };
        Some(match event {
            Pending::Bound => Event::Bound,
            Pending::Answered(call, range) => Event::Answered {
                call,
                bytes: self.stub.stub().get(range).unwrap_or_default(),
            },
            Pending::Refused(call, status) => Event::Refused { call, status },
            Pending::Fault(call, status, did_not_execute) => Event::Fault {
                call,
                status,
                did_not_execute,
            },
        })
    }

    /// The bytes to be sent next, all of them. They are given once, and stay until another method
    /// is called; several PDUs may stand in them.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        self.drop_fetched();
        if self.output.is_empty() {
            return None;
        }
        self.fetched = self.output.len();
        Some(&self.output)
    }

    /// Whether the conversation is over: the socket is to be closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The heap that the connection holds, in bytes: at most
    /// [`MAX_CONNECTION_MEMORY`](crate::MAX_CONNECTION_MEMORY).
    #[must_use]
    pub const fn memory(&self) -> usize {
        self.input.capacity() + self.stub.memory() + self.output.capacity()
    }

    /// How many bytes the PDU in parts still wants, as far as can be told; at least 1.
    fn missing(&self, next: &[u8]) -> usize {
        let have = self.input.len();
        let wanted = self.input.first_chunk().map_or(Header::LEN, |head| {
            usize::from(Header::from_bytes(head).fragment_length)
        });
        // INVARIANT: a fragment length that is not above what is there was refused before.
        wanted.saturating_sub(have).clamp(1, next.len().max(1))
    }

    /// Handles whole PDUs as long as it can, and returns how many bytes they were.
    fn process(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while !self.is_closed() {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(head) = rest.first_chunk() else {
                break;
            };
            let header = Header::from_bytes(head);
            if let Err(violation) = self.check(&header) {
                self.close(End::Closed(violation));
                break;
            }
            let Some(pdu) = rest.get(..usize::from(header.fragment_length)) else {
                break;
            };
            // INVARIANT: at least a header was used, so this comes to an end.
            used += pdu.len();
            let mut body = Reader::new(pdu, "");
            let done = body
                .skip(Header::LEN, "header")
                .map_err(Violation::Malformed)
                .and_then(|()| self.handle_pdu(&header, &mut body));
            if let Err(violation) = done {
                self.close(End::Closed(violation));
            }
        }
        used
    }

    /// The rules that a header can break by itself.
    fn check(&self, header: &Header) -> Result<(), Violation> {
        header.check().map_err(Violation::Header)?;
        let expected = match (self.state, header.pdu_type) {
            (_, PduType::SHUTDOWN) => return Err(Violation::Shutdown),
            (State::Binding(call), PduType::BIND_ACK | PduType::BIND_NAK | PduType::FAULT)
            | (State::Calling { call, .. }, PduType::RESPONSE | PduType::FAULT) => call,
            (
                State::Binding(_) | State::Idle | State::Calling { .. } | State::Closed,
                unexpected,
            ) => return Err(Violation::Unexpected(unexpected)),
        };
        if header.call_id != expected {
            return Err(Violation::OtherCall {
                found: header.call_id,
                expected,
            });
        }
        if header.auth_length != 0 {
            return Err(Violation::Authentication(header.pdu_type));
        }
        Ok(())
    }

    fn handle_pdu(&mut self, header: &Header, body: &mut Reader<'_>) -> Result<(), Violation> {
        match (self.state, header.pdu_type) {
            (State::Binding(_), PduType::BIND_ACK) => self.handle_bind_ack(header, body),
            (State::Binding(_), PduType::BIND_NAK) => {
                let nak: BindNak = read(header, body)?;
                self.close(End::Rejected(Rejection::Nak(nak.reason)));
                Ok(())
            }
            (State::Binding(_), _) => {
                let fault: Fault = read(header, body)?;
                self.close(End::Rejected(Rejection::Fault(fault.status)));
                Ok(())
            }
            (State::Calling { call, .. }, PduType::FAULT) => {
                let fault: Fault = read(header, body)?;
                let did_not_execute = header.flags.contains(PfcFlags::DID_NOT_EXECUTE);
                self.finish(Pending::Fault(call, fault.status, did_not_execute));
                Ok(())
            }
            (State::Calling { call, begun }, _) => {
                self.handle_response(header, call, begun, read(header, body)?)
            }
            (State::Idle | State::Closed, unexpected) => Err(Violation::Unexpected(unexpected)),
        }
    }

    fn handle_bind_ack(&mut self, header: &Header, body: &mut Reader<'_>) -> Result<(), Violation> {
        body.set_context(BindAck::NAME);
        let order = header.order();
        let ack = AckHead::decode(body, order).map_err(Violation::Malformed)?;
        let mut results = decode_results(body, order).map_err(Violation::Malformed)?;
        let count = results.len();
        let (1, Some(result)) = (count, results.next()) else {
            return Err(Violation::Results(count));
        };
        match result.result {
            ContextResultCode::ACCEPTANCE if result.transfer_syntax == SyntaxId::NDR => {}
            ContextResultCode::ACCEPTANCE | ContextResultCode::NEGOTIATE_ACK => {
                return Err(Violation::Acceptance);
            }
            rejection => {
                self.close(End::Rejected(Rejection::Context {
                    result: rejection,
                    reason: result.reason,
                }));
                return Ok(());
            }
        }
        if ack.max_receive_fragment < MUST_RECEIVE_FRAGMENT {
            return Err(Violation::FragmentSize(ack.max_receive_fragment));
        }
        self.max_fragment = self.max_fragment.min(ack.max_receive_fragment);
        self.finish(Pending::Bound);
        Ok(())
    }

    fn handle_response(
        &mut self,
        header: &Header,
        call: CallId,
        begun: Option<DataRepresentation>,
        response: Response<'_>,
    ) -> Result<(), Violation> {
        if response.context_id != CONTEXT_ID {
            return Err(Violation::OtherContext(response.context_id));
        }
        match begun {
            None if header.flags.contains(PfcFlags::FIRST) => self.stub.clear(),
            Some(_) if header.flags.contains(PfcFlags::FIRST) => {
                return Err(Violation::FragmentOrder);
            }
            Some(first) if first == header.representation => {}
            Some(_) => return Err(Violation::RepresentationChanged),
            None => return Err(Violation::FragmentOrder),
        }
        self.stub
            .add(response.stub, true)
            .map_err(|overflow| match overflow {
                Overflow::Length => Violation::AnswerTooLong,
                Overflow::Fragments => Violation::TooManyFragments,
            })?;
        if !header.flags.contains(PfcFlags::LAST) {
            let begun = Some(header.representation);
            self.state = State::Calling { call, begun };
            return Ok(());
        }
        let outcome = Outcome::decode(self.stub.stub(), header.order()).map_err(Violation::Stub)?;
        let event = match outcome {
            // n, referent, max_count; no bytes may also mean no array, and then nothing is shown.
            Outcome::Answered(bytes) => Pending::Answered(call, 12..12 + bytes.len()),
            Outcome::Refused(status) => Pending::Refused(call, status),
        };
        self.finish(event);
        Ok(())
    }

    /// Ends what was under way well enough.
    fn finish(&mut self, event: Pending) {
        self.state = State::Idle;
        self.event = Some(event);
    }

    /// Ends the conversation. An event that was not fetched stays: an answer is none the worse for
    /// what came after it.
    fn close(&mut self, end: End) {
        self.state = State::Closed;
        self.end = Some(end);
    }

    fn write_request(&mut self, call: CallId, operation: Operation<'_>) {
        self.drop_fetched();
        if Request::STUB_OFFSET + operation.encoded_len() <= usize::from(self.max_fragment) {
            let prefix = Prefix::new(call);
            let context_id = CONTEXT_ID;
            let body = WholeRequest {
                context_id,
                operation,
            };
            return Pdu { prefix, body }.encode(&mut Writer::new(&mut self.output));
        }
        self.stub.clear();
        operation.encode(&mut Writer::new(self.stub.buffer()), ByteOrder::Little);
        let mut prefix = Prefix::new(call);
        prefix.flags = PfcFlags::FIRST;
        let mut rest = self.stub.stub();
        // INVARIANT: at least 1432 - 24 bytes of stub in each fragment but the last, and a multiple
        // of 8 of them, as C706 section 12.6.3.1 wants.
        let most = usize::from(self.max_fragment).saturating_sub(Request::STUB_OFFSET) & !7;
        loop {
            let (part, later) = rest.split_at_checked(most).unwrap_or((rest, &[]));
            if later.is_empty() {
                prefix.flags = prefix.flags | PfcFlags::LAST;
            }
            let body = Request {
                alloc_hint: u32::try_from(rest.len()).unwrap_or(u32::MAX),
                context_id: CONTEXT_ID,
                opnum: operation.opnum(),
                object: None,
                stub: part,
            };
            Pdu { prefix, body }.encode(&mut Writer::new(&mut self.output));
            if later.is_empty() {
                break;
            }
            rest = later;
            prefix.flags = PfcFlags::default();
        }
    }

    /// Gives up what was fetched.
    fn drop_fetched(&mut self) {
        if self.fetched != 0 {
            self.output.clear();
            self.output.shrink_to(RETAINED);
            self.fetched = 0;
        }
    }
}

fn read<'a, B: DecodeBody<'a>>(header: &Header, body: &mut Reader<'a>) -> Result<B, Violation> {
    body.set_context(B::NAME);
    B::decode_body(body, header).map_err(Violation::Malformed)
}
