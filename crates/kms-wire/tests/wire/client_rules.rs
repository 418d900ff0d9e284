//! What a client makes of a host's output, well meant or not.

use crate::common::{encode, encode_as};
use kms_core::{ByteOrder, StatusCode, Writer};
use kms_wire::{
    MAX_ANSWER, MAX_ANSWER_STUB, MAX_CONNECTION_MEMORY, MAX_REQUEST, MAX_STUB,
    MUST_RECEIVE_FRAGMENT, Operation, Outcome,
    client::{CallError, Config, Connection, Event, Rejection, Violation},
    pdu::{
        BindAck, BindNak, Body, CallId, CoCancel, ContextResult, ContextResultCode, EncodeBody,
        Fault, FaultStatus, HeaderError, PduType, PfcFlags, ProviderReason, RejectReason, Response,
        SyntaxId,
    },
};

const FIRST: PfcFlags = PfcFlags::FIRST;
const LAST: PfcFlags = PfcFlags::LAST;
const MIDDLE: PfcFlags = PfcFlags(0);

fn ack_of(results: Vec<ContextResult>) -> BindAck<'static> {
    BindAck {
        max_transmit_fragment: 4280,
        max_receive_fragment: 4280,
        association_group: 1,
        secondary_address: b"1688\0",
        results,
    }
}

fn ack() -> Vec<u8> {
    encode(1, ack_of(vec![ContextResult::ACCEPTED]))
}

fn response(call: u32, flags: PfcFlags, part: &[u8]) -> Vec<u8> {
    let body = Response {
        alloc_hint: 0,
        context_id: 0,
        cancel_count: 0,
        stub: part,
    };
    encode_as(ByteOrder::Little, flags, call, body)
}

fn stub(outcome: Outcome<'_>, order: ByteOrder) -> Vec<u8> {
    let mut stub = Vec::new();
    outcome.encode(&mut Writer::new(&mut stub), order);
    stub
}

fn answered(bytes: &[u8]) -> Vec<u8> {
    stub(Outcome::Answered(bytes), ByteOrder::Little)
}

fn fault(call: u32, flags: PfcFlags, status: FaultStatus) -> Vec<u8> {
    let body = Fault {
        context_id: 0,
        cancel_count: 0,
        status,
    };
    encode_as(ByteOrder::Little, flags, call, body)
}

fn binding() -> Connection {
    let mut client = Connection::new(Config::default());
    assert!(client.poll_transmit().is_some());
    client
}

fn idle() -> Connection {
    let mut client = binding();
    client.handle_input(&ack());
    assert_eq!(client.poll_event(), Some(Event::Bound));
    client
}

/// With call 2 under way.
fn calling() -> Connection {
    let mut client = idle();
    assert_eq!(client.call(Operation::GetHostCertificate), Ok(CallId(2)));
    assert!(client.poll_transmit().is_some());
    client
}

fn assert_ended(mut client: Connection, expected: Event<'_>) {
    assert!(client.is_closed());
    assert_eq!(client.poll_event(), Some(expected));
    client.handle_input(&ack());
    assert_eq!(client.poll_event(), None);
    assert_eq!(client.poll_transmit(), None);
    assert_eq!(
        client.call(Operation::GetHostCertificate),
        Err(CallError::Closed)
    );
}

fn assert_violation(client: Connection, violation: Violation) {
    assert_ended(client, Event::Closed { violation });
}

#[test]
fn the_bind_offers_our_interface_with_ndr_in_the_size_chosen() {
    for (chosen, offered) in [
        (0, MUST_RECEIVE_FRAGMENT),
        (2048, 2048),
        (5840, 5840),
        (u16::MAX, 5840),
    ] {
        let mut client = Connection::new(Config {
            max_fragment: chosen,
        });
        let sent = client.poll_transmit().unwrap().to_vec();
        match crate::common::decode(&sent).body {
            Body::Bind(bind) => {
                assert_eq!(bind.max_transmit_fragment, offered);
                assert_eq!(bind.max_receive_fragment, offered);
                assert_eq!(bind.association_group, 0);
                assert_eq!(bind.contexts, [crate::common::context(0)]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.poll_transmit(), None);
    }
}

#[test]
fn calls_before_the_bind_is_accepted_or_beside_another_are_refused() {
    let mut client = binding();
    let call = Operation::GetHostCertificate;
    assert_eq!(client.call(call), Err(CallError::NotBound));
    client.handle_input(&ack());
    assert_eq!(client.call(call), Err(CallError::Busy), "Bound is unread");
    assert_eq!(client.poll_event(), Some(Event::Bound));
    assert_eq!(client.call(call), Ok(CallId(2)));
    assert_eq!(client.call(call), Err(CallError::Busy));
    client.handle_input(&response(2, PfcFlags::WHOLE, &answered(b"c")));
    assert_eq!(
        client.call(call),
        Err(CallError::Busy),
        "the answer is unread"
    );
    assert!(client.poll_event().is_some());
    assert_eq!(client.call(call), Ok(CallId(3)));
}

#[test]
fn an_answer_a_refusal_and_a_fault_each_end_their_call_and_leave_the_next_possible() {
    let mut client = idle();
    let message = b"m";
    let operation = Operation::RequestActivation { message };
    let call = client.call(operation).unwrap();
    client.handle_input(&response(2, PfcFlags::WHOLE, &answered(b"yes")));
    let bytes = &b"yes"[..];
    assert_eq!(client.poll_event(), Some(Event::Answered { call, bytes }));

    let call = client.call(operation).unwrap();
    let status = StatusCode(0xc004_f06c);
    let refused = stub(Outcome::Refused(status), ByteOrder::Little);
    client.handle_input(&response(3, PfcFlags::WHOLE, &refused));
    assert_eq!(client.poll_event(), Some(Event::Refused { call, status }));

    for did_not_execute in [false, true] {
        let call = client.call(operation).unwrap();
        let status = FaultStatus::SERVER_TOO_BUSY;
        let flags = if did_not_execute {
            PfcFlags::WHOLE | PfcFlags::DID_NOT_EXECUTE
        } else {
            PfcFlags::WHOLE
        };
        client.handle_input(&fault(call.0, flags, status));
        let expected = Event::Fault {
            call,
            status,
            did_not_execute,
        };
        assert_eq!(client.poll_event(), Some(expected));
    }
    assert!(client.call(operation).is_ok());
}

#[test]
fn a_big_endian_host_is_understood() {
    let big = ByteOrder::Big;
    let whole = PfcFlags::WHOLE;
    let mut client = binding();
    client.handle_input(&encode_as(
        big,
        whole,
        1,
        ack_of(vec![ContextResult::ACCEPTED]),
    ));
    assert_eq!(client.poll_event(), Some(Event::Bound));
    let call = client.call(Operation::GetHostCertificate).unwrap();
    let body = Response {
        alloc_hint: 0,
        context_id: 0,
        cancel_count: 0,
        stub: &stub(Outcome::Answered(b"chain"), big),
    };
    client.handle_input(&encode_as(big, whole, 2, body));
    let bytes = &b"chain"[..];
    assert_eq!(client.poll_event(), Some(Event::Answered { call, bytes }));
}

#[test]
fn an_answer_in_fragments_is_put_together() {
    let bytes = [7; 5000];
    let whole = answered(&bytes);
    let mut client = calling();
    client.handle_input(&response(2, FIRST, &whole[..1000]));
    client.handle_input(&response(2, MIDDLE, &[]));
    client.handle_input(&response(2, MIDDLE, &whole[1000..4000]));
    assert_eq!(client.poll_event(), None);
    client.handle_input(&response(2, LAST, &whole[4000..]));
    let call = CallId(2);
    let bytes = &bytes[..];
    assert_eq!(client.poll_event(), Some(Event::Answered { call, bytes }));
}

#[test]
fn an_answer_before_the_host_closes_is_not_lost() {
    let mut client = calling();
    let stream = [
        response(2, PfcFlags::WHOLE, &answered(b"yes")),
        vec![0xff; 100],
    ]
    .concat();
    client.handle_input(&stream);
    assert!(client.is_closed());
    let call = CallId(2);
    let bytes = &b"yes"[..];
    assert_eq!(client.poll_event(), Some(Event::Answered { call, bytes }));
    assert!(matches!(client.poll_event(), Some(Event::Closed { .. })));
    assert_eq!(client.poll_event(), None);
}

#[test]
fn a_request_is_cut_to_what_the_host_can_receive() {
    for (receive, most) in [
        (MUST_RECEIVE_FRAGMENT, 1432),
        (2048, 2048),
        (u16::MAX, 5840),
    ] {
        let mut client = binding();
        let ack = BindAck {
            max_receive_fragment: receive,
            ..ack_of(vec![ContextResult::ACCEPTED])
        };
        client.handle_input(&encode(1, ack));
        assert_eq!(client.poll_event(), Some(Event::Bound));
        let message = &vec![3; MAX_REQUEST];
        client
            .call(Operation::RequestActivation { message })
            .unwrap();
        let sent = client.poll_transmit().unwrap().to_vec();
        let mut stub = Vec::new();
        for pdu in crate::common::cut(&sent) {
            assert!(pdu.len() <= most);
            match crate::common::decode(&pdu).body {
                Body::Request(request) => stub.extend_from_slice(request.stub),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(stub, crate::common::stub(message));
    }
}

#[test]
fn limit_request_and_one_beyond() {
    let mut client = idle();
    let message = &vec![3; MAX_REQUEST + 1];
    assert_eq!(
        client.call(Operation::RequestActivation { message }),
        Err(CallError::TooLong(MAX_STUB + 1))
    );
    let message = &message[1..];
    assert!(
        client
            .call(Operation::RequestActivation { message })
            .is_ok()
    );
}

#[test]
fn limit_fragment_the_host_must_receive_and_one_below() {
    for (size, allowed) in [(1432, true), (1431, false), (24, false), (0, false)] {
        let mut client = binding();
        let ack = BindAck {
            max_receive_fragment: size,
            ..ack_of(vec![ContextResult::ACCEPTED])
        };
        client.handle_input(&encode(1, ack));
        if allowed {
            assert_eq!(client.poll_event(), Some(Event::Bound));
        } else {
            assert_violation(client, Violation::FragmentSize(size));
        }
    }
}

#[test]
fn limit_answer_stub_32_kib_and_one_beyond() {
    let bytes = vec![9; MAX_ANSWER];
    let whole = answered(&bytes);
    assert_eq!(whole.len(), MAX_ANSWER_STUB);
    let mut client = calling();
    for (at, part) in whole.chunks(4096).enumerate() {
        let flags = match at {
            0 => FIRST,
            7 => LAST,
            _ => MIDDLE,
        };
        client.handle_input(&response(2, flags, part));
        assert!(client.memory() <= MAX_CONNECTION_MEMORY);
    }
    let call = CallId(2);
    let bytes = &bytes[..];
    assert_eq!(client.poll_event(), Some(Event::Answered { call, bytes }));

    let mut client = calling();
    client.handle_input(&response(2, FIRST, &[]));
    for part in whole.chunks(4096) {
        client.handle_input(&response(2, MIDDLE, part));
    }
    assert!(!client.is_closed());
    client.handle_input(&response(2, MIDDLE, &[0]));
    assert_violation(client, Violation::AnswerTooLong);
}

#[test]
fn limit_answer_fragments_so_that_empty_ones_come_to_an_end() {
    let mut client = calling();
    client.handle_input(&response(2, FIRST, &[]));
    let empty = response(2, MIDDLE, &[]);
    for _ in 0..=MAX_ANSWER_STUB {
        client.handle_input(&empty);
    }
    assert!(!client.is_closed());
    client.handle_input(&empty);
    assert_violation(client, Violation::TooManyFragments);
}

#[test]
fn a_refused_bind_is_told_with_its_reason() {
    for reason in [0, 2, 4, 8, 77].map(RejectReason) {
        let mut client = binding();
        client.handle_input(&encode(1, BindNak { reason }));
        assert_ended(client, Event::Rejected(Rejection::Nak(reason)));
    }
    let mut client = binding();
    client.handle_input(&fault(1, PfcFlags::WHOLE, FaultStatus::PROTOCOL_ERROR));
    let fault = Rejection::Fault(FaultStatus::PROTOCOL_ERROR);
    assert_ended(client, Event::Rejected(fault));
}

#[test]
fn a_rejected_context_is_told_with_its_reason() {
    for (result, reason) in [(2, 1), (2, 2), (1, 0), (99, 99)] {
        let answer = ContextResult {
            result: ContextResultCode(result),
            reason: ProviderReason(reason),
            transfer_syntax: SyntaxId::NIL,
        };
        let mut client = binding();
        client.handle_input(&encode(1, ack_of(vec![answer])));
        assert!(client.is_closed());
        match client.poll_event() {
            Some(Event::Rejected(Rejection::Context {
                result: told,
                reason: why,
                ..
            })) => {
                assert_eq!((told.0, why.0), (result, reason));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_bind_ack_that_accepts_what_was_not_proposed_is_a_violation() {
    let foreign = ContextResult {
        transfer_syntax: SyntaxId::INTERFACE,
        ..ContextResult::ACCEPTED
    };
    for (results, violation) in [
        (vec![], Violation::Results(0)),
        (vec![ContextResult::ACCEPTED; 2], Violation::Results(2)),
        (vec![foreign], Violation::Acceptance),
        (vec![ContextResult::NO_FEATURES], Violation::Acceptance),
    ] {
        let mut client = binding();
        client.handle_input(&encode(1, ack_of(results)));
        assert_violation(client, violation);
    }
}

#[test]
fn a_bind_ack_with_a_long_secondary_address_is_read_and_a_lie_about_it_is_not() {
    let long = [b'x'; 5000];
    let ack = BindAck {
        secondary_address: &long,
        ..ack_of(vec![ContextResult::ACCEPTED])
    };
    let mut bytes = encode(1, ack);
    let mut client = binding();
    client.handle_input(&bytes);
    assert_eq!(client.poll_event(), Some(Event::Bound));
    bytes[24..26].copy_from_slice(&[0xff; 2]);
    let mut client = binding();
    client.handle_input(&bytes);
    assert!(matches!(
        client.poll_event(),
        Some(Event::Closed {
            violation: Violation::Malformed(_)
        })
    ));
}

#[test]
fn what_nothing_asked_for_is_a_violation() {
    let all = [
        (
            PduType::RESPONSE,
            response(2, PfcFlags::WHOLE, &answered(b"")),
        ),
        (PduType::BIND_ACK, ack()),
        (
            PduType::BIND_NAK,
            encode(
                1,
                BindNak {
                    reason: RejectReason(0),
                },
            ),
        ),
        (PduType::CO_CANCEL, encode(2, CoCancel)),
        (PduType::BIND, crate::common::bind()),
        (
            PduType::REQUEST,
            crate::common::request(2, 0, &crate::common::stub(b"")),
        ),
    ];
    for (pdu_type, bytes) in all {
        let mut client = idle();
        client.handle_input(&bytes);
        assert_violation(client, Violation::Unexpected(pdu_type));
        if ![PduType::BIND_ACK, PduType::BIND_NAK].contains(&pdu_type) {
            let mut client = binding();
            client.handle_input(&bytes);
            assert_violation(client, Violation::Unexpected(pdu_type));
        }
        if pdu_type != PduType::RESPONSE {
            let mut client = calling();
            client.handle_input(&bytes);
            assert_violation(client, Violation::Unexpected(pdu_type));
        }
    }
    let mut client = idle();
    client.handle_input(&fault(2, PfcFlags::WHOLE, FaultStatus::PROTOCOL_ERROR));
    assert_violation(client, Violation::Unexpected(PduType::FAULT));
}

#[test]
fn a_host_that_shuts_down_is_told() {
    for mut client in [binding(), idle(), calling()] {
        client.handle_input(&[5, 0, 17, 3, 0x10, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0]);
        assert_violation(client, Violation::Shutdown);
    }
}

fn assert_closed_after(bytes: &[u8], violation: Violation) {
    let mut client = calling();
    client.handle_input(bytes);
    assert_violation(client, violation);
}

#[test]
fn answers_of_another_call_or_context_or_with_authentication_are_violations() {
    let good = answered(b"yes");
    for call in [0, 1, 3, u32::MAX] {
        let mut client = calling();
        client.handle_input(&response(call, PfcFlags::WHOLE, &good));
        assert!(matches!(
            client.poll_event(),
            Some(Event::Closed {
                violation: Violation::OtherCall { .. }
            })
        ));
    }
    let body = Response {
        alloc_hint: 0,
        context_id: 1,
        cancel_count: 0,
        stub: &good,
    };
    assert_closed_after(&encode(2, body), Violation::OtherContext(1));

    let mut bytes = response(2, PfcFlags::WHOLE, &good);
    bytes[10] = 8;
    assert_closed_after(&bytes, Violation::Authentication(PduType::RESPONSE));
}

#[test]
fn headers_that_break_a_rule_are_violations() {
    let good = response(2, PfcFlags::WHOLE, &answered(b"yes"));
    for (at, value) in [(0, 4), (1, 2), (4, 0x11), (6, 1), (9, 0xff), (8, 15)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        let mut client = calling();
        client.handle_input(&bytes);
        assert!(matches!(
            client.poll_event(),
            Some(Event::Closed {
                violation: Violation::Header(_)
            })
        ));
    }
    let mut bytes = good[..16].to_vec();
    bytes[8..10].copy_from_slice(&5841_u16.to_le_bytes());
    let over = HeaderError::FragmentLength(5841);
    assert_closed_after(&bytes, Violation::Header(over));
}

#[test]
fn fragments_out_of_order_are_violations() {
    let part = &[1; 8];
    assert_closed_after(&response(2, MIDDLE, part), Violation::FragmentOrder);
    assert_closed_after(&response(2, LAST, part), Violation::FragmentOrder);
    let twice = response(2, FIRST, part).repeat(2);
    assert_closed_after(&twice, Violation::FragmentOrder);
    let body = Response {
        alloc_hint: 0,
        context_id: 0,
        cancel_count: 0,
        stub: part,
    };
    let changed = [
        response(2, FIRST, part),
        encode_as(ByteOrder::Big, LAST, 2, body),
    ]
    .concat();
    assert_closed_after(&changed, Violation::RepresentationChanged);
}

#[test]
fn a_fault_in_the_middle_of_an_answer_ends_the_call() {
    let mut client = calling();
    client.handle_input(&response(2, FIRST, &[1; 8]));
    client.handle_input(&fault(2, PfcFlags::WHOLE, FaultStatus::PROTOCOL_ERROR));
    assert!(matches!(client.poll_event(), Some(Event::Fault { .. })));
    let call = client.call(Operation::GetHostCertificate).unwrap();
    client.handle_input(&response(3, PfcFlags::WHOLE, &answered(b"c")));
    let bytes = &b"c"[..];
    assert_eq!(client.poll_event(), Some(Event::Answered { call, bytes }));
}

#[test]
fn an_answer_whose_stub_cannot_be_read_is_a_violation() {
    let good = answered(b"four");
    for len in 0..good.len() {
        let mut client = calling();
        client.handle_input(&response(2, PfcFlags::WHOLE, &good[..len]));
        assert!(
            matches!(
                client.poll_event(),
                Some(Event::Closed {
                    violation: Violation::Stub(_)
                })
            ),
            "{len}"
        );
    }
}

#[test]
fn a_pdu_that_does_not_hold_its_body_is_a_violation() {
    fn cut<B: EncodeBody>(call: u32, body: B, len: u8) -> Vec<u8> {
        let mut bytes = encode(call, body);
        bytes.truncate(usize::from(len));
        bytes[8..10].copy_from_slice(&[len, 0]);
        bytes
    }
    let ack = ack_of(vec![ContextResult::ACCEPTED]);
    let nak = BindNak {
        reason: RejectReason(4),
    };
    for bytes in [cut(1, ack.clone(), 59), cut(1, ack, 16), cut(1, nak, 17)] {
        let mut client = binding();
        client.handle_input(&bytes);
        assert!(matches!(
            client.poll_event(),
            Some(Event::Closed {
                violation: Violation::Malformed(_)
            })
        ));
    }
}
