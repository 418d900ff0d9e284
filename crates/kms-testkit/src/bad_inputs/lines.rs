//! Bytes as they stand in a case: hexadecimal digits, names of other bytes, and comments.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes as text, in one or more lines.
///
/// A line has hexadecimal digits, spaces, and names in braces; a number sign begins a comment that
/// goes on to its end. A name stands for bytes that the file defines, or for something that a file
/// cannot know: see [`Known`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Lines(pub Vec<String>);

/// What a file cannot know in advance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the placeholders of the form")]
pub struct Known {
    /// The host's clock in milliseconds since the Unix epoch: `{now}`, and `{now+3h59m}`, as 8 bytes,
    /// little-endian.
    pub now: i64,
    /// The association group that the host gives out: `{group}`, as 4 bytes, little-endian.
    pub group: u32,
    /// The call id of the client's last PDU: `{call}`, and `{next-call}` for the number after it, as
    /// 4 bytes, little-endian.
    pub call: u32,
    /// The context id of the client's last PDU: `{context}`, and `{next-context}`, as 2 bytes,
    /// little-endian.
    pub context: u16,
}

/// Why lines are no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinesError {
    /// Something that is neither a digit, a space, a name nor a comment.
    #[error("{0:?} is no hexadecimal digit")]
    Digit(char),
    /// A line with an odd number of digits, or a name between the digits of one byte.
    #[error("half a byte in {0:?}")]
    HalfByte(String),
    /// A name that the file does not define.
    #[error("no bytes are named {0:?}")]
    Unknown(String),
    /// A name in braces that are not closed.
    #[error("a brace is not closed in {0:?}")]
    Brace(String),
    /// Names that stand for each other.
    #[error("bytes {0:?} are made of themselves")]
    Circle(String),
}

/// Names may stand for names; deeper than this is a circle.
const MAX_DEPTH: usize = 8;

impl Lines {
    /// The bytes, where `named` are the bytes that the file defines.
    ///
    /// # Errors
    /// When the text breaks the form.
    pub fn bytes(
        &self,
        named: &BTreeMap<String, Self>,
        known: Known,
    ) -> Result<Vec<u8>, LinesError> {
        let mut out = Vec::new();
        self.append(named, known, MAX_DEPTH, &mut out)?;
        Ok(out)
    }

    fn append(
        &self,
        named: &BTreeMap<String, Self>,
        known: Known,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LinesError> {
        for line in &self.0 {
            let text = line.split('#').next().unwrap_or_default();
            let mut half = None;
            let mut rest = text.chars();
            while let Some(c) = rest.next() {
                if c == '{' {
                    let Some((name, after)) = rest.as_str().split_once('}') else {
                        return Err(LinesError::Brace(line.clone()));
                    };
                    if half.is_some() {
                        return Err(LinesError::HalfByte(line.clone()));
                    }
                    append_name(name, named, known, depth, out)?;
                    rest = after.chars();
                } else if let Some(digit) = c.to_digit(16).and_then(|d| u8::try_from(d).ok()) {
                    match half.take() {
                        None => half = Some(digit),
                        Some(high) => out.push(high << 4 | digit),
                    }
                } else if c != ' ' {
                    return Err(LinesError::Digit(c));
                }
            }
            if half.is_some() {
                return Err(LinesError::HalfByte(line.clone()));
            }
        }
        Ok(())
    }
}

fn append_name(
    name: &str,
    named: &BTreeMap<String, Lines>,
    known: Known,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), LinesError> {
    if let Some(bytes) = placeholder(name, known) {
        out.extend(bytes);
    } else if let Some(offset) = name.strip_prefix("now") {
        let offset = minutes(offset).ok_or_else(|| LinesError::Unknown(name.to_owned()))?;
        out.extend(known.now.saturating_add(offset * 60_000).to_le_bytes());
    } else {
        let lines = named
            .get(name)
            .ok_or_else(|| LinesError::Unknown(name.to_owned()))?;
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| LinesError::Circle(name.to_owned()))?;
        lines.append(named, known, depth, out)?;
    }
    Ok(())
}

fn placeholder(name: &str, known: Known) -> Option<Vec<u8>> {
    Some(match name {
        "group" => known.group.to_le_bytes().to_vec(),
        "call" => known.call.to_le_bytes().to_vec(),
        "call-big-endian" => known.call.to_be_bytes().to_vec(),
        "next-call" => known.call.wrapping_add(1).to_le_bytes().to_vec(),
        "context" => known.context.to_le_bytes().to_vec(),
        "context-big-endian" => known.context.to_be_bytes().to_vec(),
        "next-context" => known.context.wrapping_add(1).to_le_bytes().to_vec(),
        _ => return None,
    })
}

/// The minutes of nothing, or of a text like `+3h59m`.
fn minutes(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (sign, text) = match text.strip_prefix('+') {
        Some(text) => (1, text),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, text) = text.split_once('h')?;
    let minutes = text.strip_suffix('m')?;
    let number = |text: &str| text.parse::<u16>().ok().map(i64::from);
    Some(sign * (number(hours)? * 60 + number(minutes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Lines {
        Lines(lines.iter().map(|&line| line.to_owned()).collect())
    }

    fn named() -> BTreeMap<String, Lines> {
        BTreeMap::from([
            ("one".to_owned(), lines(&["01 # one", "11"])),
            ("two".to_owned(), lines(&["{one}{one} 02"])),
            ("ring".to_owned(), lines(&["{ring}"])),
        ])
    }

    fn bytes(text: &[&str]) -> Result<Vec<u8>, LinesError> {
        let known = Known {
            now: 0x0102,
            group: 0x0a0b_0c0d,
            call: 0x0102_0304,
            context: 0x0506,
        };
        lines(text).bytes(&named(), known)
    }

    #[test]
    fn digits_names_and_placeholders_are_put_together() {
        assert_eq!(bytes(&[]), Ok(vec![]));
        assert_eq!(
            bytes(&["05 0b1 0 # {x} zz", "", "Ff"]),
            Ok(vec![5, 0x0b, 0x10, 0xff])
        );
        assert_eq!(bytes(&["{two}03"]), Ok(vec![1, 0x11, 1, 0x11, 2, 3]));
        assert_eq!(bytes(&["{group}"]), Ok(vec![13, 12, 11, 10]));
        assert_eq!(
            bytes(&["{call}{next-call}"]),
            Ok(vec![4, 3, 2, 1, 5, 3, 2, 1])
        );
        assert_eq!(bytes(&["{context}{next-context}"]), Ok(vec![6, 5, 7, 5]));
        let big = bytes(&["{call-big-endian}{context-big-endian}"]);
        assert_eq!(big, Ok(vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(bytes(&["{now}"]), Ok(vec![2, 1, 0, 0, 0, 0, 0, 0]));
        let later = (0x0102_i64 + (3 * 60 + 59) * 60_000).to_le_bytes();
        assert_eq!(bytes(&["{now+3h59m}"]), Ok(later.to_vec()));
        let earlier = (0x0102_i64 - 4 * 3_600_000).to_le_bytes();
        assert_eq!(bytes(&["{now-4h0m}"]), Ok(earlier.to_vec()));
    }

    #[test]
    fn what_breaks_the_form_is_an_error() {
        for text in [
            "{",
            "{one",
            "{none}",
            "{now+4}",
            "{now4h0m}",
            "5",
            "0 {one} 0",
            "0g",
            "\t00",
        ] {
            assert!(bytes(&[text]).is_err(), "{text}");
        }
        assert_eq!(bytes(&["{ring}"]), Err(LinesError::Circle("ring".into())));
        // A byte does not reach from one line into the next.
        assert!(bytes(&["0", "1"]).is_err());
    }
}
