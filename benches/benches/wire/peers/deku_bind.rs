//! `deku`: the bind as nested vectors, and the bind_ack from a vector of results.

#![expect(
    dead_code,
    reason = "a field that is only checked is kept by deku all the same"
)]

use super::{
    BIG, LITTLE, MAX_FRAGMENT,
    deku::order,
    negotiation::{
        ADDRESS, ADDRESS_LEN, BIG_IDS, GROUP, LITTLE_IDS, MAX_CONTEXTS, MAX_SYNTAXES, Negotiation,
        Syntax, max_fragment,
    },
};
use deku::{DekuContainerRead as _, DekuContainerWrite as _, DekuRead, DekuWrite, ctx::Endian};

#[derive(DekuRead)]
struct BindPdu {
    #[deku(assert = "version[0] == 5 && version[1] <= 1")]
    version: [u8; 2],
    #[deku(assert_eq = "11")]
    pdu_type: u8,
    flags: u8,
    #[deku(assert = "*representation == LITTLE || *representation == BIG")]
    representation: [u8; 4],
    #[deku(ctx = "order(*representation)")]
    body: BindBody,
}

#[derive(DekuRead)]
#[deku(ctx = "order: Endian", endian = "order")]
struct BindBody {
    fragment_length: u16,
    #[deku(assert_eq = "0")]
    auth_length: u16,
    call_id: u32,
    max_transmit_fragment: u16,
    max_receive_fragment: u16,
    #[deku(assert = "*association_group == 0 || *association_group == GROUP")]
    association_group: u32,
    #[deku(
        assert = "(1..=MAX_CONTEXTS).contains(&usize::from(*number))",
        pad_bytes_after = "3"
    )]
    number: u8,
    #[deku(count = "number")]
    contexts: Vec<Context>,
}

#[derive(DekuRead)]
#[deku(ctx = "order: Endian", endian = "order")]
struct Context {
    id: u16,
    #[deku(assert = "*number <= MAX_SYNTAXES", pad_bytes_after = "1")]
    number: u8,
    interface: WireSyntax,
    #[deku(count = "number")]
    syntaxes: Vec<WireSyntax>,
}

#[derive(DekuRead, DekuWrite)]
#[deku(ctx = "order: Endian", endian = "order")]
struct WireSyntax {
    #[deku(endian = "big")]
    uuid: u128,
    version: u32,
}

impl WireSyntax {
    const fn syntax(&self) -> Syntax {
        Syntax {
            uuid: self.uuid.to_be_bytes(),
            version: self.version,
        }
    }
}

#[derive(DekuWrite)]
#[deku(endian = "little")]
struct BindAck {
    version: [u8; 2],
    pdu_type: u8,
    flags: u8,
    representation: [u8; 4],
    fragment_length: u16,
    auth_length: u16,
    call_id: u32,
    max_transmit_fragment: u16,
    max_receive_fragment: u16,
    association_group: u32,
    address_len: u16,
    address: [u8; 6],
    #[deku(pad_bytes_after = "3")]
    number: u8,
    results: Vec<ContextResult>,
}

#[derive(DekuWrite)]
#[deku(ctx = "order: Endian", endian = "order")]
struct ContextResult {
    code: u16,
    reason: u16,
    syntax: WireSyntax,
}

/// Reads a bind and writes its bind_ack to the buffer's start. Gives what was negotiated, and the
/// bind_ack's size.
pub(crate) fn answer(pdu: &[u8], out: &mut [u8]) -> Option<(Negotiation, usize)> {
    let (_, bind) = BindPdu::from_bytes((pdu, 0)).ok()?;
    if usize::from(bind.body.fragment_length) != pdu.len() || pdu.len() > MAX_FRAGMENT {
        return None;
    }
    let known = if bind.representation == LITTLE {
        &LITTLE_IDS
    } else {
        &BIG_IDS
    };
    let mut negotiation = Negotiation::default();
    let mut results = Vec::with_capacity(bind.body.contexts.len());
    for context in &bind.body.contexts {
        let syntaxes = context.syntaxes.iter().map(WireSyntax::syntax);
        let decision =
            negotiation.decide(known, context.id, context.interface.syntax(), syntaxes)?;
        let ((code, reason), (uuid, version)) = (decision.codes(), decision.syntax());
        let uuid = u128::from_be_bytes(uuid);
        results.push(ContextResult {
            code,
            reason,
            syntax: WireSyntax { uuid, version },
        });
    }
    let fragment = max_fragment(
        bind.body.max_transmit_fragment,
        bind.body.max_receive_fragment,
    );
    let size = 36 + 24 * results.len();
    let ack = BindAck {
        version: bind.version,
        pdu_type: 12,
        flags: negotiation.flags(bind.flags),
        representation: LITTLE,
        fragment_length: u16::try_from(size).ok()?,
        auth_length: 0,
        call_id: bind.body.call_id,
        max_transmit_fragment: fragment,
        max_receive_fragment: fragment,
        association_group: GROUP,
        address_len: ADDRESS_LEN,
        address: ADDRESS,
        number: u8::try_from(results.len()).ok()?,
        results,
    };
    Some((negotiation, ack.to_slice(out).ok()?))
}
