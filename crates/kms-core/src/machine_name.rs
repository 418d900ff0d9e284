use crate::FixedWriter;
use core::{cmp::Ordering, fmt, num::NonZeroU8, str::FromStr};

/// A client's machine name: 1 to 63 bytes of UTF-8 without control characters.
///
/// Held in place, so that reading a request allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MachineName {
    // INVARIANT: spaces, then the name of `len` bytes, 1 to 63, so that the name ends where the array
    // does. As in a request, where the name comes last: there the array is taken over as a whole and
    // what stands before the name is blanked out, whatever its length.
    bytes: [u8; Self::WINDOW],
    len: NonZeroU8,
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
    /// How many bytes [`ending`](Self::ending) wants to see.
    pub const WINDOW: usize = 64;

    /// The name in these bytes.
    ///
    /// # Errors
    /// When they are no machine name.
    pub fn from_bytes(name: &[u8]) -> Result<Self, MachineNameError> {
        if name.is_empty() {
            return Err(MachineNameError::Empty);
        }
        if name.len() > Self::MAX_LEN {
            return Err(MachineNameError::TooLong(name.len()));
        }
        check_characters(name)?;
        let mut window = [0; Self::WINDOW];
        let (_, end) = window.split_at_mut(Self::WINDOW - name.len());
        end.copy_from_slice(name);
        // INVARIANT: what is asked there was answered above.
        Self::ending(&window, name.len()).ok_or(MachineNameError::Empty)
    }

    /// The name of `len` bytes at the end of `window`; what stands before it is not looked at. It
    /// takes the same short time for every name of printable ASCII, and touches no other memory.
    ///
    /// `None` if it is no machine name: [`from_bytes`](Self::from_bytes) says why. An error here would
    /// lie where the name does, and the name be moved in the pieces that the two have in common.
    #[must_use]
    #[inline(always)]
    pub fn ending(window: &[u8; Self::WINDOW], len: usize) -> Option<Self> {
        if len > Self::MAX_LEN {
            return None;
        }
        let length = NonZeroU8::new(u8::try_from(len).ok()?)?;
        // Words, and not bytes in a loop, so that they stay in registers: an array that is filled and
        // read at once in other pieces makes the processor wait.
        let (window_words, mask) = (words(window), words(mask(len)));
        let words: [u64; 8] =
            core::array::from_fn(|at| (window_words[at] & mask[at]) | (SPACES & !mask[at]));
        // Nearly every name is plain ASCII, which needs no decoding to be judged.
        if !are_printable_ascii(&words) {
            let name = window.get(Self::WINDOW - len..).unwrap_or_default();
            check_characters(name).ok()?;
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
        let bytes = bytes.into_bytes();
        Some(Self { bytes, len: length })
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
        self.bytes
            .get(Self::WINDOW - usize::from(self.len.get())..)
            .unwrap_or_default()
    }
}

const SPACES: u64 = u64::from_le_bytes([b' '; 8]);

/// Which bytes of a window belong to a name of `len` bytes, at most as many as the window has.
#[inline(always)]
fn mask(len: usize) -> &'static [u8; MachineName::WINDOW] {
    static MASK: [u8; 2 * MachineName::WINDOW] = {
        let mut mask = [0xff; 2 * MachineName::WINDOW];
        let (before, _) = mask.split_at_mut(MachineName::WINDOW);
        before.copy_from_slice(&[0; MachineName::WINDOW]);
        mask
    };
    let mask = MASK.get(len..).and_then(<[u8]>::first_chunk);
    mask.unwrap_or(&[0; MachineName::WINDOW])
}

#[inline(always)]
fn words(bytes: &[u8; MachineName::WINDOW]) -> [u64; 8] {
    let (words, _) = bytes.as_chunks();
    core::array::from_fn(|at| u64::from_le_bytes(words[at]))
}

/// Whether all bytes are from the space to the tilde.
#[inline(always)]
fn are_printable_ascii(words: &[u64; 8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let others = words.iter().fold(0, |others, word| {
        // The high bit of a byte is set if the byte is above 0x7f, or is 0x7f, or is below 0x20 (it
        // may then borrow from the next, but the one that borrows is itself below 0x20).
        others | word | word.wrapping_add(ONES) | (word.wrapping_sub(SPACES) & !word)
    });
    others & HIGH == 0
}

/// Whether all characters of a name are such as it may have.
#[cold]
fn check_characters(name: &[u8]) -> Result<(), MachineNameError> {
    let text = core::str::from_utf8(name)
        .map_err(|error| MachineNameError::NotUtf8(error.valid_up_to()))?;
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(MachineNameError::Control(at)),
        None => Ok(()),
    }
}

impl Ord for MachineName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for MachineName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
