//! `binrw`: codecs derived from structs, over a cursor.

use super::{
    ANSWER, ANSWER_PDU, ANSWER_STUB, Answer, BIG, Fields, LITTLE, MAX_FRAGMENT, OBJECT_UUID,
    REFERENT, Request, WHOLE, is_name,
};
use binrw::{BinRead, BinWrite, binread, io::Cursor};

/// Ids are read as one number each, which is faster than 16 bytes one by one.
#[binread]
#[br(import { total: usize })]
pub(crate) struct RequestPdu {
    #[br(temp, assert(version[0] == 5 && version[1] <= 1))]
    version: [u8; 2],
    #[br(temp, assert(pdu_type == 0))]
    pdu_type: u8,
    #[br(temp)]
    flags: u8,
    #[br(temp, assert(representation == LITTLE || representation == BIG))]
    representation: [u8; 4],
    #[br(is_big = representation == BIG, args { flags, total })]
    pub(crate) body: RequestBody,
}

#[binread]
#[br(import { flags: u8, total: usize })]
pub(crate) struct RequestBody {
    #[br(temp, assert(usize::from(fragment_length) == total && total <= MAX_FRAGMENT))]
    fragment_length: u16,
    #[br(temp, assert(auth_length == 0))]
    auth_length: u16,
    pub(crate) call_id: u32,
    #[br(temp)]
    _alloc_hint: u32,
    pub(crate) context_id: u16,
    #[br(temp, assert(opnum == 0))]
    opnum: u16,
    #[br(temp, if(flags & OBJECT_UUID != 0))]
    object: Option<u128>,
    #[br(temp)]
    n: u32,
    #[br(temp, assert(max_count == n && is_end(total, object.is_some(), n)))]
    max_count: u32,
    #[br(args { n })]
    pub(crate) message: Message,
}

/// Whether the message ends at the end of the PDU, or with padding before it.
fn is_end(total: usize, has_object: bool, n: u32) -> bool {
    let before = if has_object { 48 } else { 32 };
    let padding = total
        .checked_sub(before)
        .and_then(|rest| rest.checked_sub(usize::try_from(n).ok()?));
    padding.is_some_and(|padding| padding <= 3)
}

#[binread]
#[br(little, import { n: u32 })]
pub(crate) struct Message {
    #[br(temp, assert(major_version == 1))]
    major_version: u16,
    minor_version: u16,
    #[br(assert(flags <= 1))]
    flags: u32,
    #[br(assert(license_status <= 6))]
    license_status: u32,
    minutes_remaining: u32,
    #[br(big)]
    application_id: u128,
    #[br(big)]
    activation_id: u128,
    #[br(big)]
    counted_id: u128,
    #[br(big, assert(cmid != 0))]
    pub(crate) cmid: u128,
    #[br(big)]
    previous_cmid: u128,
    #[br(assert((1..=1_000_000).contains(&required_count)))]
    required_count: u32,
    #[br(temp, assert(reserved == 0))]
    reserved: u32,
    request_time: i64,
    #[br(big)]
    nonce: u128,
    #[br(temp, assert((1..=63).contains(&name_len) && is_room(n, name_len, minor_version)))]
    name_len: u8,
    #[br(count = name_len, assert(is_name(&name)))]
    name: Vec<u8>,
}

/// Whether the name ends where the message does, or before it in a later minor version.
fn is_room(n: u32, name_len: u8, minor_version: u16) -> bool {
    let end = 129 + u32::from(name_len);
    end == n || (minor_version > 0 && end < n)
}

pub(crate) fn decode(pdu: &[u8]) -> Option<RequestPdu> {
    let total = pdu.len();
    RequestPdu::read_ne_args(&mut Cursor::new(pdu), binrw::args! { total }).ok()
}

impl Fields for RequestPdu {
    fn fields(&self) -> Request<&[u8]> {
        let message = &self.body.message;
        Request {
            call_id: self.body.call_id,
            context_id: self.body.context_id,
            minor_version: message.minor_version,
            virtual_machine: message.flags != 0,
            license_status: message.license_status,
            minutes_remaining: message.minutes_remaining,
            application_id: message.application_id.to_be_bytes(),
            activation_id: message.activation_id.to_be_bytes(),
            counted_id: message.counted_id.to_be_bytes(),
            cmid: message.cmid.to_be_bytes(),
            previous_cmid: message.previous_cmid.to_be_bytes(),
            required_count: message.required_count,
            request_time: message.request_time,
            nonce: message.nonce.to_be_bytes(),
            name: &message.name,
        }
    }
}

#[derive(BinWrite)]
#[bw(little)]
struct AnswerPdu {
    version: [u8; 2],
    pdu_type: u8,
    flags: u8,
    representation: [u8; 4],
    fragment_length: u16,
    auth_length: u16,
    call_id: u32,
    alloc_hint: u32,
    context_id: u16,
    cancel_count: u8,
    reserved: u8,
    n: u32,
    referent: u32,
    max_count: u32,
    message: AnswerMessage,
    hresult: u32,
}

#[derive(BinWrite)]
#[bw(little)]
struct AnswerMessage {
    version: [u16; 2],
    count: u32,
    activation_interval: u32,
    renewal_interval: u32,
    validity: u32,
    reserved: u32,
    #[bw(big)]
    cmid: u128,
    host_time: i64,
    #[bw(big)]
    key_id: u64,
    signature: [u8; 64],
}

/// Writes the answer's PDU to the buffer's start, and returns its size.
pub(crate) fn encode(
    call_id: u32,
    context_id: u16,
    answer: &Answer,
    out: &mut [u8],
) -> Option<usize> {
    let pdu = AnswerPdu {
        version: [5, 0],
        pdu_type: 2,
        flags: WHOLE,
        representation: LITTLE,
        fragment_length: 160,
        auth_length: 0,
        call_id,
        alloc_hint: ANSWER_STUB,
        context_id,
        cancel_count: 0,
        reserved: 0,
        n: ANSWER,
        referent: REFERENT,
        max_count: ANSWER,
        message: AnswerMessage {
            version: [1, 0],
            count: answer.count,
            activation_interval: answer.activation_interval,
            renewal_interval: answer.renewal_interval,
            validity: answer.validity,
            reserved: 0,
            cmid: u128::from_be_bytes(answer.cmid),
            host_time: answer.host_time,
            key_id: u64::from_be_bytes(answer.key_id),
            signature: answer.signature,
        },
        hresult: 0,
    };
    pdu.write(&mut Cursor::new(out)).ok()?;
    Some(ANSWER_PDU)
}
