//! `binrw`: the bind as nested vectors, and the bind_ack from a vector of results.

use super::{
    BIG, LITTLE, MAX_FRAGMENT,
    negotiation::{
        ADDRESS, ADDRESS_LEN, BIG_IDS, GROUP, LITTLE_IDS, MAX_CONTEXTS, MAX_SYNTAXES, Negotiation,
        Syntax, max_fragment,
    },
};
use binrw::{BinRead, BinWrite, binread, io::Cursor};

#[binread]
#[br(import { total: usize })]
struct BindPdu {
    #[br(assert(version[0] == 5 && version[1] <= 1))]
    version: [u8; 2],
    #[br(temp, assert(pdu_type == 11))]
    pdu_type: u8,
    flags: u8,
    #[br(assert(representation == LITTLE || representation == BIG))]
    representation: [u8; 4],
    #[br(is_big = representation == BIG, args { total })]
    body: BindBody,
}

#[binread]
#[br(import { total: usize })]
struct BindBody {
    #[br(temp, assert(usize::from(fragment_length) == total && total <= MAX_FRAGMENT))]
    fragment_length: u16,
    #[br(temp, assert(auth_length == 0))]
    auth_length: u16,
    call_id: u32,
    max_transmit_fragment: u16,
    max_receive_fragment: u16,
    #[br(temp, assert(association_group == 0 || association_group == GROUP))]
    association_group: u32,
    #[br(temp, assert((1..=MAX_CONTEXTS).contains(&usize::from(number))), pad_after = 3)]
    number: u8,
    #[br(count = number)]
    contexts: Vec<Context>,
}

#[binread]
struct Context {
    id: u16,
    #[br(temp, assert(number <= MAX_SYNTAXES), pad_after = 1)]
    number: u8,
    interface: WireSyntax,
    #[br(count = number)]
    syntaxes: Vec<WireSyntax>,
}

#[derive(BinRead, BinWrite)]
struct WireSyntax {
    #[brw(big)]
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

#[derive(BinWrite)]
#[bw(little)]
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
    #[bw(pad_after = 3)]
    number: u8,
    results: Vec<ContextResult>,
}

#[derive(BinWrite)]
struct ContextResult {
    code: u16,
    reason: u16,
    syntax: WireSyntax,
}

/// Reads a bind and writes its bind_ack to the buffer's start. Gives what was negotiated, and the
/// bind_ack's size.
pub(crate) fn answer(pdu: &[u8], out: &mut [u8]) -> Option<(Negotiation, usize)> {
    let total = pdu.len();
    let bind = BindPdu::read_ne_args(&mut Cursor::new(pdu), binrw::args! { total }).ok()?;
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
    ack.write(&mut Cursor::new(out)).ok()?;
    Some((negotiation, size))
}
