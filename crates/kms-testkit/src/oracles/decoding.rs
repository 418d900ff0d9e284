//! What holds for every decoder: its errors tell the truth.

use kms_core::{DecodeError, DecodeErrorKind};

/// Checks the error of `decode` for these bytes, if there is one:
///
/// - its offset is inside the input, or at its end for what is missing;
/// - `needed()` is truthful: with one byte less than that the same field is still short, with that
///   many the error goes or moves;
/// - without `needed()` no further bytes help.
pub(super) fn check_error(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<(), DecodeError>,
) -> Option<DecodeError> {
    let error = decode(bytes).err()?;
    let offset = error.offset();
    assert!(offset <= bytes.len(), "{error} in {} bytes", bytes.len());
    match error.kind() {
        DecodeErrorKind::Truncated {
            wanted, available, ..
        } => {
            assert!(wanted > available, "{error}");
            assert!(offset + available <= bytes.len(), "{error}");
        }
        DecodeErrorKind::Trailing { count, .. } => {
            assert_eq!(offset + count, bytes.len(), "{error}");
        }
        _ => assert!(offset < bytes.len(), "{error} in {} bytes", bytes.len()),
    }
    let Some(needed) = error.needed() else {
        for more in [&[0][..], &[0xff; 64]] {
            let longer = [bytes, more].concat();
            assert!(decode(&longer).is_err(), "{error}, yet more bytes help");
        }
        return Some(error);
    };
    assert!(needed >= 1, "{error}");
    let mut longer = bytes.to_vec();
    longer.resize(bytes.len() + needed - 1, 0);
    let still = decode(&longer).err();
    let still = still.map(|still| (still.offset(), still.field(), still.needed()));
    assert_eq!(still, Some((offset, error.field(), Some(1))), "{error}");
    longer.push(0);
    if let Err(next) = decode(&longer) {
        let moved = (next.offset(), next.field()) != (offset, error.field())
            || !matches!(next.kind(), DecodeErrorKind::Truncated { .. });
        assert!(moved, "{error}, and with {needed} bytes more: {next}");
    }
    Some(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{ByteOrder, Reader};

    fn read_u32(bytes: &[u8], base: usize) -> Result<(), DecodeError> {
        let mut reader = Reader::new(bytes, "t").with_base(base);
        reader.u32(ByteOrder::Little, "f").map(drop)
    }

    #[test]
    fn a_truthful_decoder_passes() {
        for length in 0..6 {
            let error = check_error(&[0; 5][..length.min(5)], |bytes| read_u32(bytes, 0));
            assert_eq!(error.is_some(), length < 4);
        }
    }

    #[test]
    #[should_panic(expected = "in 2 bytes")]
    fn an_offset_outside_is_seen() {
        check_error(&[0; 2], |bytes| read_u32(bytes, 3));
    }

    #[test]
    #[should_panic(expected = "yet more bytes help")]
    fn a_decoder_that_says_that_nothing_helps_though_it_does_is_seen() {
        check_error(&[0; 2], |bytes| {
            let mut reader = Reader::new(bytes, "t");
            let mut body = reader.sub(bytes.len(), "body")?;
            body.u32(ByteOrder::Little, "f").map(drop)
        });
    }

    #[test]
    #[should_panic(expected = "left == right")]
    fn a_decoder_that_asks_for_too_much_is_seen() {
        check_error(&[0; 2], |bytes| match bytes.len() {
            0..3 => read_u32(bytes, 0),
            _ => Ok(()),
        });
    }

    #[test]
    #[should_panic(expected = "and with 2 bytes more")]
    fn a_decoder_that_asks_for_too_little_is_seen() {
        check_error(&[0; 2], |bytes| match bytes.len() {
            0..4 => read_u32(bytes, 0),
            _ => read_u32(&bytes[..2], 0),
        });
    }
}
