//! `zerocopy`: the request is looked at where it lies, and nothing of it is copied; the answer is a
//! struct with the layout of the wire.

use super::{
    ANSWER, ANSWER_PDU, ANSWER_STUB, Answer, BIG, FIXED_MESSAGE, Fields, LITTLE, MAX_FRAGMENT,
    OBJECT_UUID, REFERENT, Request, WHOLE, ends_in_name,
};
use zerocopy::{
    FromBytes, I64, Immutable, IntoBytes, KnownLayout, LE, U16, U32, Unaligned,
    byteorder::{BigEndian, ByteOrder, LittleEndian},
};

/// The header of every PDU.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Header<O> {
    pub(super) major_version: u8,
    pub(super) minor_version: u8,
    pub(super) pdu_type: u8,
    pub(super) flags: u8,
    representation: [u8; 4],
    fragment_length: U16<O>,
    auth_length: U16<O>,
    pub(super) call_id: U32<O>,
}

impl<O: ByteOrder> Header<O> {
    /// Whether it keeps the rules and is that of the whole of `pdu`.
    pub(super) fn is_of(&self, pdu: &[u8], pdu_type: u8) -> bool {
        self.major_version == 5
            && self.minor_version <= 1
            && self.pdu_type == pdu_type
            && usize::from(self.fragment_length.get()) == pdu.len()
            && pdu.len() <= MAX_FRAGMENT
            && self.auth_length == U16::ZERO
    }
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RequestHead<O> {
    header: Header<O>,
    alloc_hint: U32<O>,
    context_id: U16<O>,
    opnum: U16<O>,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Counts<O> {
    n: U32<O>,
    max_count: U32<O>,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Message {
    major_version: U16<LE>,
    minor_version: U16<LE>,
    flags: U32<LE>,
    license_status: U32<LE>,
    minutes_remaining: U32<LE>,
    application_id: [u8; 16],
    activation_id: [u8; 16],
    counted_id: [u8; 16],
    cmid: [u8; 16],
    previous_cmid: [u8; 16],
    required_count: U32<LE>,
    reserved: U32<LE>,
    request_time: I64<LE>,
    nonce: [u8; 16],
    name_len: u8,
}

/// A request where it lies.
pub(crate) struct View<'a> {
    pub(crate) call_id: u32,
    pub(crate) context_id: u16,
    message: &'a Message,
    name: &'a [u8],
}

impl View<'_> {
    pub(crate) const fn cmid(&self) -> [u8; 16] {
        self.message.cmid
    }
}

pub(crate) fn decode(pdu: &[u8]) -> Option<View<'_>> {
    match *pdu.get(4..)?.first_chunk()? {
        LITTLE => decode_in::<LittleEndian>(pdu),
        BIG => decode_in::<BigEndian>(pdu),
        _ => None,
    }
}

fn decode_in<O: ByteOrder + 'static>(pdu: &[u8]) -> Option<View<'_>> {
    let (head, body) = RequestHead::<O>::ref_from_prefix(pdu).ok()?;
    if !head.header.is_of(pdu, 0) || head.opnum != U16::ZERO {
        return None;
    }
    let stub = if head.header.flags & OBJECT_UUID == 0 {
        body
    } else {
        body.get(16..)?
    };
    let (counts, content) = Counts::<O>::ref_from_prefix(stub).ok()?;
    let n = usize::try_from(counts.n.get()).ok()?;
    let (content, padding) = content.split_at_checked(n)?;
    if counts.n != counts.max_count || padding.len() > 3 {
        return None;
    }
    let (message, tail) = Message::ref_from_prefix(content).ok()?;
    let len = usize::from(message.name_len);
    let keeps_rules = message.major_version.get() == 1
        && message.flags.get() <= 1
        && message.license_status.get() <= 6
        && message.cmid != [0; 16]
        && (1..=1_000_000).contains(&message.required_count.get())
        && message.reserved == U32::ZERO
        && (1..=63).contains(&len)
        && (message.minor_version != U16::ZERO || tail.len() == len);
    if !keeps_rules {
        return None;
    }
    let name = tail.get(..len)?;
    let end = content.get(..FIXED_MESSAGE + len)?.last_chunk()?;
    ends_in_name(end, message.name_len).then_some(View {
        call_id: head.header.call_id.get(),
        context_id: head.context_id.get(),
        message,
        name,
    })
}

impl Fields for View<'_> {
    fn fields(&self) -> Request<&[u8]> {
        let message = self.message;
        Request {
            call_id: self.call_id,
            context_id: self.context_id,
            minor_version: message.minor_version.get(),
            virtual_machine: message.flags != U32::ZERO,
            license_status: message.license_status.get(),
            minutes_remaining: message.minutes_remaining.get(),
            application_id: message.application_id,
            activation_id: message.activation_id,
            counted_id: message.counted_id,
            cmid: message.cmid,
            previous_cmid: message.previous_cmid,
            required_count: message.required_count.get(),
            request_time: message.request_time.get(),
            nonce: message.nonce,
            name: self.name,
        }
    }
}

#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct AnswerPdu {
    header: AnswerHeader,
    n: U32<LE>,
    referent: U32<LE>,
    max_count: U32<LE>,
    version: [U16<LE>; 2],
    count: U32<LE>,
    activation_interval: U32<LE>,
    renewal_interval: U32<LE>,
    validity: U32<LE>,
    reserved: U32<LE>,
    cmid: [u8; 16],
    host_time: I64<LE>,
    key_id: [u8; 8],
    signature: [u8; 64],
    hresult: U32<LE>,
}

#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct AnswerHeader {
    version: [u8; 2],
    pdu_type: u8,
    flags: u8,
    representation: [u8; 4],
    fragment_length: U16<LE>,
    auth_length: U16<LE>,
    call_id: U32<LE>,
    alloc_hint: U32<LE>,
    context_id: U16<LE>,
    cancel_count: u8,
    reserved: u8,
}

/// Writes the answer's PDU to the buffer's start, and returns its size.
pub(crate) fn encode(
    call_id: u32,
    context_id: u16,
    answer: &Answer,
    out: &mut [u8],
) -> Option<usize> {
    let pdu = AnswerPdu {
        header: AnswerHeader {
            version: [5, 0],
            pdu_type: 2,
            flags: WHOLE,
            representation: LITTLE,
            fragment_length: U16::new(160),
            auth_length: U16::ZERO,
            call_id: U32::new(call_id),
            alloc_hint: U32::new(ANSWER_STUB),
            context_id: U16::new(context_id),
            cancel_count: 0,
            reserved: 0,
        },
        n: U32::new(ANSWER),
        referent: U32::new(REFERENT),
        max_count: U32::new(ANSWER),
        version: [U16::new(1), U16::ZERO],
        count: U32::new(answer.count),
        activation_interval: U32::new(answer.activation_interval),
        renewal_interval: U32::new(answer.renewal_interval),
        validity: U32::new(answer.validity),
        reserved: U32::ZERO,
        cmid: answer.cmid,
        host_time: I64::new(answer.host_time),
        key_id: answer.key_id,
        signature: answer.signature,
        hresult: U32::ZERO,
    };
    pdu.write_to_prefix(out).ok()?;
    Some(ANSWER_PDU)
}
