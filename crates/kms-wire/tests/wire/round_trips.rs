//! Whatever can be written is read back the same.

use kms_core::{
    ActivationId, ActivationInterval, AnswerTerms, ApplicationId, ByteOrder, Cmid, CountedId,
    Decode, Encode, KeyId, LicenseStatus, MachineName, RenewalInterval, StatusCode, Threshold,
    Timestamp, ValidityInterval, Writer,
};
use kms_wire::{
    ActivationAnswer, ActivationRequest, CertificateChain, Operation, Opnum, Outcome,
    pdu::{
        AlterContext, AlterContextResponse, AnyPdu, Bind, BindAck, BindNak, Body, CallId, CoCancel,
        ContextResult, ContextResultCode, Fault, FaultStatus, Header, Orphaned, PfcFlags, Prefix,
        PresentationContext, ProviderReason, RejectReason, Request, Response, SyntaxId,
        TransferSyntaxes,
    },
};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

/// Bytes for stubs and addresses, which a strategy can lend since they live on.
static PATTERN: [u8; 200] = {
    let mut bytes = [0; 200];
    let (mut at, mut value) = (0, 0_u8);
    while at < bytes.len() {
        bytes[at] = value;
        value = value.wrapping_add(73);
        at += 1;
    }
    bytes
};

fn order() -> impl Strategy<Value = ByteOrder> {
    prop_oneof![Just(ByteOrder::Little), Just(ByteOrder::Big)]
}

fn syntax() -> impl Strategy<Value = SyntaxId> {
    (any::<u128>(), any::<u32>())
        .prop_map(|(uuid, version)| SyntaxId::new(Uuid::from_u128(uuid), version))
}

fn bind() -> impl Strategy<Value = Bind> {
    let context =
        (any::<u16>(), syntax(), vec(syntax(), 0..=8)).prop_map(|(id, interface, syntaxes)| {
            PresentationContext {
                id,
                abstract_syntax: interface,
                transfer_syntaxes: TransferSyntaxes::new(&syntaxes).unwrap(),
            }
        });
    (any::<(u16, u16, u32)>(), vec(context, 0..=16)).prop_map(
        |((transmit, receive, group), contexts)| Bind {
            max_transmit_fragment: transmit,
            max_receive_fragment: receive,
            association_group: group,
            contexts,
        },
    )
}

fn bind_ack(address: &'static [u8]) -> impl Strategy<Value = BindAck<'static>> {
    let result =
        (any::<(u16, u16)>(), syntax()).prop_map(|((result, reason), syntax)| ContextResult {
            result: ContextResultCode(result),
            reason: ProviderReason(reason),
            transfer_syntax: syntax,
        });
    (any::<(u16, u16, u32)>(), vec(result, 0..=16)).prop_map(
        move |((transmit, receive, group), results)| BindAck {
            max_transmit_fragment: transmit,
            max_receive_fragment: receive,
            association_group: group,
            secondary_address: address,
            results,
        },
    )
}

/// A body that carries these bytes if it can carry any.
fn body(bytes: &'static [u8]) -> impl Strategy<Value = Body<'static>> {
    let request = (any::<(u32, u16, u16)>(), option::of(any::<u128>())).prop_map(
        move |((alloc_hint, context_id, opnum), object)| {
            Body::Request(Request {
                alloc_hint,
                context_id,
                opnum: Opnum(opnum),
                object: object.map(Uuid::from_u128),
                stub: bytes,
            })
        },
    );
    let response =
        any::<(u32, u16, u8)>().prop_map(move |(alloc_hint, context_id, cancel_count)| {
            Body::Response(Response {
                alloc_hint,
                context_id,
                cancel_count,
                stub: bytes,
            })
        });
    let fault = any::<(u16, u8, u32)>().prop_map(|(context_id, cancel_count, status)| {
        Body::Fault(Fault {
            context_id,
            cancel_count,
            status: FaultStatus(status),
        })
    });
    prop_oneof![
        bind().prop_map(Body::Bind),
        bind().prop_map(|bind| Body::AlterContext(AlterContext(bind))),
        bind_ack(bytes).prop_map(Body::BindAck),
        bind_ack(bytes).prop_map(|ack| Body::AlterContextResponse(AlterContextResponse(ack))),
        any::<u16>().prop_map(|reason| Body::BindNak(BindNak {
            reason: RejectReason(reason)
        })),
        request,
        response,
        fault,
        Just(Body::CoCancel(CoCancel)),
        Just(Body::Orphaned(Orphaned)),
    ]
}

fn activation_request() -> impl Strategy<Value = ActivationRequest> {
    (
        (any::<bool>(), 0..7_u32, any::<u32>()),
        any::<[u128; 3]>(),
        (1..=u128::MAX, option::of(1..=u128::MAX)),
        1..=1_000_000_u32,
        any::<(i64, [u8; 16])>(),
        "[^\\p{Cc}]{1,15}",
    )
        .prop_map(
            |(state, ids, (cmid, previous), count, (time, nonce), name)| ActivationRequest {
                minor_version: 0,
                virtual_machine: state.0,
                license_status: LicenseStatus::try_from(state.1).unwrap(),
                minutes_remaining: state.2,
                application_id: ApplicationId::new(Uuid::from_u128(ids[0])),
                activation_id: ActivationId::new(Uuid::from_u128(ids[1])),
                counted_id: CountedId::new(Uuid::from_u128(ids[2])),
                cmid: Cmid::new(Uuid::from_u128(cmid)).unwrap(),
                previous_cmid: previous.map(|id| Cmid::new(Uuid::from_u128(id)).unwrap()),
                required_count: Threshold::new(count).unwrap(),
                request_time: Timestamp::from_millis(time),
                nonce,
                machine_name: MachineName::from_bytes(name.as_bytes()).unwrap(),
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_pdu_is_read_back_in_both_orders(
        body in (0..=PATTERN.len()).prop_flat_map(|len| body(&PATTERN[..len])),
        order in order(),
        (minor_version, flags, call) in (0..=1_u8, any::<u8>(), any::<u32>()),
    ) {
        let mut flags = PfcFlags(flags);
        match &body {
            Body::Request(request) if request.object.is_some() => {
                flags = flags | PfcFlags::OBJECT_UUID;
            }
            Body::Request(_) => flags = flags.without(PfcFlags::OBJECT_UUID),
            _ => {}
        }
        let prefix = Prefix { minor_version, flags, order, call_id: CallId(call) };
        let pdu = AnyPdu { prefix, body };
        let wire = pdu.to_vec();
        prop_assert_eq!(wire.len(), pdu.encoded_len());
        prop_assert_eq!(AnyPdu::decode_all(&wire), Ok(pdu));
        let header = Header::decode_all(&wire[..16]).unwrap();
        prop_assert_eq!(usize::from(header.fragment_length), wire.len());
    }

    #[test]
    fn every_request_is_read_back(request in activation_request(), minor in any::<u16>()) {
        let request = ActivationRequest { minor_version: minor, ..request };
        let wire = request.to_vec();
        prop_assert_eq!(wire.len(), request.encoded_len());
        prop_assert_eq!(ActivationRequest::decode_all(&wire), Ok(request));
    }

    #[test]
    fn every_answer_is_read_back(
        count in any::<u32>(),
        minutes in (15..=43_200_u32, 15..=43_200_u32, 1..=u32::MAX),
        cmid in 1..=u128::MAX,
        time in any::<i64>(),
        key in any::<[u8; 8]>(),
        halves in any::<([u8; 32], [u8; 32])>(),
    ) {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&halves.0);
        signature[32..].copy_from_slice(&halves.1);
        let answer = ActivationAnswer {
            terms: AnswerTerms {
                count,
                activation_interval: ActivationInterval::from_minutes(minutes.0).unwrap(),
                renewal_interval: RenewalInterval::from_minutes(minutes.1).unwrap(),
                validity: ValidityInterval::from_minutes(minutes.2).unwrap(),
                cmid: Cmid::new(Uuid::from_u128(cmid)).unwrap(),
                host_time: Timestamp::from_millis(time),
                key_id: KeyId(key),
            },
            signature,
        };
        prop_assert_eq!(ActivationAnswer::decode_all(&answer.to_vec()), Ok(answer));
    }

    #[test]
    fn every_chain_is_read_back(ders in vec(vec(any::<u8>(), 1..900), 1..=4)) {
        let ders: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
        let chain = CertificateChain::new(&ders).unwrap();
        let wire = chain.to_vec();
        prop_assert_eq!(CertificateChain::decode_all(&wire), Ok(chain));
    }

    #[test]
    fn every_stub_is_read_back(
        bytes in vec(any::<u8>(), 0..300),
        status in 1..=u32::MAX,
        order in order(),
    ) {
        let operation = Operation::RequestActivation { message: &bytes };
        let mut stub = Vec::new();
        operation.encode(&mut Writer::new(&mut stub), order);
        prop_assert_eq!(Operation::decode(operation.opnum(), &stub, order), Ok(operation));
        for outcome in [Outcome::Answered(&bytes), Outcome::Refused(StatusCode(status))] {
            let mut stub = Vec::new();
            outcome.encode(&mut Writer::new(&mut stub), order);
            prop_assert_eq!(Outcome::decode(&stub, order), Ok(outcome));
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_or_point_outside(bytes in vec(any::<u8>(), 0..400)) {
        let within = |offset: usize| offset <= bytes.len();
        if let Err(error) = AnyPdu::decode_all(&bytes) {
            prop_assert!(within(error.offset()));
        }
        if let Err(error) = ActivationRequest::decode_all(&bytes) {
            prop_assert!(within(error.offset()));
        }
        if let Err(error) = ActivationAnswer::decode_all(&bytes) {
            prop_assert!(within(error.offset()));
        }
        if let Err(error) = CertificateChain::decode_all(&bytes) {
            prop_assert!(within(error.offset()));
        }
        if let Err(error) = Outcome::decode(&bytes, ByteOrder::Little) {
            prop_assert!(within(error.offset()));
        }
    }
}

/// What is read from a PDU with any one byte changed is either refused, or written and read again
/// the same.
#[test]
fn a_changed_byte_is_refused_or_read_as_what_it_says() {
    let contexts = [0, 1].map(|id| PresentationContext {
        id,
        abstract_syntax: SyntaxId::INTERFACE,
        transfer_syntaxes: TransferSyntaxes::ndr(),
    });
    let bind = Bind {
        max_transmit_fragment: 4280,
        max_receive_fragment: 4280,
        association_group: 0,
        contexts: contexts.to_vec(),
    };
    let prefix = Prefix::new(CallId(1));
    for body in [
        Body::Bind(bind),
        Body::BindAck(BindAck {
            max_transmit_fragment: 4280,
            max_receive_fragment: 4280,
            association_group: 1,
            secondary_address: b"1688\0",
            results: [ContextResult::ACCEPTED; 2].to_vec(),
        }),
        Body::Request(Request {
            alloc_hint: 9,
            context_id: 0,
            opnum: Opnum(0),
            object: None,
            stub: &[7; 40],
        }),
    ] {
        let wire = AnyPdu { prefix, body }.to_vec();
        for at in 0..wire.len() {
            for value in 0..=255 {
                let mut changed = wire.clone();
                changed[at] = value;
                match AnyPdu::decode(&mut kms_core::Reader::new(&changed, "t")) {
                    Ok(pdu) => {
                        let again = pdu.to_vec();
                        assert_eq!(AnyPdu::decode_all(&again), Ok(pdu), "{at} {value}");
                    }
                    Err(error) => assert!(error.offset() <= changed.len()),
                }
            }
        }
    }
}
