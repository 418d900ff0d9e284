//! `zerocopy`: the contexts are looked at where they lie; the bind_ack is its head and its results.

use super::{
    BIG, LITTLE,
    negotiation::{
        ACK_HEAD, ADDRESS, ADDRESS_LEN, BIG_IDS, GROUP, Known, LITTLE_IDS, MAX_CONTEXTS,
        MAX_SYNTAXES, Negotiation, RESULT, Syntax, max_fragment,
    },
    zerocopy::Header,
};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, LE, U16, U32, Unaligned,
    byteorder::{BigEndian, ByteOrder, LittleEndian},
};

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct BindHead<O> {
    header: Header<O>,
    max_transmit_fragment: U16<O>,
    max_receive_fragment: U16<O>,
    association_group: U32<O>,
    number: u8,
    reserved: [u8; 3],
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ContextHead<O> {
    id: U16<O>,
    number: u8,
    reserved: u8,
    interface: WireSyntax<O>,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSyntax<O> {
    uuid: [u8; 16],
    version: U32<O>,
}

impl<O: ByteOrder> WireSyntax<O> {
    fn syntax(&self) -> Syntax {
        Syntax {
            uuid: self.uuid,
            version: self.version.get(),
        }
    }
}

#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct AckHead {
    version: [u8; 2],
    pdu_type: u8,
    flags: u8,
    representation: [u8; 4],
    fragment_length: U16<LE>,
    auth_length: U16<LE>,
    call_id: U32<LE>,
    max_transmit_fragment: U16<LE>,
    max_receive_fragment: U16<LE>,
    association_group: U32<LE>,
    address_len: U16<LE>,
    address: [u8; 6],
    number: u8,
    reserved: [u8; 3],
}

#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct ContextResult {
    code: U16<LE>,
    reason: U16<LE>,
    uuid: [u8; 16],
    version: U32<LE>,
}

/// Reads a bind and writes its bind_ack to the buffer's start. Gives what was negotiated, and the
/// bind_ack's size.
pub(crate) fn answer(pdu: &[u8], out: &mut [u8]) -> Option<(Negotiation, usize)> {
    match *pdu.get(4..)?.first_chunk()? {
        LITTLE => answer_in::<LittleEndian>(pdu, &LITTLE_IDS, out),
        BIG => answer_in::<BigEndian>(pdu, &BIG_IDS, out),
        _ => None,
    }
}

fn answer_in<O: ByteOrder + 'static>(
    pdu: &[u8],
    known: &Known,
    out: &mut [u8],
) -> Option<(Negotiation, usize)> {
    let (head, mut rest) = BindHead::<O>::ref_from_prefix(pdu).ok()?;
    let number = usize::from(head.number);
    let group = head.association_group.get();
    let keeps_rules = head.header.is_of(pdu, 11)
        && (group == 0 || group == GROUP)
        && (1..=MAX_CONTEXTS).contains(&number);
    if !keeps_rules {
        return None;
    }
    let size = ACK_HEAD + RESULT * number;
    let (ack_head, results) = out.get_mut(..size)?.split_at_mut_checked(ACK_HEAD)?;
    let mut negotiation = Negotiation::default();
    for result in results.chunks_exact_mut(RESULT) {
        let (context, after) = ContextHead::<O>::ref_from_prefix(rest).ok()?;
        if context.number > MAX_SYNTAXES {
            return None;
        }
        let count = usize::from(context.number);
        let (syntaxes, after) = <[WireSyntax<O>]>::ref_from_prefix_with_elems(after, count).ok()?;
        rest = after;
        let decision = negotiation.decide(
            known,
            context.id.get(),
            context.interface.syntax(),
            syntaxes.iter().map(WireSyntax::syntax),
        )?;
        let ((code, reason), (uuid, version)) = (decision.codes(), decision.syntax());
        let decided = ContextResult {
            code: U16::new(code),
            reason: U16::new(reason),
            uuid,
            version: U32::new(version),
        };
        decided.write_to(result).ok()?;
    }
    let fragment = max_fragment(
        head.max_transmit_fragment.get(),
        head.max_receive_fragment.get(),
    );
    let ack = AckHead {
        version: [5, head.header.minor_version],
        pdu_type: 12,
        flags: negotiation.flags(head.header.flags),
        representation: LITTLE,
        fragment_length: U16::new(u16::try_from(size).ok()?),
        auth_length: U16::ZERO,
        call_id: U32::new(head.header.call_id.get()),
        max_transmit_fragment: U16::new(fragment),
        max_receive_fragment: U16::new(fragment),
        association_group: U32::new(GROUP),
        address_len: U16::new(ADDRESS_LEN),
        address: ADDRESS,
        number: head.number,
        reserved: [0; 3],
    };
    ack.write_to(ack_head).ok()?;
    Some((negotiation, size))
}
