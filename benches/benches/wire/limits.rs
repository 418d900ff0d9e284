//! The least that could be done with the same bytes: they are copied, or their fields are read and
//! written at offsets that are known beforehand, with no other check than of type and length.

use crate::peers::{Answer, Name, Request, hand_written::field};
use core::hint::black_box;

pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    to.copy_from_slice(from);
    black_box(to);
}

/// All fields of a request.
pub(crate) fn request_fields(pdu: &[u8], to: &mut Request<Name>) -> Option<()> {
    let fixed = pdu.first_chunk::<161>()?;
    let fragment_length = u16::from_le_bytes(field::<8, 2, _>(fixed));
    if fixed[2] != 0 || usize::from(fragment_length) != pdu.len() {
        return None;
    }
    to.call_id = u32::from_le_bytes(field::<12, 4, _>(fixed));
    to.context_id = u16::from_le_bytes(field::<20, 2, _>(fixed));
    to.minor_version = u16::from_le_bytes(field::<34, 2, _>(fixed));
    to.virtual_machine = fixed[36] != 0;
    to.license_status = u32::from_le_bytes(field::<40, 4, _>(fixed));
    to.minutes_remaining = u32::from_le_bytes(field::<44, 4, _>(fixed));
    to.application_id = field::<48, 16, _>(fixed);
    to.activation_id = field::<64, 16, _>(fixed);
    to.counted_id = field::<80, 16, _>(fixed);
    to.cmid = field::<96, 16, _>(fixed);
    to.previous_cmid = field::<112, 16, _>(fixed);
    to.required_count = u32::from_le_bytes(field::<128, 4, _>(fixed));
    to.request_time = i64::from_le_bytes(field::<136, 8, _>(fixed));
    to.nonce = field::<144, 16, _>(fixed);
    to.name.bytes = *pdu.last_chunk()?;
    to.name.len = fixed[160];
    Some(())
}

/// An answer's PDU: one that was made before, with this answer's fields in it.
pub(crate) fn put_answer(
    template: &[u8; 160],
    call_id: u32,
    context_id: u16,
    answer: &Answer,
    out: &mut [u8],
) -> Option<()> {
    let pdu: &mut [u8; 160] = out.first_chunk_mut()?;
    *pdu = *template;
    pdu[12..16].copy_from_slice(&call_id.to_le_bytes());
    pdu[20..22].copy_from_slice(&context_id.to_le_bytes());
    pdu[40..44].copy_from_slice(&answer.count.to_le_bytes());
    pdu[44..48].copy_from_slice(&answer.activation_interval.to_le_bytes());
    pdu[48..52].copy_from_slice(&answer.renewal_interval.to_le_bytes());
    pdu[52..56].copy_from_slice(&answer.validity.to_le_bytes());
    pdu[60..76].copy_from_slice(&answer.cmid);
    pdu[76..84].copy_from_slice(&answer.host_time.to_le_bytes());
    pdu[84..92].copy_from_slice(&answer.key_id);
    pdu[92..156].copy_from_slice(&answer.signature);
    Some(())
}

/// All fields of an answer.
pub(crate) fn answer_fields(pdu: &[u8]) -> Option<(u32, Answer)> {
    let (fixed, _) = pdu.split_first_chunk::<160>()?;
    let fragment_length = u16::from_le_bytes(field::<8, 2, _>(fixed));
    if fixed[2] != 2 || usize::from(fragment_length) != pdu.len() {
        return None;
    }
    let answer = Answer {
        count: u32::from_le_bytes(field::<40, 4, _>(fixed)),
        activation_interval: u32::from_le_bytes(field::<44, 4, _>(fixed)),
        renewal_interval: u32::from_le_bytes(field::<48, 4, _>(fixed)),
        validity: u32::from_le_bytes(field::<52, 4, _>(fixed)),
        cmid: field::<60, 16, _>(fixed),
        host_time: i64::from_le_bytes(field::<76, 8, _>(fixed)),
        key_id: field::<84, 8, _>(fixed),
        signature: field::<92, 64, _>(fixed),
    };
    Some((u32::from_le_bytes(field::<12, 4, _>(fixed)), answer))
}

/// The two syntaxes of a context, with its id.
pub(crate) type Context = (u16, [u8; 20], [u8; 20]);

/// All fields of a bind of three contexts with one transfer syntax each.
pub(crate) fn bind_fields(pdu: &[u8]) -> Option<(u32, [u16; 2], u32, [Context; 3])> {
    let fixed: &[u8; 160] = pdu.try_into().ok()?;
    let fragment_length = u16::from_le_bytes(field::<8, 2, _>(fixed));
    if fixed[2] != 11 || usize::from(fragment_length) != pdu.len() || fixed[24] != 3 {
        return None;
    }
    let context = |context: &[u8; 44]| {
        (
            u16::from_le_bytes(field::<0, 2, _>(context)),
            field::<4, 20, _>(context),
            field::<24, 20, _>(context),
        )
    };
    Some((
        u32::from_le_bytes(field::<12, 4, _>(fixed)),
        [
            u16::from_le_bytes(field::<16, 2, _>(fixed)),
            u16::from_le_bytes(field::<18, 2, _>(fixed)),
        ],
        u32::from_le_bytes(field::<20, 4, _>(fixed)),
        [
            context(&field::<28, 44, _>(fixed)),
            context(&field::<72, 44, _>(fixed)),
            context(&field::<116, 44, _>(fixed)),
        ],
    ))
}
