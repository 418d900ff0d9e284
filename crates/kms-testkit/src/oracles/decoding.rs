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
