//! The order of host keys by authority, and the least of them for a purpose.
#![allow(
    clippy::unwrap_used,
    reason = "the setting for tests does not reach helper functions"
)]

use kms_keys::{Catalogue, HostKey, Product};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Whether `lower` has no authority that `upper` lacks.
fn at_most(lower: &HostKey, upper: &HostKey) -> bool {
    upper.activates.contains(&lower.id)
}

fn named<'a>(catalogue: &'a Catalogue, names: &[&str]) -> Vec<&'a Product> {
    names
        .iter()
        .map(|name| catalogue.product_named(name).unwrap())
        .collect()
}

/// The answer as host key and names left.
fn least<'a>(catalogue: &'a Catalogue, names: &[&str]) -> Vec<(&'a str, Vec<&'a str>)> {
    catalogue
        .least_host_keys(&named(catalogue, names))
        .into_iter()
        .map(|cover| {
            let left: Vec<&str> = cover
                .left
                .iter()
                .map(|product| product.name.as_str())
                .collect();
            assert_eq!(cover.is_complete(), left.is_empty());
            (cover.host_key.id.as_str(), left)
        })
        .collect()
}

#[test]
fn authority_is_a_partial_order() {
    let catalogue = Catalogue::builtin();
    for a in catalogue.host_keys() {
        assert!(at_most(a, a));
        for b in catalogue.host_keys() {
            if at_most(a, b) && at_most(b, a) {
                assert_eq!(a, b);
            }
            // The order of keys is the order of what they activate.
            assert_eq!(at_most(a, b), a.activates.is_subset(&b.activates));
            for c in catalogue.host_keys() {
                if at_most(a, b) && at_most(b, c) {
                    assert!(at_most(a, c), "{} {} {}", a.id, b.id, c.id);
                }
            }
        }
    }
}

#[test]
fn the_order_is_not_total() {
    let catalogue = Catalogue::builtin();
    let b_2008 = catalogue.host_key("windows/server-b/2008").unwrap();
    let a_2008r2 = catalogue.host_key("windows/server-a/2008r2").unwrap();
    assert!(!at_most(b_2008, a_2008r2) && !at_most(a_2008r2, b_2008));
}

#[test]
fn the_least_key_for_a_purpose_is_found() {
    let catalogue = Catalogue::builtin();
    for (names, key) in [
        (&["Windows Vista Business"][..], "windows/client-vl/vista"),
        (
            &["Windows 7 Enterprise", "Windows Vista Business"],
            "windows/client-vl/7",
        ),
        (
            &["Windows 7 Enterprise", "Windows Server 2008 Standard"],
            "windows/server-b/2008r2",
        ),
        (
            &[
                "Windows Web Server 2008 R2",
                "Windows Server 2008 Datacenter",
            ],
            "windows/server-c/2008r2",
        ),
        (&["Windows 8.1 Pro"], "windows/client-vl/10"),
        (
            &["Windows 10 Enterprise", "Windows Web Server 2008"],
            "windows/server/2012r2",
        ),
        (&["Windows 11 Enterprise"], "windows/server/2022"),
        (&["Windows 11 Enterprise LTSC 2024"], "windows/server/2025"),
        (
            &["Office Standard 2016", "Office Standard 2019"],
            "office/volume/2019",
        ),
        (
            &["Example Editor 3", "Example Render Farm 3"],
            "example/studio/3",
        ),
    ] {
        assert_eq!(least(&catalogue, names), [(key, vec![])], "{names:?}");
    }
}

#[test]
fn what_no_single_key_covers_is_said() {
    let catalogue = Catalogue::builtin();
    assert_eq!(
        least(
            &catalogue,
            &[
                "Windows 7 Enterprise",
                "Office Standard 2016",
                "Windows 11 Pro"
            ]
        ),
        [
            ("windows/server/2022", vec!["Office Standard 2016"]),
            (
                "office/volume/2016",
                vec!["Windows 7 Enterprise", "Windows 11 Pro"]
            ),
        ]
    );
    assert_eq!(
        least(
            &catalogue,
            &["Office Standard 2010", "Office Standard 2013"]
        ),
        [
            ("office/volume/2010", vec!["Office Standard 2013"]),
            ("office/volume/2013", vec!["Office Standard 2010"]),
        ]
    );
}

#[test]
fn no_products_need_no_key_and_an_unreachable_one_has_none() {
    let catalogue = Catalogue::builtin();
    assert_eq!(least(&catalogue, &[]), []);
    let orphan = Catalogue::parse(
        "application = [{name = 'a'}]\nfamily = [{name = 'f'}]
        [[group]]\nid = 'v/lonely/1'\ntitle = 't'\nhost_key = false
        [[product]]\nname = 'Lonely'\ngroup = 'v/lonely/1'\napplication = 'a'\nfamily = 'f'\nthreshold = 1",
        "orphan.toml",
    )
    .unwrap();
    assert_eq!(least(&orphan, &["Lonely"]), []);
}

#[test]
fn two_keys_that_are_equally_good_are_both_named() {
    let diamond = Catalogue::parse(
        "application = [{name = 'a'}]\nfamily = [{name = 'f'}]
        [[group]]\nid = 'v/base/1'\ntitle = 't'\nhost_key = false
        [[group]]\nid = 'v/top/1'\ntitle = 't'\nincludes = ['v/left/1', 'v/right/1']
        [[group]]\nid = 'v/left/1'\ntitle = 't'\nincludes = ['v/base/1']
        [[group]]\nid = 'v/right/1'\ntitle = 't'\nincludes = ['v/base/1']
        [[product]]\nname = 'Base'\ngroup = 'v/base/1'\napplication = 'a'\nfamily = 'f'\nthreshold = 1",
        "diamond.toml",
    )
    .unwrap();
    assert_eq!(
        least(&diamond, &["Base"]),
        [("v/left/1", vec![]), ("v/right/1", vec![])]
    );
}

/// Checks an answer against its definition, from the sets alone.
fn check_least(catalogue: &Catalogue, products: &[&Product]) {
    let left = |key: &HostKey| -> BTreeSet<&str> {
        let of_others = products
            .iter()
            .filter(|product| !key.activates.contains(&product.group));
        of_others.map(|product| product.name.as_str()).collect()
    };
    let answer = catalogue.least_host_keys(products);
    let in_answer = |key: &HostKey| answer.iter().any(|cover| cover.host_key == key);
    let useful = |key: &HostKey| products.iter().any(|product| key.may_activate(product));
    for cover in &answer {
        assert!(useful(cover.host_key));
        let names: BTreeSet<&str> = cover
            .left
            .iter()
            .map(|product| product.name.as_str())
            .collect();
        assert_eq!(names, left(cover.host_key));
    }
    for key in catalogue.host_keys().filter(|key| useful(key)) {
        // Somebody in the answer does at least as much, with no more authority if just as much.
        let served = answer.iter().any(|cover| {
            let theirs = left(cover.host_key);
            let ours = left(key);
            theirs.is_subset(&ours) && (theirs != ours || at_most(cover.host_key, key))
        });
        assert!(served, "{}", key.id);
        // And a key of the answer is not improved upon by any key.
        for other in catalogue
            .host_keys()
            .filter(|other| *other != key && useful(other))
        {
            let (ours, theirs) = (left(key), left(other));
            let beaten = if ours == theirs {
                at_most(other, key)
            } else {
                theirs.is_subset(&ours)
            };
            assert!(!(beaten && in_answer(key)), "{} by {}", key.id, other.id);
        }
    }
}

#[test]
fn the_least_keys_are_right_for_every_two_groups() {
    let catalogue = Catalogue::builtin();
    let mut groups = BTreeSet::new();
    let one_of_each: Vec<&Product> = catalogue
        .products()
        .filter(|product| groups.insert(&product.group))
        .collect();
    assert_eq!(one_of_each.len(), catalogue.groups().len());
    for a in &one_of_each {
        for b in &one_of_each {
            check_least(&catalogue, &[a, b]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_least_keys_are_right_for_any_products(
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let catalogue = Catalogue::builtin();
        let all: Vec<&Product> = catalogue.products().collect();
        let products: Vec<&Product> = chosen.iter().map(|index| *index.get(&all)).collect();
        check_least(&catalogue, &products);
    }
}
