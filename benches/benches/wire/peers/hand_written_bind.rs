//! The bind, read context by context while its results are written.

use super::{
    BIG, LITTLE, MAX_FRAGMENT,
    hand_written::{field, u16_in, u32_in},
    negotiation::{
        ACK_HEAD, ADDRESS, ADDRESS_LEN, BIG_IDS, GROUP, Known, LITTLE_IDS, MAX_CONTEXTS,
        MAX_SYNTAXES, Negotiation, RESULT, Syntax, max_fragment,
    },
};

/// Reads a bind and writes its bind_ack to the buffer's start. Gives what was negotiated, and the
/// bind_ack's size.
pub(crate) fn answer(pdu: &[u8], out: &mut [u8]) -> Option<(Negotiation, usize)> {
    match *pdu.get(4..)?.first_chunk()? {
        LITTLE => answer_in::<true>(pdu, &LITTLE_IDS, out),
        BIG => answer_in::<false>(pdu, &BIG_IDS, out),
        _ => None,
    }
}

fn answer_in<const IS_LITTLE: bool>(
    pdu: &[u8],
    known: &Known,
    out: &mut [u8],
) -> Option<(Negotiation, usize)> {
    let (head, mut rest) = pdu.split_first_chunk::<28>()?;
    let (u16, u32) = (u16_in::<IS_LITTLE>, u32_in::<IS_LITTLE>);
    let fragment_length = u16(field::<8, 2, _>(head));
    let group = u32(field::<20, 4, _>(head));
    let number = head[24];
    let keeps_rules = head[0] == 5
        && head[1] <= 1
        && head[2] == 11 // bind
        && usize::from(fragment_length) == pdu.len()
        && pdu.len() <= MAX_FRAGMENT
        && field::<10, 2, _>(head) == [0; 2] // auth_length
        && (group == 0 || group == GROUP)
        && (1..=MAX_CONTEXTS).contains(&usize::from(number));
    if !keeps_rules {
        return None;
    }
    let size = ACK_HEAD + RESULT * usize::from(number);
    let (ack_head, results) = out.get_mut(..size)?.split_first_chunk_mut::<ACK_HEAD>()?;
    let mut negotiation = Negotiation::default();
    for result in results.as_chunks_mut::<RESULT>().0 {
        let (context, after) = rest.split_first_chunk::<24>()?;
        let count = context[2];
        if count > MAX_SYNTAXES {
            return None;
        }
        let (syntaxes, after) = after.split_at_checked(20 * usize::from(count))?;
        rest = after;
        let syntax = |bytes: &[u8; 20]| Syntax {
            uuid: field::<0, 16, _>(bytes),
            version: u32(field::<16, 4, _>(bytes)),
        };
        let decision = negotiation.decide(
            known,
            u16(field::<0, 2, _>(context)),
            syntax(&field::<4, 20, _>(context)),
            syntaxes.as_chunks::<20>().0.iter().map(syntax),
        )?;
        let ((code, reason), (uuid, version)) = (decision.codes(), decision.syntax());
        put::<0, 2, _>(result, code.to_le_bytes());
        put::<2, 2, _>(result, reason.to_le_bytes());
        put::<4, 16, _>(result, uuid);
        put::<20, 4, _>(result, version.to_le_bytes());
    }
    let fragment = max_fragment(u16(field::<16, 2, _>(head)), u16(field::<18, 2, _>(head)));
    put::<0, 4, _>(ack_head, [5, head[1], 12, negotiation.flags(head[3])]);
    put::<4, 4, _>(ack_head, LITTLE);
    put::<8, 2, _>(ack_head, u16::try_from(size).ok()?.to_le_bytes());
    put::<10, 2, _>(ack_head, [0; 2]); // auth_length
    put::<12, 4, _>(ack_head, u32(field::<12, 4, _>(head)).to_le_bytes());
    put::<16, 2, _>(ack_head, fragment.to_le_bytes());
    put::<18, 2, _>(ack_head, fragment.to_le_bytes());
    put::<20, 4, _>(ack_head, GROUP.to_le_bytes());
    put::<24, 2, _>(ack_head, ADDRESS_LEN.to_le_bytes());
    put::<26, 6, _>(ack_head, ADDRESS);
    put::<32, 4, _>(ack_head, [number, 0, 0, 0]);
    Some((negotiation, size))
}

#[inline]
fn put<const AT: usize, const N: usize, const LEN: usize>(to: &mut [u8; LEN], bytes: [u8; N]) {
    to[AT..AT + N].copy_from_slice(&bytes);
}
