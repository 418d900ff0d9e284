//! `host status`, beside a host and after it.

use crate::{
    peer::Peer,
    support::{Folder, HOST, SERVER},
};
use kms_core::{Cmid, LicenseStatus, SeededEntropy};
use kms_keys::Catalogue;

/// One machine asks for what the host's key does not cover; then five ask, the first of them twice.
pub(crate) async fn asked(host: core::net::SocketAddr) {
    let catalogue = Catalogue::builtin();
    let product = catalogue.product_named(SERVER).unwrap();
    let other = catalogue
        .product_named("Windows Server 2012 R2 Standard")
        .unwrap();
    // First: nobody waits until a refusal is kept, but an answer is given when all before it are.
    let mut peer = Peer::connect(host).await.unwrap();
    let said = peer.ask(other, cmid(6), LicenseStatus::Unlicensed).await;
    assert!(
        matches!(said, Ok(crate::peer::Said::Refused(_))),
        "{said:?}"
    );
    for (machine, status) in [
        (1, LicenseStatus::OobGrace),
        (2, LicenseStatus::OobGrace),
        (3, LicenseStatus::OotGrace),
        (4, LicenseStatus::Notification),
        (5, LicenseStatus::ExtendedGrace),
        (1, LicenseStatus::Licensed),
    ] {
        let mut peer = Peer::connect(host).await.unwrap();
        peer.ask(product, cmid(machine), status)
            .await
            .unwrap()
            .count();
    }
}

pub(crate) fn cmid(machine: u64) -> Cmid {
    Cmid::random(&mut SeededEntropy::new(machine))
}

/// The lines with their order: each must stand behind the one before.
fn in_order(text: &str, lines: &[&str]) {
    let mut rest = text.lines();
    for line in lines {
        assert!(
            rest.any(|l| l == *line),
            "{line:?} is missing or misplaced in:\n{text}"
        );
    }
}

#[tokio::test]
async fn the_documented_lines_stand_in_the_documented_order() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    asked(host.address).await;
    let port = format!("    Listening on Port: {}", host.address.port());
    let short = folder
        .run(HOST, "--config host.toml status")
        .await
        .exits(0)
        .stdout;
    in_order(
        &short,
        &[
            "Name: kms1.contoso.test",
            "License Status: Licensed",
            "Key Management Service is enabled on this machine",
            "    Current count: 5",
            &port,
            "    DNS publishing disabled",
            "    KMS priority: Normal",
            "Key Management Service cumulative requests received from clients",
            "    Total requests received: 7",
            "    Failed requests received: 1",
            "    Requests with License Status Unlicensed: 1",
            "    Requests with License Status Licensed: 1",
            "    Requests with License Status Initial grace period: 2",
            "    Requests with License Status License expired or Hardware out of tolerance: 1",
            "    Requests with License Status Non-genuine grace period: 0",
            "    Requests with License Status Notification: 1",
        ],
    );
    assert!(
        !short.contains("Extended grace"),
        "the documents have no such line"
    );
    assert!(short.contains("Volume activation expiration: "), "{short}");

    let long = folder
        .run(HOST, "--config host.toml status --detail")
        .await
        .exits(0)
        .stdout;
    in_order(
        &long,
        &[
            &format!(
                "Software licensing service version: {}",
                env!("CARGO_PKG_VERSION")
            ),
            "Name: kms1.contoso.test",
            "Product Key Channel: Volume:CSVLK",
            "License Status: Licensed",
            "Key Management Service is enabled on this machine",
            "    Current count: 5",
            "    Activation interval: 120 minutes",
            "    Renewal interval: 10080 minutes",
            "    Total requests received: 7",
            "    Requests with License Status Extended grace period: 1",
            "Windows",
            "    Current count: 5",
            "    Activation threshold: 5",
            "    Kept at most: 10",
            "    Total requests received: 6",
        ],
    );
    host.stop().await;
}

#[tokio::test]
async fn the_same_is_told_in_json_and_after_the_host_ended() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    let status = "--config host.toml status --json";
    let fresh = folder.run(HOST, status).await.exits(0).json();
    assert_eq!(
        fresh["current_count"], -1,
        "as documented before the first request"
    );
    asked(host.address).await;
    let running = folder.run(HOST, status).await.exits(0).json();
    assert_eq!(running["running"], true);
    assert_eq!(running["state"], "serving");
    assert_eq!(running["pid"], host.child.id());
    assert_eq!(running["license_status"], 1);
    assert_eq!(running["current_count"], 5);
    assert_eq!(running["requests"]["total"], 7);
    assert_eq!(running["requests"]["extended_grace_period"], 1);
    assert_eq!(running["families"][0]["current_count"], 5);
    host.stop().await;

    let stopped = folder.run(HOST, status).await.exits(0).json();
    assert_eq!(
        (&stopped["running"], &stopped["state"]),
        (&false.into(), &"stopped".into())
    );
    assert_eq!(stopped["requests"], running["requests"]);
    folder
        .run(HOST, "--config host.toml status")
        .await
        .exits(0)
        .says(&["not running on this machine: it was stopped"]);

    let host = folder.serve().await;
    host.kill().await;
    folder
        .run(HOST, "--config host.toml status")
        .await
        .exits(0)
        .says(&[
            "it ended without saying so while serving",
            "Current count: 5",
        ]);
}

#[tokio::test]
async fn a_products_family_is_shown_alone() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    asked(host.address).await;
    let mut command = folder.command(HOST, "--config host.toml status --json");
    command.arg("Example Render Farm 3");
    let other = crate::support::run(command).await.exits(0).json();
    assert_eq!(other["product"]["current_count"], -1);
    assert_eq!(other["product"]["covered"], false);
    let mut command = folder.command(HOST, "--config host.toml status");
    command.arg(SERVER);
    crate::support::run(command).await.exits(0).says(&[
        &format!("Product: {SERVER}"),
        "Current count: 5",
        "cumulative requests for Windows received from clients",
    ]);
    folder
        .run(HOST, "--config host.toml status all")
        .await
        .exits(0)
        .says(&["\nWindows\n"]);
    folder
        .run(HOST, "--config host.toml status Windws")
        .await
        .exits(64)
        .complains(&["Windws"]);
    host.stop().await;
}

#[tokio::test]
async fn without_a_store_there_is_nothing_to_show() {
    let folder = Folder::with_host().await;
    for command in [
        "status",
        "events",
        "clients",
        "duplicates",
        "set",
        "backup copy",
        "repair",
    ] {
        let outcome = folder
            .run(HOST, &format!("--config host.toml {command}"))
            .await;
        outcome.exits(66).complains(&["host.db: there is no store"]);
    }
    folder.write(
        "host.toml",
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n[store]\ndurability = \"memory\"\n",
    );
    for command in [
        "status",
        "events",
        "clients",
        "duplicates",
        "set",
        "backup copy",
        "repair",
    ] {
        let outcome = folder
            .run(HOST, &format!("--config host.toml {command}"))
            .await;
        outcome.exits(69).complains(&["durability = \"memory\""]);
    }
}
