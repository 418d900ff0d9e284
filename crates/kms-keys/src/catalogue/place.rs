//! Lines of a file by offset.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// Where each line of a text begins.
#[derive(Debug)]
pub(super) struct Lines {
    // INVARIANT: ascending.
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let behind = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = core::iter::once(0).chain(behind).collect();
        Self { starts }
    }

    /// The line, from 1, that the byte at `offset` stands in.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }
}

/// The table and key that stand at `offset` of a TOML text, as `product.threshold`, for an error
/// that says only where it is. It goes by lines, so a value of several lines may mislead it.
pub(super) fn field_at(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next());
    let line = line.unwrap_or_default().trim();
    if let Some(header) = header(line) {
        return header.to_owned();
    }
    let key = line.split('=').next().unwrap_or_default().trim();
    match before.lines().rev().find_map(header) {
        Some(table) if key.is_empty() => table.to_owned(),
        Some(table) => format!("{table}.{key}"),
        None => key.to_owned(),
    }
}

fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    let name = line.strip_prefix('[')?.split(']').next()?;
    Some(name.trim_matches(['[', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_line() {
        let lines = Lines::new("ab\n\ncd\n");
        let found: Vec<usize> = (0..8).map(|at| lines.line(at)).collect();
        assert_eq!(found, [1, 1, 1, 2, 3, 3, 3, 4]);
        assert_eq!(Lines::new("").line(0), 1);
        assert_eq!(Lines::new("a").line(usize::MAX), 1);
    }

    #[test]
    fn a_place_has_its_table_and_key() {
        let text = "top = 1\n[[group]]\nid = 'a'\n\n[one] # two\nb.c = 2\n";
        let field = |part: &str| field_at(text, text.find(part).unwrap());
        assert_eq!(field("top"), "top");
        assert_eq!(field("group"), "group");
        assert_eq!(field("'a'"), "group.id");
        assert_eq!(field("\n[one]"), "group");
        assert_eq!(field("two"), "one");
        assert_eq!(field("2\n"), "one.b.c");
        assert_eq!(field_at(text, usize::MAX), "one");
        assert_eq!(field_at("", 0), "");
    }
}
