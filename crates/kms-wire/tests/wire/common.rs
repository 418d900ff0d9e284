//! What the suites share: bytes written by hand, a host's connection, and its output as PDUs.

use core::num::NonZeroU32;
use kms_core::{ByteOrder, Decode, Encode};
use kms_wire::{
    Opnum,
    pdu::{
        AlterContext, AnyPdu, Bind, Body, CallId, EncodeBody, Fault, FaultStatus, Header, Pdu,
        PfcFlags, Prefix, PresentationContext, RejectReason, Request, SyntaxId, TransferSyntaxes,
    },
    server::{Config, Connection, Event, Reply, Violation},
};

pub(crate) const GROUP: u32 = 0x0a0b_0c0d;

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

pub(crate) fn host() -> Connection {
    Connection::new(Config {
        port: 1688,
        association_group: NonZeroU32::new(GROUP).unwrap(),
    })
}

pub(crate) fn context(id: u16) -> PresentationContext {
    PresentationContext {
        id,
        abstract_syntax: SyntaxId::INTERFACE,
        transfer_syntaxes: TransferSyntaxes::ndr(),
    }
}

pub(crate) fn bind_of(contexts: Vec<PresentationContext>) -> Bind {
    Bind {
        max_transmit_fragment: 4280,
        max_receive_fragment: 4280,
        association_group: 0,
        contexts,
    }
}

pub(crate) fn encode<B: EncodeBody>(call: u32, body: B) -> Vec<u8> {
    let prefix = Prefix::new(CallId(call));
    Pdu { prefix, body }.to_vec()
}

pub(crate) fn encode_as<B: EncodeBody>(
    order: ByteOrder,
    flags: PfcFlags,
    call: u32,
    body: B,
) -> Vec<u8> {
    let prefix = Prefix {
        minor_version: 0,
        flags,
        order,
        call_id: CallId(call),
    };
    Pdu { prefix, body }.to_vec()
}

pub(crate) fn bind() -> Vec<u8> {
    encode(1, bind_of(vec![context(0)]))
}

pub(crate) fn alter(call: u32, contexts: Vec<PresentationContext>) -> Vec<u8> {
    encode(call, AlterContext(bind_of(contexts)))
}

pub(crate) fn request_of(context_id: u16, opnum: u16, stub: &[u8]) -> Request<'_> {
    Request {
        alloc_hint: 0,
        context_id,
        opnum: Opnum(opnum),
        object: None,
        stub,
    }
}

/// A call in one fragment, in context 0.
pub(crate) fn request(call: u32, opnum: u16, stub: &[u8]) -> Vec<u8> {
    encode(call, request_of(0, opnum, stub))
}

pub(crate) fn fragment(call: u32, flags: PfcFlags, stub: &[u8]) -> Vec<u8> {
    encode_as(ByteOrder::Little, flags, call, request_of(0, 0, stub))
}

/// The stub of RequestActivation.
pub(crate) fn stub(message: &[u8]) -> Vec<u8> {
    let n = u32::try_from(message.len()).unwrap().to_le_bytes();
    [&n, &n, message].concat()
}

/// What the connection wants sent, cut into PDUs.
pub(crate) fn output(host: &mut Connection) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(more) = host.poll_transmit() {
        bytes.extend_from_slice(more);
    }
    cut(&bytes)
}

pub(crate) fn cut(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pdus = Vec::new();
    while let Some(head) = bytes.first_chunk() {
        let length = usize::from(Header::from_bytes(head).fragment_length);
        let (pdu, rest) = bytes.split_at(length);
        pdus.push(pdu.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a PDU was sent in part: {bytes:02x?}");
    pdus
}

pub(crate) fn decode(pdu: &[u8]) -> AnyPdu<'_> {
    AnyPdu::decode_all(pdu).unwrap()
}

/// The output is one PDU.
pub(crate) fn one(host: &mut Connection) -> Vec<u8> {
    let mut pdus = output(host);
    assert_eq!(pdus.len(), 1, "{pdus:02x?}");
    pdus.remove(0)
}

pub(crate) fn bound() -> Connection {
    let mut host = host();
    host.handle_input(&bind());
    assert!(matches!(decode(&one(&mut host)).body, Body::BindAck(_)));
    host
}

/// The conversation ended with this bind_nak and nothing else.
pub(crate) fn assert_nak(host: &mut Connection, call: u32, reason: RejectReason) -> Violation {
    let pdu = one(host);
    let pdu = decode(&pdu);
    match pdu.body {
        Body::BindNak(nak) => assert_eq!((nak.reason, pdu.prefix.call_id), (reason, CallId(call))),
        other => panic!("{other:?}"),
    }
    assert_eq!(pdu.prefix.flags, PfcFlags::WHOLE);
    closed(host)
}

/// The output is this fault and nothing else.
pub(crate) fn assert_fault(
    host: &mut Connection,
    call: u32,
    context_id: u16,
    status: FaultStatus,
    did_not_execute: bool,
) {
    let pdu = one(host);
    let pdu = decode(&pdu);
    let fault = Fault {
        context_id,
        cancel_count: 0,
        status,
    };
    assert_eq!(pdu.body, Body::Fault(fault));
    assert_eq!(pdu.prefix.call_id, CallId(call));
    let flags = if did_not_execute {
        PfcFlags::WHOLE | PfcFlags::DID_NOT_EXECUTE
    } else {
        PfcFlags::WHOLE
    };
    assert_eq!(pdu.prefix.flags, flags);
}

/// The conversation ended with the fault `nca_s_proto_error` and nothing else.
pub(crate) fn assert_proto_error(
    host: &mut Connection,
    call: u32,
    context_id: u16,
    did_not_execute: bool,
) -> Violation {
    let status = FaultStatus::PROTOCOL_ERROR;
    assert_fault(host, call, context_id, status, did_not_execute);
    closed(host)
}

fn closed(host: &mut Connection) -> Violation {
    assert!(host.is_closed());
    let Some(Event::Closed { violation }) = host.poll_event() else {
        panic!("no reason is given");
    };
    assert_eq!(host.poll_event(), None);
    host.handle_input(&bind());
    assert_eq!(host.poll_transmit(), None);
    assert_eq!(host.poll_event(), None);
    violation
}

/// Answers the call that waits, and returns its message.
pub(crate) fn answer(host: &mut Connection, reply: Reply<'_>) -> Vec<u8> {
    let (call, message) = match host.poll_event() {
        Some(Event::RequestActivation { call, message }) => (call, message.to_vec()),
        Some(Event::GetHostCertificate { call }) => (call, Vec::new()),
        other => panic!("{other:?}"),
    };
    host.respond(call, reply).unwrap();
    message
}

/// The connection still answers calls.
pub(crate) fn assert_open(host: &mut Connection) {
    host.handle_input(&request(0x7777, 0, &stub(b"still there?")));
    assert_eq!(answer(host, Reply::Bytes(b"yes")), b"still there?");
    let pdu = one(host);
    let pdu = decode(&pdu);
    assert_eq!(pdu.prefix.call_id, CallId(0x7777));
    assert!(matches!(pdu.body, Body::Response(_)));
}
