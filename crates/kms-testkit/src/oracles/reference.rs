//! A second decoder, written from PROTOCOL sections 1 to 3 alone: fixed offsets into slices, with
//! nothing of kms-wire's in it. It is what the differential oracles compare with.

use kms_wire::{MAX_ANSWER, MAX_REQUEST};

/// An integer of a sender's order at a fixed offset.
pub(super) fn u16_at(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    let pair = *bytes.get(at..)?.first_chunk()?;
    Some(if big {
        u16::from_be_bytes(pair)
    } else {
        u16::from_le_bytes(pair)
    })
}

/// An integer of a sender's order at a fixed offset.
pub(super) fn u32_at(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four = *bytes.get(at..)?.first_chunk()?;
    Some(if big {
        u32::from_be_bytes(four)
    } else {
        u32::from_le_bytes(four)
    })
}

fn little_u32(bytes: &[u8], at: usize) -> Option<u32> {
    u32_at(bytes, at, false)
}

fn little_i64(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn id_at(bytes: &[u8], at: usize) -> Option<[u8; 16]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A UUID whose first three fields are integers of the sender's order, in network order.
pub(super) fn uuid_at(bytes: &[u8], at: usize, big: bool) -> Option<[u8; 16]> {
    let mut id = id_at(bytes, at)?;
    if !big {
        let [a, b, c, d, e, f, g, h, ..] = id;
        let [.., i, j, k, l, m, n, o, p] = id;
        id = [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p];
    }
    Some(id)
}

/// The 16 bytes that begin a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) major: u8,
    pub(super) minor: u8,
    pub(super) pdu_type: u8,
    pub(super) flags: u8,
    pub(super) representation: [u8; 4],
    pub(super) big: bool,
    pub(super) length: u16,
    pub(super) auth_length: u16,
    pub(super) call: u32,
}

impl Header {
    /// Of the first 16 bytes, whatever they hold.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[major, minor, pdu_type, flags, d0, d1, d2, d3] = bytes.first_chunk()?;
        // C706 section 14.1: the high half of the first byte is 1 for little-endian integers.
        let big = d0 >> 4 != 1;
        Some(Self {
            major,
            minor,
            pdu_type,
            flags,
            representation: [d0, d1, d2, d3],
            big,
            length: u16_at(bytes, 8, big)?,
            auth_length: u16_at(bytes, 10, big)?,
            call: u32_at(bytes, 12, big)?,
        })
    }

    pub(super) const fn version_is_spoken(&self) -> bool {
        self.major == 5 && self.minor <= 1
    }

    pub(super) const fn representation_is_read(&self) -> bool {
        matches!(self.representation, [0x10 | 0, 0, 0, 0])
    }

    pub(super) const fn length_is_allowed(&self) -> bool {
        16 <= self.length && self.length <= 5840
    }

    /// Whether PROTOCOL section 1 allows it for some PDU, authentication aside.
    pub(super) const fn is_allowed(&self) -> bool {
        self.version_is_spoken() && self.representation_is_read() && self.length_is_allowed()
    }
}

/// A request PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) alloc_hint: u32,
    pub(super) context: u16,
    pub(super) opnum: u16,
    pub(super) object: Option<[u8; 16]>,
    pub(super) stub: &'a [u8],
}

impl<'a> Request<'a> {
    /// Of one whole PDU whose header is allowed.
    pub(super) fn read(pdu: &'a [u8], header: &Header) -> Option<Self> {
        let stub_at = if header.flags & 0x80 == 0 { 24 } else { 40 };
        Some(Self {
            alloc_hint: u32_at(pdu, 16, header.big)?,
            context: u16_at(pdu, 20, header.big)?,
            opnum: u16_at(pdu, 22, header.big)?,
            object: if stub_at == 40 {
                Some(uuid_at(pdu, 24, header.big)?)
            } else {
                None
            },
            stub: pdu.get(stub_at..)?,
        })
    }
}

/// The message in the stub of RequestActivation: `n`, `max_count` the same, n bytes, at most 3 more.
pub(super) fn request_stub(stub: &[u8], big: bool) -> Option<&[u8]> {
    let n = usize::try_from(u32_at(stub, 0, big)?).ok()?;
    let same = usize::try_from(u32_at(stub, 4, big)?).ok()? == n;
    let (message, padding) = stub.get(8..)?.split_at_checked(n)?;
    (same && n <= MAX_REQUEST && padding.len() <= 3).then_some(message)
}

/// What an answer's stub holds: bytes for HRESULT 0, or the HRESULT.
pub(super) fn answer_stub(stub: &[u8], big: bool) -> Option<Result<&[u8], u32>> {
    let n = usize::try_from(u32_at(stub, 0, big)?).ok()?;
    let is_null = u32_at(stub, 4, big)? == 0;
    let (bytes, end) = if is_null {
        (n == 0).then_some((&[][..], 8))?
    } else {
        let same = usize::try_from(u32_at(stub, 8, big)?).ok()? == n;
        let bytes = stub.get(12..)?.get(..n)?;
        (same && n <= MAX_ANSWER).then_some((bytes, (12 + n).div_ceil(4) * 4))?
    };
    let status = u32_at(stub, end, big)?;
    if stub.len() > end + 4 + 3 {
        return None;
    }
    match (status, is_null) {
        (0, _) => Some(Ok(bytes)),
        (status, true) => Some(Err(status)),
        (_, false) => None,
    }
}

/// A presentation context of a bind or alter_context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: u16,
    pub(super) interface: ([u8; 16], u32),
    pub(super) syntaxes: Vec<([u8; 16], u32)>,
}

/// A bind or alter_context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) max_transmit: u16,
    pub(super) max_receive: u16,
    pub(super) group: u32,
    pub(super) contexts: Vec<Context>,
}

/// Why a bind cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindError {
    /// It ends too early.
    Short,
    /// More contexts or transfer syntaxes than PROTOCOL section 1 allows.
    Limit,
}

impl Bind {
    /// Of one whole PDU whose header is allowed.
    pub(super) fn read(pdu: &[u8], big: bool) -> Result<Self, BindError> {
        use BindError::{Limit, Short};
        let syntax = |at: usize| {
            let uuid = uuid_at(pdu, at, big).ok_or(Short)?;
            let version = u32_at(pdu, at + 16, big).ok_or(Short)?;
            Ok((uuid, version))
        };
        let number = *pdu.get(24).ok_or(Short)?;
        if number > 16 {
            return Err(Limit);
        }
        let mut at = 28;
        let mut contexts = Vec::new();
        for _ in 0..number {
            let id = u16_at(pdu, at, big).ok_or(Short)?;
            let syntaxes = usize::from(*pdu.get(at + 2).ok_or(Short)?);
            if syntaxes > 8 {
                return Err(Limit);
            }
            let interface = syntax(at + 4)?;
            at += 24;
            let syntaxes = (0..syntaxes).map(|index| syntax(at + 20 * index));
            let syntaxes: Vec<_> = syntaxes.collect::<Result<_, _>>()?;
            at += 20 * syntaxes.len();
            contexts.push(Context {
                id,
                interface,
                syntaxes,
            });
        }
        if pdu.len() < 28 {
            return Err(Short);
        }
        Ok(Self {
            max_transmit: u16_at(pdu, 16, big).ok_or(Short)?,
            max_receive: u16_at(pdu, 18, big).ok_or(Short)?,
            group: u32_at(pdu, 20, big).ok_or(Short)?,
            contexts,
        })
    }
}

/// The message of RequestActivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestMessage<'a> {
    pub(super) minor: u16,
    pub(super) virtual_machine: bool,
    pub(super) status: u32,
    pub(super) minutes: u32,
    pub(super) application: [u8; 16],
    pub(super) activation: [u8; 16],
    pub(super) counted: [u8; 16],
    pub(super) cmid: [u8; 16],
    pub(super) previous: [u8; 16],
    pub(super) required: u32,
    pub(super) time: i64,
    pub(super) nonce: [u8; 16],
    pub(super) name: &'a str,
}

impl<'a> RequestMessage<'a> {
    /// `None` for what a host answers with 0x8007000D.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let minor = u16_at(bytes, 2, false)?;
        let flags = little_u32(bytes, 4)?;
        let length = usize::from(*bytes.get(128)?);
        let (name, behind) = bytes.get(129..)?.split_at_checked(length)?;
        let message = Self {
            minor,
            virtual_machine: flags == 1,
            status: little_u32(bytes, 8)?,
            minutes: little_u32(bytes, 12)?,
            application: id_at(bytes, 16)?,
            activation: id_at(bytes, 32)?,
            counted: id_at(bytes, 48)?,
            cmid: id_at(bytes, 64)?,
            previous: id_at(bytes, 80)?,
            required: little_u32(bytes, 96)?,
            time: little_i64(bytes, 104)?,
            nonce: id_at(bytes, 112)?,
            name: core::str::from_utf8(name).ok()?,
        };
        let allowed = u16_at(bytes, 0, false)? == 1
            && flags <= 1
            && message.status <= 6
            && message.cmid != [0; 16]
            && (1..=1_000_000).contains(&message.required)
            && little_u32(bytes, 100)? == 0
            && (1..=63).contains(&length)
            && !message.name.chars().any(char::is_control)
            && (minor > 0 || behind.is_empty());
        allowed.then_some(message)
    }
}

/// The answer to RequestActivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AnswerMessage {
    pub(super) count: u32,
    pub(super) activation: u32,
    pub(super) renewal: u32,
    pub(super) validity: u32,
    pub(super) cmid: [u8; 16],
    pub(super) time: i64,
    pub(super) key_id: [u8; 8],
    pub(super) signature: [u8; 64],
}

impl AnswerMessage {
    /// `None` for what is no answer.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let answer = Self {
            count: little_u32(bytes, 4)?,
            activation: little_u32(bytes, 8)?,
            renewal: little_u32(bytes, 12)?,
            validity: little_u32(bytes, 16)?,
            cmid: id_at(bytes, 24)?,
            time: little_i64(bytes, 40)?,
            key_id: bytes.get(48..)?.first_chunk().copied()?,
            signature: bytes.get(56..)?.first_chunk().copied()?,
        };
        let intervals = 15..=43_200;
        let allowed = bytes.len() == 120
            && u16_at(bytes, 0, false)? == 1
            && u16_at(bytes, 2, false)? == 0
            && intervals.contains(&answer.activation)
            && intervals.contains(&answer.renewal)
            && answer.validity != 0
            && little_u32(bytes, 20)? == 0
            && answer.cmid != [0; 16];
        allowed.then_some(answer)
    }
}

/// The certificates in the answer to GetHostCertificate.
pub(super) fn certificates(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (&number, mut rest) = bytes.split_first()?;
    let mut certificates = Vec::new();
    for _ in 0..number {
        let length = usize::from(u16_at(rest, 0, false)?);
        let (certificate, behind) = rest.get(2..)?.split_at_checked(length)?;
        certificates.push(certificate);
        rest = behind;
    }
    let allowed = (1..=4).contains(&number)
        && rest.is_empty()
        && bytes.len() <= MAX_ANSWER
        && certificates.iter().all(|der| !der.is_empty());
    allowed.then_some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn the_vectors_of_protocol_section_6_are_read() {
        let bytes = golden::request_message();
        let request = RequestMessage::read(&bytes).unwrap();
        assert!(request.virtual_machine);
        let numbers = (request.status, request.minutes, request.required);
        assert_eq!(numbers, (2, 40_123, 25));
        assert_eq!(request.time, 1_700_000_000_000);
        assert_eq!(request.cmid[..4], [0, 0x11, 0x22, 0x33]);
        assert_eq!((request.previous, request.nonce[15]), ([0; 16], 15));
        assert_eq!(request.name, "ws-17.contoso.example");

        let bytes = golden::answer_message();
        let answer = AnswerMessage::read(&bytes).unwrap();
        let numbers = (
            answer.count,
            answer.activation,
            answer.renewal,
            answer.validity,
        );
        assert_eq!(numbers, (4, 120, 10_080, 259_200));
        assert_eq!(answer.time, 1_700_000_000_250);
        assert_eq!(answer.key_id, 0x0123_4567_89ab_cdef_u64.to_be_bytes());
        assert_eq!((answer.signature[0], answer.signature[63]), (0x30, 0x07));
        assert_eq!(certificates(&golden::certificate_chain()).unwrap().len(), 2);
    }

    #[test]
    fn each_field_out_of_range_is_refused() {
        let cases: [(usize, &[u8]); 12] = [
            (0, &[2]),
            (4, &[2]),
            (8, &[7]),
            (64, &[0; 16]),
            (96, &[0]),
            (96, &[0x41, 0x42, 0x0f]),
            (100, &[1]),
            (103, &[1]),
            (128, &[0]),
            (128, &[20]),
            (129, b"\n"),
            (129, b"\xff"),
        ];
        for (at, value) in cases {
            let mut bytes = golden::request_message();
            bytes[at..at + value.len()].copy_from_slice(value);
            assert_eq!(RequestMessage::read(&bytes), None, "{at}");
        }
        for at in [0, 2, 9, 13, 20] {
            let mut bytes = golden::answer_message();
            bytes[at] = 0xff;
            assert_eq!(AnswerMessage::read(&bytes), None, "{at}");
        }
    }

    #[test]
    fn both_orders_of_a_request_say_the_same() {
        let names = ["request-activation", "request-activation-big-endian"];
        let [little, big] = names.map(|name| golden::pdu(name).bytes);
        for pdu in [&little, &big] {
            let header = Header::read(pdu).unwrap();
            assert!(header.is_allowed());
            assert_eq!((usize::from(header.length), header.call), (pdu.len(), 2));
            let request = Request::read(pdu, &header).unwrap();
            let message = request_stub(request.stub, header.big);
            assert_eq!(message, Some(&*golden::request_message()));
        }
        let with_object = golden::pdu("request-activation-with-object").bytes;
        let header = Header::read(&with_object).unwrap();
        let object = Request::read(&with_object, &header).unwrap().object;
        let expected = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
        assert_eq!(object, Some(expected));
    }

    #[test]
    fn a_stub_has_one_length_and_little_padding() {
        let golden = golden::pdu("request-activation").bytes;
        let stub = &golden[24..];
        for (padding, is_read) in [(3, true), (4, false)] {
            let padded = [stub, &[0; 4][..padding]].concat();
            assert_eq!(request_stub(&padded, false).is_some(), is_read);
        }
        let mut other_count = stub.to_vec();
        other_count[4] -= 1;
        assert_eq!(request_stub(&other_count, false), None);
        let refusal = golden::pdu("response-refused").bytes;
        assert_eq!(answer_stub(&refusal[24..], false), Some(Err(0xc004_f042)));
        let answer = golden::pdu("response-activation-big-endian").bytes;
        let message = golden::answer_message();
        assert_eq!(answer_stub(&answer[24..], true), Some(Ok(&*message)));
    }
}
