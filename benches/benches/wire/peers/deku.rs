//! `deku`: codecs derived from structs, over bytes.

#![expect(
    dead_code,
    reason = "a field that is only checked is kept by deku all the same"
)]

use super::{
    ANSWER, ANSWER_STUB, Answer, BIG, Fields, LITTLE, MAX_FRAGMENT, OBJECT_UUID, REFERENT, Request,
    WHOLE, is_name,
};
use deku::{DekuContainerRead as _, DekuContainerWrite as _, DekuRead, DekuWrite, ctx::Endian};

/// Ids are read as one number each.
#[derive(DekuRead)]
pub(crate) struct RequestPdu {
    #[deku(assert = "version[0] == 5 && version[1] <= 1")]
    version: [u8; 2],
    #[deku(assert_eq = "0")]
    pdu_type: u8,
    flags: u8,
    #[deku(assert = "*representation == LITTLE || *representation == BIG")]
    representation: [u8; 4],
    #[deku(ctx = "order(*representation), *flags")]
    pub(crate) body: RequestBody,
}

pub(super) fn order(representation: [u8; 4]) -> Endian {
    if representation == LITTLE {
        Endian::Little
    } else {
        Endian::Big
    }
}

#[derive(DekuRead)]
#[deku(ctx = "order: Endian, flags: u8", endian = "order")]
pub(crate) struct RequestBody {
    fragment_length: u16,
    #[deku(assert_eq = "0")]
    auth_length: u16,
    pub(crate) call_id: u32,
    alloc_hint: u32,
    pub(crate) context_id: u16,
    #[deku(assert_eq = "0")]
    opnum: u16,
    #[deku(cond = "flags & OBJECT_UUID != 0")]
    object: Option<u128>,
    n: u32,
    #[deku(assert = "*max_count == *n")]
    max_count: u32,
    #[deku(ctx = "*n")]
    pub(crate) message: Message,
}

#[derive(DekuRead)]
#[deku(ctx = "_order: Endian, n: u32", endian = "little")]
pub(crate) struct Message {
    #[deku(assert_eq = "1")]
    major_version: u16,
    minor_version: u16,
    #[deku(assert = "*flags <= 1")]
    flags: u32,
    #[deku(assert = "*license_status <= 6")]
    license_status: u32,
    minutes_remaining: u32,
    #[deku(endian = "big")]
    application_id: u128,
    #[deku(endian = "big")]
    activation_id: u128,
    #[deku(endian = "big")]
    counted_id: u128,
    #[deku(endian = "big", assert = "*cmid != 0")]
    pub(crate) cmid: u128,
    #[deku(endian = "big")]
    previous_cmid: u128,
    #[deku(assert = "(1..=1_000_000).contains(required_count)")]
    required_count: u32,
    #[deku(assert_eq = "0")]
    reserved: u32,
    request_time: i64,
    #[deku(endian = "big")]
    nonce: u128,
    #[deku(assert = "(1..=63).contains(name_len) && is_room(n, *name_len, *minor_version)")]
    name_len: u8,
    #[deku(count = "name_len", assert = "is_name(name)")]
    name: Vec<u8>,
}

/// Whether the name ends where the message does, or before it in a later minor version.
fn is_room(n: u32, name_len: u8, minor_version: u16) -> bool {
    let end = 129 + u32::from(name_len);
    end == n || (minor_version > 0 && end < n)
}

pub(crate) fn decode(bytes: &[u8]) -> Option<RequestPdu> {
    let (_, pdu) = RequestPdu::from_bytes((bytes, 0)).ok()?;
    let body = &pdu.body;
    let before = if body.object.is_some() { 48 } else { 32 };
    let padding = bytes
        .len()
        .checked_sub(before)?
        .checked_sub(usize::try_from(body.n).ok()?)?;
    let is_whole = usize::from(body.fragment_length) == bytes.len() && bytes.len() <= MAX_FRAGMENT;
    (is_whole && padding <= 3).then_some(pdu)
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

#[derive(DekuWrite)]
#[deku(endian = "little")]
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
    major_version: u16,
    minor_version: u16,
    count: u32,
    activation_interval: u32,
    renewal_interval: u32,
    validity: u32,
    reserved_in_message: u32,
    #[deku(endian = "big")]
    cmid: u128,
    host_time: i64,
    #[deku(endian = "big")]
    key_id: u64,
    signature: [u8; 64],
    hresult: u32,
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
        major_version: 1,
        minor_version: 0,
        count: answer.count,
        activation_interval: answer.activation_interval,
        renewal_interval: answer.renewal_interval,
        validity: answer.validity,
        reserved_in_message: 0,
        cmid: u128::from_be_bytes(answer.cmid),
        host_time: answer.host_time,
        key_id: u64::from_be_bytes(answer.key_id),
        signature: answer.signature,
        hresult: 0,
    };
    pdu.to_slice(out).ok()
}
