use super::{
    choices::Choices,
    decoding::check_error,
    reference::{self, BindError},
    script::encode,
    server_harness::ServerHarness,
};
use crate::golden;
use kms_core::{Decode, DecodeErrorKind, Encode};
use kms_wire::{
    MAX_CONTEXTS, MAX_TRANSFER_SYNTAXES,
    pdu::{AnyPdu, Bind, Body, Header, HeaderError, SyntaxId},
};
use std::sync::LazyLock;

/// The header of a PDU, and whatever PDU it begins.
///
/// - Any 16 bytes are a header: its fields are those of the fixed-offset decoder, and it is written
///   again to the byte.
/// - `check` and `decode` accept what PROTOCOL section 1 allows, and name the first rule broken.
/// - Errors tell the truth about offset and bytes needed.
/// - A PDU that is read is written again with every byte the same that is not reserved or padding,
///   and what is written is read as the same value.
pub fn pdu_header(data: &[u8]) {
    if let Some(expected) = reference::Header::read(data) {
        let bytes = data.first_chunk().unwrap_or(&[0; 16]);
        let header = Header::from_bytes(bytes);
        assert_eq!(&header.to_bytes(), bytes);
        assert_same_header(&header, &expected);
        let rule = match header.check() {
            Ok(()) => 0,
            Err(HeaderError::Version { major, minor, .. }) => {
                assert_eq!((major, minor), (expected.major, expected.minor));
                1
            }
            Err(HeaderError::Representation(found)) => {
                assert_eq!(found.0, expected.representation);
                2
            }
            Err(HeaderError::FragmentLength(found)) => {
                assert_eq!(found, expected.length);
                3
            }
            Err(_) => 4,
        };
        let expected_rule = if !expected.version_is_spoken() {
            1
        } else if !expected.representation_is_read() {
            2
        } else if !expected.length_is_allowed() {
            3
        } else {
            0
        };
        assert_eq!(rule, expected_rule, "{expected:?}");
        let decoded = Header::decode_all(bytes);
        assert_eq!(decoded.is_ok(), expected.is_allowed());
        assert!(decoded.is_err() || decoded == Ok(header));
    }
    check_error(data, |bytes| Header::decode_all(bytes).map(drop));
    check_pdu(data);
}

pub(super) fn assert_same_header(header: &Header, expected: &reference::Header) {
    assert_eq!(
        reference::Header {
            major: header.major_version,
            minor: header.minor_version,
            pdu_type: header.pdu_type.0,
            flags: header.flags.0,
            representation: header.representation.0,
            big: header.order() == kms_core::ByteOrder::Big,
            length: header.fragment_length,
            auth_length: header.auth_length,
            call: header.call_id.0,
        },
        *expected
    );
    assert_eq!(
        header.body_len(),
        usize::from(expected.length).saturating_sub(16)
    );
}

/// Bytes as one PDU: its error tells the truth, or it comes back as it was.
pub(super) fn check_pdu(data: &[u8]) {
    if check_error(data, |bytes| AnyPdu::decode_all(bytes).map(drop)).is_some() {
        return;
    }
    let Ok(pdu) = AnyPdu::decode_all(data) else {
        return;
    };
    let again = pdu.to_vec();
    assert_eq!(again.len(), pdu.encoded_len());
    assert!(again.len() <= data.len() || matches!(pdu.body, Body::BindNak(_)));
    assert_eq!(AnyPdu::decode_all(&again).as_ref(), Ok(&pdu));
    for (at, (new, old)) in again.iter().zip(data).enumerate() {
        // The fragment length says what is there, and padding behind the body is not written.
        let is_length = (8..10).contains(&at) && again.len() != data.len();
        if !is_length && !is_reserved(&pdu.body, at) {
            assert_eq!(new, old, "byte {at} of {data:02x?}");
        }
    }
}

/// Whether a reader passes over this byte: C706 section 12.6.4.
fn is_reserved(body: &Body<'_>, at: usize) -> bool {
    match body {
        Body::Bind(bind) => is_reserved_in_bind(bind, at),
        Body::AlterContext(alter) => is_reserved_in_bind(&alter.0, at),
        Body::BindAck(ack) => is_reserved_in_ack(ack.secondary_address.len(), at),
        Body::AlterContextResponse(ack) => is_reserved_in_ack(ack.0.secondary_address.len(), at),
        // The versions of the sender are of no use.
        Body::BindNak(_) => at >= 18,
        Body::Response(_) => at == 23,
        Body::Fault(_) => (16..20).contains(&at) || at == 23 || at >= 28,
        _ => false,
    }
}

fn is_reserved_in_bind(bind: &Bind, at: usize) -> bool {
    let mut context_at = 28;
    let mut reserved = (25..28).contains(&at);
    for context in &bind.contexts {
        reserved |= at == context_at + 3;
        context_at += 24 + 20 * context.transfer_syntaxes.as_slice().len();
    }
    reserved
}

fn is_reserved_in_ack(address: usize, at: usize) -> bool {
    let end = 26 + address;
    let count_at = end.next_multiple_of(4);
    (end..count_at).contains(&at) || (count_at + 1..count_at + 4).contains(&at)
}

/// A bind or alter_context.
///
/// First byte: bit 0 alter_context, bit 1 big-endian, bit 2 the rest is the whole PDU and not only
/// its body; second byte: the flags of the header.
///
/// - What [`pdu_header`] says of every PDU.
/// - It is read or refused as the fixed-offset decoder does, with the same fields, within the limits
///   of contexts and transfer syntaxes; beyond them the error says that it is a limit.
/// - A host answers as the table of PROTOCOL section 1 says, to the byte: what
///   [`ServerHarness`] says.
pub fn bind_and_alter_context(data: &[u8]) {
    static BIND: LazyLock<Vec<u8>> = LazyLock::new(|| golden::pdu("bind-one-context").bytes);
    let mut choices = Choices::new(data);
    let (form, flags) = (choices.byte(), choices.byte());
    let (is_alter, big) = (form & 1 != 0, form & 2 != 0);
    let pdu = if form & 4 != 0 {
        choices.rest().to_vec()
    } else {
        let kind = if is_alter { 14 } else { 11 };
        encode(kind, flags, 1, big, &[choices.rest()])
    };
    check_pdu(&pdu);
    check_bind(&pdu);
    let mut host = ServerHarness::new();
    if is_alter {
        host.feed(&BIND);
    }
    host.feed(&pdu);
    host.finish();
}

fn check_bind(pdu: &[u8]) {
    let Some(header) = reference::Header::read(pdu) else {
        return;
    };
    let is_one = header.is_allowed()
        && matches!(header.pdu_type, 11 | 14)
        && header.auth_length == 0
        && usize::from(header.length) == pdu.len();
    if !is_one {
        return;
    }
    let decoded = AnyPdu::decode_all(pdu);
    let bind = decoded.as_ref().map(|pdu| match &pdu.body {
        Body::Bind(bind) => Some(bind),
        Body::AlterContext(alter) => Some(&alter.0),
        _ => None,
    });
    match (bind, reference::Bind::read(pdu, header.big)) {
        (Ok(Some(bind)), Ok(expected)) => {
            assert!(bind.contexts.len() <= MAX_CONTEXTS);
            assert_eq!(as_reference(bind), expected);
        }
        (Err(error), Err(expected)) => {
            let is_limit = matches!(error.kind(), DecodeErrorKind::Limit { .. });
            let limit = expected == BindError::Limit;
            // Padding behind the body is no fault of the body.
            assert_eq!(is_limit, limit, "{error}");
            assert_eq!(error.needed(), None, "{error}");
        }
        (found, expected) => disagree(&found, &expected),
    }
}

#[expect(clippy::panic, reason = "an oracle panics when a property breaks")]
fn disagree(found: &dyn core::fmt::Debug, expected: &dyn core::fmt::Debug) {
    panic!("{found:?}, expected {expected:?}");
}

fn as_reference(bind: &Bind) -> reference::Bind {
    let syntax = |syntax: &SyntaxId| (*syntax.uuid.as_bytes(), syntax.version);
    reference::Bind {
        max_transmit: bind.max_transmit_fragment,
        max_receive: bind.max_receive_fragment,
        group: bind.association_group,
        contexts: bind
            .contexts
            .iter()
            .map(|context| {
                let syntaxes = context.transfer_syntaxes.as_slice();
                assert!(syntaxes.len() <= MAX_TRANSFER_SYNTAXES);
                reference::Context {
                    id: context.id,
                    interface: syntax(&context.abstract_syntax),
                    syntaxes: syntaxes.iter().map(syntax).collect(),
                }
            })
            .collect(),
    }
}
