use core::{fmt, str::FromStr};

/// A client's machine name: 1 to 63 bytes of UTF-8 without control characters.
///
/// Held in place, so that reading a request allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineName {
    // INVARIANT: bytes[..len] is UTF-8, 1 <= len <= 63, and bytes[len..] is zero.
    bytes: [u8; Self::MAX_LEN],
    len: u8,
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
    pub fn from_bytes(name: &[u8]) -> Result<Self, MachineNameError> {
        let len = match u8::try_from(name.len()) {
            Ok(0) => return Err(MachineNameError::Empty),
            Ok(len) if name.len() <= Self::MAX_LEN => len,
            _ => return Err(MachineNameError::TooLong(name.len())),
        };
        // Nearly every name is plain ASCII, which needs no decoding to be judged.
        if !name.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            let text = core::str::from_utf8(name)
                .map_err(|error| MachineNameError::NotUtf8(error.valid_up_to()))?;
            if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
                return Err(MachineNameError::Control(at));
            }
        }
        let mut bytes = [0; Self::MAX_LEN];
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        Ok(Self { bytes, len })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: checked when the name was made.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
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
