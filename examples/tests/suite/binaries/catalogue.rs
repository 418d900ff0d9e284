//! The built-in catalogue as it is listed, and a vendor's own.

use crate::support::{AUTHORITY, Folder, HOST};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_catalogue_is_listed_with_everything_that_a_planner_needs() {
    let folder = Folder::new();
    let listing = folder.run(HOST, "catalogue --json").await.exits(0).json();
    let products = listing["products"].as_array().unwrap();
    let host_keys = listing["host_keys"].as_array().unwrap();
    assert!(
        products.len() >= 40 && host_keys.len() >= 10,
        "{} and {}",
        products.len(),
        host_keys.len()
    );

    for field in ["name", "activation_id"] {
        let values: BTreeSet<&str> = products
            .iter()
            .map(|p| p[field].as_str().unwrap())
            .collect();
        assert_eq!(values.len(), products.len(), "{field} stands twice");
    }
    let ids: BTreeSet<&str> = host_keys
        .iter()
        .map(|k| k["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), host_keys.len());

    let groups: BTreeSet<&str> = products
        .iter()
        .map(|p| p["group"].as_str().unwrap())
        .collect();
    for key in host_keys {
        let activates: Vec<&str> = key["activates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|g| g.as_str().unwrap())
            .collect();
        assert!(activates.contains(&key["id"].as_str().unwrap()), "{key}");
        for group in activates {
            assert!(groups.contains(group), "{group} has no product: {key}");
        }
    }
    // Thresholds are 5 for servers and 25 for clients; Office and vendors have their own.
    for product in products {
        let (name, threshold) = (product["name"].as_str().unwrap(), &product["threshold"]);
        if name.starts_with("Windows Server") {
            assert_eq!(threshold, 5, "{name}");
        } else if name.starts_with("Windows 7") || name.starts_with("Windows Vista") {
            assert_eq!(threshold, 25, "{name}");
        }
        for id in ["application_id", "activation_id", "counted_id"] {
            let id = product[id].as_str().unwrap();
            assert!(id.parse::<kms_core::ActivationId>().is_ok(), "{name}: {id}");
        }
    }
    let table = folder.run(HOST, "catalogue").await.exits(0);
    for product in products {
        assert!(
            table.stdout.contains(product["name"].as_str().unwrap()),
            "{product}"
        );
    }
}

/// What a vendor writes: two editions, counted together, of which the suite's key covers both.
const VENDOR: &str = r#"
[[application]]
name = "Acme Draw"

[[family]]
name = "Acme"

[[group]]
id = "acme/draw/1"
title = "Acme Draw 1"
application = "Acme Draw"
family = "Acme"
threshold = 2

[[product]]
name = "Acme Draw 1"
group = "acme/draw/1"

[[group]]
id = "acme/suite/1"
title = "Acme Suite 1"
includes = ["acme/draw/1"]
application = "Acme Draw"
family = "Acme"
threshold = 3

[[product]]
name = "Acme Suite 1"
group = "acme/suite/1"
"#;

#[tokio::test]
async fn a_vendors_own_catalogue_serves_authority_host_and_client() {
    let folder = Folder::new();
    folder.write("acme.toml", VENDOR);
    folder
        .run(AUTHORITY, "init --dir ca --name Acme")
        .await
        .exits(0);
    let certify = "certify --dir ca --host-key acme/draw/1 --name kms1.acme.test --out kms1";
    // The built-in catalogue knows nothing of it.
    folder
        .run(AUTHORITY, certify)
        .await
        .exits(2)
        .complains(&["no host key \"acme/draw/1\""]);
    folder
        .run(AUTHORITY, &format!("{certify} --catalogue acme.toml"))
        .await
        .exits(0);
    folder.write(
        "host.toml",
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\ncatalogue = \"acme.toml\"\n\
         [admission]\npolicy = \"compat\"\n",
    );
    let listing = folder
        .run(HOST, "catalogue --json --config host.toml")
        .await
        .exits(0)
        .json();
    assert_eq!(listing["products"][0]["name"], "Acme Draw 1");
    assert_eq!(listing["host_keys"].as_array().unwrap().len(), 2);

    let host = folder.serve().await;
    let lines = format!("catalogue = \"acme.toml\"\nhost = \"{}\"\n", host.address);
    for (name, product) in [
        ("draw1", "Acme Draw 1"),
        ("draw2", "acme draw 1"),
        ("suite", "Acme Suite 1"),
    ] {
        folder.client_with(name, product, &lines);
    }
    folder
        .activate("draw1")
        .await
        .exits(3)
        .says(&["the host counts 1, this product needs 2"]);
    folder
        .activate("draw2")
        .await
        .exits(0)
        .says(&["Acme Draw 1: activated", "count 2"]);
    // The suite is above the host's key, and what the host's own catalogue lacks is unknown to it.
    folder
        .activate("suite")
        .await
        .exits(1)
        .says(&["0xC004F042"]);
    folder.client("windows", crate::support::SERVER, host.address);
    folder
        .activate("windows")
        .await
        .exits(1)
        .says(&["0xC004F042"]);
}
