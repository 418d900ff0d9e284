//! The rules of PROTOCOL section 1, each as a client would break or keep it.

use crate::common::{
    GROUP, alter, answer, assert_fault, assert_nak, assert_open, assert_proto_error, bind, bind_of,
    bound, context, decode, encode, encode_as, fragment, host, one, output, request, request_of,
    stub,
};
use kms_core::{ByteOrder, Encode, StatusCode};
use kms_wire::{
    Opnum,
    pdu::{
        AnyPdu, Bind, BindAck, Body, CallId, CoCancel, ContextResult, FaultStatus, HeaderError,
        Orphaned, Pdu, PduType, PfcFlags, Prefix, PresentationContext, ProviderReason,
        RejectReason, Request, Response, SyntaxId, TransferSyntaxes,
    },
    server::{Event, Reply, RespondError, Violation},
};
use uuid::{Uuid, uuid};

const FIRST: PfcFlags = PfcFlags::FIRST;
const LAST: PfcFlags = PfcFlags::LAST;
const MIDDLE: PfcFlags = PfcFlags(0);

const VERSION: RejectReason = RejectReason::PROTOCOL_VERSION_NOT_SUPPORTED;

fn header(pdu_type: u8, call: u32) -> Vec<u8> {
    let mut bytes = vec![5, 0, pdu_type, 3, 0x10, 0, 0, 0, 16, 0, 0, 0];
    bytes.extend(call.to_le_bytes());
    bytes
}

fn ack(host: &mut kms_wire::server::Connection) -> (PfcFlags, u16, Vec<ContextResult>) {
    let pdu = one(host);
    match decode(&pdu) {
        AnyPdu {
            prefix,
            body:
                Body::BindAck(BindAck {
                    max_transmit_fragment,
                    max_receive_fragment,
                    association_group,
                    secondary_address,
                    results,
                }),
        } => {
            assert_eq!(max_transmit_fragment, max_receive_fragment);
            assert_eq!(
                (association_group, secondary_address),
                (GROUP, &b"1688\0"[..])
            );
            (prefix.flags, max_receive_fragment, results)
        }
        other => panic!("{other:?}"),
    }
}

// The first PDU

#[test]
fn a_bind_is_acknowledged_with_the_port_and_the_group() {
    let mut host = host();
    host.handle_input(&bind());
    let expected = (PfcFlags::WHOLE, 4280, vec![ContextResult::ACCEPTED]);
    assert_eq!(ack(&mut host), expected);
    assert_open(&mut host);
}

#[test]
fn anything_but_a_bind_first_is_refused_with_the_versions() {
    for pdu_type in (0..=255).filter(|&t| t != PduType::BIND.0) {
        let mut host = host();
        host.handle_input(&header(pdu_type, 9));
        let violation = assert_nak(&mut host, 9, VERSION);
        assert_eq!(violation, Violation::NotABind(PduType(pdu_type)));
    }
}

#[test]
fn another_protocol_version_first_is_refused_with_the_versions() {
    for (at, value) in [(0, 0), (0, 4), (0, 6), (0, 255), (1, 2), (1, 255)] {
        let mut bytes = bind();
        bytes[at] = value;
        let mut host = host();
        host.handle_input(&bytes);
        let violation = assert_nak(&mut host, 1, VERSION);
        assert!(matches!(
            violation,
            Violation::Header(HeaderError::Version { .. })
        ));
    }
}

#[test]
fn what_is_not_rpc_at_all_is_refused() {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: kms\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaa",
        &[0; 16],
        &[0xff; 64],
    ] {
        let mut host = host();
        host.handle_input(bytes);
        let pdu = one(&mut host);
        assert!(matches!(decode(&pdu).body, Body::BindNak(nak) if nak.reason == VERSION));
        assert!(host.is_closed());
    }
}

#[test]
fn minor_version_1_is_spoken_back() {
    for minor_version in [0, 1] {
        let prefix = Prefix {
            minor_version,
            ..Prefix::new(CallId(1))
        };
        let body = bind_of(vec![context(0)]);
        let mut host = host();
        host.handle_input(&Pdu { prefix, body }.to_vec());
        assert_eq!(decode(&one(&mut host)).prefix.minor_version, minor_version);
    }
}

#[test]
fn a_bind_without_a_context_is_refused_with_the_versions() {
    let mut host = host();
    host.handle_input(&encode(3, bind_of(vec![])));
    assert_eq!(assert_nak(&mut host, 3, VERSION), Violation::NoContext);
}

#[test]
fn a_bind_that_ends_inside_a_field_is_refused_with_the_versions() {
    let whole = bind();
    for len in 16..whole.len() {
        let mut bytes = whole[..len].to_vec();
        bytes[8..10].copy_from_slice(&u16::try_from(len).unwrap().to_le_bytes());
        let mut host = host();
        host.handle_input(&bytes);
        let violation = assert_nak(&mut host, 1, VERSION);
        assert!(matches!(violation, Violation::Malformed(_)), "{violation}");
    }
}

#[test]
fn a_bind_with_authentication_is_refused_with_reason_8() {
    for auth_length in [1_u16, 8, 16, 5000, u16::MAX] {
        let mut bytes = bind();
        bytes[10..12].copy_from_slice(&auth_length.to_le_bytes());
        let mut host = host();
        host.handle_input(&bytes);
        let violation = assert_nak(&mut host, 1, RejectReason(8));
        assert_eq!(violation, Violation::Authentication(PduType::BIND));
    }
}

#[test]
fn a_bind_for_another_association_group_is_refused_with_reason_0() {
    for (group, ours) in [(0, true), (GROUP, true), (1, false), (GROUP + 1, false)] {
        let body = Bind {
            association_group: group,
            ..bind_of(vec![context(0)])
        };
        let mut host = host();
        host.handle_input(&encode(1, body));
        if ours {
            ack(&mut host);
        } else {
            let violation = assert_nak(&mut host, 1, RejectReason::NOT_SPECIFIED);
            assert_eq!(violation, Violation::AssociationGroup(group));
        }
    }
}

#[test]
fn a_context_without_transfer_syntaxes_is_refused_with_reason_0() {
    // Samba, raw_protocol: test_no_auth_presentation_ctx_invalid2.
    let none = PresentationContext {
        transfer_syntaxes: TransferSyntaxes::new(&[]).unwrap(),
        ..context(0)
    };
    let mut host = host();
    host.handle_input(&encode(1, bind_of(vec![none])));
    let violation = assert_nak(&mut host, 1, RejectReason::NOT_SPECIFIED);
    assert_eq!(violation, Violation::NoTransferSyntax(0));

    let mut host = bound();
    host.handle_input(&alter(2, vec![none]));
    assert_proto_error(&mut host, 2, 0, true);
}

#[test]
fn features_asked_about_twice_are_refused_with_reason_0() {
    // Samba, raw_protocol: test_no_auth_bind_time_twice.
    let features = PresentationContext {
        transfer_syntaxes: TransferSyntaxes::new(&[SyntaxId::new(
            uuid!("6cb71c2c-9812-4540-0300-000000000000"),
            1,
        )])
        .unwrap(),
        ..context(1)
    };
    let mut host = host();
    host.handle_input(&encode(1, bind_of(vec![context(0), features, features])));
    let violation = assert_nak(&mut host, 1, RejectReason::NOT_SPECIFIED);
    assert_eq!(violation, Violation::FeaturesTwice);
}

#[test]
fn each_flag_of_a_bind_is_ignored_but_multiplexing_is_granted() {
    // Samba, raw_protocol: test_no_auth_request_bind_pfc_*.
    for flags in [0, 0x01, 0x02, 0x03, 0x08, 0x13, 0x20, 0x40, 0x80, 0xff] {
        let body = bind_of(vec![context(0)]);
        let mut host = host();
        host.handle_input(&encode_as(ByteOrder::Little, PfcFlags(flags), 1, body));
        let granted = PfcFlags(flags & PfcFlags::CONC_MPX.0);
        assert_eq!(ack(&mut host).0, PfcFlags::WHOLE | granted);
        assert_open(&mut host);
    }
}

#[test]
fn a_bind_whose_contexts_are_all_rejected_is_acknowledged_and_stays_open() {
    let other = PresentationContext {
        abstract_syntax: SyntaxId::NDR,
        ..context(0)
    };
    let mut host = host();
    host.handle_input(&encode(1, bind_of(vec![other])));
    let reason = ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED;
    assert_eq!(ack(&mut host).2, vec![ContextResult::rejected(reason)]);
    host.handle_input(&request(2, 1, &[]));
    assert_fault(&mut host, 2, 0, FaultStatus::UNKNOWN_INTERFACE, true);
    host.handle_input(&alter(3, vec![context(0)]));
    assert!(matches!(
        decode(&one(&mut host)).body,
        Body::AlterContextResponse(_)
    ));
    assert_open(&mut host);
}

#[test]
fn fragment_sizes_are_the_smaller_of_two_held_to_the_range_and_a_multiple_of_8() {
    // Samba, raw_protocol: test_neg_xmit_*.
    for (transmit, receive, negotiated) in [
        (0xffff, 0xffff, 5840),
        (0, 0xffff, 2048),
        (0xffff, 0, 2048),
        (0, 0, 2048),
        (3199, 0, 2048),
        (3199, 0xffff, 3192),
        (0xffff, 3199, 3192),
        (2047, 2047, 2048),
        (2055, 2055, 2048),
        (2056, 2056, 2056),
        (5839, 5841, 5832),
        (5840, 5841, 5840),
    ] {
        let body = Bind {
            max_transmit_fragment: transmit,
            max_receive_fragment: receive,
            ..bind_of(vec![context(0)])
        };
        let mut host = host();
        host.handle_input(&encode(1, body));
        assert_eq!(ack(&mut host).1, negotiated, "{transmit} {receive}");

        // alter_context negotiates no sizes.
        host.handle_input(&alter(2, vec![context(1)]));
        let pdu = one(&mut host);
        match decode(&pdu).body {
            Body::AlterContextResponse(response) => {
                assert_eq!(response.0.max_transmit_fragment, negotiated);
                assert_eq!(response.0.max_receive_fragment, negotiated);
                assert_eq!(response.0.association_group, GROUP);
                assert_eq!(response.0.secondary_address, b"");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bytes_behind_the_contexts_of_a_bind_are_passed_over() {
    let mut bytes = bind();
    bytes.extend([0xee; 24]);
    bytes[8] += 24;
    let mut host = host();
    host.handle_input(&bytes);
    ack(&mut host);
    assert_open(&mut host);
}

// On an open connection

#[test]
fn a_second_bind_and_what_only_servers_send_close_with_a_fault() {
    for pdu_type in (0..=255).map(PduType).filter(|t| {
        ![
            PduType::REQUEST,
            PduType::ALTER_CONTEXT,
            PduType::CO_CANCEL,
            PduType::ORPHANED,
        ]
        .contains(t)
    }) {
        let mut host = bound();
        host.handle_input(&header(pdu_type.0, 9));
        let violation = assert_proto_error(&mut host, 9, 0, true);
        assert_eq!(violation, Violation::Unexpected(pdu_type));
    }
    let mut host = bound();
    host.handle_input(&bind());
    assert_proto_error(&mut host, 1, 0, true);
}

#[test]
fn an_alter_context_without_a_context_closes_with_a_fault() {
    let mut host = bound();
    host.handle_input(&alter(4, vec![]));
    let violation = assert_proto_error(&mut host, 4, 0, true);
    assert_eq!(violation, Violation::NoContext);
}

#[test]
fn authentication_on_any_later_pdu_closes_with_a_fault() {
    for mut pdu in [
        request(5, 0, &stub(b"m")),
        alter(5, vec![context(1)]),
        encode(5, CoCancel),
        encode(5, Orphaned),
    ] {
        pdu[10] = 8;
        let mut host = bound();
        host.handle_input(&pdu);
        let violation = assert_proto_error(&mut host, 5, 0, true);
        assert!(matches!(violation, Violation::Authentication(_)));
    }
}

#[test]
fn other_versions_and_representations_close_with_a_fault() {
    for (at, value) in [
        (0, 4),
        (0, 6),
        (1, 2),
        (4, 0x11),
        (4, 0x12),
        (4, 0x20),
        (5, 1),
        (5, 2),
        (5, 3),
        (6, 1),
        (7, 1),
    ] {
        let mut pdu = encode(5, CoCancel);
        pdu[at] = value;
        if pdu[4] == 0x20 {
            // An integer order that does not exist is read as big-endian, to answer at all.
            pdu[12..].copy_from_slice(&[0, 0, 0, 5]);
        }
        let mut host = bound();
        host.handle_input(&pdu);
        let violation = assert_proto_error(&mut host, 5, 0, true);
        assert!(matches!(violation, Violation::Header(_)));
    }
}

#[test]
fn a_request_that_ends_before_its_stub_closes_with_a_fault() {
    let whole = request(5, 0, &[]);
    for len in 16..24 {
        let mut pdu = whole[..len].to_vec();
        pdu[8] = u8::try_from(len).unwrap();
        let mut host = bound();
        host.handle_input(&pdu);
        assert_proto_error(&mut host, 5, 0, true);
    }
    let mut host = bound();
    let short = [&whole[..], &[0; 15]].concat();
    let mut short_object = short.clone();
    short_object[3] |= PfcFlags::OBJECT_UUID.0;
    short_object[8] = 39;
    host.handle_input(&short_object);
    assert_proto_error(&mut host, 5, 0, true);
}

#[test]
fn co_cancel_and_orphaned_are_passed_over() {
    // Samba, raw_protocol: test_co_cancel_*, test_orphaned_*.
    for pdu in [encode(2, CoCancel), encode(2, Orphaned)] {
        let mut host = bound();
        host.handle_input(&pdu);
        assert_eq!(host.poll_transmit(), None);
        assert_open(&mut host);

        let message = stub(b"in two");
        host.handle_input(&fragment(2, FIRST, &message[..5]));
        host.handle_input(&pdu);
        host.handle_input(&fragment(2, LAST, &message[5..]));
        assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"in two");
    }
}

#[test]
fn a_request_in_a_context_that_was_not_accepted_is_a_fault_and_stays_open() {
    let mut host = bound();
    for context_id in [1, 255, u16::MAX] {
        host.handle_input(&encode(6, request_of(context_id, 0, &stub(b"m"))));
        assert_fault(&mut host, 6, 0, FaultStatus::UNKNOWN_INTERFACE, true);
        assert_eq!(host.poll_event(), None);
    }
    assert_open(&mut host);
}

#[test]
fn a_fragmented_request_in_an_unknown_context_has_one_fault_and_stays_open() {
    let mut host = bound();
    let part = |flags| {
        let body = request_of(7, 0, &[1; 100]);
        encode_as(ByteOrder::Little, flags, 6, body)
    };
    host.handle_input(&part(FIRST));
    assert_fault(&mut host, 6, 0, FaultStatus::UNKNOWN_INTERFACE, true);
    host.handle_input(&part(MIDDLE));
    host.handle_input(&part(LAST));
    assert_eq!(host.poll_transmit(), None);
    assert_open(&mut host);
}

#[test]
fn a_context_added_by_alter_context_can_be_used() {
    let mut host = bound();
    host.handle_input(&alter(2, vec![context(0x1234)]));
    one(&mut host);
    host.handle_input(&encode(3, request_of(0x1234, 0, &stub(b"m"))));
    assert_eq!(answer(&mut host, Reply::Bytes(b"r")), b"m");
    let pdu = one(&mut host);
    match decode(&pdu).body {
        Body::Response(response) => assert_eq!(response.context_id, 0x1234),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_operation_that_does_not_exist_is_a_fault_and_stays_open() {
    let mut host = bound();
    for opnum in [2, 3, 255, u16::MAX] {
        host.handle_input(&request(6, opnum, &[]));
        assert_fault(&mut host, 6, 0, FaultStatus::OPERATION_RANGE, true);
    }
    assert_open(&mut host);
}

#[test]
fn a_stub_that_cannot_be_read_is_a_fault_and_stays_open() {
    let mut host = bound();
    let good = stub(b"abcd");
    let long = [&good[..], &[0; 4]].concat();
    for (opnum, bad) in [
        (0, &good[..0]),
        (0, &good[..1]),
        (0, &good[..7]),
        (0, &good[..11]),
        (0, &[4, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4]),
        (0, &[5, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]),
        (0, &[0xff; 12]),
        (0, &long),
        (1, &[0; 4]),
    ] {
        host.handle_input(&request(6, opnum, bad));
        assert_fault(&mut host, 6, 0, FaultStatus::BAD_STUB_DATA, false);
    }
    assert_open(&mut host);
}

#[test]
fn a_big_endian_client_is_understood_and_answered_little_endian() {
    let big = ByteOrder::Big;
    let mut host = host();
    host.handle_input(&encode_as(
        big,
        PfcFlags::WHOLE,
        7,
        bind_of(vec![context(3)]),
    ));
    ack(&mut host);
    let stub = [&[0, 0, 0, 2, 0, 0, 0, 2][..], b"hi"].concat();
    let body = Request {
        object: Some(Uuid::from_u128(1)),
        ..request_of(3, 0, &stub)
    };
    host.handle_input(&encode_as(big, PfcFlags::WHOLE, 8, body));
    assert_eq!(answer(&mut host, Reply::Bytes(b"ho")), b"hi");
    let pdu = decode(&one(&mut host)).prefix;
    assert_eq!((pdu.order, pdu.call_id), (ByteOrder::Little, CallId(8)));
}

#[test]
fn the_flags_maybe_and_did_not_execute_on_a_request_mean_nothing() {
    for flag in [0x08, 0x20, 0x40, 0x10] {
        let mut host = bound();
        let flags = PfcFlags::WHOLE | PfcFlags(flag);
        host.handle_input(&fragment(2, flags, &stub(b"m")));
        assert_eq!(answer(&mut host, Reply::Bytes(b"r")), b"m");
        one(&mut host);
        assert_open(&mut host);
    }
}

// Fragments

#[test]
fn a_request_in_fragments_is_put_together() {
    let message = [7; 3000];
    let stub = stub(&message);
    for size in [1, 7, 1000, 2024, 5816] {
        let mut host = bound();
        let parts: Vec<&[u8]> = stub.chunks(size).collect();
        for (at, part) in parts.iter().enumerate() {
            let mut flags = if at == 0 { FIRST } else { MIDDLE };
            if at + 1 == parts.len() {
                flags = flags | LAST;
            }
            host.handle_input(&fragment(2, flags, part));
        }
        assert_eq!(answer(&mut host, Reply::Bytes(b"r")), message);
        one(&mut host);
        assert_open(&mut host);
    }
}

#[test]
fn empty_fragments_at_either_end_are_harmless() {
    let mut host = bound();
    host.handle_input(&fragment(2, FIRST, &[]));
    host.handle_input(&fragment(2, MIDDLE, &stub(b"m")));
    host.handle_input(&fragment(2, LAST, &[]));
    assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"m");
}

#[test]
fn a_fragment_out_of_order_closes_with_a_fault() {
    // Samba, raw_protocol: test_*_only_requests, test_mix_requests.
    let cases: [(&[(u32, PfcFlags)], u32); 6] = [
        (&[(2, MIDDLE)], 2),
        (&[(2, LAST)], 2),
        (&[(2, FIRST), (2, FIRST)], 2),
        (&[(50, FIRST), (51, FIRST)], 50),
        (&[(50, FIRST), (51, MIDDLE)], 50),
        (&[(50, FIRST), (51, PfcFlags::WHOLE)], 50),
    ];
    for (fragments, about) in cases {
        let mut host = bound();
        for (call, flags) in fragments {
            host.handle_input(&fragment(*call, *flags, &[1; 8]));
        }
        let violation = assert_proto_error(&mut host, about, 0, false);
        assert!(matches!(violation, Violation::FragmentOrder(_)));
    }
}

#[test]
fn with_multiplexing_the_fault_is_about_the_call_that_came_later() {
    for later in [FIRST, MIDDLE] {
        let mut host = host();
        let flags = PfcFlags::WHOLE | PfcFlags::CONC_MPX;
        let body = bind_of(vec![context(0)]);
        host.handle_input(&encode_as(ByteOrder::Little, flags, 1, body));
        one(&mut host);
        host.handle_input(&fragment(50, FIRST, &[1; 8]));
        host.handle_input(&fragment(51, later, &[1; 8]));
        assert_proto_error(&mut host, 51, 0, false);
    }
}

#[test]
fn a_fragment_of_no_call_in_an_unknown_context_is_a_fault_and_stays_open() {
    for flags in [MIDDLE, LAST] {
        let mut host = bound();
        let body = request_of(7, 0, &[1; 8]);
        host.handle_input(&encode_as(ByteOrder::Little, flags, 2, body));
        assert_fault(&mut host, 2, 0, FaultStatus::UNKNOWN_INTERFACE, true);
        assert_open(&mut host);
    }
}

#[test]
fn a_changed_representation_inside_a_call_closes_with_a_fault() {
    let mut host = bound();
    host.handle_input(&fragment(2, FIRST, &[1; 8]));
    host.handle_input(&encode_as(
        ByteOrder::Big,
        LAST,
        2,
        request_of(0, 0, &[1; 8]),
    ));
    let violation = assert_proto_error(&mut host, 2, 0, true);
    assert_eq!(violation, Violation::RepresentationChanged(CallId(2)));
}

#[test]
fn context_and_operation_are_those_of_the_first_fragment() {
    let mut host = bound();
    let message = stub(b"in two");
    host.handle_input(&fragment(2, FIRST, &message[..5]));
    let last = Request {
        opnum: Opnum(9),
        ..request_of(77, 9, &message[5..])
    };
    host.handle_input(&encode_as(ByteOrder::Little, LAST, 2, last));
    assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"in two");
}

#[test]
fn a_cancel_that_is_pending_in_the_first_fragment_closes_and_later_means_nothing() {
    // Samba, raw_protocol: test_first_cancel_requests, test_last_cancel_requests.
    let mut host = bound();
    host.handle_input(&fragment(2, FIRST | PfcFlags::PENDING_CANCEL, &[]));
    let violation = assert_proto_error(&mut host, 2, 0, true);
    assert_eq!(violation, Violation::PendingCancel(CallId(2)));

    let mut host = bound();
    host.handle_input(&fragment(2, FIRST, &stub(b"")));
    host.handle_input(&fragment(2, LAST | PfcFlags::PENDING_CANCEL, &[]));
    assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"");
}

#[test]
fn the_allocation_hint_is_never_used() {
    for alloc_hint in [0, 1, 8193, u32::MAX] {
        let stub = stub(b"m");
        let body = |part| Request {
            alloc_hint,
            ..request_of(0, 0, part)
        };
        let mut host = bound();
        host.handle_input(&encode(2, body(&stub)));
        assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"m");
        one(&mut host);
        host.handle_input(&encode_as(ByteOrder::Little, FIRST, 3, body(&stub[..4])));
        assert!(host.memory() < 2048, "{}", host.memory());
        host.handle_input(&encode_as(ByteOrder::Little, LAST, 3, body(&stub[4..])));
        assert_eq!(answer(&mut host, Reply::Bytes(b"")), b"m");
    }
}

#[test]
fn an_answer_is_cut_to_the_negotiated_size_in_multiples_of_8() {
    let certificates: Vec<u8> = (0..=255).cycle().take(7001).collect();
    for size in [2048, 4280, 5840] {
        let body = Bind {
            max_transmit_fragment: size,
            max_receive_fragment: size,
            ..bind_of(vec![context(0)])
        };
        let mut host = host();
        host.handle_input(&encode(1, body));
        one(&mut host);
        host.handle_input(&request(2, Opnum::GET_HOST_CERTIFICATE.0, &[]));
        answer(&mut host, Reply::Bytes(&certificates));
        let pdus = output(&mut host);
        let mut stub = Vec::new();
        for (at, bytes) in pdus.iter().enumerate() {
            assert!(bytes.len() <= usize::from(size));
            let pdu = decode(bytes);
            let (first, last) = (at == 0, at + 1 == pdus.len());
            assert_eq!(pdu.prefix.flags.contains(FIRST), first);
            assert_eq!(pdu.prefix.flags.contains(LAST), last);
            assert_eq!(pdu.prefix.call_id, CallId(2));
            match pdu.body {
                Body::Response(Response {
                    alloc_hint,
                    stub: part,
                    ..
                }) => {
                    assert!(last || part.len() % 8 == 0);
                    assert_eq!(alloc_hint as usize, 12 + 7004 + 4 - stub.len());
                    stub.extend_from_slice(part);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(stub.len(), 12 + 7004 + 4);
        assert_eq!(stub[12..12 + 7001], certificates);
        assert_open(&mut host);
    }
}

// Calls

#[test]
fn calls_follow_each_other_in_order_each_with_its_own_id() {
    let mut host = bound();
    let stream: Vec<u8> = [9_u32, 3, 3, u32::MAX, 0]
        .iter()
        .flat_map(|&call| request(call, 0, &stub(&call.to_le_bytes())))
        .collect();
    host.handle_input(&stream);
    for call in [9_u32, 3, 3, u32::MAX, 0] {
        let message = answer(&mut host, Reply::Bytes(b"r"));
        assert_eq!(message, call.to_le_bytes());
        assert_eq!(decode(&one(&mut host)).prefix.call_id, CallId(call));
    }
    assert_eq!(host.poll_event(), None);
}

#[test]
fn one_call_is_handed_out_at_a_time_and_once() {
    let mut host = bound();
    host.handle_input(&[request(1, 1, &[]), request(2, 1, &[])].concat());
    let Some(Event::GetHostCertificate { call: first }) = host.poll_event() else {
        panic!()
    };
    assert_eq!(host.poll_event(), None);
    host.respond(first, Reply::Bytes(b"c")).unwrap();
    let Some(Event::GetHostCertificate { call: second }) = host.poll_event() else {
        panic!()
    };
    assert_ne!(first, second);
    assert_eq!(
        host.respond(first, Reply::TooBusy),
        Err(RespondError::NotWaiting(CallId(1)))
    );
    host.respond(second, Reply::Bytes(b"c")).unwrap();
    assert_eq!(
        host.respond(second, Reply::TooBusy),
        Err(RespondError::NotWaiting(CallId(2)))
    );
    assert_eq!(output(&mut host).len(), 2);
}

#[test]
fn a_refusal_has_its_hresult_and_a_busy_host_says_that_nothing_was_executed() {
    let mut host = bound();
    host.handle_input(&request(1, 0, &stub(b"m")));
    answer(&mut host, Reply::Refused(StatusCode(0xc004_f041)));
    let pdu = one(&mut host);
    match decode(&pdu).body {
        Body::Response(response) => {
            assert_eq!(response.stub, b"\0\0\0\0\0\0\0\0\x41\xf0\x04\xc0");
        }
        other => panic!("{other:?}"),
    }
    host.handle_input(&request(2, 0, &stub(b"m")));
    answer(&mut host, Reply::TooBusy);
    assert_fault(&mut host, 2, 0, FaultStatus::SERVER_TOO_BUSY, true);
    assert_open(&mut host);
}

#[test]
fn a_refusal_that_means_success_is_not_taken_and_the_call_still_waits() {
    let mut host = bound();
    host.handle_input(&request(1, 1, &[]));
    let Some(Event::GetHostCertificate { call }) = host.poll_event() else {
        panic!()
    };
    assert_eq!(
        host.respond(call, Reply::Refused(StatusCode::OK)),
        Err(RespondError::RefusedWithSuccess)
    );
    host.respond(call, Reply::Bytes(b"c")).unwrap();
    assert_eq!(output(&mut host).len(), 1);
}

#[test]
fn a_bind_and_its_first_call_may_come_together() {
    let mut host = host();
    host.handle_input(&[bind(), request(2, 0, &stub(b"m"))].concat());
    assert_eq!(answer(&mut host, Reply::Bytes(b"r")), b"m");
    let pdus = output(&mut host);
    assert_eq!(pdus.len(), 2);
    assert!(matches!(decode(&pdus[0]).body, Body::BindAck(_)));
}
