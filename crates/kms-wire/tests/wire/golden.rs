//! PDUs byte by byte, both ways, cut short at every byte.

use crate::common::{self, decode, encode, encode_as, hex, host, one, request_of, stub};
use kms_core::{ByteOrder, Decode, DecodeErrorKind, Encode, StatusCode};
use kms_wire::{
    ActivationRequest, Operation, Opnum,
    pdu::{
        AlterContext, AlterContextResponse, AnyPdu, Bind, BindAck, BindNak, Body, CallId, CoCancel,
        ContextResult, Fault, FaultStatus, Orphaned, PfcFlags, Prefix, PresentationContext,
        ProviderReason, RejectReason, Request, Response, SyntaxId, TransferSyntaxes,
    },
    server::{Event, Reply},
};
use uuid::{Uuid, uuid};

/// PROTOCOL section 6: the request message.
const MESSAGE: &str = "
    010000000100000002000000bb9c000011111111222243338444555555555555a1a2a3a4b1b24c1c8d1dd1d2d3d4d5d6
    0f0e0d0c0b0a4909880706050403020100112233445546778899aabbccddeeff00000000000000000000000000000000
    19000000000000000068e5cf8b010000000102030405060708090a0b0c0d0e0f1577732d31372e636f6e746f736f2e65
    78616d706c65";

const INTERFACE_LE: &str = "0e2807f2 dcf4 b842 b97c 3582d8f5ddd4 01000000";
const INTERFACE_BE: &str = "f207280e f4dc 42b8 b97c 3582d8f5ddd4 00000001";
const NDR_LE: &str = "045d888a eb1c c911 9fe8 08002b104860 02000000";
const NDR_BE: &str = "8a885d04 1ceb 11c9 9fe8 08002b104860 00000002";
const FEATURES_LE: &str = "2c1cb76c 1298 4045 0300 000000000000 01000000";

fn features() -> SyntaxId {
    SyntaxId::new(uuid!("6cb71c2c-9812-4540-0300-000000000000"), 1)
}

fn context(id: u16, transfer: SyntaxId) -> PresentationContext {
    PresentationContext {
        id,
        abstract_syntax: SyntaxId::INTERFACE,
        transfer_syntaxes: TransferSyntaxes::new(&[transfer]).unwrap(),
    }
}

fn prefix(order: ByteOrder, call: u32, flags: PfcFlags) -> Prefix {
    Prefix {
        minor_version: 0,
        flags,
        order,
        call_id: CallId(call),
    }
}

/// Each type of PDU, written by hand beside its value.
fn golden() -> Vec<(&'static str, Vec<u8>, AnyPdu<'static>)> {
    let (little, big) = (ByteOrder::Little, ByteOrder::Big);
    let whole = PfcFlags::WHOLE;
    vec![
        (
            "the bind of Samba's client: two contexts, the second asks about features",
            hex(&format!(
                "05 00 0b 03 10000000 7400 0000 02000000
                 d016 d016 00000000 02 000000
                 0000 01 00 {INTERFACE_LE} {NDR_LE}
                 0100 01 00 {INTERFACE_LE} {FEATURES_LE}"
            )),
            AnyPdu {
                prefix: prefix(little, 2, whole),
                body: Body::Bind(Bind {
                    max_transmit_fragment: 5840,
                    max_receive_fragment: 5840,
                    association_group: 0,
                    contexts: vec![context(0, SyntaxId::NDR), context(1, features())],
                }),
            },
        ),
        (
            "a bind in big-endian order",
            hex(&format!(
                "05 00 0b 03 00000000 0048 0000 00000007
                 10b8 10b8 12345678 01 000000
                 0003 01 00 {INTERFACE_BE} {NDR_BE}"
            )),
            AnyPdu {
                prefix: prefix(big, 7, whole),
                body: Body::Bind(Bind {
                    max_transmit_fragment: 4280,
                    max_receive_fragment: 4280,
                    association_group: 0x1234_5678,
                    contexts: vec![context(3, SyntaxId::NDR)],
                }),
            },
        ),
        (
            "a bind_ack that accepts one context and no feature",
            hex(&format!(
                "05 00 0c 03 10000000 5400 0000 02000000
                 d016 d016 0d0c0b0a 0500 31363838 00 00 02 000000
                 0000 0000 {NDR_LE}
                 0300 0000 00000000000000000000000000000000 00000000"
            )),
            AnyPdu {
                prefix: prefix(little, 2, whole),
                body: Body::BindAck(BindAck {
                    max_transmit_fragment: 5840,
                    max_receive_fragment: 5840,
                    association_group: common::GROUP,
                    secondary_address: b"1688\0",
                    results: vec![ContextResult::ACCEPTED, ContextResult::NO_FEATURES],
                }),
            },
        ),
        (
            "a bind_nak",
            hex("05 00 0d 03 10000000 1800 0000 02000000  0400 02 0500 0501 00"),
            AnyPdu {
                prefix: prefix(little, 2, whole),
                body: Body::BindNak(BindNak {
                    reason: RejectReason::PROTOCOL_VERSION_NOT_SUPPORTED,
                }),
            },
        ),
        (
            "an alter_context",
            hex(&format!(
                "05 00 0e 03 10000000 4800 0000 03000000
                 b810 b810 00000000 01 000000
                 0900 01 00 {INTERFACE_LE} {NDR_LE}"
            )),
            AnyPdu {
                prefix: prefix(little, 3, whole),
                body: Body::AlterContext(AlterContext(Bind {
                    max_transmit_fragment: 4280,
                    max_receive_fragment: 4280,
                    association_group: 0,
                    contexts: vec![context(9, SyntaxId::NDR)],
                })),
            },
        ),
        (
            "an alter_context_resp, which names no secondary address",
            hex("05 00 0f 03 10000000 3800 0000 03000000
                 b810 b810 0d0c0b0a 0000 0000 01 000000
                 0200 0100 00000000000000000000000000000000 00000000"),
            AnyPdu {
                prefix: prefix(little, 3, whole),
                body: Body::AlterContextResponse(AlterContextResponse(BindAck {
                    max_transmit_fragment: 4280,
                    max_receive_fragment: 4280,
                    association_group: common::GROUP,
                    secondary_address: b"",
                    results: vec![ContextResult::rejected(
                        ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED,
                    )],
                })),
            },
        ),
        (
            "a request",
            hex("05 00 00 03 10000000 2300 0000 04000000
                 0b000000 0000 0000 03000000 03000000 616263"),
            AnyPdu {
                prefix: prefix(little, 4, whole),
                body: Body::Request(Request {
                    alloc_hint: 11,
                    context_id: 0,
                    opnum: Opnum::REQUEST_ACTIVATION,
                    object: None,
                    stub: b"\x03\0\0\0\x03\0\0\0abc",
                }),
            },
        ),
        (
            "a big-endian first fragment with an object id",
            hex("05 00 00 81 00000000 002a 0000 00000004
                 00000002 0005 0001 00112233 4455 6677 8899aabbccddeeff 0102"),
            AnyPdu {
                prefix: prefix(big, 4, PfcFlags::FIRST | PfcFlags::OBJECT_UUID),
                body: Body::Request(Request {
                    alloc_hint: 2,
                    context_id: 5,
                    opnum: Opnum::GET_HOST_CERTIFICATE,
                    object: Some(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)),
                    stub: &[1, 2],
                }),
            },
        ),
        (
            "a response",
            hex("05 00 02 03 10000000 2400 0000 04000000
                 0c000000 0000 00 00 00000000 00000000 42f004c0"),
            AnyPdu {
                prefix: prefix(little, 4, whole),
                body: Body::Response(Response {
                    alloc_hint: 12,
                    context_id: 0,
                    cancel_count: 0,
                    stub: b"\0\0\0\0\0\0\0\0\x42\xf0\x04\xc0",
                }),
            },
        ),
        (
            "a fault",
            hex("05 00 03 23 10000000 2000 0000 05000000
                 20000000 0000 00 00 0300011c 00000000"),
            AnyPdu {
                prefix: prefix(little, 5, whole | PfcFlags::DID_NOT_EXECUTE),
                body: Body::Fault(Fault {
                    context_id: 0,
                    cancel_count: 0,
                    status: FaultStatus::UNKNOWN_INTERFACE,
                }),
            },
        ),
        (
            "a co_cancel",
            hex("05 00 12 03 10000000 1000 0000 06000000"),
            AnyPdu {
                prefix: prefix(little, 6, whole),
                body: Body::CoCancel(CoCancel),
            },
        ),
        (
            "a big-endian orphaned",
            hex("05 00 13 03 00000000 0010 0000 00000006"),
            AnyPdu {
                prefix: prefix(big, 6, whole),
                body: Body::Orphaned(Orphaned),
            },
        ),
    ]
}

#[test]
fn each_pdu_is_read_and_written_to_the_byte() {
    for (name, bytes, value) in golden() {
        assert_eq!(decode(&bytes), value, "{name}");
        assert_eq!(value.to_vec(), bytes, "{name}");
        assert_eq!(value.encoded_len(), bytes.len(), "{name}");
    }
}

#[test]
fn a_pdu_cut_short_anywhere_asks_for_more() {
    for (name, bytes, _) in golden() {
        for len in 0..bytes.len() {
            let error = AnyPdu::decode_all(&bytes[..len]).unwrap_err();
            assert!(error.offset() <= len, "{name} at {len}: {error}");
            let missing = error.needed().unwrap();
            assert!(len + missing <= bytes.len(), "{name} at {len}: {error}");
        }
    }
}

#[test]
fn a_pdu_whose_header_says_less_than_its_body_needs_is_an_error_inside_it() {
    for (name, bytes, value) in golden() {
        let carries_a_stub = matches!(value.body, Body::Request(_) | Body::Response(_));
        let stub_offset = match &value.body {
            Body::Request(request) if request.object.is_some() => 40,
            _ => 24,
        };
        // What follows these is padding, or nothing is wanted at all.
        let needed = match &value.body {
            Body::BindNak(_) => bytes.len() - 1,
            Body::CoCancel(_) | Body::Orphaned(_) => 16,
            _ if carries_a_stub => stub_offset,
            _ => bytes.len(),
        };
        for len in 16..bytes.len() {
            let mut cut = bytes[..len].to_vec();
            let length = u16::try_from(len).unwrap();
            cut[8..10].copy_from_slice(&match value.prefix.order {
                ByteOrder::Little => length.to_le_bytes(),
                ByteOrder::Big => length.to_be_bytes(),
            });
            match AnyPdu::decode_all(&cut) {
                Ok(_) => assert!(len >= needed, "{name} at {len}"),
                Err(error) => {
                    assert!(len < needed, "{name} at {len}: {error}");
                    assert!((16..=len).contains(&error.offset()), "{name}: {error}");
                    assert_eq!(error.needed(), None, "{name} at {len}: {error}");
                    assert!(matches!(error.kind(), DecodeErrorKind::Truncated { .. }));
                }
            }
        }
    }
}

#[test]
fn what_is_no_pdu_of_the_protocol_is_named_with_its_offset() {
    let bytes = hex("05 00 13 03 10000000 1000 0000 06000000");
    for (at, value, field) in [
        (2, 16, "type"),
        (2, 1, "type"),
        (2, 255, "type"),
        (10, 8, "auth_length"),
        (0, 4, "version"),
    ] {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        let error = AnyPdu::decode_all(&bytes).unwrap_err();
        assert_eq!((error.offset(), error.field()), (at, field));
    }
}

#[test]
fn the_protocols_sizes_for_a_name_of_15_bytes_are_met() {
    let mut message = hex(MESSAGE);
    message.truncate(129);
    message[128] = 15;
    message.extend(b"workstation-017");
    assert_eq!(message.len(), 144);
    assert!(ActivationRequest::decode_all(&message).is_ok());

    let request = encode(4, request_of(0, 0, &stub(&message)));
    assert_eq!(request.len(), 176);

    let mut host = host();
    host.handle_input(&common::bind());
    one(&mut host);
    host.handle_input(&request);
    assert_eq!(
        common::answer(&mut host, Reply::Bytes(&[0x5a; 120])),
        message
    );
    let response = one(&mut host);
    assert_eq!(response.len(), 160);
    let start = "05 00 02 03 10000000 a000 0000 04000000 88000000 0000 00 00
                 78000000 00000200 78000000";
    assert_eq!(response[..36], hex(start));
    assert_eq!(response[36..], [&[0x5a; 120][..], &[0; 4]].concat());
}

#[test]
fn the_protocols_vector_passes_a_host_unchanged_in_both_orders() {
    let message = hex(MESSAGE);
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let mut host = host();
        let bind = common::bind_of(vec![common::context(0)]);
        host.handle_input(&encode_as(order, PfcFlags::WHOLE, 1, bind));
        one(&mut host);

        let mut stub = Vec::new();
        let operation = Operation::RequestActivation { message: &message };
        operation.encode(&mut kms_core::Writer::new(&mut stub), order);
        host.handle_input(&encode_as(
            order,
            PfcFlags::WHOLE,
            2,
            request_of(0, 0, &stub),
        ));
        match host.poll_event() {
            Some(Event::RequestActivation { call, message: got }) => {
                assert_eq!((call.id(), got), (CallId(2), message.as_slice()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_host_answers_sambas_client_to_the_byte() {
    let (name, bind, _) = &golden()[0];
    let mut host = host();
    host.handle_input(bind);
    assert_eq!(one(&mut host), golden()[2].1, "{name}");
    host.handle_input(&golden()[6].1);
    let refusal = StatusCode(0xc004_f042);
    assert_eq!(common::answer(&mut host, Reply::Refused(refusal)), b"abc");
    assert_eq!(one(&mut host), golden()[8].1);
}
