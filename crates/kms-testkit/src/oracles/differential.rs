use super::{
    choices::Choices,
    messages::{
        ORDERS, check_answer, check_answer_stub, check_call_stub, check_chain, check_request,
    },
    pdus::{assert_same_header, check_pdu},
    reference::{self, Header},
    script::{encode, u16_bytes, u32_bytes},
};
use kms_core::{
    ActivationId, ActivationInterval, AnswerTerms, ApplicationId, ByteOrder, Cmid, CountedId,
    Decode, Encode, KeyId, LicenseStatus, MachineName, RenewalInterval, Threshold, Timestamp,
    ValidityInterval,
};
use kms_wire::{
    ActivationAnswer, ActivationRequest, Opnum,
    pdu::{self, CallId, Pdu, PfcFlags, Prefix, Request},
};
use uuid::Uuid;

/// kms-wire against a decoder and byte layouts that share nothing with it, in both directions.
///
/// First byte: 0 the rest is a request PDU; 1 a request message; 2 an answer message or chain; 3 a
/// stub; 4 it is the fields of a request PDU, 5 of a request message, 6 of an answer message, which
/// are encoded.
///
/// - Both decoders accept the same bytes, and give the same fields.
/// - What kms-wire encodes is, to the byte, what the layout tables of PROTOCOL sections 1 to 3 say,
///   has the length announced, and is decoded as the same value.
pub fn encode_decode(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.byte() % 7 {
        0 => check_request_pdu(choices.rest()),
        1 => check_request(choices.rest()),
        2 => {
            check_answer(choices.rest());
            check_chain(choices.rest());
        }
        3 => {
            let stub = choices.rest();
            for (order, big) in ORDERS {
                check_call_stub(0, stub, order, big);
                check_answer_stub(stub, order, big);
            }
        }
        4 => encode_request_pdu(&mut choices),
        5 => encode_request_message(&mut choices),
        _ => encode_answer_message(&mut choices),
    }
}

/// A request PDU and the stub in it.
fn check_request_pdu(data: &[u8]) {
    check_pdu(data);
    let expected = Header::read(data)
        .filter(|header| {
            header.is_allowed()
                && header.auth_length == 0
                && header.pdu_type == 0
                && usize::from(header.length) == data.len()
        })
        .and_then(|header| Some((header, reference::Request::read(data, &header)?)));
    let decoded = Pdu::<Request<'_>>::decode_all(data);
    let (Ok(decoded), Some((header, expected))) = (&decoded, &expected) else {
        assert!(
            decoded.is_err() && expected.is_none(),
            "{decoded:?}, {expected:?}"
        );
        return;
    };
    let body = &decoded.body;
    assert_eq!(
        reference::Request {
            alloc_hint: body.alloc_hint,
            context: body.context_id,
            opnum: body.opnum.0,
            object: body.object.map(|object| *object.as_bytes()),
            stub: body.stub,
        },
        *expected
    );
    if let Some(bytes) = data.first_chunk() {
        assert_same_header(&pdu::Header::from_bytes(bytes), header);
    }
    check_call_stub(body.opnum.0, body.stub, decoded.prefix.order, header.big);
}

fn encode_request_pdu(choices: &mut Choices<'_>) {
    let form = choices.byte();
    let (big, minor, with_object) = (form & 1 != 0, form >> 1 & 1, form & 4 != 0);
    let (flags, call, alloc_hint) = (choices.byte(), choices.u32(), choices.u32());
    let (context_id, opnum, object) = (choices.u16(), choices.u16(), choices.array());
    let stub = choices.rest().get(..5800).unwrap_or_default();
    let value = Pdu {
        prefix: Prefix {
            minor_version: minor,
            flags: PfcFlags(flags),
            order: if big {
                ByteOrder::Big
            } else {
                ByteOrder::Little
            },
            call_id: CallId(call),
        },
        body: Request {
            alloc_hint,
            context_id,
            opnum: Opnum(opnum),
            object: with_object.then(|| Uuid::from_bytes(object)),
            stub,
        },
    };
    // C706 section 12.6.4.9; the flag of the object id is set as the body is.
    let flags = flags & 0x7f | if with_object { 0x80 } else { 0 };
    // Turned around twice a UUID is what it was.
    let object = reference::uuid_at(&object, 0, big).unwrap_or_default();
    let mut expected = encode(
        0,
        flags,
        call,
        big,
        &[
            &u32_bytes(alloc_hint, big),
            &u16_bytes(context_id, big),
            &u16_bytes(opnum, big),
            if with_object { &object } else { &[] },
            stub,
        ],
    );
    if let Some(byte) = expected.get_mut(1) {
        *byte = minor;
    }
    let bytes = value.to_vec();
    assert_eq!(bytes, expected);
    assert_eq!(bytes.len(), value.encoded_len());
    let again = Pdu {
        prefix: Prefix {
            flags: PfcFlags(flags),
            ..value.prefix
        },
        ..value
    };
    assert_eq!(Pdu::decode_all(&bytes), Ok(again));
    check_request_pdu(&bytes);
}

fn encode_request_message(choices: &mut Choices<'_>) {
    let form = choices.byte();
    let (minor, minutes, required) = (choices.u16(), choices.u32(), choices.u32());
    let ids: [[u8; 16]; 5] = core::array::from_fn(|_| choices.array());
    let (low, high, nonce) = (choices.u32(), choices.u32(), choices.array());
    let name = choices.rest();
    let name = name.get(..MachineName::MAX_LEN).unwrap_or(name);
    let [application, activation, counted, cmid, previous] = ids;
    let uuid = Uuid::from_bytes;
    let status = u32::from(form >> 1) % 7;
    let required = required % Threshold::MAX.machines() + 1;
    let time = i64::from(high) << 32 | i64::from(low);
    let (Ok(cmid_value), Ok(machine_name), Ok(license_status), Ok(required_count)) = (
        Cmid::new(uuid(cmid)),
        MachineName::from_bytes(name),
        LicenseStatus::try_from(status),
        Threshold::new(required),
    ) else {
        let text = core::str::from_utf8(name).unwrap_or("\0");
        let is_name = !name.is_empty() && !text.chars().any(char::is_control);
        assert!(cmid == [0; 16] || !is_name, "{name:02x?} is refused");
        return;
    };
    let value = ActivationRequest {
        minor_version: minor,
        virtual_machine: form & 1 != 0,
        license_status,
        minutes_remaining: minutes,
        application_id: ApplicationId::new(uuid(application)),
        activation_id: ActivationId::new(uuid(activation)),
        counted_id: CountedId::new(uuid(counted)),
        cmid: cmid_value,
        previous_cmid: Cmid::new(uuid(previous)).ok(),
        required_count,
        request_time: Timestamp::from_millis(time),
        nonce,
        machine_name,
    };
    let expected = [
        &[1, 0][..],
        &minor.to_le_bytes(),
        &[form & 1, 0, 0, 0],
        &status.to_le_bytes(),
        &minutes.to_le_bytes(),
        &ids.concat(),
        &required.to_le_bytes(),
        &[0; 4],
        &time.to_le_bytes(),
        &nonce,
        &[u8::try_from(name.len()).unwrap_or(u8::MAX)],
        name,
    ]
    .concat();
    assert_eq!(value.to_vec(), expected);
    assert_eq!(value.encoded_len(), expected.len());
    assert_eq!(ActivationRequest::decode_all(&expected), Ok(value));
    check_request(&expected);
}

fn encode_answer_message(choices: &mut Choices<'_>) {
    let (count, activation, renewal) = (choices.u32(), choices.u16(), choices.u16());
    let (validity, cmid) = (choices.u32().max(1), choices.array());
    let (low, high) = (choices.u32(), choices.u32());
    let mut tail = [0; 72];
    for (to, from) in tail.iter_mut().zip(choices.rest()) {
        *to = *from;
    }
    let time = i64::from(high) << 32 | i64::from(low);
    let minutes = |choice: u16| 15 + u32::from(choice) % (43_200 - 14);
    let (activation, renewal) = (minutes(activation), minutes(renewal));
    let (Ok(cmid_value), Ok(activation_interval), Ok(renewal_interval), Ok(validity_interval)) = (
        Cmid::new(Uuid::from_bytes(cmid)),
        ActivationInterval::from_minutes(activation),
        RenewalInterval::from_minutes(renewal),
        ValidityInterval::from_minutes(validity),
    ) else {
        assert_eq!(cmid, [0; 16], "what PROTOCOL section 3 allows is refused");
        return;
    };
    let (key_id, signature) = tail.split_at(8);
    let value = ActivationAnswer {
        terms: AnswerTerms {
            count,
            activation_interval,
            renewal_interval,
            validity: validity_interval,
            cmid: cmid_value,
            host_time: Timestamp::from_millis(time),
            key_id: KeyId(key_id.try_into().unwrap_or_default()),
        },
        signature: signature.try_into().unwrap_or([0; 64]),
    };
    let expected = [
        &[1, 0, 0, 0][..],
        &count.to_le_bytes(),
        &activation.to_le_bytes(),
        &renewal.to_le_bytes(),
        &validity.to_le_bytes(),
        &[0; 4],
        &cmid,
        &time.to_le_bytes(),
        &tail,
    ]
    .concat();
    assert_eq!(value.to_vec(), expected);
    assert_eq!(value.encoded_len(), expected.len());
    assert_eq!(ActivationAnswer::decode_all(&expected), Ok(value));
    check_answer(&expected);
}
