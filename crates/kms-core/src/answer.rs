use crate::{
    ActivationId, ActivationInterval, ByteOrder, Cmid, Decode, DecodeError, Encode, FixedWriter,
    Reader, RenewalInterval, Timestamp, ValidityInterval, Writer,
};
use core::fmt;

/// Which host key signed: the first 8 bytes of the SHA-256 over the host certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What a host grants: the first 56 bytes of the answer to RequestActivation, which are all of it
/// but the signature over them. It stands here because three crates share it: one carries it,
/// one signs and verifies it, one acts on it.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 2 | major version, 1 |
/// | 2 | 2 | minor version, 0 |
/// | 4 | 4 | current count, the asking machine included |
/// | 8 | 4 | activation interval in minutes, 15 to 43200 |
/// | 12 | 4 | renewal interval in minutes, 15 to 43200 |
/// | 16 | 4 | validity interval in minutes |
/// | 20 | 4 | reserved, zero |
/// | 24 | 16 | CMID, as asked |
/// | 40 | 8 | host time, milliseconds since the Unix epoch |
/// | 48 | 8 | key id |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of version 1 of the wire"
)]
pub struct AnswerTerms {
    /// Machines of the product's family that the host counts, the asking one included.
    pub count: u32,
    /// How long to wait between attempts while not activated.
    pub activation_interval: ActivationInterval,
    /// How long to wait between renewals while activated.
    pub renewal_interval: RenewalInterval,
    /// How long the activation lasts without renewal.
    pub validity: ValidityInterval,
    /// The machine that asked.
    pub cmid: Cmid,
    /// The host's clock.
    pub host_time: Timestamp,
    /// The host's key.
    pub key_id: KeyId,
}

impl AnswerTerms {
    /// The size on the wire, in bytes.
    pub const LEN: usize = 56;
    /// The version that is written and accepted.
    pub const VERSION: (u16, u16) = (1, 0);
}

impl AnswerTerms {
    /// The form on the wire.
    #[must_use]
    #[inline]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let order = ByteOrder::Little;
        let mut out = FixedWriter::new();
        out.u16::<0>(Self::VERSION.0, order);
        out.u16::<2>(Self::VERSION.1, order);
        out.u32::<4>(self.count, order);
        out.u32::<8>(self.activation_interval.minutes(), order);
        out.u32::<12>(self.renewal_interval.minutes(), order);
        out.u32::<16>(self.validity.minutes(), order);
        out.uuid::<24>(self.cmid.as_uuid());
        out.i64::<40>(self.host_time.as_millis(), order);
        out.array::<48, 8>(self.key_id.0);
        out.into_bytes()
    }
}

impl Encode for AnswerTerms {
    fn encoded_len(&self) -> usize {
        Self::LEN
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) {
        out.bytes(&self.to_bytes());
    }
}

/// The fields of [`AnswerTerms`] and their sizes, in order.
const FIELDS: &[(&str, usize)] = &[
    ("major version", 2),
    ("minor version", 2),
    ("count", 4),
    ("activation interval", 4),
    ("renewal interval", 4),
    ("validity interval", 4),
    ("reserved", 4),
    ("CMID", 16),
    ("host time", 8),
    ("key id", 8),
];

impl<'a> Decode<'a> for AnswerTerms {
    const NAME: &'static str = "RequestActivation answer";

    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let order = ByteOrder::Little;
        reader.set_context(Self::NAME);
        let start = reader.offset();
        let fields = reader.fixed::<{ Self::LEN }>(FIELDS)?;
        let value_error = |field, at, found: u32, expected| {
            Err(reader.value_error(field, start + at, found.into(), expected))
        };
        let version = (fields.u16::<0>(order), fields.u16::<2>(order));
        if version.0 != Self::VERSION.0 {
            return value_error("major version", 0, version.0.into(), "1");
        }
        if version.1 != Self::VERSION.1 {
            return value_error("minor version", 2, version.1.into(), "0");
        }
        let minutes = fields.u32::<8>(order);
        let Ok(activation_interval) = ActivationInterval::from_minutes(minutes) else {
            return value_error("activation interval", 8, minutes, "15 to 43200");
        };
        let minutes = fields.u32::<12>(order);
        let Ok(renewal_interval) = RenewalInterval::from_minutes(minutes) else {
            return value_error("renewal interval", 12, minutes, "15 to 43200");
        };
        let minutes = fields.u32::<16>(order);
        let Ok(validity) = ValidityInterval::from_minutes(minutes) else {
            return value_error("validity interval", 16, minutes, "at least 1");
        };
        let reserved = fields.u32::<20>(order);
        if reserved != 0 {
            return value_error("reserved", 20, reserved, "0");
        }
        let Ok(cmid) = Cmid::from_bytes(fields.place::<24, 16>()) else {
            return Err(reader.rule_error("CMID", start + 24, "must not be nil"));
        };
        Ok(Self {
            count: fields.u32::<4>(order),
            activation_interval,
            renewal_interval,
            validity,
            cmid,
            host_time: Timestamp::from_millis(fields.i64::<40>(order)),
            key_id: KeyId(fields.array::<48, 8>()),
        })
    }
}

/// An activation answer that was verified: what the licence engine acts on.
///
/// A type may implement this only if having a value of it proves that the answer's certificate
/// chain, scope, signature, CMID and time were checked. The one such type for real machines is
/// `kms_trust::VerifiedAnswer`; a simulation may bring one of its own, whose answers never left it.
pub trait VerifiedTerms {
    /// What the host granted.
    fn terms(&self) -> &AnswerTerms;

    /// The product that it was asked for.
    fn activation_id(&self) -> ActivationId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use uuid::Uuid;

    fn terms() -> AnswerTerms {
        AnswerTerms {
            count: 4,
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
            validity: ValidityInterval::default(),
            cmid: Cmid::new(Uuid::from_u128(0x0011_2233_4455_4677_8899_aabb_ccdd_eeff)).unwrap(),
            host_time: Timestamp::from_millis(1_700_000_000_250),
            key_id: KeyId([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]),
        }
    }

    /// PROTOCOL section 6: the answer's first 56 bytes.
    const VECTOR: [u8; 56] = [
        1, 0, 0, 0, 4, 0, 0, 0, 0x78, 0, 0, 0, 0x60, 0x27, 0, 0, 0x80, 0xf4, 3, 0, 0, 0, 0, 0,
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x46, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
        0xff, 0xfa, 0x68, 0xe5, 0xcf, 0x8b, 1, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
        0xef,
    ];

    #[test]
    fn the_protocols_vector_is_met_both_ways() {
        assert_eq!(terms().to_vec(), VECTOR);
        assert_eq!(AnswerTerms::decode_all(&VECTOR), Ok(terms()));
    }

    #[test]
    fn every_truncation_is_an_error_inside_the_bytes() {
        for len in 0..VECTOR.len() {
            let error = AnswerTerms::decode_all(&VECTOR[..len]).unwrap_err();
            assert!(
                error.offset() <= len && error.needed().is_some(),
                "{len}: {error}"
            );
        }
    }

    #[test]
    fn fields_out_of_range_are_named_with_their_offset() {
        let cases: [(usize, &[u8], &str); 7] = [
            (0, &[2], "major version"),
            (2, &[1], "minor version"),
            (8, &[14], "activation interval"),
            (12, &[0xc1, 0xa8], "renewal interval"),
            (16, &[0, 0, 0], "validity interval"),
            (20, &[1], "reserved"),
            (24, &[0; 16], "CMID"),
        ];
        for (offset, bytes, field) in cases {
            let mut answer = Vec::from(VECTOR);
            answer[offset..offset + bytes.len()].copy_from_slice(bytes);
            let error = AnswerTerms::decode_all(&answer).unwrap_err();
            assert_eq!((error.offset(), error.field()), (offset, field));
        }
    }
}
