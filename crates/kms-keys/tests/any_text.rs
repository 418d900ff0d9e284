//! Text that nobody thought of: never a panic, and what is accepted reads back.

use kms_keys::{Catalogue, GroupId, ProductKeyText};
use proptest::prelude::*;

/// Parts of catalogue files, so that random sequences of them come near to a file.
const PARTS: &[&str] = &[
    "[[product]]\n",
    "[[group]]\n",
    "[[policy]]\n",
    "[[system]]\n",
    "[[family]]\n",
    "[[application]]\n",
    "[product]\n",
    "name = 'a'\n",
    "name = 'b'\n",
    "id = 'a/b/c'\n",
    "id = 'a/b/d'\n",
    "title = 't'\n",
    "includes = ['a/b/c']\n",
    "includes = ['a/b/d', 'a/b/c']\n",
    "hosts = ['a/b/c', 'a']\n",
    "host_key = false\n",
    "group = 'a/b/c'\n",
    "application = 'a'\n",
    "family = 'b'\n",
    "threshold = 5\n",
    "threshold = -5\n",
    "policy = 'a'\n",
    "grace = '1 d'\n",
    "grace = '1 year'\n",
    "rearms = 3\n",
    "aliases = ['x', 'a']\n",
    "'",
    "\"",
    "=",
    "[",
    "é",
    "\n",
];

proptest! {
    #[test]
    fn any_text_is_a_catalogue_or_an_error_that_prints(text in ".{0,200}|[\\[\\]a-z='\"\n ]{0,200}") {
        if let Err(error) = Catalogue::parse(&text, "any.toml") {
            prop_assert!(!error.problems().is_empty());
            prop_assert!(error.to_string().starts_with("any.toml:"));
        }
    }

    #[test]
    fn any_parts_of_a_file_are_a_catalogue_or_problems_within_it(
        parts in prop::collection::vec(prop::sample::select(PARTS), 0..30),
    ) {
        let text = parts.concat();
        match Catalogue::parse(&text, "any.toml") {
            Ok(catalogue) => for key in catalogue.host_keys() {
                prop_assert!(key.activates.contains(&key.id));
            },
            Err(error) => {
                let lines = text.matches('\n').count() + 1;
                for problem in error.problems() {
                    prop_assert!((1..=lines).contains(&problem.line()), "{}", problem);
                }
            }
        }
    }

    #[test]
    fn any_text_is_a_product_key_or_an_error(text in ".{0,40}|[BCDFG2346-]{20,40}") {
        if let Ok(key) = text.parse::<ProductKeyText>() {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn every_key_of_the_alphabet_reads_back_in_any_dress(
        letters in prop::collection::vec(prop::sample::select(
            ProductKeyText::ALPHABET.chars().collect::<Vec<char>>()), 25),
        lower in any::<[bool; 25]>(),
        dashes in prop::collection::vec(prop::sample::select(vec!['-', '–', '—', '−', '\u{ad}']), 4),
    ) {
        let (mut plain, mut dressed) = (String::new(), String::new());
        for (at, letter) in letters.iter().enumerate() {
            if at > 0 && at % 5 == 0 {
                plain.push('-');
                dressed.push(dashes[at / 5 - 1]);
            }
            plain.push(*letter);
            dressed.push(if lower[at] { letter.to_ascii_lowercase() } else { *letter });
        }
        let key: ProductKeyText = dressed.parse().unwrap();
        prop_assert_eq!(key.to_string(), plain.clone());
        prop_assert!(plain.ends_with(key.partial()));
    }

    #[test]
    fn the_debug_form_of_a_key_shows_no_more_than_its_end(
        letters in prop::collection::vec(prop::sample::select(
            ProductKeyText::ALPHABET.chars().collect::<Vec<char>>()), 20),
    ) {
        let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
        let key: ProductKeyText = format!("{}-HVTHH", groups.join("-")).parse().unwrap();
        prop_assert_eq!(format!("{key:?}"), "ProductKeyText(…-HVTHH)");
    }

    #[test]
    fn any_text_is_a_group_id_or_an_error(text in ".{0,80}|[a-c./-]{0,12}") {
        if let Ok(id) = text.parse::<GroupId>() {
            prop_assert_eq!(id.as_str(), &text);
            prop_assert_eq!(text.split('/').filter(|part| !part.is_empty()).count(), 3);
        }
    }
}

#[test]
fn any_name_that_is_looked_for_is_found_or_not() {
    let catalogue = Catalogue::builtin();
    proptest!(|(name in ".{0,60}|[Wwindos 0-9/]{0,30}")| {
        if let Ok(product) = catalogue.find(&name) {
            prop_assert!(product.name.eq_ignore_ascii_case(name.trim()));
        }
        if let Err(error) = catalogue.host_key(&name) {
            prop_assert_eq!(error.name(), name.as_str());
        }
        prop_assert!(catalogue.may_host(&name, "windows/server/2025") != Ok(true));
    });
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    let text = include_str!("../catalogue.toml");
    // All of it would be read some 20,000 times; the tables are alike.
    let ends = text
        .char_indices()
        .map(|(at, _)| at)
        .filter(|&at| at < 2500 || at % 499 == 0);
    let mut refused = 0;
    for end in ends {
        let part = text.get(..end).unwrap();
        refused += usize::from(Catalogue::parse(part, "cut.toml").is_err());
    }
    assert!(refused > 100, "{refused}");
}
