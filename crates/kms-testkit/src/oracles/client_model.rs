//! What a host's PDUs bring about in a client, written from PROTOCOL sections 1 and 2 and C706
//! chapter 12 with the reference decoder alone.

use super::{
    pending::Pending,
    reference::{self, Header, u16_at, u32_at},
};

const NDR: [u8; 16] = *b"\x8a\x88\x5d\x04\x1c\xeb\x11\xc9\x9f\xe8\x08\x00\x2b\x10\x48\x60";
const INTERFACE_ON_THE_WIRE: &[u8; 20] =
    b"\x0e\x28\x07\xf2\xdc\xf4\xb8\x42\xb9\x7c\x35\x82\xd8\xf5\xdd\xd4\x01\0\0\0";
const NDR_ON_THE_WIRE: &[u8; 20] =
    b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\x02\0\0\0";

/// What a client's connection told, without what was borrowed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the events of the engine"
)]
pub enum ClientEvent {
    /// The host accepted the bind.
    Bound,
    /// The host answered this call with these bytes.
    Answered(u32, Vec<u8>),
    /// The host refused this call with this HRESULT.
    Refused(u32, u32),
    /// This call failed with this fault; whether it says that nothing was executed.
    Fault(u32, u32, bool),
    /// The host does not want to talk: with a bind_nak, a rejected context, or a fault, and the
    /// number that it gives.
    Rejected(&'static str, u32),
    /// The host broke this rule.
    Closed(&'static str),
}

/// A client's connection as the protocol describes it, with fragments of the longest size.
#[derive(Clone, Debug)]
pub(super) struct ClientModel {
    state: State,
    size: u16,
    next_call: u32,
    input: Pending,
    /// The events in their order; the harness takes them as the engine gives them.
    pub(super) events: Vec<ClientEvent>,
    /// All bytes that the client has to send so far.
    pub(super) output: Vec<u8>,
}

#[derive(Clone, Debug)]
enum State {
    Binding,
    Idle,
    Calling(u32, Option<Answer>),
    Closed,
}

/// The answer so far.
#[derive(Clone, Debug)]
struct Answer {
    big: bool,
    fragments: usize,
    stub: Vec<u8>,
}

/// How a PDU ends the conversation.
enum End {
    Broken(&'static str),
    Rejected(&'static str, u32),
}

impl ClientModel {
    pub(super) fn new() -> Self {
        let bind = [
            b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0\xd0\x16\xd0\x16\0\0\0\0\x01\0\0\0\0\0\x01\0",
            &INTERFACE_ON_THE_WIRE[..],
            NDR_ON_THE_WIRE,
        ];
        Self {
            state: State::Binding,
            size: 5840,
            next_call: 2,
            input: Pending::new(),
            events: Vec::new(),
            output: bind.concat(),
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    pub(super) const fn is_binding(&self) -> bool {
        matches!(self.state, State::Binding)
    }

    pub(super) const fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling(..))
    }

    /// The bytes of a PDU of which the rest has not come.
    pub(super) fn part(&self) -> usize {
        self.input.bytes().len()
    }

    /// Makes a call of this operation with this stub, which the state allows.
    pub(super) fn call(&mut self, opnum: u16, stub: &[u8]) -> u32 {
        let call = self.next_call;
        self.next_call += 1;
        self.state = State::Calling(call, None);
        let most = usize::from(self.size - 24) / 8 * 8;
        let mut sent = 0;
        loop {
            let rest = stub.get(sent..).unwrap_or_default();
            let part = rest.get(..most).unwrap_or(rest);
            let last = part.len() == rest.len();
            let flags = u8::from(sent == 0) | u8::from(last) << 1;
            let length = u16::try_from(24 + part.len()).unwrap_or(u16::MAX);
            let hint = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            self.output.extend([5, 0, 0, flags, 0x10, 0, 0, 0]);
            self.output.extend(length.to_le_bytes());
            self.output.extend([0, 0]);
            self.output.extend(call.to_le_bytes());
            self.output.extend(hint.to_le_bytes());
            self.output.extend([0, 0]);
            self.output.extend(opnum.to_le_bytes());
            self.output.extend(part);
            sent += part.len();
            if last {
                return call;
            }
        }
    }

    pub(super) fn input(&mut self, bytes: &[u8]) {
        self.input.push(bytes);
        while !self.is_closed() {
            let Some(header) = Header::read(self.input.bytes()) else {
                return;
            };
            let length = usize::from(header.length);
            let allowed = self.check(&header);
            if allowed.is_ok() && self.input.bytes().len() < length {
                return;
            }
            let done = allowed.and_then(|()| {
                let pdu = self.input.take(length);
                self.handle(&header, &pdu)
            });
            if let Err(end) = done {
                self.state = State::Closed;
                self.input = Pending::new();
                self.events.push(match end {
                    End::Broken(rule) => ClientEvent::Closed(rule),
                    End::Rejected(how, number) => ClientEvent::Rejected(how, number),
                });
            }
        }
    }

    fn check(&self, header: &Header) -> Result<(), End> {
        if !header.is_allowed() {
            return Err(End::Broken("Header"));
        }
        let expected = match (&self.state, header.pdu_type) {
            (_, 17) => return Err(End::Broken("Shutdown")),
            (State::Binding, 3 | 12 | 13) => 1,
            (State::Calling(call, _), 2 | 3) => *call,
            _ => return Err(End::Broken("Unexpected")),
        };
        if header.call != expected {
            return Err(End::Broken("OtherCall"));
        }
        if header.auth_length != 0 {
            return Err(End::Broken("Authentication"));
        }
        Ok(())
    }

    fn handle(&mut self, header: &Header, pdu: &[u8]) -> Result<(), End> {
        let malformed = || End::Broken("Malformed");
        match header.pdu_type {
            12 => self.bind_ack(pdu, header.big),
            13 => {
                let reason = u16_at(pdu, 16, header.big).ok_or_else(malformed)?;
                let versions = usize::from(*pdu.get(18).ok_or_else(malformed)?);
                if pdu.len() < 19 + 2 * versions {
                    return Err(malformed());
                }
                Err(End::Rejected("Nak", reason.into()))
            }
            3 => {
                if pdu.len() < 32 {
                    return Err(malformed());
                }
                let status = u32_at(pdu, 24, header.big).ok_or_else(malformed)?;
                let State::Calling(call, _) = self.state else {
                    return Err(End::Rejected("Fault", status));
                };
                let did_not_execute = header.flags & 0x20 != 0;
                self.state = State::Idle;
                self.events
                    .push(ClientEvent::Fault(call, status, did_not_execute));
                Ok(())
            }
            _ => self.response(header, pdu),
        }
    }

    fn bind_ack(&mut self, pdu: &[u8], big: bool) -> Result<(), End> {
        let malformed = || End::Broken("Malformed");
        let size = u16_at(pdu, 18, big).ok_or_else(malformed)?;
        let address = usize::from(u16_at(pdu, 24, big).ok_or_else(malformed)?);
        let at = (26 + address).div_ceil(4) * 4;
        let number = usize::from(*pdu.get(at).ok_or_else(malformed)?);
        if number > 16 || pdu.len() < at + 4 + 24 * number {
            return Err(malformed());
        }
        if number != 1 {
            return Err(End::Broken("Results"));
        }
        let result = u16_at(pdu, at + 4, big).ok_or_else(malformed)?;
        let uuid = reference::uuid_at(pdu, at + 8, big);
        let version = u32_at(pdu, at + 24, big);
        match result {
            0 if uuid == Some(NDR) && version == Some(2) => {}
            0 | 3 => return Err(End::Broken("Acceptance")),
            other => return Err(End::Rejected("Context", other.into())),
        }
        // C706 section 12.6.3.1, MustRecvFragSize.
        if size < 1432 {
            return Err(End::Broken("FragmentSize"));
        }
        self.size = self.size.min(size);
        self.state = State::Idle;
        self.events.push(ClientEvent::Bound);
        Ok(())
    }

    fn response(&mut self, header: &Header, pdu: &[u8]) -> Result<(), End> {
        let context = u16_at(pdu, 20, header.big).ok_or(End::Broken("Malformed"))?;
        let part = pdu.get(24..).ok_or(End::Broken("Malformed"))?;
        if context != 0 {
            return Err(End::Broken("OtherContext"));
        }
        let State::Calling(call, answer) = &mut self.state else {
            return Err(End::Broken("Unexpected"));
        };
        let (call, is_first) = (*call, header.flags & 1 != 0);
        let mut answer = match answer.take() {
            None if is_first => Answer {
                big: header.big,
                fragments: 0,
                stub: Vec::new(),
            },
            Some(begun) if !is_first => begun,
            _ => return Err(End::Broken("FragmentOrder")),
        };
        if answer.big != header.big {
            return Err(End::Broken("RepresentationChanged"));
        }
        answer.stub.extend_from_slice(part);
        answer.fragments += 1;
        if answer.stub.len() > 32 * 1024 {
            return Err(End::Broken("AnswerTooLong"));
        }
        if answer.fragments > 32 * 1024 + 2 {
            return Err(End::Broken("TooManyFragments"));
        }
        if header.flags & 2 == 0 {
            self.state = State::Calling(call, Some(answer));
            return Ok(());
        }
        let outcome =
            reference::answer_stub(&answer.stub, answer.big).ok_or(End::Broken("Stub"))?;
        self.state = State::Idle;
        self.events.push(match outcome {
            Ok(bytes) => ClientEvent::Answered(call, bytes.to_vec()),
            Err(status) => ClientEvent::Refused(call, status),
        });
        Ok(())
    }
}
