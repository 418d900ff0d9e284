//! Written by hand for this request and this answer, with offsets that are known when it is
//! compiled.

use super::{
    ANSWER, ANSWER_PDU, ANSWER_STUB, Answer, BIG, FIXED_MESSAGE, LITTLE, MAX_FRAGMENT, Name,
    OBJECT_UUID, REFERENT, Request, WHOLE, is_decoded_name, is_printable,
};

pub(crate) fn decode(pdu: &[u8]) -> Option<Request<Name>> {
    let (head, body) = pdu.split_first_chunk::<24>()?;
    let little = match field::<4, 4, _>(head) {
        LITTLE => true,
        BIG => false,
        _ => return None,
    };
    let u16 = |bytes| {
        if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    };
    let u32 = |bytes| {
        if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        }
    };
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
    decode_message(
        u32(field::<12, 4, _>(head)),
        u16(field::<20, 2, _>(head)),
        message,
    )
}

#[inline]
fn decode_message(call_id: u32, context_id: u16, message: &[u8]) -> Option<Request<Name>> {
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
    let mut bytes = [b' '; 64];
    let name = tail.get(..usize::from(len))?;
    bytes[..usize::from(len)].copy_from_slice(name);
    // The whole array, whose length is known.
    let is_ascii = bytes
        .iter()
        .fold(true, |all, &byte| all & is_printable(byte));
    if !is_ascii && !is_decoded_name(name) {
        return None;
    }
    Some(Request {
        call_id,
        context_id,
        minor_version,
        virtual_machine: flags != 0,
        license_status,
        minutes_remaining: u32::from_le_bytes(field::<12, 4, _>(fixed)),
        application_id: field::<16, 16, _>(fixed),
        activation_id: field::<32, 16, _>(fixed),
        counted_id: field::<48, 16, _>(fixed),
        cmid,
        previous_cmid: field::<80, 16, _>(fixed),
        required_count,
        request_time: i64::from_le_bytes(field::<104, 8, _>(fixed)),
        nonce: field::<112, 16, _>(fixed),
        name: Name { bytes, len },
    })
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
