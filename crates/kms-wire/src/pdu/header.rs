use super::{PduType, PfcFlags};
use crate::limits::MAX_FRAGMENT;
use core::fmt;
use kms_core::{ByteOrder, Decode, DecodeError, Encode, FixedReader, FixedWriter, Reader, Writer};

/// Which call a PDU belongs to (C706 section 12.6.3.1, `call_id`): the client's choice, any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a sender writes numbers and characters (C706 section 14.1, the NDR format label).
///
/// Only integers occur in this protocol, so the two labels that matter are
/// [`LITTLE`](Self::LITTLE) and [`BIG`](Self::BIG), both with ASCII and IEEE; any other is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataRepresentation(pub [u8; 4]);

impl DataRepresentation {
    /// Little-endian integers, ASCII, IEEE: what we send.
    pub const LITTLE: Self = Self([0x10, 0, 0, 0]);
    /// Big-endian integers, ASCII, IEEE.
    pub const BIG: Self = Self([0, 0, 0, 0]);

    /// The label for an integer order.
    #[must_use]
    #[inline]
    pub const fn of(order: ByteOrder) -> Self {
        match order {
            ByteOrder::Little => Self::LITTLE,
            ByteOrder::Big => Self::BIG,
        }
    }

    /// The integer order, as far as it can be told: that of a label that is not supported decides
    /// how the call id of a refusal is read.
    #[must_use]
    #[inline]
    pub const fn order(self) -> ByteOrder {
        let [integers_and_characters, ..] = self.0;
        if integers_and_characters & 0xf0 == 0x10 {
            ByteOrder::Little
        } else {
            ByteOrder::Big
        }
    }

    /// Whether it is one of the two labels that are read.
    #[must_use]
    #[inline]
    pub fn is_supported(self) -> bool {
        self == Self::LITTLE || self == Self::BIG
    }
}

/// The first 16 bytes of every PDU (C706 section 12.6.3.1).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 1 | major version, 5 |
/// | 1 | 1 | minor version, 0 or 1 |
/// | 2 | 1 | type |
/// | 3 | 1 | flags |
/// | 4 | 4 | data representation |
/// | 8 | 2 | length of the whole fragment, 16 to 5840 |
/// | 10 | 2 | length of the authentication value |
/// | 12 | 4 | call id |
///
/// Any 16 bytes are a header, since even a PDU that is refused is answered by its call id;
/// [`check`](Self::check) tells whether it keeps the rules, and decoding wants that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct Header {
    /// The major protocol version.
    pub major_version: u8,
    /// The minor protocol version.
    pub minor_version: u8,
    /// The type.
    pub pdu_type: PduType,
    /// The flags.
    pub flags: PfcFlags,
    /// How numbers are written.
    pub representation: DataRepresentation,
    /// The length of the fragment, this header included, in bytes.
    pub fragment_length: u16,
    /// The length of the authentication value, in bytes.
    pub auth_length: u16,
    /// The call.
    pub call_id: CallId,
}

/// Which rule a header breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Another protocol version than 5.0 or 5.1.
    #[error("protocol version {major}.{minor}, where 5.0 and 5.1 are spoken")]
    #[non_exhaustive]
    Version {
        /// The major version found.
        major: u8,
        /// The minor version found.
        minor: u8,
    },
    /// Another data representation than ASCII, IEEE and one of the two integer orders.
    #[error("data representation {:02x?}, where 10000000 and 00000000 are read", .0.0)]
    Representation(DataRepresentation),
    /// A length outside 16 to 5840.
    #[error("fragment length {0}, where 16 to {MAX_FRAGMENT} are allowed")]
    FragmentLength(u16),
}

impl Header {
    /// The size on the wire, in bytes.
    pub const LEN: usize = 16;
    /// The major version that is spoken.
    pub const MAJOR_VERSION: u8 = 5;
    /// The highest minor version that is spoken; the lowest is 0.
    pub const MAX_MINOR_VERSION: u8 = 1;

    pub(super) const TYPE_OFFSET: usize = 2;
    pub(crate) const FLAGS_OFFSET: usize = 3;
    pub(super) const AUTH_LENGTH_OFFSET: usize = 10;
    const REPRESENTATION_OFFSET: usize = 4;
    const FRAGMENT_LENGTH_OFFSET: usize = 8;

    /// The header in these bytes, in its own integer order, whatever it says.
    #[must_use]
    #[inline(always)]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let fields = FixedReader::new(bytes);
        let representation = DataRepresentation(fields.array::<4, 4>());
        let order = representation.order();
        Self {
            major_version: fields.u8::<0>(),
            minor_version: fields.u8::<1>(),
            pdu_type: PduType(fields.u8::<2>()),
            flags: PfcFlags(fields.u8::<3>()),
            representation,
            fragment_length: fields.u16::<8>(order),
            auth_length: fields.u16::<10>(order),
            call_id: CallId(fields.u32::<12>(order)),
        }
    }

    /// The bytes of the header.
    #[must_use]
    #[inline]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let order = self.order();
        let mut fields = FixedWriter::new();
        fields.array::<0, 4>([
            self.major_version,
            self.minor_version,
            self.pdu_type.0,
            self.flags.0,
        ]);
        fields.array::<4, 4>(self.representation.0);
        fields.u16::<8>(self.fragment_length, order);
        fields.u16::<10>(self.auth_length, order);
        fields.u32::<12>(self.call_id.0, order);
        fields.into_bytes()
    }

    /// The integer order of the header, the body and the stub.
    #[must_use]
    #[inline]
    pub const fn order(&self) -> ByteOrder {
        self.representation.order()
    }

    /// The number of bytes behind the header.
    #[must_use]
    #[inline]
    pub fn body_len(&self) -> usize {
        usize::from(self.fragment_length).saturating_sub(Self::LEN)
    }

    /// Whether the header keeps the rules for every PDU of the protocol.
    ///
    /// # Errors
    /// The first rule that it breaks: version, data representation, fragment length.
    #[inline(always)]
    pub fn check(&self) -> Result<(), HeaderError> {
        if self.major_version != Self::MAJOR_VERSION || self.minor_version > Self::MAX_MINOR_VERSION
        {
            return Err(HeaderError::Version {
                major: self.major_version,
                minor: self.minor_version,
            });
        }
        if !self.representation.is_supported() {
            return Err(HeaderError::Representation(self.representation));
        }
        if usize::from(self.fragment_length) < Self::LEN || self.fragment_length > MAX_FRAGMENT {
            return Err(HeaderError::FragmentLength(self.fragment_length));
        }
        Ok(())
    }
}

impl Encode for Header {
    fn encoded_len(&self) -> usize {
        Self::LEN
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) {
        out.bytes(&self.to_bytes());
    }
}

impl<'a> Decode<'a> for Header {
    const NAME: &'static str = "PDU header";

    #[inline(always)]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.set_context(Self::NAME);
        let start = reader.offset();
        let header = Self::from_bytes(&reader.array("header")?);
        match header.check() {
            Ok(()) => Ok(header),
            Err(broken) => Err(located(broken, start)),
        }
    }
}

/// A broken rule as an error at the field that breaks it.
// It has a reader of its own: the caller's, if given here, could not stay in registers.
#[cold]
fn located(broken: HeaderError, start: usize) -> DecodeError {
    let reader = Reader::new(&[], <Header as Decode<'_>>::NAME);
    match broken {
        HeaderError::Version { .. } => reader.rule_error("version", start, "must be 5.0 or 5.1"),
        HeaderError::Representation(_) => reader.rule_error(
            "data representation",
            start + Header::REPRESENTATION_OFFSET,
            "must be 10000000 or 00000000",
        ),
        HeaderError::FragmentLength(found) => reader.value_error(
            "fragment length",
            start + Header::FRAGMENT_LENGTH_OFFSET,
            found.into(),
            "16 to 5840",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const LITTLE: [u8; 16] = [5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 2, 0, 0, 0];
    const BIG: [u8; 16] = [5, 1, 11, 3, 0, 0, 0, 0, 0, 72, 0, 0, 0, 0, 0, 2];

    #[test]
    fn both_integer_orders_are_read_and_written() {
        for (bytes, order, minor) in [(LITTLE, ByteOrder::Little, 0), (BIG, ByteOrder::Big, 1)] {
            let header = Header::decode_all(&bytes).unwrap();
            assert_eq!(header.fragment_length, 72);
            assert_eq!(header.call_id, CallId(2));
            assert_eq!((header.order(), header.minor_version), (order, minor));
            assert_eq!(header.pdu_type, PduType::BIND);
            assert_eq!(header.to_bytes(), bytes);
        }
    }

    #[test]
    fn any_sixteen_bytes_are_a_header_that_is_written_back_the_same() {
        for seed in 0..=255_u8 {
            let mut next = seed;
            let bytes: [u8; 16] = core::array::from_fn(|_| {
                next = next.wrapping_mul(31).wrapping_add(7);
                next
            });
            assert_eq!(Header::from_bytes(&bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn limit_fragment_length_16_to_5840_and_one_beyond() {
        for (length, allowed) in [
            (0, false),
            (15, false),
            (16, true),
            (5840, true),
            (5841, false),
            (u16::MAX, false),
        ] {
            let header = Header {
                fragment_length: length,
                ..Header::from_bytes(&LITTLE)
            };
            assert_eq!(header.check().is_ok(), allowed, "{length}");
        }
    }

    #[test]
    fn other_versions_and_representations_are_named_with_their_offset() {
        for (at, value, field, offset) in [
            (0, 4, "version", 0),
            (0, 6, "version", 0),
            (1, 2, "version", 0),
            (1, 255, "version", 0),
            (4, 0x11, "data representation", 4),
            (4, 0x20, "data representation", 4),
            (5, 1, "data representation", 4),
            (6, 1, "data representation", 4),
            (7, 1, "data representation", 4),
            (9, 0x80, "fragment length", 8),
        ] {
            let mut bytes = LITTLE;
            bytes[at] = value;
            let error = Header::decode_all(&bytes).unwrap_err();
            assert_eq!((error.field(), error.offset()), (field, offset));
        }
        let header = Header {
            minor_version: 7,
            ..Header::from_bytes(&LITTLE)
        };
        assert_eq!(
            header.check().unwrap_err().to_string(),
            "protocol version 5.7, where 5.0 and 5.1 are spoken"
        );
    }
}
