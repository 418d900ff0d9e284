use alloc::{borrow::ToOwned, string::String};
use core::{borrow::Borrow, fmt, str::FromStr};

/// The id of a product key group in one generation, and of the host key for it:
/// `family/group/generation`, as in `windows/server-b/2008r2`.
///
/// Three parts of lower-case ASCII letters, digits, `-` and `.`, each of which begins with a letter
/// or a digit; at most [`MAX_LEN`](Self::MAX_LEN) bytes together. A host's certificate carries these
/// texts as its scope (PROTOCOL section 4).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(String);

/// Why a text is no group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupIdError {
    /// Not three parts.
    #[error("a group id has three parts, family/group/generation, this one has {0}")]
    Parts(usize),
    /// A part without a character.
    #[error("part {0} of the group id is empty")]
    EmptyPart(usize),
    /// A character that a group id does not have, or not in this place.
    #[error(
        "{found:?} must not stand at character {position} of a group id: parts are of a-z, 0-9, '-' and '.', and begin with a letter or digit"
    )]
    #[non_exhaustive]
    Character {
        /// The character.
        found: char,
        /// Which character of the id, from 1.
        position: usize,
    },
    /// Too many bytes.
    #[error("a group id has at most {max} bytes, this one has {0}", max = GroupId::MAX_LEN)]
    TooLong(usize),
}

impl GroupId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupId {
    type Err = GroupIdError;

    fn from_str(text: &str) -> Result<Self, GroupIdError> {
        if text.len() > Self::MAX_LEN {
            return Err(GroupIdError::TooLong(text.len()));
        }
        let mut part_begins = true;
        for (position, found) in (1..).zip(text.chars()) {
            let allowed = match found {
                'a'..='z' | '0'..='9' => true,
                '-' | '.' => !part_begins,
                '/' => true,
                _ => false,
            };
            if !allowed {
                return Err(GroupIdError::Character { found, position });
            }
            part_begins = found == '/';
        }
        let parts = text.split('/').count();
        if parts != 3 {
            return Err(GroupIdError::Parts(parts));
        }
        match (1..).zip(text.split('/')).find(|(_, part)| part.is_empty()) {
            Some((part, _)) => Err(GroupIdError::EmptyPart(part)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl AsRef<str> for GroupId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

// Sound because the derived order and equality are those of the text.
impl Borrow<str> for GroupId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn ids_are_kept_as_they_are() {
        for text in ["windows/server-b/2008r2", "windows/client-vl/8.1", "a/b/c"] {
            assert_eq!(text.parse::<GroupId>().unwrap().to_string(), text);
        }
        let longest = "a/b/".to_owned() + &"c".repeat(60);
        assert_eq!(longest.parse::<GroupId>().unwrap().as_str(), longest);
    }

    #[test]
    fn other_texts_are_refused_with_the_place() {
        use GroupIdError::{Character, EmptyPart, Parts, TooLong};
        let error = |text: &str| text.parse::<GroupId>().unwrap_err();
        assert_eq!(error(""), Parts(1));
        assert_eq!(error("windows/server"), Parts(2));
        assert_eq!(error("a/b/c/d"), Parts(4));
        assert_eq!(error("/b/c"), EmptyPart(1));
        assert_eq!(error("a//c"), EmptyPart(2));
        assert_eq!(error("a/b/"), EmptyPart(3));
        assert_eq!(error(&("a/b/".to_owned() + &"c".repeat(61))), TooLong(65));
        for (text, found, position) in [
            ("Windows/a/b", 'W', 1),
            ("a/b c/d", ' ', 4),
            ("a/b/é", 'é', 5),
            ("a/-b/c", '-', 3),
            (".a/b/c", '.', 1),
            ("a/b/c\n", '\n', 6),
        ] {
            assert_eq!(error(text), Character { found, position }, "{text:?}");
        }
    }
}
