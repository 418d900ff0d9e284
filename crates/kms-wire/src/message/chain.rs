use crate::limits::{MAX_ANSWER, MAX_CERTIFICATES};
use kms_core::{ByteOrder, Decode, DecodeError, Encode, Reader, Writer};

/// The answer to GetHostCertificate: one to four certificates in DER, the host's first, then its
/// issuers, the root left out.
///
/// | size | field |
/// | --- | --- |
/// | 1 | number of certificates, 1 to 4 |
/// | 2 | length of the first, and so on for each |
/// | length | its DER |
///
/// The whole has at most [`MAX_ANSWER`] bytes. The certificates are not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateChain<'a> {
    // INVARIANT: 1 <= count <= 4; certificates[..count] are not empty and fit in MAX_ANSWER bytes
    // with their lengths; certificates[count..] are empty.
    certificates: [&'a [u8]; MAX_CERTIFICATES],
    count: u8,
}

/// Why certificates are no chain that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateChainError {
    /// None, or more than four.
    #[error("a chain has 1 to 4 certificates, this one has {0}")]
    Count(usize),
    /// One of them has no bytes.
    #[error("certificate {0} of the chain is empty, counted from 0")]
    Empty(usize),
    /// They are too long together.
    #[error("a chain has at most {MAX_ANSWER} bytes, this one has {0}")]
    TooLong(usize),
}

impl<'a> CertificateChain<'a> {
    /// The chain of these certificates, the host's first.
    ///
    /// # Errors
    /// When they are none or more than four, one is empty, or they do not fit in an answer.
    pub fn new(certificates: &[&'a [u8]]) -> Result<Self, CertificateChainError> {
        let count = match u8::try_from(certificates.len()) {
            Ok(count) if (1..=MAX_CERTIFICATES).contains(&certificates.len()) => count,
            _ => return Err(CertificateChainError::Count(certificates.len())),
        };
        if let Some(at) = certificates.iter().position(|der| der.is_empty()) {
            return Err(CertificateChainError::Empty(at));
        }
        let len = encoded_len(certificates);
        if len > MAX_ANSWER {
            return Err(CertificateChainError::TooLong(len));
        }
        let mut all: [&[u8]; MAX_CERTIFICATES] = [&[]; MAX_CERTIFICATES];
        for (to, from) in all.iter_mut().zip(certificates) {
            *to = from;
        }
        Ok(Self {
            certificates: all,
            count,
        })
    }

    /// The certificates in DER, the host's first.
    #[must_use]
    pub fn certificates(&self) -> &[&'a [u8]] {
        self.certificates
            .get(..usize::from(self.count))
            .unwrap_or_default()
    }

    /// The host's own certificate in DER.
    #[must_use]
    pub const fn host(&self) -> &'a [u8] {
        let [host, ..] = self.certificates;
        host
    }
}

impl Encode for CertificateChain<'_> {
    fn encoded_len(&self) -> usize {
        encoded_len(self.certificates())
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.u8(self.count);
        for der in self.certificates() {
            // MAX_ANSWER is below the 16 bits.
            out.u16(
                u16::try_from(der.len()).unwrap_or(u16::MAX),
                ByteOrder::Little,
            );
            out.bytes(der);
        }
    }
}

impl<'a> Decode<'a> for CertificateChain<'a> {
    const NAME: &'static str = "GetHostCertificate answer";

    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.set_context(Self::NAME);
        let start = reader.offset();
        let count = reader.u8("number of certificates")?;
        if !(1..=MAX_CERTIFICATES).contains(&usize::from(count)) {
            return Err(reader.value_error(
                "number of certificates",
                start,
                count.into(),
                "1 to 4",
            ));
        }
        let mut certificates: [&[u8]; MAX_CERTIFICATES] = [&[]; MAX_CERTIFICATES];
        for certificate in certificates.iter_mut().take(usize::from(count)) {
            let at = reader.offset();
            let len = reader.u16(ByteOrder::Little, "certificate length")?;
            if len == 0 {
                return Err(reader.value_error("certificate length", at, 0, "at least 1"));
            }
            *certificate = reader.bytes(usize::from(len), "certificate")?;
        }
        let len = reader.offset() - start;
        if len > MAX_ANSWER {
            let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
            return Err(reader.limit_error("chain", start, number(len), number(MAX_ANSWER)));
        }
        Ok(Self {
            certificates,
            count,
        })
    }
}

fn encoded_len(certificates: &[&[u8]]) -> usize {
    1 // number of certificates
    + certificates
        .iter()
        .map(|der| 2 + der.len()) // length, DER
        .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use kms_core::DecodeErrorKind;

    #[test]
    fn limit_one_to_four_certificates_are_read_back() {
        let ders: [&[u8]; 5] = [&[1; 300], &[2; 1], &[3; 700], &[4; 255], &[5]];
        for count in 1..=4 {
            let chain = CertificateChain::new(&ders[..count]).unwrap();
            assert_eq!(chain.host(), ders[0]);
            let bytes = chain.to_vec();
            assert_eq!(bytes.len(), chain.encoded_len());
            assert_eq!(CertificateChain::decode_all(&bytes), Ok(chain));
            assert_eq!(chain.certificates(), &ders[..count]);
        }
        for count in [0, 5] {
            assert_eq!(
                CertificateChain::new(&ders[..count]),
                Err(CertificateChainError::Count(count))
            );
        }
    }

    #[test]
    fn counts_out_of_range_and_empty_certificates_are_errors() {
        let mut bytes = CertificateChain::new(&[&[7; 9]]).unwrap().to_vec();
        for count in [0, 5, 9, 255] {
            bytes[0] = count;
            let error = CertificateChain::decode_all(&bytes).unwrap_err();
            assert_eq!(error.field(), "number of certificates");
        }
        let error = CertificateChain::decode_all(&[1, 0, 0]).unwrap_err();
        assert_eq!((error.field(), error.offset()), ("certificate length", 1));
        assert_eq!(
            CertificateChain::new(&[&[1], &[]]),
            Err(CertificateChainError::Empty(1))
        );
    }

    #[test]
    fn limit_chain_of_max_answer_bytes_and_one_beyond() {
        let most = vec![1; MAX_ANSWER - 3];
        let chain = CertificateChain::new(&[&most]).unwrap();
        assert_eq!(chain.encoded_len(), MAX_ANSWER);
        assert_eq!(CertificateChain::decode_all(&chain.to_vec()), Ok(chain));

        let over = vec![1; MAX_ANSWER - 2];
        assert_eq!(
            CertificateChain::new(&[&over]),
            Err(CertificateChainError::TooLong(MAX_ANSWER + 1))
        );
        let mut bytes: Vec<u8> = vec![1];
        bytes.extend(u16::try_from(over.len()).unwrap().to_le_bytes());
        bytes.extend(&over);
        let error = CertificateChain::decode_all(&bytes).unwrap_err();
        assert!(matches!(error.kind(), DecodeErrorKind::Limit { .. }));
    }

    #[test]
    fn every_truncation_and_one_byte_more_is_an_error() {
        let mut bytes = CertificateChain::new(&[&[1; 20], &[2; 10]])
            .unwrap()
            .to_vec();
        for len in 0..bytes.len() {
            let error = CertificateChain::decode_all(&bytes[..len]).unwrap_err();
            assert!(error.offset() <= len && error.needed().is_some());
        }
        bytes.push(0);
        assert_eq!(
            CertificateChain::decode_all(&bytes).unwrap_err().field(),
            "end"
        );
    }
}
