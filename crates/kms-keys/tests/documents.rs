//! The facts that the documents state of products, groups and host keys, a module for each document.
#![allow(
    clippy::unwrap_used,
    reason = "the setting for tests does not reach helper functions"
)]

use kms_keys::{Catalogue, Product};
use std::collections::BTreeSet;

/// The names of the products that a host key activates.
fn activated<'a>(catalogue: &'a Catalogue, host_key: &'a str) -> BTreeSet<&'a str> {
    let key = catalogue.host_key(host_key).unwrap();
    catalogue
        .products_activated_by(key)
        .map(|product| product.name.as_str())
        .collect()
}

fn assert_same(found: &BTreeSet<&str>, expected: impl IntoIterator<Item = &'static str>) {
    let expected: BTreeSet<&str> = expected.into_iter().collect();
    assert_eq!(found, &expected);
}

fn days(product: &Product) -> (u32, u32) {
    let policy = product.policy;
    let day = 24 * 60;
    (
        policy.grace.minutes() / day,
        policy.oot_grace.minutes() / day,
    )
}

const CLIENTS_7: [&str; 5] = [
    "Windows 7 Professional",
    "Windows 7 Professional N",
    "Windows 7 Enterprise",
    "Windows 7 Enterprise N",
    "Windows 7 Enterprise E",
];
const CLIENTS_VISTA: [&str; 4] = [
    "Windows Vista Business",
    "Windows Vista Business without Service Pack",
    "Windows Vista Enterprise",
    "Windows Vista Enterprise without Service Pack",
];
const SERVERS_A: [&str; 4] = [
    "Windows Web Server 2008 R2",
    "Windows Web Server 2008",
    "Windows HPC Server 2008 R2",
    "Windows HPC Server 2008",
];
const SERVERS_B_2008R2: [&str; 2] = [
    "Windows Server 2008 R2 Standard",
    "Windows Server 2008 R2 Enterprise",
];
const SERVERS_B_2008: [&str; 4] = [
    "Windows Server 2008 Standard",
    "Windows Server 2008 Standard without Hyper-V",
    "Windows Server 2008 Enterprise",
    "Windows Server 2008 Enterprise without Hyper-V",
];
const SERVERS_C: [&str; 4] = [
    "Windows Server 2008 R2 Datacenter",
    "Windows Server 2008 R2 for Itanium-Based Systems",
    "Windows Server 2008 Datacenter",
    "Windows Server 2008 for Itanium-Based Systems",
];

/// The book extract "Learning the KMS Process", section 2, Table 1.
mod choosing_your_kms_host_table_1 {
    use super::*;

    #[test]
    fn each_row_activates_its_editions_and_the_products_above() {
        let catalogue = Catalogue::builtin();
        let mut above: Vec<&str> = [&CLIENTS_7[..], &CLIENTS_VISTA].concat();
        assert_same(&activated(&catalogue, "windows/client-vl/7"), above.clone());
        above.extend(SERVERS_A);
        assert_same(
            &activated(&catalogue, "windows/server-a/2008r2"),
            above.clone(),
        );
        above.extend(SERVERS_B_2008R2);
        above.extend(SERVERS_B_2008);
        assert_same(
            &activated(&catalogue, "windows/server-b/2008r2"),
            above.clone(),
        );
        above.extend(SERVERS_C);
        assert_same(&activated(&catalogue, "windows/server-c/2008r2"), above);
    }

    #[test]
    fn each_row_names_the_systems_to_install_on() {
        let catalogue = Catalogue::builtin();
        let kms_1_2 = "Windows Server 2003 with KMS 1.2";
        let rows: [(&str, Vec<&str>); 4] = [
            (
                "client-vl",
                [&CLIENTS_7[..], &CLIENTS_VISTA, &[kms_1_2]].concat(),
            ),
            ("server-a", [&SERVERS_A[..], &[kms_1_2]].concat()),
            (
                "server-b",
                [&SERVERS_B_2008R2[..], &SERVERS_B_2008].concat(),
            ),
            ("server-c", SERVERS_C.to_vec()),
        ];
        let generations = |group| match group {
            "client-vl" => ["vista", "7"],
            _ => ["2008", "2008r2"],
        };
        for (group, hosts) in rows {
            for generation in generations(group) {
                let id = format!("windows/{group}/{generation}");
                let all = catalogue.products().map(|product| product.name.as_str());
                for system in all.chain(catalogue.systems()) {
                    assert_eq!(
                        catalogue.may_host(system, &id),
                        Ok(hosts.contains(&system)),
                        "{system} as host of {id}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_host_on_windows_7_activates_only_clients() {
        let catalogue = Catalogue::builtin();
        let host = catalogue.product_named("Windows 7 Enterprise").unwrap();
        assert!(!host.may_host.is_empty());
        for id in &host.may_host {
            let key = catalogue.host_key(id.as_str()).unwrap();
            for product in catalogue.products_activated_by(key) {
                assert_eq!(product.threshold.machines(), 25, "{} by {id}", product.name);
            }
        }
    }

    #[test]
    fn windows_server_2008_and_2008_r2_cannot_host_a_key_for_clients_only() {
        let catalogue = Catalogue::builtin();
        for name in SERVERS_A.into_iter().chain(SERVERS_B_2008).chain(SERVERS_C) {
            for key in ["windows/client-vl/vista", "windows/client-vl/7"] {
                assert_eq!(catalogue.may_host(name, key), Ok(false), "{name}");
            }
        }
    }
}

/// "Microsoft Key Management Server (KMS) Details".
mod kms_details {
    use super::*;

    #[test]
    fn a_key_activates_its_group_and_all_below_but_none_above() {
        let catalogue = Catalogue::builtin();
        let groups = [
            "client-vl/7",
            "server-a/2008r2",
            "server-b/2008r2",
            "server-c/2008r2",
        ];
        for (place, key) in groups.iter().enumerate() {
            let scope = catalogue
                .groups_activated_by(&format!("windows/{key}"))
                .unwrap();
            for (other_place, other) in groups.iter().enumerate() {
                let id = format!("windows/{other}");
                assert_eq!(
                    scope.contains(id.as_str()),
                    other_place <= place,
                    "{key}, {id}"
                );
            }
        }
    }

    #[test]
    fn a_key_of_the_newer_generation_activates_the_older_and_not_the_other_way() {
        let catalogue = Catalogue::builtin();
        let pairs = [
            ("client-vl/7", "client-vl/vista"),
            ("server-a/2008r2", "server-a/2008"),
            ("server-b/2008r2", "server-b/2008"),
            ("server-c/2008r2", "server-c/2008"),
        ];
        for (newer, older) in pairs.map(|(a, b)| (format!("windows/{a}"), format!("windows/{b}"))) {
            let scope = catalogue.groups_activated_by(&newer).unwrap();
            assert!(
                catalogue
                    .groups_activated_by(&older)
                    .unwrap()
                    .is_subset(scope)
            );
            assert!(
                !catalogue
                    .groups_activated_by(&older)
                    .unwrap()
                    .contains(newer.as_str())
            );
        }
    }

    #[test]
    fn the_groups_of_2008_r2_have_the_listed_editions() {
        let catalogue = Catalogue::builtin();
        let editions = |group: &str| -> BTreeSet<&str> {
            catalogue
                .products()
                .filter(|product| product.group.as_str() == group)
                .map(|product| product.name.as_str())
                .collect()
        };
        assert_same(
            &editions("windows/server-c/2008r2"),
            [
                "Windows Server 2008 R2 Datacenter",
                "Windows Server 2008 R2 for Itanium-Based Systems",
            ],
        );
        assert_same(&editions("windows/server-b/2008r2"), SERVERS_B_2008R2);
        assert_same(
            &editions("windows/server-a/2008r2"),
            ["Windows Web Server 2008 R2", "Windows HPC Server 2008 R2"],
        );
        assert_same(&editions("windows/client-vl/7"), CLIENTS_7);
    }

    #[test]
    fn the_client_setup_keys_are_those_published_and_no_others() {
        let catalogue = Catalogue::builtin();
        let published = [
            ("Windows 7 Professional", "FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4"),
            ("Windows 7 Professional N", "MRPKT-YTG23-K7D7T-X2JMM-QY7MG"),
            ("Windows 7 Enterprise", "33PXH-7Y6KF-2VJC9-XBBR8-HVTHH"),
            ("Windows 7 Enterprise N", "YDRBP-3D83W-TY26F-D46B2-XCKRJ"),
            ("Windows 7 Enterprise E", "C29WB-22CC8-VJ326-GHFJW-H9DH4"),
            (
                "Windows Server 2008 R2 HPC Edition",
                "FKJQ8-TMCVP-FRMR7-4WR42-3JCD7",
            ),
            (
                "Windows Server 2008 R2 Datacenter",
                "74YFP-3QFB3-KQT8W-PMXWJ-7M648",
            ),
            (
                "Windows Server 2008 R2 Enterprise",
                "489J6-VHDMP-X63PK-3K798-CPX3Y",
            ),
            (
                "Windows Server 2008 R2 for Itanium-Based Systems",
                "GT63C-RJFQ3-4GMB6-BRFB9-CB83V",
            ),
            (
                "Windows Server 2008 R2 Standard",
                "YC6KT-GKW9T-YTKYR-T4X34-R7VHC",
            ),
            (
                "Windows Web Server 2008 R2",
                "6TPJF-RBVHG-WBW2R-86QPH-6RTM4",
            ),
        ];
        for (name, key) in published {
            let product = catalogue.product_named(name).unwrap();
            assert_eq!(product.client_setup_key.unwrap().to_string(), key);
            assert_eq!(
                catalogue.product_with_key(&key.parse().unwrap()),
                Some(product)
            );
        }
        let with_key = catalogue
            .products()
            .filter(|product| product.client_setup_key.is_some());
        assert_eq!(with_key.count(), published.len());
        let other = "BBBBB-BBBBB-BBBBB-BBBBB-BBBBB".parse().unwrap();
        assert_eq!(catalogue.product_with_key(&other), None);
    }

    #[test]
    fn office_has_keys_of_its_own() {
        let catalogue = Catalogue::builtin();
        let office = |name: &str| name.starts_with("Office ");
        for key in catalogue.host_keys() {
            let names: Vec<&str> = catalogue
                .products_activated_by(key)
                .map(|product| product.name.as_str())
                .collect();
            let all = names.iter().all(|name| office(name));
            let none = !names.iter().any(|name| office(name));
            assert!(all || none, "{}", key.id);
            assert_eq!(all, key.id.as_str().starts_with("office/"));
        }
    }
}

/// "Activate clients running Windows".
mod activate_clients_running_windows {
    use super::*;

    #[test]
    fn servers_need_a_count_of_5_and_clients_one_of_25() {
        let catalogue = Catalogue::builtin();
        let windows = catalogue
            .product_named("Windows 7 Enterprise")
            .unwrap()
            .counted_id;
        for product in catalogue
            .products()
            .filter(|product| product.counted_id == windows)
        {
            let server = product.name.contains("Server");
            let expected = if server { 5 } else { 25 };
            assert_eq!(product.threshold.machines(), expected, "{}", product.name);
        }
    }

    #[test]
    fn all_windows_clients_and_servers_are_counted_together_and_office_apart() {
        let catalogue = Catalogue::builtin();
        for product in catalogue.products() {
            let family = catalogue.family(product.counted_id).unwrap();
            let word = product.name.split(' ').next().unwrap();
            assert_eq!(family.name, word, "{}", product.name);
        }
        assert_eq!(catalogue.families().len(), 3);
    }

    #[test]
    fn an_activation_lasts_180_days_is_renewed_each_week_and_tried_every_two_hours() {
        let catalogue = Catalogue::builtin();
        let documented = catalogue
            .products()
            .filter(|product| !product.name.starts_with("Example"));
        for product in documented {
            let policy = product.policy;
            assert_eq!(policy.validity.minutes(), 180 * 24 * 60);
            assert_eq!(policy.renewal_interval.minutes(), 10_080);
            assert_eq!(policy.activation_interval.minutes(), 120);
        }
    }
}

/// "Plan for volume activation" of Office, and its page on rearming.
mod office_volume_activation {
    use super::*;

    #[test]
    fn office_needs_a_count_of_5_notifies_after_25_days_and_rearms_5_times() {
        let catalogue = Catalogue::builtin();
        let mut seen = 0;
        for product in catalogue
            .products()
            .filter(|product| product.name.starts_with("Office"))
        {
            assert_eq!(product.threshold.machines(), 5);
            assert_eq!((days(product), product.policy.rearms), ((25, 30), 5));
            seen += 1;
        }
        assert_eq!(seen, 12);
    }
}

/// "Managing License States" and the operations guide of Volume Activation 2.0.
mod managing_license_states {
    use super::*;

    #[test]
    fn grace_and_rearms_are_those_of_each_release() {
        let catalogue = Catalogue::builtin();
        for (name, grace, rearms) in [
            ("Windows Vista Business", 30, 3),
            ("Windows Vista Enterprise", 30, 5),
            ("Windows Server 2008 Standard", 60, 3),
            ("Windows Server 2008 Datacenter", 60, 3),
            ("Windows Web Server 2008", 60, 3),
            ("Windows 7 Professional", 30, 3),
            ("Windows Server 2008 R2 Standard", 30, 3),
            ("Windows 10 Enterprise", 30, 3),
            ("Windows Server 2025 Datacenter", 30, 3),
        ] {
            let product = catalogue.product_named(name).unwrap();
            assert_eq!(
                (days(product), product.policy.rearms),
                ((grace, 30), rearms),
                "{name}"
            );
        }
    }

    #[test]
    fn only_windows_vista_before_service_pack_1_reduces_its_functionality() {
        let catalogue = Catalogue::builtin();
        let reduced: Vec<&str> = catalogue
            .products()
            .filter(|product| product.policy.reduced_functionality)
            .map(|product| product.name.as_str())
            .collect();
        assert_eq!(
            reduced,
            [
                "Windows Vista Business without Service Pack",
                "Windows Vista Enterprise without Service Pack",
            ]
        );
    }
}

/// "KMS activation planning": the table of host keys from Windows Server 2012 R2 on.
mod kms_activation_planning {
    use super::*;

    /// What the keys of one row activate beyond the row below it, newest first.
    const ROWS: [(&str, &[&str]); 5] = [
        (
            "windows/server/2025",
            &[
                "Windows Server 2025 Standard",
                "Windows Server 2025 Datacenter",
                "Windows Server 2025 Datacenter: Azure Edition",
                "Windows 11 Enterprise LTSC 2024",
            ],
        ),
        (
            "windows/server/2022",
            &[
                "Windows Server 2022 Standard",
                "Windows Server 2022 Datacenter",
                "Windows Server 2022 Datacenter: Azure Edition",
                "Windows 11 Pro",
                "Windows 11 Pro for Workstations",
                "Windows 11 Education",
                "Windows 11 Enterprise",
            ],
        ),
        (
            "windows/server/2019",
            &[
                "Windows Server 2019 Standard",
                "Windows Server 2019 Datacenter",
                "Windows 10 Enterprise LTSC 2019",
                "Windows 10 Enterprise LTSC 2021",
            ],
        ),
        (
            "windows/server/2016",
            &[
                "Windows Server 2016 Standard",
                "Windows Server 2016 Datacenter",
                "Windows Server Semi-Annual Channel Standard",
                "Windows Server Semi-Annual Channel Datacenter",
                "Windows 10 Enterprise 2016 LTSB",
            ],
        ),
        (
            "windows/server/2012r2",
            &[
                "Windows Server 2012 R2 Standard",
                "Windows Server 2012 R2 Datacenter",
                "Windows Server 2012 Standard",
                "Windows Server 2012 Datacenter",
            ],
        ),
    ];

    const CLIENTS_10_AND_8: [&str; 16] = [
        "Windows 10 Pro",
        "Windows 10 Pro N",
        "Windows 10 Pro for Workstations",
        "Windows 10 Education",
        "Windows 10 Education N",
        "Windows 10 Enterprise",
        "Windows 10 Enterprise N",
        "Windows 10 Enterprise 2015 LTSB",
        "Windows 8.1 Pro",
        "Windows 8.1 Pro N",
        "Windows 8.1 Enterprise",
        "Windows 8.1 Enterprise N",
        "Windows 8 Pro",
        "Windows 8 Pro N",
        "Windows 8 Enterprise",
        "Windows 8 Enterprise N",
    ];

    fn clients_up_to_10() -> Vec<&'static str> {
        [&CLIENTS_10_AND_8[..], &CLIENTS_7, &CLIENTS_VISTA].concat()
    }

    #[test]
    fn each_servers_key_activates_what_its_row_says() {
        let catalogue = Catalogue::builtin();
        let mut expected = clients_up_to_10();
        expected.extend(SERVERS_A.into_iter().chain(SERVERS_B_2008R2));
        expected.extend(SERVERS_B_2008.into_iter().chain(SERVERS_C));
        for (key, more) in ROWS.into_iter().rev() {
            expected.extend(more);
            assert_same(&activated(&catalogue, key), expected.clone());
        }
    }

    #[test]
    fn the_key_of_windows_10_activates_only_clients_up_to_ltsb_2015() {
        let catalogue = Catalogue::builtin();
        assert_same(
            &activated(&catalogue, "windows/client-vl/10"),
            clients_up_to_10(),
        );
    }

    #[test]
    fn each_key_may_be_hosted_on_the_releases_of_its_row_except_azure_edition() {
        let catalogue = Catalogue::builtin();
        let rows: [(&str, &[&str]); 6] = [
            (
                "windows/server/2025",
                &["Server 2025", "Server 2022", "Server 2019"],
            ),
            (
                "windows/server/2022",
                &["Server 2022", "Server 2019", "Server 2016"],
            ),
            (
                "windows/server/2019",
                &["Server 2019", "Server 2016", "Server 2012 R2"],
            ),
            (
                "windows/server/2016",
                &["Server 2016", "Server 2012 R2", "Server 2012"],
            ),
            (
                "windows/server/2012r2",
                &["Server 2012 R2", "Server 2012", "Server 2008 R2"],
            ),
            ("windows/client-vl/10", &["10", "8.1", "7"]),
        ];
        for (key, releases) in rows {
            for product in catalogue.products() {
                let release = release(&product.name);
                let expected = releases.contains(&release.as_str())
                    && !product.name.ends_with("Azure Edition");
                let found = catalogue.may_host(&product.name, key);
                assert_eq!(found, Ok(expected), "{} as host of {key}", product.name);
                assert_eq!(product.may_host.contains(key), expected);
            }
        }
    }

    /// Which release a product belongs to, read from its name alone.
    fn release(name: &str) -> String {
        let name = name.trim_start_matches("Windows ");
        let name = name
            .replace("Web Server", "Server")
            .replace("HPC Server", "Server");
        let words: Vec<&str> = name.split(' ').collect();
        match words[..] {
            ["Server", year, "R2", ..] => format!("Server {year} R2"),
            ["Server", year, ..] => format!("Server {year}"),
            [first, ..] => first.to_owned(),
            [] => String::new(),
        }
    }

    #[test]
    fn a_key_of_clients_cannot_be_hosted_on_a_server() {
        let catalogue = Catalogue::builtin();
        for product in catalogue
            .products()
            .filter(|product| product.name.contains("Server"))
        {
            assert_eq!(
                catalogue.may_host(&product.name, "windows/client-vl/10"),
                Ok(false)
            );
        }
    }
}
