use super::{
    client_harness::ClientHarness,
    decoding::check_error,
    reference::{self, AnswerMessage, RequestMessage},
    script::{self, encode},
    server_harness::{ServerEvent, ServerHarness},
};
use crate::{golden, oracles::ClientEvent};
use kms_core::{ByteOrder, Decode, DecodeError, Encode, Writer};
use kms_wire::{
    ActivationAnswer, ActivationRequest, CertificateChain, Operation, OperationError, Opnum,
    Outcome,
};
use std::sync::LazyLock;

pub(super) const ORDERS: [(ByteOrder, bool); 2] =
    [(ByteOrder::Little, false), (ByteOrder::Big, true)];

/// The message of RequestActivation, by itself and on its way to a host.
///
/// - It is read or refused as the fixed-offset decoder does, with the same fields, and written again
///   to the byte but for what a later minor version puts behind the name.
/// - Errors tell the truth about offset and bytes needed.
/// - The bytes as a stub are read or refused as the fixed-offset decoder does, in both orders.
/// - The bytes as a message come out of a host's connection as they went in.
pub fn request_message(data: &[u8]) {
    check_request(data);
    for (order, big) in ORDERS {
        for opnum in [0, 1, 2] {
            check_call_stub(opnum, data, order, big);
        }
    }
    if data.len() <= 5800 {
        static BIND: LazyLock<Vec<u8>> = LazyLock::new(|| golden::pdu("bind-one-context").bytes);
        let big = data.len() & 1 != 0;
        let stub = script::call_stub(data, big);
        let mut host = ServerHarness::new();
        host.feed(&BIND);
        host.feed(&encode(0, 3, 2, big, &[&[0; 8], &stub]));
        assert!(host.poll_event());
        let expected = ServerEvent::RequestActivation(2, data.to_vec());
        assert_eq!(host.events(), [expected]);
        host.finish();
    }
}

pub(super) fn check_request(data: &[u8]) {
    let error = check_error(data, |bytes| ActivationRequest::decode_all(bytes).map(drop));
    let decoded = ActivationRequest::decode_all(data);
    assert_eq!(decoded.err(), error);
    let expected = RequestMessage::read(data);
    let Ok(request) = decoded else {
        assert_eq!(expected, None);
        return;
    };
    let id = |id: uuid::Uuid| *id.as_bytes();
    let fields = RequestMessage {
        minor: request.minor_version,
        virtual_machine: request.virtual_machine,
        status: request.license_status.number(),
        minutes: request.minutes_remaining,
        application: id(request.application_id.as_uuid()),
        activation: id(request.activation_id.as_uuid()),
        counted: id(request.counted_id.as_uuid()),
        cmid: id(request.cmid.as_uuid()),
        previous: request
            .previous_cmid
            .map_or([0; 16], |cmid| id(cmid.as_uuid())),
        required: request.required_count.machines(),
        time: request.request_time.as_millis(),
        nonce: request.nonce,
        name: request.machine_name.as_str(),
    };
    assert_eq!(Some(fields), expected);
    let again = request.to_vec();
    assert_eq!(again.len(), request.encoded_len());
    assert!(data.starts_with(&again), "{again:02x?}");
    assert!(request.minor_version > 0 || again.len() == data.len());
    assert_eq!(ActivationRequest::decode_all(&again), Ok(request));
}

pub(super) fn check_call_stub(opnum: u16, stub: &[u8], order: ByteOrder, big: bool) {
    let decode = |bytes: &[u8]| match Operation::decode(Opnum(opnum), bytes, order) {
        Err(OperationError::Stub(error)) => Err(error),
        Ok(_) | Err(_) => Ok::<(), DecodeError>(()),
    };
    // A stub may have padding behind it, so one byte more than too few may be enough; what the
    // error says of too many is checked all the same.
    check_error(stub, decode);
    let decoded = Operation::decode(Opnum(opnum), stub, order);
    match (opnum, &decoded) {
        (0, Ok(Operation::RequestActivation { message })) => {
            assert_eq!(Some(*message), reference::request_stub(stub, big));
        }
        (0, Err(OperationError::Stub(_))) => {
            assert_eq!(reference::request_stub(stub, big), None);
        }
        (1, Ok(Operation::GetHostCertificate)) => assert!(stub.len() <= 3),
        (1, Err(OperationError::Stub(_))) => assert!(stub.len() > 3),
        (_, found) => assert_eq!(
            *found,
            Err(OperationError::UnknownOpnum(Opnum(opnum))),
            "{opnum}"
        ),
    }
    if let Ok(operation) = decoded {
        let mut again = Vec::new();
        operation.encode(&mut Writer::new(&mut again), order);
        assert_eq!(again.len(), operation.encoded_len());
        assert!(stub.starts_with(&again) && stub.len() <= again.len() + 3);
    }
}

/// The answers to both operations, by themselves and on their way to a client.
///
/// - An activation answer, a certificate chain and the stub around them, in both orders, are read or
///   refused as the fixed-offset decoder does, with the same fields, and written again to the byte
///   (of a stub, all but the referent and padding).
/// - Errors tell the truth about offset and bytes needed.
/// - The bytes as an answer come out of a client's connection as they went in.
pub fn answer_message(data: &[u8]) {
    check_answer(data);
    check_chain(data);
    for (order, big) in ORDERS {
        check_answer_stub(data, order, big);
    }
    if data.len() <= 5780 {
        static ACK: LazyLock<Vec<u8>> = LazyLock::new(|| golden::pdu("bind-ack").bytes);
        let big = data.len() & 1 != 0;
        let stub = script::answer_stub(data, big);
        let mut client = ClientHarness::new();
        client.feed(&ACK);
        client.pump();
        assert!(client.call(None));
        client.feed(&encode(2, 3, 2, big, &[&[0; 8], &stub]));
        client.pump();
        let expected = ClientEvent::Answered(2, data.to_vec());
        assert_eq!(client.events(), [ClientEvent::Bound, expected]);
        client.finish();
    }
}

pub(super) fn check_answer(data: &[u8]) {
    let error = check_error(data, |bytes| ActivationAnswer::decode_all(bytes).map(drop));
    let decoded = ActivationAnswer::decode_all(data);
    assert_eq!(decoded.err(), error);
    let expected = AnswerMessage::read(data);
    let Ok(answer) = decoded else {
        assert_eq!(expected, None);
        return;
    };
    let terms = answer.terms;
    let fields = AnswerMessage {
        count: terms.count,
        activation: terms.activation_interval.minutes(),
        renewal: terms.renewal_interval.minutes(),
        validity: terms.validity.minutes(),
        cmid: *terms.cmid.as_uuid().as_bytes(),
        time: terms.host_time.as_millis(),
        key_id: terms.key_id.0,
        signature: answer.signature,
    };
    assert_eq!(Some(fields), expected);
    assert_eq!(answer.encoded_len(), data.len());
    assert_eq!(answer.to_vec(), data);
}

pub(super) fn check_chain(data: &[u8]) {
    let error = check_error(data, |bytes| CertificateChain::decode_all(bytes).map(drop));
    let decoded = CertificateChain::decode_all(data);
    assert_eq!(decoded.err(), error);
    let expected = reference::certificates(data);
    let Ok(chain) = decoded else {
        assert_eq!(expected, None);
        return;
    };
    assert_eq!(Some(chain.certificates()), expected.as_deref());
    assert_eq!(Some(&chain.host()), chain.certificates().first());
    assert_eq!(CertificateChain::new(chain.certificates()), Ok(chain));
    assert_eq!(chain.encoded_len(), data.len());
    assert_eq!(chain.to_vec(), data);
}

pub(super) fn check_answer_stub(stub: &[u8], order: ByteOrder, big: bool) {
    let error = check_error(stub, |bytes| Outcome::decode(bytes, order).map(drop));
    let decoded = Outcome::decode(stub, order);
    assert_eq!(decoded.err(), error);
    let fields = decoded.ok().map(|outcome| match outcome {
        Outcome::Answered(bytes) => Ok(bytes),
        Outcome::Refused(status) => Err(status.0),
    });
    assert_eq!(fields, reference::answer_stub(stub, big));
    if let Ok(outcome) = decoded {
        let mut again = Vec::new();
        outcome.encode(&mut Writer::new(&mut again), order);
        assert_eq!(again.len(), outcome.encoded_len());
        assert_eq!(Outcome::decode(&again, order), Ok(outcome));
        assert_eq!(reference::answer_stub(&again, big), fields);
    }
}
