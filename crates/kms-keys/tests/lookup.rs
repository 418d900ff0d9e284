//! Finding products and host keys of the built-in catalogue, and their ids.

use kms_core::ActivationId;
use kms_keys::{Catalogue, Cover, GroupId};
use std::collections::BTreeSet;

#[test]
fn the_builtin_catalogue_has_no_problems() {
    let text = include_str!("../catalogue.toml");
    match Catalogue::parse(text, "catalogue.toml") {
        Ok(catalogue) => assert_eq!(catalogue, Catalogue::builtin()),
        Err(error) => panic!("{error}"),
    }
}

/// The expected values were computed with another implementation of RFC 9562.
#[test]
fn ids_are_made_from_names_in_the_namespace() {
    let catalogue = Catalogue::builtin();
    for (name, id) in [
        (
            "Windows 7 Enterprise",
            "60033f4d-26d0-5306-bb9d-60205de590a1",
        ),
        (
            "Windows Server 2025 Datacenter",
            "f967ea55-9609-51c8-ae65-9cd1d910a405",
        ),
    ] {
        let product = catalogue.product_named(name).unwrap();
        assert_eq!(product.activation_id.to_string(), id);
    }
    let families: Vec<(&str, String)> = catalogue
        .families()
        .map(|family| (family.name.as_str(), family.counted_id.to_string()))
        .collect();
    assert_eq!(
        families[0],
        ("Windows", "2b7e3bb0-788e-5311-aca4-25b737063de2".to_owned())
    );
    assert_eq!(
        families[1],
        ("Office", "817802ae-1ded-5e2b-846b-d7249bbf7e56".to_owned())
    );
    let applications: Vec<(&str, String)> = catalogue
        .applications()
        .map(|application| {
            (
                application.name.as_str(),
                application.application_id.to_string(),
            )
        })
        .collect();
    assert_eq!(
        applications[0],
        ("Windows", "9f52df80-c877-533e-9f29-e5363e0a95e4".to_owned())
    );
    assert_eq!(
        applications[1],
        ("Office", "fa55dd32-66c5-5dce-a1bd-119f6be6ee47".to_owned())
    );
}

#[test]
fn every_product_is_found_by_its_id_name_and_aliases_in_any_case() {
    let catalogue = Catalogue::builtin();
    let mut ids = BTreeSet::new();
    for product in catalogue.products() {
        assert!(ids.insert(product.activation_id));
        let id = product.activation_id.to_string();
        assert_eq!(catalogue.product(product.activation_id), Some(product));
        assert_eq!(catalogue.find(&id), Ok(product));
        assert_eq!(
            catalogue.find(&format!(" {} ", id.to_uppercase())),
            Ok(product)
        );
        for name in product.aliases.iter().chain([&product.name]) {
            assert_eq!(catalogue.product_named(name), Ok(product));
            assert_eq!(catalogue.product_named(&name.to_uppercase()), Ok(product));
            assert_eq!(
                catalogue.find(&format!("\t{}\n", name.to_lowercase())),
                Ok(product)
            );
        }
        assert!(catalogue.family(product.counted_id).is_some());
        let applications: Vec<_> = catalogue.applications().map(|a| a.application_id).collect();
        assert!(applications.contains(&product.application_id));
    }
}

#[test]
fn an_unknown_name_is_an_error_with_the_nearest() {
    let catalogue = Catalogue::builtin();
    let error = catalogue.product_named("Windws 7 Enterprize").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the catalogue has no product \"Windws 7 Enterprize\": did you mean \"Windows 7 Enterprise\"?"
    );
    assert_eq!(
        (error.kind(), error.name()),
        ("product", "Windws 7 Enterprize")
    );
    assert_eq!(error.suggestion(), Some("Windows 7 Enterprise"));
    assert_eq!(
        catalogue.find("Lotus 1-2-3").unwrap_err().to_string(),
        "the catalogue has no product \"Lotus 1-2-3\""
    );
    let id = "00112233-4455-4677-8899-aabbccddeeff";
    assert_eq!(catalogue.find(id).unwrap_err().suggestion(), None);
    assert_eq!(catalogue.product(id.parse::<ActivationId>().unwrap()), None);

    let error = catalogue.host_key("windows/server-b/2008r3").unwrap_err();
    assert_eq!(
        (error.kind(), error.suggestion()),
        ("host key", Some("windows/server-b/2008r2"))
    );
    assert!(
        catalogue
            .groups_activated_by("windows/client-vl/11")
            .is_err()
    );
    let product = catalogue.product_named("Windows 11 Pro").unwrap();
    assert!(
        catalogue
            .may_activate("windows/client-vl/11", product)
            .is_err()
    );
    let error = catalogue
        .may_host("Windows 7 Ultimate", "windows/client-vl/7")
        .unwrap_err();
    assert_eq!(error.kind(), "system");
    assert!(
        catalogue
            .may_host("Windows 7 Enterprise", "windows/server/7")
            .is_err()
    );
}

#[test]
fn every_group_has_products_and_every_product_a_host_key() {
    let catalogue = Catalogue::builtin();
    for group in catalogue.groups() {
        assert!(
            catalogue.products().any(|product| product.group == *group),
            "{group}"
        );
    }
    for product in catalogue.products() {
        assert!(
            catalogue
                .least_host_keys(&[product])
                .iter()
                .any(Cover::is_complete),
            "{}",
            product.name
        );
    }
}

#[test]
fn a_scope_covers_the_products_of_its_groups_and_infers_nothing() {
    let catalogue = Catalogue::builtin();
    for key in catalogue.host_keys() {
        let id = key.id.as_str();
        let scope = catalogue.groups_activated_by(id).unwrap();
        assert_eq!(scope, &key.activates);
        for product in catalogue.products() {
            assert_eq!(product.is_covered_by(scope), key.may_activate(product));
            assert_eq!(
                catalogue.may_activate(id, product),
                Ok(key.may_activate(product))
            );
        }
    }
    let client = catalogue.product_named("Windows 7 Enterprise").unwrap();
    assert!(!client.is_covered_by(["windows/server-c/2008r2"]));
    assert!(!client.is_covered_by(Vec::<GroupId>::new()));
    assert!(client.is_covered_by(["anything at all", "windows/client-vl/7"]));
    assert!(!client.is_covered_by(["windows/client-vl/70", "Windows/client-vl/7"]));
}

#[test]
fn the_example_vendor_has_its_own_applications_thresholds_and_periods() {
    let catalogue = Catalogue::builtin();
    let of = |name: &str| catalogue.product_named(name).unwrap();
    let (editor, team) = (of("Example Editor 3"), of("Example Editor 3 Team"));
    let farm = of("Example Render Farm 3");
    let thresholds = [editor, team, farm].map(|product| product.threshold.machines());
    assert_eq!(thresholds, [3, 10, 2]);
    assert_eq!(editor.application_id, team.application_id);
    assert_ne!(editor.application_id, farm.application_id);
    assert_eq!(editor.counted_id, farm.counted_id);
    assert_ne!(editor.counted_id, of("Windows 7 Enterprise").counted_id);
    assert_eq!(editor.policy.validity.minutes(), 90 * 24 * 60);
    assert_eq!(
        catalogue.may_host("Debian 13", "example/studio/3"),
        Ok(true)
    );
}
