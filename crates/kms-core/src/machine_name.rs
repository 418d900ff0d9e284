use crate::FixedWriter;
use core::{fmt, str::FromStr};

/// A client's machine name: 1 to 63 bytes of UTF-8 without control characters.
///
/// Held in place, so that reading a request allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineName {
    // INVARIANT: the name, then spaces, and in the last byte the name's length, 1 to 63. An array of
    // known length is judged, copied and compared in a few instructions; no character that a name
    // may hold sorts before the space, so names sort as their text does.
    bytes: [u8; Self::MAX_LEN + 1],
}

/// Why bytes are no machine name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MachineNameError {
    /// No bytes.
    #[error("a machine name must not be empty")]
    Empty,
    /// More than 63 bytes.
    #[error("a machine name has at most 63 bytes, this one has {0}")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("a machine name must be UTF-8, this one is not from byte {0} on")]
    NotUtf8(usize),
    /// A control character (Unicode category Cc).
    #[error("a machine name must not hold control characters, this one has one at byte {0}")]
    Control(usize),
}

impl MachineName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 63;

    /// The name in these bytes.
    ///
    /// # Errors
    /// When they are no machine name.
    #[inline(always)]
    pub fn from_bytes(name: &[u8]) -> Result<Self, MachineNameError> {
        let len = match u8::try_from(name.len()) {
            Ok(0) => return Err(MachineNameError::Empty),
            Ok(len) if name.len() <= Self::MAX_LEN => len,
            _ => return Err(MachineNameError::TooLong(name.len())),
        };
        let (words, printable) = padded(name);
        // Nearly every name is plain ASCII, which needs no decoding to be judged.
        if !printable {
            check_characters(name)?;
        }
        let [a, b, c, d, e, f, g, h] = words.map(u64::to_le_bytes);
        let mut bytes = FixedWriter::new();
        bytes.array::<0, 8>(a);
        bytes.array::<8, 8>(b);
        bytes.array::<16, 8>(c);
        bytes.array::<24, 8>(d);
        bytes.array::<32, 8>(e);
        bytes.array::<40, 8>(f);
        bytes.array::<48, 8>(g);
        bytes.array::<56, 8>(h);
        bytes.array::<{ Self::MAX_LEN }, 1>([len]);
        Ok(Self {
            bytes: bytes.into_bytes(),
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: checked when the name was made.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The name's bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        let [name @ .., len] = &self.bytes;
        name.get(..usize::from(*len)).unwrap_or_default()
    }
}

const SPACES: u64 = u64::from_le_bytes([b' '; 8]);

/// The name with spaces behind it, in words that stay in registers: an array that is filled by a
/// copy of unknown length and read at once makes the processor wait for the copy.
#[inline(always)]
fn padded(name: &[u8]) -> ([u64; 8], bool) {
    let (whole, rest) = name.as_chunks::<8>();
    let bits = 8 * rest.len();
    let tail = match name.last_chunk::<8>() {
        _ if bits == 0 => SPACES,
        Some(last) => u64::from_le_bytes(*last) >> (64 - bits) | SPACES << bits,
        None => short(rest),
    };
    let mut others = unusual(tail);
    let words = core::array::from_fn(|at| match whole.get(at) {
        Some(word) => {
            let word = u64::from_le_bytes(*word);
            others |= unusual(word);
            word
        }
        None if at == whole.len() => tail,
        None => SPACES,
    });
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    (words, others & HIGH == 0)
}

/// The high bit of some byte of the result is set if some byte of the word is not from the space to
/// the tilde: if it is above 0x7f, or is 0x7f, or is below 0x20 (it may then borrow from the next,
/// but the one that borrows is itself below 0x20).
#[inline(always)]
const fn unusual(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    word | word.wrapping_add(ONES) | (word.wrapping_sub(SPACES) & !word)
}

/// A name of less than eight bytes.
#[inline(never)]
fn short(name: &[u8]) -> u64 {
    name.iter()
        .rev()
        .fold(SPACES, |word, byte| word << 8 | u64::from(*byte))
}

/// Whether a name that is not all printable ASCII may be one.
#[cold]
fn check_characters(name: &[u8]) -> Result<(), MachineNameError> {
    let text = core::str::from_utf8(name)
        .map_err(|error| MachineNameError::NotUtf8(error.valid_up_to()))?;
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(MachineNameError::Control(at)),
        None => Ok(()),
    }
}

impl FromStr for MachineName {
    type Err = MachineNameError;

    fn from_str(name: &str) -> Result<Self, MachineNameError> {
        Self::from_bytes(name.as_bytes())
    }
}

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineName({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn names_of_1_to_63_bytes_are_kept_as_they_are() {
        for len in 1..=63 {
            let name = vec![b'x'; len];
            assert_eq!(MachineName::from_bytes(&name).unwrap().as_bytes(), name);
        }
        assert_eq!("büro-ñ".parse::<MachineName>().unwrap().as_str(), "büro-ñ");
    }

    #[test]
    fn names_sort_as_their_text_does_and_differ_where_it_differs() {
        let names = ["a", "a ", "a!", "ab", "b", "b0", "büro", "~"];
        for (at, a) in names.iter().enumerate() {
            for (other, b) in names.iter().enumerate() {
                let (a, b) = (a.parse::<MachineName>(), b.parse::<MachineName>());
                assert_eq!(a.unwrap().cmp(&b.unwrap()), at.cmp(&other));
            }
        }
    }

    #[test]
    fn every_byte_at_every_place_is_judged_as_its_character() {
        for len in 1..=63 {
            for at in 0..len {
                for byte in 0..=127 {
                    let mut name = vec![b'x'; len];
                    name[at] = byte;
                    let expected = if char::from(byte).is_control() {
                        Err(MachineNameError::Control(at))
                    } else {
                        Ok(())
                    };
                    assert_eq!(MachineName::from_bytes(&name).map(drop), expected);
                }
            }
        }
    }

    #[test]
    fn empty_long_and_unprintable_names_are_refused_with_the_place() {
        use MachineNameError::{Control, Empty, NotUtf8, TooLong};
        assert_eq!(MachineName::from_bytes(b""), Err(Empty));
        assert_eq!(MachineName::from_bytes(&[b'x'; 64]), Err(TooLong(64)));
        assert_eq!(MachineName::from_bytes(&[b'x'; 300]), Err(TooLong(300)));
        assert_eq!(MachineName::from_bytes(b"ab\xff"), Err(NotUtf8(2)));
        for control in ["a\0b", "a\nb", "a\x1bb", "a\x7fb", "a\u{85}b"] {
            assert_eq!(
                control.parse::<MachineName>(),
                Err(Control(1)),
                "{control:?}"
            );
        }
    }
}
