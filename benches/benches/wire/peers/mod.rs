//! The same work by other means: code written by hand for exactly these messages, and crates that
//! derive a codec from a struct. Each refuses what PROTOCOL sections 1 to 3 refuse, in both integer
//! orders, and gives every field; the agreement is checked before anything is measured.

pub(crate) mod binrw;
pub(crate) mod binrw_bind;
pub(crate) mod deku;
pub(crate) mod deku_bind;
pub(crate) mod hand_written;
pub(crate) mod hand_written_bind;
pub(crate) mod negotiation;
pub(crate) mod zerocopy;
pub(crate) mod zerocopy_bind;

use kms_wire::{ActivationAnswer, ActivationRequest};

/// The longest PDU.
pub(crate) const MAX_FRAGMENT: usize = 5840;
/// The size of a request message before the machine name.
pub(crate) const FIXED_MESSAGE: usize = 129;
/// The size of an answer's PDU.
pub(crate) const ANSWER_PDU: usize = 160;
/// The size of the stub in it.
pub(crate) const ANSWER_STUB: u32 = 136;
/// The size of the message in that.
pub(crate) const ANSWER: u32 = 120;
/// The referent of an array that is there; any number but 0 would do.
pub(crate) const REFERENT: u32 = 0x0002_0000;
/// The flag of a request that carries an object id.
pub(crate) const OBJECT_UUID: u8 = 0x80;
/// The flags of a PDU that is not in fragments.
pub(crate) const WHOLE: u8 = 0x03;
/// The label of little-endian integers.
pub(crate) const LITTLE: [u8; 4] = [0x10, 0, 0, 0];
/// The label of big-endian integers.
pub(crate) const BIG: [u8; 4] = [0; 4];

/// What a request says, as plain numbers and bytes; `N` holds the machine name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<N> {
    pub(crate) call_id: u32,
    pub(crate) context_id: u16,
    pub(crate) minor_version: u16,
    pub(crate) virtual_machine: bool,
    pub(crate) license_status: u32,
    pub(crate) minutes_remaining: u32,
    pub(crate) application_id: [u8; 16],
    pub(crate) activation_id: [u8; 16],
    pub(crate) counted_id: [u8; 16],
    pub(crate) cmid: [u8; 16],
    pub(crate) previous_cmid: [u8; 16],
    pub(crate) required_count: u32,
    pub(crate) request_time: i64,
    pub(crate) nonce: [u8; 16],
    pub(crate) name: N,
}

/// A machine name in place: the last `len` bytes of these. Before it stands whatever stood before it
/// in the message, so that it is copied as a whole, by a length that is known when it is compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) bytes: [u8; 64],
    pub(crate) len: u8,
}

impl Name {
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; 64],
        len: 0,
    };

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[64 - usize::from(self.len)..]
    }
}

/// What a codec makes of a request.
pub(crate) trait Fields {
    /// The fields, to be compared with those of another codec.
    fn fields(&self) -> Request<&[u8]>;
}

impl Fields for Request<Name> {
    fn fields(&self) -> Request<&[u8]> {
        self.with_name(self.name.as_bytes())
    }
}

impl Request<Name> {
    /// One to be filled in place: a value that is returned may be moved.
    pub(crate) const EMPTY: Self = Self {
        call_id: 0,
        context_id: 0,
        minor_version: 0,
        virtual_machine: false,
        license_status: 0,
        minutes_remaining: 0,
        application_id: [0; 16],
        activation_id: [0; 16],
        counted_id: [0; 16],
        cmid: [0; 16],
        previous_cmid: [0; 16],
        required_count: 0,
        request_time: 0,
        nonce: [0; 16],
        name: Name::EMPTY,
    };
}

impl<N> Request<N> {
    pub(crate) const fn with_name<'a>(&self, name: &'a [u8]) -> Request<&'a [u8]> {
        Request {
            call_id: self.call_id,
            context_id: self.context_id,
            minor_version: self.minor_version,
            virtual_machine: self.virtual_machine,
            license_status: self.license_status,
            minutes_remaining: self.minutes_remaining,
            application_id: self.application_id,
            activation_id: self.activation_id,
            counted_id: self.counted_id,
            cmid: self.cmid,
            previous_cmid: self.previous_cmid,
            required_count: self.required_count,
            request_time: self.request_time,
            nonce: self.nonce,
            name,
        }
    }
}

/// The fields that kms-wire read.
pub(crate) fn fields_of(
    call_id: u32,
    context_id: u16,
    request: &ActivationRequest,
) -> Request<&[u8]> {
    let nil = [0; 16];
    Request {
        call_id,
        context_id,
        minor_version: request.minor_version,
        virtual_machine: request.virtual_machine,
        license_status: request.license_status.number(),
        minutes_remaining: request.minutes_remaining,
        application_id: request.application_id.as_uuid().into_bytes(),
        activation_id: request.activation_id.as_uuid().into_bytes(),
        counted_id: request.counted_id.as_uuid().into_bytes(),
        cmid: request.cmid.as_uuid().into_bytes(),
        previous_cmid: request
            .previous_cmid
            .map_or(nil, |id| id.as_uuid().into_bytes()),
        required_count: request.required_count.machines(),
        request_time: request.request_time.as_millis(),
        nonce: request.nonce,
        name: request.machine_name.as_bytes(),
    }
}

/// What an answer says, as plain numbers and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) count: u32,
    pub(crate) activation_interval: u32,
    pub(crate) renewal_interval: u32,
    pub(crate) validity: u32,
    pub(crate) cmid: [u8; 16],
    pub(crate) host_time: i64,
    pub(crate) key_id: [u8; 8],
    pub(crate) signature: [u8; 64],
}

impl From<&ActivationAnswer> for Answer {
    fn from(answer: &ActivationAnswer) -> Self {
        let terms = &answer.terms;
        Self {
            count: terms.count,
            activation_interval: terms.activation_interval.minutes(),
            renewal_interval: terms.renewal_interval.minutes(),
            validity: terms.validity.minutes(),
            cmid: terms.cmid.as_uuid().into_bytes(),
            host_time: terms.host_time.as_millis(),
            key_id: terms.key_id.0,
            signature: answer.signature,
        }
    }
}

/// Whether bytes are UTF-8 without control characters. Their number was checked.
pub(crate) fn is_name(bytes: &[u8]) -> bool {
    // Without an early exit, so that several bytes are compared at a time.
    let is_ascii = bytes
        .iter()
        .fold(true, |all, &byte| all & is_printable(byte));
    is_ascii || is_decoded_name(bytes)
}

/// The same of the last `len` of these bytes, all of which are looked at: their number is known when
/// it is compiled.
pub(crate) fn ends_in_name(bytes: &[u8; 64], len: u8) -> bool {
    // The window at `len` holds `len` ones at its end.
    const MASKS: [u8; 128] = {
        let mut masks = [0; 128];
        masks
            .as_mut_slice()
            .split_at_mut(64)
            .1
            .copy_from_slice(&[1; 64]);
        masks
    };
    let Some(mask) = MASKS
        .get(usize::from(len)..)
        .and_then(<[u8]>::first_chunk::<64>)
    else {
        return false;
    };
    let others = bytes.iter().zip(mask).fold(0, |others, (&byte, &mask)| {
        others | (u8::from(!is_printable(byte)) & mask)
    });
    others == 0 || is_decoded_name(&bytes[64 - usize::from(len)..])
}

/// Whether a byte is a printable character of ASCII.
const fn is_printable(byte: u8) -> bool {
    byte.wrapping_sub(b' ') <= b'~' - b' '
}

/// The same as [`is_name`] for names that are not ASCII.
#[cold]
fn is_decoded_name(bytes: &[u8]) -> bool {
    core::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}
