use core::{fmt, str::FromStr};

/// The text of a product key: five groups of five of the 24 letters and digits that the published
/// keys are made of.
///
/// Reading one forgives what people and word processors do to keys: lower case, white space around
/// the key, and typographic dashes for the plain one. Only the form is checked; nothing can be read
/// from the text.
///
/// `Display` shows the whole key in canonical form. `Debug` shows only the last five characters,
/// since most kinds of key are confidential.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductKeyText {
    // INVARIANT: each is one of ALPHABET.
    groups: [[u8; Self::GROUP_LEN]; Self::GROUPS],
}

/// Why a text is no product key, and where. A place is the group, 1 to 5, and the position in it,
/// 1 to 5. Beside it, no more of the text is told than one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProductKeyError {
    /// A character that product keys do not have.
    #[error(
        "{found:?} at position {position} of group {group}: a product key is made of {alphabet} only",
        alphabet = ProductKeyText::ALPHABET
    )]
    #[non_exhaustive]
    Character {
        /// The character.
        found: char,
        /// The group that it stands in.
        group: usize,
        /// Its position in the group.
        position: usize,
    },
    /// A dash before its group was full.
    #[error("a dash at position {position} of group {group}: a group has 5 characters")]
    #[non_exhaustive]
    EarlyDash {
        /// The group that is too short.
        group: usize,
        /// The position where a character was wanted.
        position: usize,
    },
    /// No dash where a group is full.
    #[error("{found:?} behind group {group}: a dash is wanted between groups of 5 characters")]
    #[non_exhaustive]
    DashWanted {
        /// What stands there.
        found: char,
        /// The group that is full.
        group: usize,
    },
    /// The text ends too early.
    #[error(
        "the product key ends before position {position} of group {group}: 5 groups of 5 characters are wanted"
    )]
    #[non_exhaustive]
    TooShort {
        /// The group that is not full.
        group: usize,
        /// The position where a character was wanted.
        position: usize,
    },
    /// Something follows the fifth group.
    #[error("{found:?} behind the last group: a product key has 5 groups of 5 characters")]
    #[non_exhaustive]
    TooLong {
        /// The first character too many.
        found: char,
    },
}

impl ProductKeyText {
    /// What keys are made of. There is no vowel, and nothing that is easily mistaken for something
    /// else; the published client setup keys of Windows 7 and Windows Server 2008 R2 use no more.
    pub const ALPHABET: &'static str = "BCDFGHJKMPQRTVWXY2346789";
    /// The number of groups.
    pub const GROUPS: usize = 5;
    /// The number of characters in a group.
    pub const GROUP_LEN: usize = 5;

    /// The partial product key: the last group, which status displays show.
    #[must_use]
    pub fn partial(&self) -> &str {
        let [.., last] = &self.groups;
        text(last)
    }
}

impl FromStr for ProductKeyText {
    type Err = ProductKeyError;

    fn from_str(key: &str) -> Result<Self, ProductKeyError> {
        let mut groups = [[0; Self::GROUP_LEN]; Self::GROUPS];
        let mut found = key.trim().chars();
        for (group, place) in (1..).zip(&mut groups) {
            if group > 1 {
                match found.next() {
                    None => return Err(ProductKeyError::TooShort { group, position: 1 }),
                    Some(c) if is_dash(c) => {}
                    Some(found) => {
                        let group = group - 1;
                        return Err(ProductKeyError::DashWanted { found, group });
                    }
                }
            }
            for (position, place) in (1..).zip(place) {
                let Some(found) = found.next() else {
                    return Err(ProductKeyError::TooShort { group, position });
                };
                if is_dash(found) {
                    return Err(ProductKeyError::EarlyDash { group, position });
                }
                *place = in_alphabet(found).ok_or(ProductKeyError::Character {
                    found,
                    group,
                    position,
                })?;
            }
        }
        match found.next() {
            Some(found) => Err(ProductKeyError::TooLong { found }),
            None => Ok(Self { groups }),
        }
    }
}

impl fmt::Display for ProductKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = &self.groups;
        f.write_str(text(first))?;
        others
            .iter()
            .try_for_each(|group| write!(f, "-{}", text(group)))
    }
}

impl fmt::Debug for ProductKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProductKeyText(…-{})", self.partial())
    }
}

fn text(group: &[u8]) -> &str {
    // INVARIANT: of the alphabet, which is ASCII.
    core::str::from_utf8(group).unwrap_or_default()
}

fn in_alphabet(c: char) -> Option<u8> {
    let upper = u8::try_from(c).ok()?.to_ascii_uppercase();
    ProductKeyText::ALPHABET
        .bytes()
        .find(|&letter| letter == upper)
}

/// The plain dash and what text processing makes of it.
const fn is_dash(c: char) -> bool {
    matches!(
        c,
        // Hyphen, non-breaking hyphen, figure, en and em dash, horizontal bar.
        '-' | '\u{2010}'
            ..='\u{2015}'
            // Soft hyphen, hyphen bullet, minus sign.
            | '\u{ad}' | '\u{2043}' | '\u{2212}'
            // Small em dash, small and full-width hyphen-minus.
            | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{
        format,
        string::{String, ToString},
        vec::Vec,
    };

    const KEY: &str = "33PXH-7Y6KF-2VJC9-XBBR8-HVTHH";

    fn parse(key: &str) -> Result<ProductKeyText, ProductKeyError> {
        key.parse()
    }

    fn with(at: usize, c: char) -> String {
        let mut chars: Vec<char> = KEY.chars().collect();
        chars[at] = c;
        chars.into_iter().collect()
    }

    #[test]
    fn a_key_prints_whole_and_shows_its_last_five_when_debugged() {
        let key = parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(key.partial(), "HVTHH");
        assert_eq!(format!("{key:?}"), "ProductKeyText(…-HVTHH)");
    }

    #[test]
    fn case_white_space_and_every_kind_of_dash_are_forgiven() {
        let key = parse(KEY).unwrap();
        assert_eq!(parse(&KEY.to_lowercase()), Ok(key));
        assert_eq!(parse(&format!("\u{a0}\t {KEY}\r\n")), Ok(key));
        let dashes = ('\u{2010}'..='\u{2015}').chain([
            '\u{ad}', '\u{2043}', '\u{2212}', '\u{fe58}', '\u{fe63}', '\u{ff0d}',
        ]);
        for dash in dashes {
            assert_eq!(parse(&KEY.replace('-', &dash.to_string())), Ok(key));
        }
    }

    #[test]
    fn every_character_in_every_place_is_taken_or_refused_with_that_place() {
        let places = (0..KEY.len()).filter(|at| at % 6 != 5);
        for (index, at) in places.enumerate() {
            let (group, position) = (index / 5 + 1, index % 5 + 1);
            // All of the first two blocks of Unicode, and what looks like a letter, digit or space.
            for found in
                ('\0'..='\u{ff}').chain(['Ｂ', '２', 'В', 'ſ', 'K', '\u{200b}', '\u{1f511}'])
            {
                let surrounds = at == 0 || at == KEY.len() - 1;
                if surrounds && found.is_whitespace() {
                    continue;
                }
                let upper = found.to_ascii_uppercase();
                let expected = if ProductKeyText::ALPHABET.contains(upper) {
                    Ok(with(at, upper))
                } else if found == '-' || found == '\u{ad}' {
                    Err(ProductKeyError::EarlyDash { group, position })
                } else {
                    Err(ProductKeyError::Character {
                        found,
                        group,
                        position,
                    })
                };
                let text = with(at, found);
                assert_eq!(
                    parse(&text).map(|key| key.to_string()),
                    expected,
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn every_character_in_place_of_a_dash_is_refused_with_that_place() {
        for (group, at) in (1..).zip([5, 11, 17, 23]) {
            for found in ('\0'..='\u{ff}').filter(|&c| c != '-' && c != '\u{ad}') {
                assert_eq!(
                    parse(&with(at, found)),
                    Err(ProductKeyError::DashWanted { found, group })
                );
            }
        }
    }

    #[test]
    fn a_key_cut_anywhere_is_too_short_there() {
        for cut in 0..KEY.len() {
            // The place of a dash belongs to the group behind it.
            let (group, position) = match (cut / 6, cut % 6) {
                (before, 5) => (before + 2, 1),
                (before, within) => (before + 1, within + 1),
            };
            assert_eq!(
                parse(&KEY.chars().take(cut).collect::<String>()),
                Err(ProductKeyError::TooShort { group, position }),
                "{cut}"
            );
        }
    }

    #[test]
    fn anything_behind_the_last_group_is_too_much() {
        for found in ['B', '-', 'x', '\0'] {
            assert_eq!(
                parse(&format!("{KEY}{found}")),
                Err(ProductKeyError::TooLong { found })
            );
        }
    }

    #[test]
    fn errors_say_the_character_and_the_place() {
        assert_eq!(
            parse(&with(7, 'O')).unwrap_err().to_string(),
            "'O' at position 2 of group 2: a product key is made of BCDFGHJKMPQRTVWXY2346789 only"
        );
    }
}
