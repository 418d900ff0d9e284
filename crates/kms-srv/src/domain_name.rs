use alloc::{boxed::Box, string::String};
use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

/// A DNS name: labels of letters, digits, hyphens and underscores (RFC 1123 section 2.1, and the
/// underscore that service names and some host names have), without its final dot.
///
/// It keeps the spelling it was given, but compares, sorts and hashes without regard to case, as
/// DNS does (RFC 4343). A name in another script is written in its ASCII form (`xn--`).
#[derive(Clone)]
pub struct DomainName {
    // INVARIANT: labels of 1 to 63 bytes of the allowed characters, parted by single dots, together
    // at most 253 bytes; empty only for the root.
    text: Box<str>,
}

/// Why text is no DNS name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainNameError {
    /// No text.
    #[error("a DNS name must not be empty")]
    Empty,
    /// More than 253 bytes.
    #[error("a DNS name has at most 253 bytes, this one has {0}")]
    TooLong(usize),
    /// Two dots in a row, or one at the start.
    #[error("a label is missing at byte {0}: dots part labels and must not stand in a row")]
    EmptyLabel(usize),
    /// More than 63 bytes in a label.
    #[error("a label has at most 63 bytes, the one at byte {0} has more")]
    LabelTooLong(usize),
    /// A hyphen at the start or the end of a label.
    #[error("a label must not begin or end with a hyphen, as it does at byte {0}")]
    Hyphen(usize),
    /// A character that is not allowed.
    #[error(
        "{character:?} at byte {at} is not allowed: a DNS name has letters a-z, digits, hyphens and \
         underscores, in labels parted by dots; write other scripts in their ASCII form (xn--)"
    )]
    #[non_exhaustive]
    Character {
        /// Where it stands, in bytes.
        at: usize,
        /// The character.
        character: char,
    },
}

impl DomainName {
    /// The longest name, in bytes without the final dot (RFC 1035 section 3.1 less its framing).
    pub const MAX_LEN: usize = 253;
    /// The longest label, in bytes.
    pub const MAX_LABEL_LEN: usize = 63;

    /// The root of DNS, which prints as `.`. An SRV record with it as target says that the service
    /// is decidedly not available (RFC 2782).
    #[must_use]
    pub fn root() -> Self {
        Self {
            text: Box::default(),
        }
    }

    /// Whether this is the root.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.text.is_empty()
    }

    /// The name without its final dot, as it was spelled; `.` for the root.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        if self.is_root() { "." } else { &self.text }
    }

    /// The labels from left to right; none for the root.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split('.').filter(|label| !label.is_empty())
    }

    /// This name in front of `domain`: `kms1` within `contoso.com` is `kms1.contoso.com`.
    ///
    /// # Errors
    /// [`DomainNameError::TooLong`] when both together are longer than a name may be.
    pub fn within(&self, domain: &Self) -> Result<Self, DomainNameError> {
        if self.is_root() || domain.is_root() {
            return Ok(if self.is_root() { domain } else { self }.clone());
        }
        let len = self.text.len() + 1 + domain.text.len();
        if len > Self::MAX_LEN {
            return Err(DomainNameError::TooLong(len));
        }
        let mut text = String::with_capacity(len);
        text.push_str(&self.text);
        text.push('.');
        text.push_str(&domain.text);
        Ok(Self { text: text.into() })
    }

    /// Whether this name is `domain` or lies below it.
    #[must_use]
    pub fn is_within(&self, domain: &Self) -> bool {
        let (name, domain) = (self.text.as_bytes(), domain.text.as_bytes());
        let Some(head) = name.len().checked_sub(domain.len()) else {
            return false;
        };
        let (head, tail) = name.split_at(head);
        tail.eq_ignore_ascii_case(domain)
            && (head.is_empty() || domain.is_empty() || head.ends_with(b"."))
    }

    /// Whether the last label is a number, decimal or hexadecimal as in `0x7f000001`, so that the name
    /// would be taken for an IPv4 address (RFC 1123 section 2.1 reserves that).
    #[must_use]
    pub fn ends_in_number(&self) -> bool {
        let is_number = |label: &str| match label.as_bytes() {
            [b'0', b'x' | b'X', hexadecimal @ ..] => hexadecimal.iter().all(u8::is_ascii_hexdigit),
            decimal => decimal.iter().all(u8::is_ascii_digit),
        };
        self.labels().next_back().is_some_and(is_number)
    }

    /// Whether the name is `localhost` or lies below it (RFC 6761 section 6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.labels()
            .next_back()
            .is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.text.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(DomainNameError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(DomainNameError::TooLong(text.len()));
        }
        let mut start = 0;
        for label in text.split('.') {
            check_label(label, start)?;
            start += label.len() + 1;
        }
        Ok(Self { text: text.into() })
    }
}

impl PartialEq for DomainName {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for DomainName {}

impl PartialOrd for DomainName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DomainName {
    /// By the letters in lower case, from left to right.
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for DomainName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.folded() {
            state.write_u8(byte);
        }
        // Parts the name from whatever is hashed behind it: no name holds this byte.
        state.write_u8(0xff);
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DomainName({})", self.as_str())
    }
}

fn check_label(label: &str, start: usize) -> Result<(), DomainNameError> {
    if let Some((at, character)) = label
        .char_indices()
        .find(|(_, character)| !(character.is_ascii_alphanumeric() || "-_".contains(*character)))
    {
        let at = start + at;
        return Err(DomainNameError::Character { at, character });
    }
    if label.is_empty() {
        return Err(DomainNameError::EmptyLabel(start));
    }
    if label.len() > DomainName::MAX_LABEL_LEN {
        return Err(DomainNameError::LabelTooLong(start));
    }
    if label.starts_with('-') {
        return Err(DomainNameError::Hyphen(start));
    }
    if label.ends_with('-') {
        return Err(DomainNameError::Hyphen(start + label.len() - 1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{
        collections::BTreeSet,
        format,
        string::{String, ToString},
        vec::Vec,
    };
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    #[test]
    fn names_keep_their_spelling_and_lose_the_final_dot() {
        assert_eq!(name("KMS_E1.Contoso.com.").as_str(), "KMS_E1.Contoso.com");
        assert_eq!(name("KMS_E1").to_string(), "KMS_E1");
        assert_eq!(name("a.b").labels().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn case_and_the_final_dot_make_no_difference() {
        let names = BTreeSet::from([name("a.example"), name("A.EXAMPLE."), name("b.example")]);
        assert_eq!(names.len(), 2);
        assert!(name("KMS.contoso.com").is_within(&name("Contoso.COM")));
    }

    #[test]
    fn a_name_is_within_its_parents_at_label_borders_only() {
        let domain = name("contoso.com");
        assert!(name("contoso.com").is_within(&domain));
        assert!(name("a.b.contoso.com").is_within(&domain));
        assert!(name("contoso.com").is_within(&DomainName::root()));
        assert!(!name("fakecontoso.com").is_within(&domain));
        assert!(!name("com").is_within(&domain));
        assert!(!DomainName::root().is_within(&domain));
    }

    #[test]
    fn the_root_is_a_dot_and_has_no_labels() {
        let root = name(".");
        assert!(root.is_root() && root == DomainName::root());
        assert_eq!((root.to_string().as_str(), root.labels().count()), (".", 0));
        assert_eq!(name("a").within(&root), Ok(name("a")));
        assert_eq!(root.within(&name("a")), Ok(name("a")));
    }

    #[test]
    fn limits_are_63_bytes_a_label_and_253_a_name() {
        use DomainNameError::{LabelTooLong, TooLong};
        let label = "x".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "x".repeat(61));
        assert_eq!(name(&longest).as_str().len(), 253);
        assert_eq!(name(&format!("{longest}.")).as_str().len(), 253);
        assert_eq!(
            format!("{longest}x").parse::<DomainName>(),
            Err(TooLong(254))
        );
        assert_eq!(
            format!("a.{label}x").parse::<DomainName>(),
            Err(LabelTooLong(2))
        );
        assert_eq!(name("a").within(&name(&longest)), Err(TooLong(255)));
    }

    #[test]
    fn faulty_names_are_refused_with_the_place() {
        use DomainNameError::{Character, Empty, EmptyLabel, Hyphen};
        let refused = |text: &str| text.parse::<DomainName>().unwrap_err();
        assert_eq!(refused(""), Empty);
        assert_eq!(refused(".."), EmptyLabel(0));
        assert_eq!(refused(".a"), EmptyLabel(0));
        assert_eq!(refused("a..b"), EmptyLabel(2));
        assert_eq!(refused("a.-b"), Hyphen(2));
        assert_eq!(refused("a.b-.c"), Hyphen(3));
        for (text, at, character) in [
            ("a b", 1, ' '),
            ("a.b\0", 3, '\0'),
            ("kms1:1688", 4, ':'),
            ("a.büro", 3, 'ü'),
            ("a\\.b", 1, '\\'),
            ("*.a", 0, '*'),
        ] {
            assert_eq!(refused(text), Character { at, character }, "{text:?}");
        }
    }

    #[test]
    fn names_that_look_like_addresses_or_this_machine_are_told_apart() {
        assert!(name("10.0.0.7").ends_in_number() && name("a.1").ends_in_number());
        assert!(!name("1.a").ends_in_number() && !DomainName::root().ends_in_number());
        assert!(name("0x7f000001").ends_in_number() && name("a.0X").ends_in_number());
        assert!(!name("0xg").ends_in_number() && !name("0x1.a").ends_in_number());
        assert!(name("LocalHost").is_localhost() && name("a.localhost").is_localhost());
        assert!(!name("localhost.a").is_localhost());
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_within_the_limits_or_an_error_inside_it(text in any::<String>()) {
            check_text(&text)?;
        }

        #[test]
        fn text_of_name_characters_is_too(text in "[-a-zA-Z0-9_.ü]{0,300}") {
            check_text(&text)?;
        }
    }

    fn check_text(text: &str) -> Result<(), proptest::test_runner::TestCaseError> {
        use DomainNameError::{Character, Empty, EmptyLabel, Hyphen, LabelTooLong, TooLong};
        match text.parse::<DomainName>() {
            Ok(name) => {
                prop_assert_eq!(name.as_str().parse::<DomainName>().unwrap(), name.clone());
                prop_assert!(name.as_str().len() <= 253);
                prop_assert!(name.labels().all(|label| (1..=63).contains(&label.len())));
            }
            Err(Empty | TooLong(_)) => {}
            Err(EmptyLabel(at) | LabelTooLong(at) | Hyphen(at) | Character { at, .. }) => {
                prop_assert!(text.is_char_boundary(at));
            }
        }
        Ok(())
    }
}
