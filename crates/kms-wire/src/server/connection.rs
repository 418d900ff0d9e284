use super::{Violation, contexts::Contexts};
use crate::{
    limits::{
        MAX_ANSWER, MAX_BUFFERED_INPUT, MAX_FRAGMENT, MAX_PENDING_OUTPUT, MAX_STUB,
        MIN_FRAGMENT_SIZE, RETAINED,
    },
    ndr::{Operation, OperationError, Opnum, Outcome},
    pdu::{
        AlterContext, AlterContextResponse, Bind, BindAck, BindNak, CallId, DataRepresentation,
        DecodeBody, Fault, FaultStatus, Header, HeaderError, Pdu, PduType, PfcFlags, Prefix,
        Request, Response,
    },
    reassembly::{Overflow, Reassembly},
};
use alloc::vec::Vec;
use core::{num::NonZeroU32, ops::Range};
use kms_core::{ByteOrder, Encode, Reader, StatusCode, Writer};

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
    serial: u64,
    id: CallId,
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
    config: Config,
    state: State,
    minor_version: u8,
    // What cannot be looked at yet: part of a PDU, or whatever follows a call that waits for its
    // reply.
    input: Vec<u8>,
    // The stub of the call that arrives, then the message of the call that waits, then its answer.
    stub: Reassembly,
    assembling: Option<Assembling>,
    waiting: Option<Waiting>,
    serial: u64,
    output: Vec<u8>,
    // How much of the output was fetched: nothing or all of it.
    fetched: usize,
    closed: Option<Violation>,
}

#[derive(Debug)]
enum State {
    Unbound,
    Bound {
        contexts: Contexts,
        max_fragment: u16,
        // PFC_CONC_MPX was negotiated: it decides which call a fault is about.
        multiplexed: bool,
    },
    Closed,
}

/// A call whose last fragment has not come.
#[derive(Clone, Copy, Debug)]
struct Assembling {
    origin: Origin,
    opnum: Opnum,
    representation: DataRepresentation,
    // False when the call has had its fault, and the rest of it is passed over.
    keep: bool,
}

/// What an answer repeats of a call.
#[derive(Clone, Copy, Debug)]
struct Origin {
    call_id: CallId,
    context_id: u16,
}

/// A call that waits for its reply.
#[derive(Clone, Debug)]
struct Waiting {
    call: Call,
    context_id: u16,
    // Where the message stands in the stub; none for GetHostCertificate.
    message: Option<Range<usize>>,
    handed_out: bool,
}

impl Connection {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Unbound,
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
        let contexts = match &self.state {
            State::Bound { contexts, .. } => contexts.memory(),
            State::Unbound | State::Closed => 0,
        };
        self.input.capacity() + self.stub.memory() + self.output.capacity() + contexts
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
            input.shrink_to(RETAINED);
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

    /// The rules that a header can break by itself, in the order in which they are answered.
    fn check(&self, header: &Header) -> Result<(), Violation> {
        let rules = header.check();
        if let Err(error @ HeaderError::Version { .. }) = rules {
            return Err(Violation::Header(error));
        }
        match (&self.state, header.pdu_type) {
            (State::Unbound, PduType::BIND) => {}
            (State::Unbound, other) => return Err(Violation::NotABind(other)),
            (
                State::Bound { .. },
                PduType::ALTER_CONTEXT | PduType::REQUEST | PduType::CO_CANCEL | PduType::ORPHANED,
            ) => {}
            (State::Bound { .. } | State::Closed, other) => {
                return Err(Violation::Unexpected(other));
            }
        }
        if let Err(error @ HeaderError::Representation(_)) = rules {
            return Err(Violation::Header(error));
        }
        if header.auth_length != 0 {
            return Err(Violation::Authentication(header.pdu_type));
        }
        rules.map_err(Violation::Header)
    }

    fn handle_pdu(&mut self, header: &Header, body: &mut Reader<'_>) {
        let done = match header.pdu_type {
            PduType::BIND => self.handle_bind(header, body),
            PduType::ALTER_CONTEXT => self.handle_alter_context(header, body),
            PduType::REQUEST => return self.handle_request(header, body),
            // co_cancel and orphaned: the call goes on, as it does on Windows.
            _ => Ok(()),
        };
        if let Err(violation) = done {
            self.close(violation, Origin::of(header));
        }
    }

    fn handle_bind(&mut self, header: &Header, body: &mut Reader<'_>) -> Result<(), Violation> {
        let bind: Bind = read(header, body)?;
        let group = self.config.association_group.get();
        if bind.association_group != 0 && bind.association_group != group {
            return Err(Violation::AssociationGroup(bind.association_group));
        }
        let mut contexts = Contexts::default();
        let results = contexts.negotiate(&bind.contexts)?;
        let max_fragment = bind
            .max_transmit_fragment
            .min(bind.max_receive_fragment)
            .clamp(MIN_FRAGMENT_SIZE, MAX_FRAGMENT)
            & !7;
        let multiplexed = header.flags.contains(PfcFlags::CONC_MPX) && !contexts.is_empty();
        self.minor_version = header.minor_version;
        let address = PortText::new(self.config.port);
        let ack = BindAck {
            max_transmit_fragment: max_fragment,
            max_receive_fragment: max_fragment,
            association_group: group,
            secondary_address: address.as_bytes(),
            results,
        };
        let mut flags = PfcFlags::WHOLE;
        if multiplexed {
            flags = flags | PfcFlags::CONC_MPX;
        }
        self.write(header.call_id, flags, ack);
        self.state = State::Bound {
            contexts,
            max_fragment,
            multiplexed,
        };
        Ok(())
    }

    fn handle_alter_context(
        &mut self,
        header: &Header,
        body: &mut Reader<'_>,
    ) -> Result<(), Violation> {
        let AlterContext(alter) = read(header, body)?;
        let State::Bound {
            contexts,
            max_fragment,
            ..
        } = &mut self.state
        else {
            return Ok(());
        };
        let max_fragment = *max_fragment;
        let results = contexts.negotiate(&alter.contexts)?;
        let response = AlterContextResponse(BindAck {
            max_transmit_fragment: max_fragment,
            max_receive_fragment: max_fragment,
            association_group: self.config.association_group.get(),
            secondary_address: &[],
            results,
        });
        self.write(header.call_id, PfcFlags::WHOLE, response);
        Ok(())
    }

    fn handle_request(&mut self, header: &Header, body: &mut Reader<'_>) {
        let request: Request<'_> = match read(header, body) {
            Ok(request) => request,
            Err(violation) => return self.close(violation, Origin::of(header)),
        };
        let State::Bound {
            contexts,
            multiplexed,
            ..
        } = &self.state
        else {
            return;
        };
        let known = contexts.holds(request.context_id);
        let origin = Origin {
            call_id: header.call_id,
            context_id: if known { request.context_id } else { 0 },
        };
        let assembling = if header.flags.contains(PfcFlags::FIRST) {
            if let Some(earlier) = self.assembling {
                // Without multiplexing there can be but one call, and the fault is about that.
                let about = if *multiplexed { origin } else { earlier.origin };
                return self.close(Violation::FragmentOrder(header.call_id), about);
            }
            if header.flags.contains(PfcFlags::PENDING_CANCEL) {
                return self.close(Violation::PendingCancel(header.call_id), Origin::of(header));
            }
            if !known {
                self.write_fault(origin, FaultStatus::UNKNOWN_INTERFACE, true);
            }
            Assembling {
                origin,
                opnum: request.opnum,
                representation: header.representation,
                keep: known,
            }
        } else {
            match self.assembling {
                Some(earlier) if earlier.origin.call_id == header.call_id => earlier,
                Some(earlier) if !*multiplexed => {
                    return self.close(Violation::FragmentOrder(header.call_id), earlier.origin);
                }
                _ => return self.close(Violation::FragmentOrder(header.call_id), origin),
            }
        };
        self.handle_fragment(header, assembling, request.stub);
    }

    fn handle_fragment(&mut self, header: &Header, assembling: Assembling, part: &[u8]) {
        let origin = assembling.origin;
        if assembling.representation != header.representation {
            let violation = Violation::RepresentationChanged(origin.call_id);
            return self.close(violation, origin);
        }
        if self.assembling.is_none() && header.flags.contains(PfcFlags::LAST) {
            // The usual case: nothing is put together, and only the message is kept. One fragment is
            // never longer than a stub may be.
            if assembling.keep {
                self.handle_call(origin, assembling.opnum, part, header.order());
            }
            return;
        }
        if let Err(overflow) = self.stub.add(part, assembling.keep) {
            let violation = match overflow {
                Overflow::Length => Violation::StubTooLong(origin.call_id),
                Overflow::Fragments => Violation::TooManyFragments(origin.call_id),
            };
            return self.close(violation, origin);
        }
        if !header.flags.contains(PfcFlags::LAST) {
            self.assembling = Some(assembling);
            return;
        }
        self.assembling = None;
        let stub = core::mem::replace(&mut self.stub, Reassembly::new(MAX_STUB));
        if assembling.keep {
            self.handle_call(origin, assembling.opnum, stub.stub(), header.order());
        }
    }

    fn handle_call(&mut self, origin: Origin, opnum: Opnum, stub: &[u8], order: ByteOrder) {
        let message = match Operation::decode(opnum, stub, order) {
            Ok(Operation::RequestActivation { message }) => {
                self.stub.clear();
                let kept = self.stub.buffer();
                kept.extend_from_slice(message);
                Some(0..message.len())
            }
            Ok(Operation::GetHostCertificate) => None,
            Err(OperationError::UnknownOpnum(_)) => {
                return self.write_fault(origin, FaultStatus::OPERATION_RANGE, true);
            }
            Err(OperationError::Stub(_)) => {
                return self.write_fault(origin, FaultStatus::BAD_STUB_DATA, false);
            }
        };
        self.serial += 1;
        self.waiting = Some(Waiting {
            call: Call {
                serial: self.serial,
                id: origin.call_id,
            },
            context_id: origin.context_id,
            message,
            handed_out: false,
        });
    }

    /// Answers a violation, and ends the conversation.
    fn close(&mut self, violation: Violation, about: Origin) {
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

    fn write_answer(&mut self, origin: Origin, outcome: Outcome<'_>) {
        let State::Bound { max_fragment, .. } = self.state else {
            return;
        };
        // The message of the call is done with: its place is taken by the answer.
        self.stub.clear();
        outcome.encode(&mut Writer::new(self.stub.buffer()), ByteOrder::Little);
        self.drop_fetched();
        let mut prefix = self.prefix(origin.call_id, PfcFlags::FIRST);
        let mut rest = self.stub.stub();
        // INVARIANT: at least 2048 - 24 bytes of stub in each fragment but the last, and a multiple
        // of 8 of them, as C706 section 12.6.3.1 wants.
        let most = usize::from(max_fragment)
            .saturating_sub(Response::STUB_OFFSET)
            .max(8);
        loop {
            let (part, later) = rest.split_at_checked(most).unwrap_or((rest, &[]));
            if later.is_empty() {
                prefix.flags = prefix.flags | PfcFlags::LAST;
            }
            let body = Response {
                alloc_hint: u32::try_from(rest.len()).unwrap_or(u32::MAX),
                context_id: origin.context_id,
                cancel_count: 0,
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

    fn write_fault(&mut self, origin: Origin, status: FaultStatus, did_not_execute: bool) {
        let mut flags = PfcFlags::WHOLE;
        if did_not_execute {
            flags = flags | PfcFlags::DID_NOT_EXECUTE;
        }
        let fault = Fault {
            context_id: origin.context_id,
            cancel_count: 0,
            status,
        };
        self.write(origin.call_id, flags, fault);
    }

    fn write<B: crate::pdu::EncodeBody>(&mut self, call_id: CallId, flags: PfcFlags, body: B) {
        self.drop_fetched();
        let prefix = self.prefix(call_id, flags);
        Pdu { prefix, body }.encode(&mut Writer::new(&mut self.output));
    }

    const fn prefix(&self, call_id: CallId, flags: PfcFlags) -> Prefix {
        Prefix {
            minor_version: self.minor_version,
            flags,
            order: ByteOrder::Little,
            call_id,
        }
    }

    /// Gives up what was fetched. What was given out is no longer looked at, since that borrowed
    /// the connection.
    fn drop_fetched(&mut self) {
        if self.fetched != 0 {
            self.output.clear();
            self.output.shrink_to(RETAINED);
            self.fetched = 0;
        }
    }
}

impl Origin {
    /// Of a PDU that belongs to no context.
    const fn of(header: &Header) -> Self {
        Self {
            call_id: header.call_id,
            context_id: 0,
        }
    }
}

fn read<'a, B: DecodeBody<'a>>(header: &Header, body: &mut Reader<'a>) -> Result<B, Violation> {
    body.set_context(B::NAME);
    B::decode_body(body, header).map_err(Violation::Malformed)
}

/// A port in decimal digits with a zero behind them.
struct PortText {
    bytes: [u8; 6],
    len: usize,
}

impl PortText {
    fn new(port: u16) -> Self {
        use core::fmt::Write as _;

        let mut text = Self {
            bytes: [0; 6],
            len: 0,
        };
        // INVARIANT: five digits and the zero fit.
        if write!(text, "{port}\0").is_err() {
            text.len = 0;
        }
        text
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl core::fmt::Write for PortText {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let place = self
            .bytes
            .get_mut(self.len..)
            .and_then(|rest| rest.get_mut(..text.len()))
            .ok_or(core::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
