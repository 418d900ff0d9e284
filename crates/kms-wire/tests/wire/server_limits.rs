//! Each limit of a host's connection, at the limit and one beyond.

use crate::common::{
    alter, answer, assert_nak, assert_open, assert_proto_error, bind_of, bound, context, decode,
    encode, encode_as, fragment, host, one, output, request, request_of, stub,
};
use kms_core::ByteOrder;
use kms_wire::{
    MAX_ANSWER, MAX_BUFFERED_INPUT, MAX_CONNECTION_MEMORY, MAX_PENDING_OUTPUT, MAX_REQUEST,
    MAX_STUB,
    pdu::{
        Body, CallId, CoCancel, HeaderError, PfcFlags, PresentationContext, RejectReason, SyntaxId,
        TransferSyntaxes,
    },
    server::{Event, Reply, RespondError, Violation},
};

const FIRST: PfcFlags = PfcFlags::FIRST;
const LAST: PfcFlags = PfcFlags::LAST;
const MIDDLE: PfcFlags = PfcFlags(0);

#[test]
fn limit_contexts_16_are_answered_and_17_refused_with_reason_2() {
    let contexts = |number| (0..number).map(context).collect();
    let mut accepted = host();
    accepted.handle_input(&encode(1, bind_of(contexts(16))));
    let pdu = one(&mut accepted);
    assert!(matches!(decode(&pdu).body, Body::BindAck(ack) if ack.results.len() == 16));

    for number in [17, 132] {
        let mut refused = host();
        refused.handle_input(&encode(1, bind_of(contexts(number))));
        assert_nak(&mut refused, 1, RejectReason::LOCAL_LIMIT_EXCEEDED);
    }
    let mut host = bound();
    host.handle_input(&alter(2, contexts(17)));
    assert_proto_error(&mut host, 2, 0, true);
}

#[test]
fn limit_transfer_syntaxes_8_are_answered_and_9_refused_with_reason_2() {
    let eight = PresentationContext {
        transfer_syntaxes: TransferSyntaxes::new(&[SyntaxId::NDR; 8]).unwrap(),
        ..context(0)
    };
    let bytes = encode(1, bind_of(vec![eight]));
    let mut accepted = host();
    accepted.handle_input(&bytes);
    assert!(matches!(decode(&one(&mut accepted)).body, Body::BindAck(_)));

    let mut nine = bytes;
    nine[30] = 9;
    nine.extend([0; 20]);
    nine[8] += 20;
    let mut refused = host();
    refused.handle_input(&nine);
    assert_nak(&mut refused, 1, RejectReason::LOCAL_LIMIT_EXCEEDED);
}

#[test]
fn limit_fragment_5840_whatever_was_negotiated_and_one_beyond() {
    // Negotiated are 4280.
    let message = [1; 5840 - 24 - 8];
    let most = request(2, 0, &stub(&message));
    assert_eq!(most.len(), 5840);
    let mut host = bound();
    host.handle_input(&most);
    assert_eq!(answer(&mut host, Reply::Bytes(b"")), message);

    for (length, header_only) in [(5841_u16, false), (u16::MAX, true), (15, true), (0, true)] {
        let mut over = request(3, 0, &stub(&message));
        over.push(0);
        if header_only {
            over.truncate(16);
        }
        over[8..10].copy_from_slice(&length.to_le_bytes());
        let mut host = bound();
        host.handle_input(&over);
        let violation = assert_proto_error(&mut host, 3, 0, false);
        assert_eq!(
            violation,
            Violation::Header(HeaderError::FragmentLength(length))
        );
    }
}

#[test]
fn limit_fragment_of_a_bind() {
    for (length, reason) in [
        (0_u16, RejectReason::PROTOCOL_VERSION_NOT_SUPPORTED),
        (15, RejectReason::PROTOCOL_VERSION_NOT_SUPPORTED),
        (5841, RejectReason::LOCAL_LIMIT_EXCEEDED),
        (u16::MAX, RejectReason::LOCAL_LIMIT_EXCEEDED),
    ] {
        let mut bytes = crate::common::bind();
        bytes[8..10].copy_from_slice(&length.to_le_bytes());
        let mut host = host();
        host.handle_input(&bytes[..16]);
        assert_nak(&mut host, 1, reason);
    }
}

#[test]
fn limit_reassembled_stub_8192_and_one_beyond() {
    for (length, allowed) in [
        (MAX_STUB - 1, true),
        (MAX_STUB, true),
        (MAX_STUB + 1, false),
    ] {
        let message = vec![1; length - 8];
        let whole = stub(&message);
        let (first, rest) = whole.split_at(4000);
        let (middle, last) = rest.split_at(4000);
        let mut host = bound();
        host.handle_input(&fragment(2, FIRST, first));
        host.handle_input(&fragment(2, MIDDLE, middle));
        host.handle_input(&fragment(2, LAST, last));
        if allowed {
            assert_eq!(answer(&mut host, Reply::Bytes(b"")), message);
        } else {
            let violation = assert_proto_error(&mut host, 2, 0, false);
            assert_eq!(violation, Violation::StubTooLong(CallId(2)));
        }
    }
    assert_eq!(MAX_REQUEST + 8, MAX_STUB);
}

#[test]
fn limit_reassembled_stub_holds_for_a_call_that_is_passed_over() {
    let part = |flags| {
        let body = request_of(7, 0, &[1; 4096]);
        encode_as(ByteOrder::Little, flags, 6, body)
    };
    let mut host = bound();
    host.handle_input(&part(FIRST));
    one(&mut host);
    host.handle_input(&part(MIDDLE));
    assert_eq!(host.poll_transmit(), None);
    host.handle_input(&part(MIDDLE));
    assert_proto_error(&mut host, 6, 0, false);
}

#[test]
fn limit_fragments_of_a_call_8194_so_that_empty_ones_come_to_an_end() {
    let mut host = bound();
    host.handle_input(&fragment(2, FIRST, &[]));
    let empty = fragment(2, MIDDLE, &[]);
    for _ in 0..8192 {
        host.handle_input(&empty);
    }
    host.handle_input(&fragment(2, LAST, &stub(b"m")));
    assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"m");
    one(&mut host);

    host.handle_input(&fragment(2, FIRST, &[]));
    for _ in 0..8193 {
        host.handle_input(&empty);
    }
    assert_eq!(host.poll_transmit(), None);
    host.handle_input(&empty);
    let violation = assert_proto_error(&mut host, 2, 0, false);
    assert_eq!(violation, Violation::TooManyFragments(CallId(2)));
}

#[test]
fn limit_answer_and_one_beyond() {
    let mut host = bound();
    host.handle_input(&request(2, 1, &[]));
    let Some(Event::GetHostCertificate { call }) = host.poll_event() else {
        panic!()
    };
    assert_eq!(
        host.respond(call, Reply::Bytes(&vec![0; MAX_ANSWER + 1])),
        Err(RespondError::TooLong(MAX_ANSWER + 1))
    );
    host.respond(call, Reply::Bytes(&vec![0; MAX_ANSWER]))
        .unwrap();
    assert_eq!(output(&mut host).len(), 8);
    assert!(host.memory() <= MAX_CONNECTION_MEMORY);
}

#[test]
fn limit_buffered_input_while_a_call_waits_and_one_beyond() {
    let mut host = bound();
    assert_eq!(host.input_room(), MAX_BUFFERED_INPUT);
    host.handle_input(&request(5, 1, &[]));
    let Some(Event::GetHostCertificate { call }) = host.poll_event() else {
        panic!()
    };
    let filler = encode(6, CoCancel);
    for _ in 0..MAX_BUFFERED_INPUT / filler.len() {
        host.handle_input(&filler);
    }
    assert_eq!((host.input_room(), host.is_closed()), (0, false));
    host.handle_input(&[]);
    assert!(!host.is_closed());

    host.handle_input(&[5]);
    let violation = assert_proto_error(&mut host, 5, 0, false);
    assert_eq!(violation, Violation::InputOverflow);
    assert_eq!(host.input_room(), 0);
    assert_eq!(
        host.respond(call, Reply::Bytes(b"late")),
        Err(RespondError::Closed(CallId(5)))
    );
}

#[test]
fn a_full_input_is_worked_off_after_the_reply() {
    let mut host = bound();
    let stream = request(5, 0, &stub(b"m")).repeat(2000);
    host.handle_input(&stream[..MAX_BUFFERED_INPUT]);
    let mut answered = 0;
    while let Some(Event::RequestActivation { call, .. }) = host.poll_event() {
        host.respond(call, Reply::Bytes(b"r")).unwrap();
        host.poll_transmit().unwrap();
        answered += 1;
    }
    assert_eq!(answered, MAX_BUFFERED_INPUT / 33);
    host.handle_input(&stream[MAX_BUFFERED_INPUT..]);
    assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"m");
}

#[test]
fn limit_pending_output_stops_reading_until_it_is_fetched() {
    let mut host = bound();
    let bad = request(5, 99, &[]);
    // A fault has 32 bytes: so many of them reach the limit.
    let enough = MAX_PENDING_OUTPUT / 32;
    for _ in 0..enough + 100 {
        host.handle_input(&bad);
    }
    assert_eq!(
        host.input_room(),
        MAX_BUFFERED_INPUT - 100 * bad.len(),
        "what came after the limit waits"
    );
    assert_eq!(host.poll_transmit().map(<[u8]>::len), Some(enough * 32));
    assert_eq!(output(&mut host).len(), 100);
    assert_open(&mut host);
}

#[test]
fn limit_memory_holds_against_a_client_that_only_sends() {
    let mut host = bound();
    let stream = [
        request(5, 99, &[]),
        alter(6, (0..16).map(context).collect()),
        fragment(7, FIRST, &[1; 4000]),
        fragment(7, LAST, &[1; 4000]),
        request(8, 1, &[]),
        request(9, 0, &stub(&[1; 5000])),
    ]
    .concat();
    let mut sent = 0;
    let mut most = 0;
    'sending: for _ in 0..40 {
        for piece in stream.chunks(1000) {
            host.handle_input(piece);
            sent += piece.len();
            most = most.max(host.memory());
            if let Some(
                Event::RequestActivation { call, .. } | Event::GetHostCertificate { call },
            ) = host.poll_event()
            {
                host.respond(call, Reply::Bytes(&[1; MAX_ANSWER])).unwrap();
                most = most.max(host.memory());
            }
            if host.is_closed() {
                break 'sending;
            }
        }
    }
    assert!(host.is_closed() && sent > MAX_BUFFERED_INPUT);
    assert!(most <= MAX_CONNECTION_MEMORY, "{most}");
    assert!(host.memory() <= MAX_CONNECTION_MEMORY);
}

#[test]
fn an_idle_connection_gives_its_memory_back() {
    let mut host = bound();
    host.handle_input(&request(2, 1, &[]));
    host.handle_input(&encode(3, CoCancel).repeat(3000));
    answer(&mut host, Reply::Bytes(&[1; MAX_ANSWER]));
    output(&mut host);
    assert!(host.memory() <= 3 * 8192 + 256, "{}", host.memory());
}
