//! The name that somebody probably meant.

use alloc::{string::String, vec::Vec};
use core::mem;

/// The candidate nearest to `wanted`, when one is near enough to be meant: at most a third of its
/// letters are wrong, or it begins with `wanted`. Case does not count.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Longer texts are no typing errors, and their comparison would take long.
    const MAX_LEN: usize = 100;
    if wanted.is_empty() || wanted.len() > MAX_LEN {
        return None;
    }
    let wanted = wanted.to_lowercase();
    let letters: Vec<char> = wanted.chars().collect();
    let enough = (letters.len() / 3).max(1);
    let mut best = None;
    for name in candidates {
        let candidate = name.to_lowercase();
        let distance = if candidate.chars().count().abs_diff(letters.len()) <= enough {
            distance(&letters, &candidate)
        } else if candidate.starts_with(&wanted) {
            enough
        } else {
            continue;
        };
        if distance <= enough && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Levenshtein's distance, by rows. (The crate that is usually taken for it, strsim, needs std.)
fn distance(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (number, letter) in (1..).zip(to.chars()) {
        let mut left = number;
        let mut diagonal = match row.first_mut() {
            Some(first) => mem::replace(first, number),
            None => 0,
        };
        for (other, cell) in from.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let changed = diagonal + usize::from(*other != letter);
            left = changed.min(above + 1).min(left + 1);
            *cell = left;
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The nearest name as the end of a sentence; nothing when there is none.
pub(crate) fn did_you_mean(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => alloc::format!(": did you mean {name:?}?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_the_known_ones() {
        let distance = |from: &str, to: &str| {
            let from: Vec<char> = from.chars().collect();
            distance(&from, to)
        };
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("flaw", "lawn"), 2);
        assert_eq!(distance("grün", "grun"), 1);
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let names = ["Windows 7 Enterprise", "Windows 8 Enterprise", "Editor"];
        assert_eq!(nearest("widows 7 entreprise", names), Some(names[0]));
        assert_eq!(nearest("WINDOWS 8 ENTERPRISE", names), Some(names[1]));
        assert_eq!(nearest("Windows 7", names), Some(names[0]));
        assert_eq!(nearest("edtor", names), Some("Editor"));
        assert_eq!(nearest("Compiler", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"x".repeat(1000), names), None);
    }
}
