//! Written by hand for this request and this answer, with offsets that are known when it is
//! compiled.

use super::{
    ANSWER, ANSWER_PDU, ANSWER_STUB, Answer, BIG, FIXED_MESSAGE, LITTLE, MAX_FRAGMENT, Name,
    OBJECT_UUID, REFERENT, Request, WHOLE, ends_in_name,
};

/// Reads a request into `to`, which holds nothing of use if the request is refused.
pub(crate) fn decode(pdu: &[u8], to: &mut Request<Name>) -> Option<()> {
    match *pdu.get(4..)?.first_chunk()? {
        LITTLE => decode_in::<true>(pdu, to),
        BIG => decode_in::<false>(pdu, to),
        _ => None,
    }
}

#[inline]
fn decode_in<const IS_LITTLE: bool>(pdu: &[u8], to: &mut Request<Name>) -> Option<()> {
    let (head, body) = pdu.split_first_chunk::<24>()?;
    let (u16, u32) = (u16_in::<IS_LITTLE>, u32_in::<IS_LITTLE>);
    let flags = head[3];
    let fragment_length = u16(field::<8, 2, _>(head));
    let keeps_rules = head[0] == 5
        && head[1] <= 1
        && head[2] == 0 // request
        && usize::from(fragment_length) == pdu.len()
        && pdu.len() <= MAX_FRAGMENT
        && field::<10, 2, _>(head) == [0; 2] // auth_length
        && field::<22, 2, _>(head) == [0; 2]; // opnum
    if !keeps_rules {
        return None;
    }
    let stub = if flags & OBJECT_UUID == 0 {
        body
    } else {
        body.get(16..)?
    };
    let (counts, content) = stub.split_first_chunk::<8>()?;
    let n = field::<0, 4, _>(counts);
    if n != field::<4, 4, _>(counts) {
        return None;
    }
    let (message, padding) = content.split_at_checked(usize::try_from(u32(n)).ok()?)?;
    if padding.len() > 3 {
        return None;
    }
    to.call_id = u32(field::<12, 4, _>(head));
    to.context_id = u16(field::<20, 2, _>(head));
    decode_message(message, to)
}

#[inline]
fn decode_message(message: &[u8], to: &mut Request<Name>) -> Option<()> {
    let (fixed, tail) = message.split_first_chunk::<FIXED_MESSAGE>()?;
    let minor_version = u16::from_le_bytes(field::<2, 2, _>(fixed));
    let flags = u32::from_le_bytes(field::<4, 4, _>(fixed));
    let license_status = u32::from_le_bytes(field::<8, 4, _>(fixed));
    let cmid = field::<64, 16, _>(fixed);
    let required_count = u32::from_le_bytes(field::<96, 4, _>(fixed));
    let len = fixed[128];
    let keeps_rules = field::<0, 2, _>(fixed) == [1, 0]
        && flags <= 1
        && license_status <= 6
        && cmid != [0; 16]
        && (1..=1_000_000).contains(&required_count)
        && field::<100, 4, _>(fixed) == [0; 4] // reserved
        && (1..=63).contains(&len)
        && (minor_version > 0 || tail.len() == usize::from(len));
    if !keeps_rules {
        return None;
    }
    let name = message
        .get(..FIXED_MESSAGE + usize::from(len))?
        .last_chunk()?;
    if !ends_in_name(name, len) {
        return None;
    }
    to.minor_version = minor_version;
    to.virtual_machine = flags != 0;
    to.license_status = license_status;
    to.minutes_remaining = u32::from_le_bytes(field::<12, 4, _>(fixed));
    to.application_id = field::<16, 16, _>(fixed);
    to.activation_id = field::<32, 16, _>(fixed);
    to.counted_id = field::<48, 16, _>(fixed);
    to.cmid = cmid;
    to.previous_cmid = field::<80, 16, _>(fixed);
    to.required_count = required_count;
    to.request_time = i64::from_le_bytes(field::<104, 8, _>(fixed));
    to.nonce = field::<112, 16, _>(fixed);
    to.name.bytes = *name;
    to.name.len = len;
    Some(())
}

/// Writes the answer's PDU to the buffer's start, and returns its size.
pub(crate) fn encode(
    call_id: u32,
    context_id: u16,
    answer: &Answer,
    out: &mut [u8],
) -> Option<usize> {
    let pdu: &mut [u8; ANSWER_PDU] = out.first_chunk_mut()?;
    put::<0, 4>(pdu, [5, 0, 2, WHOLE]);
    put::<4, 4>(pdu, LITTLE);
    put::<8, 4>(pdu, [160, 0, 0, 0]); // frag_length, auth_length
    put::<12, 4>(pdu, call_id.to_le_bytes());
    put::<16, 4>(pdu, ANSWER_STUB.to_le_bytes()); // alloc_hint
    put::<20, 2>(pdu, context_id.to_le_bytes());
    put::<22, 2>(pdu, [0; 2]); // cancel_count, reserved
    put::<24, 4>(pdu, ANSWER.to_le_bytes()); // n
    put::<28, 4>(pdu, REFERENT.to_le_bytes());
    put::<32, 4>(pdu, ANSWER.to_le_bytes()); // max_count
    put::<36, 4>(pdu, [1, 0, 0, 0]); // version
    put::<40, 4>(pdu, answer.count.to_le_bytes());
    put::<44, 4>(pdu, answer.activation_interval.to_le_bytes());
    put::<48, 4>(pdu, answer.renewal_interval.to_le_bytes());
    put::<52, 4>(pdu, answer.validity.to_le_bytes());
    put::<56, 4>(pdu, [0; 4]); // reserved
    put::<60, 16>(pdu, answer.cmid);
    put::<76, 8>(pdu, answer.host_time.to_le_bytes());
    put::<84, 8>(pdu, answer.key_id);
    put::<92, 64>(pdu, answer.signature);
    put::<156, 4>(pdu, [0; 4]); // HRESULT
    Some(ANSWER_PDU)
}

/// The `N` bytes at an offset; that they are there is known when it is compiled.
#[inline]
pub(crate) fn field<const AT: usize, const N: usize, const LEN: usize>(
    bytes: &[u8; LEN],
) -> [u8; N] {
    core::array::from_fn(|index| bytes[AT + index])
}

#[inline]
fn put<const AT: usize, const N: usize>(pdu: &mut [u8; ANSWER_PDU], bytes: [u8; N]) {
    pdu[AT..AT + N].copy_from_slice(&bytes);
}

#[inline]
pub(super) const fn u16_in<const IS_LITTLE: bool>(bytes: [u8; 2]) -> u16 {
    if IS_LITTLE {
        u16::from_le_bytes(bytes)
    } else {
        u16::from_be_bytes(bytes)
    }
}

#[inline]
pub(super) const fn u32_in<const IS_LITTLE: bool>(bytes: [u8; 4]) -> u32 {
    if IS_LITTLE {
        u32::from_le_bytes(bytes)
    } else {
        u32::from_be_bytes(bytes)
    }
}
