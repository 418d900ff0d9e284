use kms_core::{AnswerTerms, Decode, DecodeError, Encode, FixedWriter, Reader, Writer};

/// The answer to RequestActivation, 120 bytes: the terms, and the host's signature over them and
/// over the request.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 56 | [`AnswerTerms`] |
/// | 56 | 64 | Ed25519 signature |
///
/// That it can be read says nothing of its truth: verifying is another crate's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of version 1 of the wire"
)]
pub struct ActivationAnswer {
    /// What the host grants.
    pub terms: AnswerTerms,
    /// The signature, not verified.
    pub signature: [u8; 64],
}

impl ActivationAnswer {
    /// The size on the wire, in bytes.
    pub const LEN: usize = AnswerTerms::LEN + 64;

    /// The form on the wire.
    #[must_use]
    #[inline]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut out = FixedWriter::new();
        out.array::<0, { AnswerTerms::LEN }>(self.terms.to_bytes());
        out.array::<{ AnswerTerms::LEN }, 64>(self.signature);
        out.into_bytes()
    }
}

impl Encode for ActivationAnswer {
    fn encoded_len(&self) -> usize {
        Self::LEN
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) {
        out.bytes(&self.to_bytes());
    }
}

impl<'a> Decode<'a> for ActivationAnswer {
    const NAME: &'static str = "RequestActivation answer";

    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.set_context(Self::NAME);
        let terms = AnswerTerms::decode(reader)?;
        let signature = reader.array("signature")?;
        Ok(Self { terms, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{ActivationInterval, KeyId, RenewalInterval, Timestamp, ValidityInterval};

    /// PROTOCOL section 6.
    const VECTOR: [u8; 120] = [
        0x01, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x78, 0x00, 0x00, 0x00, 0x60, 0x27, 0x00,
        0x00, 0x80, 0xf4, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
        0x46, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xfa, 0x68, 0xe5, 0xcf, 0x8b,
        0x01, 0x00, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x30, 0x3e, 0x30, 0x16,
        0x04, 0xeb, 0x18, 0xff, 0xae, 0xbc, 0x40, 0xc7, 0xbb, 0xbe, 0x12, 0x25, 0x97, 0x69, 0xc8,
        0x94, 0x36, 0x4a, 0x3c, 0x78, 0x8c, 0xeb, 0x85, 0x47, 0x9d, 0x1b, 0xea, 0x58, 0x00, 0xa9,
        0xaa, 0xd5, 0x1e, 0xd3, 0x45, 0xe3, 0x3e, 0xbd, 0x7b, 0xd2, 0x5c, 0x0f, 0x1a, 0x4c, 0x20,
        0x72, 0x33, 0x7e, 0x22, 0xa9, 0x8c, 0x5d, 0x63, 0x0f, 0x15, 0xeb, 0xa0, 0xb7, 0x0f, 0x07,
    ];

    #[test]
    fn the_protocols_vector_is_met_both_ways() {
        let answer = ActivationAnswer::decode_all(&VECTOR).unwrap();
        assert_eq!(
            answer.terms,
            AnswerTerms {
                count: 4,
                activation_interval: ActivationInterval::default(),
                renewal_interval: RenewalInterval::default(),
                validity: ValidityInterval::default(),
                cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
                host_time: Timestamp::from_millis(1_700_000_000_250),
                key_id: KeyId([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]),
            }
        );
        assert_eq!(answer.signature.first_chunk(), Some(&[0x30, 0x3e, 0x30]));
        assert_eq!(answer.to_vec(), VECTOR);
        assert_eq!(ActivationAnswer::LEN, 120);
    }

    #[test]
    fn every_truncation_and_one_byte_more_is_an_error() {
        for len in 0..VECTOR.len() {
            let error = ActivationAnswer::decode_all(&VECTOR[..len]).unwrap_err();
            assert!(error.offset() <= len && error.needed().is_some());
        }
        let mut long = VECTOR.to_vec();
        long.push(0);
        let error = ActivationAnswer::decode_all(&long).unwrap_err();
        assert_eq!((error.field(), error.offset()), ("end", 120));
    }
}
