//! PROTOCOL section 1 once more, from the host's side: what each PDU of a client brings about, to
//! the byte. It uses the reference decoder and nothing of kms-wire's engine.

use super::{
    pending::Pending,
    reference::{self, Bind, BindError, Context, Header, Request},
};

/// UUID and version of a syntax.
type Syntax = ([u8; 16], u32);

const INTERFACE: [u8; 16] = *b"\xf2\x07\x28\x0e\xf4\xdc\x42\xb8\xb9\x7c\x35\x82\xd8\xf5\xdd\xd4";
const NDR: Syntax = (
    *b"\x8a\x88\x5d\x04\x1c\xeb\x11\xc9\x9f\xe8\x08\x00\x2b\x10\x48\x60",
    2,
);
const NDR_ON_THE_WIRE: &[u8; 20] =
    b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\x02\0\0\0";
const FEATURES: &[u8] = b"\x6c\xb7\x1c\x2c\x98\x12\x45\x40";

const OPERATION_RANGE: u32 = 0x1c01_0002;
const UNKNOWN_INTERFACE: u32 = 0x1c01_0003;
const PROTOCOL_ERROR: u32 = 0x1c01_000b;
const BAD_STUB: u32 = 0x0000_06f7;
const TOO_BUSY: u32 = 0x1c01_0014;

const FIRST: u8 = 1;
const LAST: u8 = 2;
const DID_NOT_EXECUTE: u8 = 0x20;

/// A host's connection as the protocol describes it. Its port is 1688.
#[derive(Clone, Debug)]
pub(super) struct ServerModel {
    group: u32,
    state: State,
    minor: u8,
    input: Pending,
    assembling: Option<Assembling>,
    /// The call that waits for its reply.
    pub(super) waiting: Option<Waiting>,
    /// All bytes that the host has to send so far.
    pub(super) output: Vec<u8>,
    /// How many of them are answers to calls.
    pub(super) answer_bytes: usize,
    /// The PDUs looked at, the refused one included.
    pub(super) pdus: usize,
    /// The replies: bind_ack, bind_nak, alter_context_resp, fault, and each whole answer.
    pub(super) replies: usize,
}

#[derive(Clone, Debug)]
enum State {
    Unbound,
    Bound {
        accepted: Vec<u16>,
        size: u16,
        multiplexed: bool,
    },
    Closed(&'static str),
}

#[derive(Clone, Debug)]
struct Assembling {
    call: u32,
    context: u16,
    opnum: u16,
    big: bool,
    keep: bool,
    length: usize,
    fragments: usize,
    stub: Vec<u8>,
}

/// A call that waits for its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) call: u32,
    context: u16,
    /// None for GetHostCertificate.
    pub(super) message: Option<Vec<u8>>,
}

/// A rule that was broken: its name, and the call and context that a fault is about.
struct Broken(&'static str, u32, u16);

impl ServerModel {
    pub(super) const fn new(group: u32) -> Self {
        Self {
            group,
            state: State::Unbound,
            minor: 0,
            input: Pending::new(),
            assembling: None,
            waiting: None,
            output: Vec::new(),
            answer_bytes: 0,
            pdus: 0,
            replies: 0,
        }
    }

    /// The name of the rule for which the connection was closed.
    pub(super) const fn closed(&self) -> Option<&'static str> {
        match self.state {
            State::Closed(rule) => Some(rule),
            State::Unbound | State::Bound { .. } => None,
        }
    }

    pub(super) fn input(&mut self, bytes: &[u8]) {
        self.input.push(bytes);
        self.advance();
    }

    /// HRESULT 0 with these bytes.
    pub(super) fn answer(&mut self, bytes: &[u8]) {
        let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut stub = [&n[..], &[0, 0, 2, 0], &n, bytes].concat();
        stub.resize(stub.len().div_ceil(4) * 4 + 4, 0);
        self.respond(&stub);
    }

    pub(super) fn refuse(&mut self, status: u32) {
        self.respond(&[&[0; 8], &status.to_le_bytes()[..]].concat());
    }

    pub(super) fn too_busy(&mut self) {
        if let Some(Waiting { call, context, .. }) = self.waiting.take() {
            self.fault(call, context, TOO_BUSY, true);
        }
        self.advance();
    }

    fn respond(&mut self, stub: &[u8]) {
        let (Some(waiting), State::Bound { size, .. }) = (self.waiting.take(), &self.state) else {
            return;
        };
        let before = self.output.len();
        let most = usize::from(*size) - 24;
        let mut sent = 0;
        while sent < stub.len() {
            let rest = stub.get(sent..).unwrap_or_default();
            let part = rest.get(..most).unwrap_or(rest);
            let mut flags = 0;
            if sent == 0 {
                flags |= FIRST;
            }
            if part.len() == rest.len() {
                flags |= LAST;
            }
            let hint = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            let mut body = hint.to_le_bytes().to_vec();
            body.extend(waiting.context.to_le_bytes());
            body.extend([0, 0]);
            body.extend(part);
            self.send(2, flags, waiting.call, &body);
            sent += part.len();
        }
        self.replies += 1;
        self.answer_bytes += self.output.len() - before;
        self.advance();
    }

    fn advance(&mut self) {
        while self.waiting.is_none() && self.closed().is_none() {
            let Some(header) = Header::read(self.input.bytes()) else {
                return;
            };
            let length = usize::from(header.length);
            let allowed = self.check(&header);
            if allowed.is_ok() && self.input.bytes().len() < length {
                return;
            }
            self.pdus += 1;
            let done = allowed.and_then(|()| {
                let pdu = self.input.take(length);
                self.handle(&header, &pdu)
            });
            if let Err(broken) = done {
                self.close(&broken);
            }
        }
    }

    fn check(&self, header: &Header) -> Result<(), Broken> {
        let broken = |rule| Err(Broken(rule, header.call, 0));
        if !header.version_is_spoken() {
            return broken("Header");
        }
        match (&self.state, header.pdu_type) {
            (State::Unbound, 11) | (State::Bound { .. }, 0 | 14 | 18 | 19) => {}
            (State::Unbound, _) => return broken("NotABind"),
            _ => return broken("Unexpected"),
        }
        if !header.representation_is_read() {
            return broken("Header");
        }
        if header.auth_length != 0 {
            return broken("Authentication");
        }
        if header.length < 16 {
            return broken("ShortFragmentLength");
        }
        if header.length > 5840 {
            return broken("LongFragmentLength");
        }
        Ok(())
    }

    fn handle(&mut self, header: &Header, pdu: &[u8]) -> Result<(), Broken> {
        match header.pdu_type {
            11 => self.bind(header, pdu),
            14 => self.alter_context(header, pdu),
            0 => self.request(header, pdu),
            _ => Ok(()),
        }
    }

    fn bind(&mut self, header: &Header, pdu: &[u8]) -> Result<(), Broken> {
        let broken = |rule| Broken(rule, header.call, 0);
        let bind = read_bind(header, pdu)?;
        if bind.group != 0 && bind.group != self.group {
            return Err(broken("AssociationGroup"));
        }
        let mut accepted = Vec::new();
        let results = negotiate(&bind.contexts, &mut accepted).map_err(broken)?;
        let size = bind.max_transmit.min(bind.max_receive).clamp(2048, 5840) / 8 * 8;
        let multiplexed = header.flags & 0x10 != 0 && !accepted.is_empty();
        self.minor = header.minor;
        let body = [
            &size.to_le_bytes()[..],
            &size.to_le_bytes(),
            &self.group.to_le_bytes(),
            b"\x05\x001688\0\0",
            &results,
        ]
        .concat();
        let flags = FIRST | LAST | if multiplexed { 0x10 } else { 0 };
        self.send(12, flags, header.call, &body);
        self.replies += 1;
        self.state = State::Bound {
            accepted,
            size,
            multiplexed,
        };
        Ok(())
    }

    fn alter_context(&mut self, header: &Header, pdu: &[u8]) -> Result<(), Broken> {
        let alter = read_bind(header, pdu)?;
        let State::Bound { accepted, size, .. } = &mut self.state else {
            return Ok(());
        };
        let size = size.to_le_bytes();
        let results =
            negotiate(&alter.contexts, accepted).map_err(|rule| Broken(rule, header.call, 0))?;
        let group = self.group.to_le_bytes();
        let body = [&size[..], &size, &group, &[0; 4], &results].concat();
        self.send(15, FIRST | LAST, header.call, &body);
        self.replies += 1;
        Ok(())
    }

    fn request(&mut self, header: &Header, pdu: &[u8]) -> Result<(), Broken> {
        let call = header.call;
        let request = Request::read(pdu, header).ok_or(Broken("Malformed", call, 0))?;
        let (known, multiplexed) = match &self.state {
            State::Bound {
                accepted,
                multiplexed,
                ..
            } => (accepted.contains(&request.context), *multiplexed),
            State::Unbound | State::Closed(_) => (false, false),
        };
        let context = if known { request.context } else { 0 };
        let mut assembling = match self.assembling.take() {
            Some(earlier) if header.flags & FIRST == 0 && earlier.call == call => earlier,
            // Without multiplexing there can be but one call, and the fault is about that.
            Some(earlier) if !multiplexed => {
                return Err(Broken("FragmentOrder", earlier.call, earlier.context));
            }
            Some(_) => return Err(Broken("FragmentOrder", call, context)),
            None if header.flags & FIRST == 0 && !known => {
                self.fault(call, 0, UNKNOWN_INTERFACE, true);
                return Ok(());
            }
            None if header.flags & FIRST == 0 => {
                return Err(Broken("FragmentOrder", call, context));
            }
            None if header.flags & 4 != 0 => return Err(Broken("PendingCancel", call, 0)),
            None => {
                if !known {
                    self.fault(call, 0, UNKNOWN_INTERFACE, true);
                }
                Assembling {
                    call,
                    context,
                    opnum: request.opnum,
                    big: header.big,
                    keep: known,
                    length: 0,
                    fragments: 0,
                    stub: Vec::new(),
                }
            }
        };
        let about = |rule| Broken(rule, assembling.call, assembling.context);
        if assembling.big != header.big {
            return Err(about("RepresentationChanged"));
        }
        assembling.length += request.stub.len();
        assembling.fragments += 1;
        if assembling.length > 8192 {
            return Err(about("StubTooLong"));
        }
        if assembling.fragments > 8194 {
            return Err(about("TooManyFragments"));
        }
        if assembling.keep {
            assembling.stub.extend_from_slice(request.stub);
        }
        if header.flags & LAST == 0 {
            self.assembling = Some(assembling);
        } else if assembling.keep {
            self.call(assembling);
        }
        Ok(())
    }

    fn call(&mut self, whole: Assembling) {
        let Assembling { call, context, .. } = whole;
        let message = match whole.opnum {
            0 => reference::request_stub(&whole.stub, whole.big)
                .map(|message| Some(message.to_vec())),
            1 => (whole.stub.len() <= 3).then_some(None),
            _ => return self.fault(call, context, OPERATION_RANGE, true),
        };
        let Some(message) = message else {
            return self.fault(call, context, BAD_STUB, false);
        };
        self.waiting = Some(Waiting {
            call,
            context,
            message,
        });
    }

    fn close(&mut self, &Broken(rule, call, context): &Broken) {
        if matches!(self.state, State::Unbound) {
            let reason: u8 = match rule {
                "Authentication" => 8,
                "MalformedLimit" | "LongFragmentLength" => 2,
                "NoTransferSyntax" | "FeaturesTwice" | "AssociationGroup" => 0,
                _ => 4,
            };
            self.send(13, FIRST | LAST, call, &[reason, 0, 2, 5, 0, 5, 1, 0]);
            self.replies += 1;
        } else {
            let silent = [
                "ShortFragmentLength",
                "LongFragmentLength",
                "FragmentOrder",
                "StubTooLong",
                "TooManyFragments",
            ];
            self.fault(call, context, PROTOCOL_ERROR, !silent.contains(&rule));
        }
        self.state = State::Closed(rule);
    }

    fn fault(&mut self, call: u32, context: u16, status: u32, did_not_execute: bool) {
        let mut body = vec![32, 0, 0, 0];
        body.extend(context.to_le_bytes());
        body.extend([0, 0]);
        body.extend(status.to_le_bytes());
        body.extend([0; 4]);
        let more = if did_not_execute { DID_NOT_EXECUTE } else { 0 };
        self.send(3, FIRST | LAST | more, call, &body);
        self.replies += 1;
    }

    fn send(&mut self, pdu_type: u8, flags: u8, call: u32, body: &[u8]) {
        let length = u16::try_from(16 + body.len()).unwrap_or(u16::MAX);
        let head = [5, self.minor, pdu_type, flags, 0x10, 0, 0, 0];
        self.output.extend(head);
        self.output.extend(length.to_le_bytes());
        self.output.extend([0, 0]);
        self.output.extend(call.to_le_bytes());
        self.output.extend(body);
    }
}

fn read_bind(header: &Header, pdu: &[u8]) -> Result<Bind, Broken> {
    Bind::read(pdu, header.big).map_err(|error| match error {
        BindError::Short => Broken("Malformed", header.call, 0),
        BindError::Limit => Broken("MalformedLimit", header.call, 0),
    })
}

/// The results as they stand on the wire, with their count.
fn negotiate(contexts: &[Context], accepted: &mut Vec<u16>) -> Result<Vec<u8>, &'static str> {
    if contexts.is_empty() {
        return Err("NoContext");
    }
    let mut questions = 0;
    for context in contexts {
        questions += match context.syntaxes.first() {
            None => return Err("NoTransferSyntax"),
            Some(first) => u8::from(is_question(first)),
        };
        if questions > 1 {
            return Err("FeaturesTwice");
        }
    }
    let mut results = vec![u8::try_from(contexts.len()).unwrap_or(u8::MAX), 0, 0, 0];
    for context in contexts {
        let (interface, version) = context.interface;
        let (result, reason) = if context.syntaxes.first().is_some_and(is_question) {
            (3, 0)
        } else if interface != INTERFACE || version & 0xffff != 1 {
            (2, 1)
        } else if !context.syntaxes.contains(&NDR) {
            (2, 2)
        } else if accepted.contains(&context.id) {
            (0, 0)
        } else if accepted.len() < 64 {
            accepted.push(context.id);
            (0, 0)
        } else {
            (2, 3)
        };
        results.extend([result, 0, reason, 0]);
        results.extend(if result == 0 {
            NDR_ON_THE_WIRE
        } else {
            &[0; 20]
        });
    }
    Ok(results)
}

/// Bind-time feature negotiation: [MS-RPCE] section 3.3.1.5.3.
fn is_question((uuid, version): &Syntax) -> bool {
    *version == 1 && uuid.starts_with(FEATURES)
}
