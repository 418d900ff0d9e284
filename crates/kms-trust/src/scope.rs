use alloc::{collections::BTreeSet, string::String, vec::Vec};
use der::Decode;

/// The longest common name of a certificate's subject, in characters (RFC 5280 appendix A.1,
/// `ub-common-name`).
pub const MAX_NAME_LEN: usize = 64;

/// The longest id of a product-key group in a certificate, in characters.
pub const MAX_GROUP_ID_LEN: usize = 64;

/// Why a text cannot be a host's name or the id of a product-key group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextFault {
    /// It has no characters.
    #[error("it is empty")]
    Empty,
    /// It has too many characters.
    #[error("it has {found} characters: at most {limit} are allowed")]
    #[non_exhaustive]
    TooLong {
        /// How many it has.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// It holds a character that could forge a line of a log.
    #[error("it holds a control character")]
    ControlCharacter,
}

/// Checks a host's name or a group id before it is issued or believed.
pub(crate) fn check_text(text: &str, limit: usize) -> Result<(), TextFault> {
    let found = text.chars().count();
    if found == 0 {
        Err(TextFault::Empty)
    } else if found > limit {
        Err(TextFault::TooLong { found, limit })
    } else if text.chars().any(char::is_control) {
        Err(TextFault::ControlCharacter)
    } else {
        Ok(())
    }
}

/// Reads the value of the scope extension, a DER `SEQUENCE OF UTF8String` (PROTOCOL section 4).
/// `None` when it is anything else. The certificate's size bounds how many ids there can be.
pub(crate) fn decode_scope(value: &[u8]) -> Option<BTreeSet<String>> {
    let ids = Vec::<String>::from_der(value).ok()?;
    ids.iter()
        .all(|id| check_text(id, MAX_GROUP_ID_LEN).is_ok())
        .then(|| ids.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec};
    use der::Encode;

    #[test]
    fn a_scope_is_read_as_it_was_written() {
        // SEQUENCE (12), UTF8String "KMS_A" (5), UTF8String "KMS" (3).
        let bytes = b"\x30\x0c\x0c\x05KMS_A\x0c\x03KMS";
        let ids = BTreeSet::from(["KMS".to_string(), "KMS_A".to_string()]);
        assert_eq!(decode_scope(bytes), Some(ids));
        let written = vec!["KMS_A".to_string(), "KMS".to_string()].to_der();
        assert_eq!(written.unwrap(), bytes);
    }

    #[test]
    fn every_truncation_and_other_type_is_refused() {
        let bytes = b"\x30\x0c\x0c\x05KMS_A\x0c\x03KMS";
        for len in 0..bytes.len() {
            assert_eq!(decode_scope(&bytes[..len]), None, "{len}");
        }
        let cases: [(&str, &[u8]); 7] = [
            ("a trailing byte", b"\x30\x03\x0c\x01A\x00"),
            ("a PrintableString", b"\x30\x03\x13\x01A"),
            ("a SET", b"\x31\x03\x0c\x01A"),
            ("a bare string", b"\x0c\x01A"),
            ("not UTF-8", b"\x30\x03\x0c\x01\xff"),
            ("an empty id", b"\x30\x02\x0c\x00"),
            ("a line feed in an id", b"\x30\x03\x0c\x01\x0a"),
        ];
        for (name, bytes) in cases {
            assert_eq!(decode_scope(bytes), None, "{name}");
        }
    }

    #[test]
    fn names_are_counted_in_characters() {
        assert_eq!(check_text(&"ü".repeat(64), 64), Ok(()));
        assert_eq!(
            check_text(&"ü".repeat(65), 64),
            Err(TextFault::TooLong {
                found: 65,
                limit: 64
            })
        );
    }
}
