//! What was published, read back by programs of others: transfers, dnspython, `named-checkzone`.

use super::{
    bind, dig,
    primary::{Kind, Shared},
    publishing::PublishingHost,
};
use crate::support::{command, run};
use serde_json::json;
use std::{fs, path::Path};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/suite/dns_servers/read_back.py"
);

super::on_each_server! {
    a_zone_transfer_carries_what_was_published
    dnspython_reads_the_fields_that_were_published
    named_checkzone_finds_the_transferred_zone_sound
}

/// Two hosts of different fields, both addresses' families among them.
async fn two_hosts(server: &Shared, zone: &str) -> [PublishingHost; 2] {
    let mut one = PublishingHost::new(server.address, zone, "kms1")
        .with_addresses(&["10.1.2.3", "2001:db8::3"]);
    (one.priority, one.weight, one.port) = (10, 75, 1700);
    let mut two = PublishingHost::new(server.address, zone, "kms2").with_addresses(&["10.1.2.4"]);
    (two.priority, two.weight, two.port) = (u16::MAX, u16::MAX, u16::MAX);
    for host in [&one, &two] {
        assert_eq!(host.publish().await, format!("12294 {zone}"));
    }
    [one, two]
}

async fn transferred(server: &Shared, zone: &str) -> String {
    let outcome = dig::dig(server.address, &format!("{zone} AXFR +noall +answer")).await;
    outcome.exits(0).stdout
}

async fn a_zone_transfer_carries_what_was_published(server: Shared) {
    let zone = server.zone();
    let [one, two] = two_hosts(&server, &zone).await;
    let text = transferred(&server, &zone).await;
    let mut wanted = [one.srv(), two.srv()];
    wanted.sort();
    assert_eq!(dig::contents(&text, "SRV"), wanted);
    assert_eq!(dig::contents(&text, "AAAA"), ["2001:db8::3"]);
    // The third is the name server's own.
    assert_eq!(
        dig::contents(&text, "A"),
        ["10.1.2.3", "10.1.2.4", "127.0.0.1"]
    );
    one.withdraw().await;
    let text = transferred(&server, &zone).await;
    assert_eq!(dig::contents(&text, "SRV"), [two.srv()]);
    assert_eq!(dig::contents(&text, "A"), ["10.1.2.4", "127.0.0.1"]);
}

async fn dnspython_reads_the_fields_that_were_published(server: Shared) {
    let zone = server.zone();
    let [one, two] = two_hosts(&server, &zone).await;
    let read = read_back(&server, &zone).await;
    assert_eq!(
        read,
        json!({ "ttl": 3600, "hosts": [
            {
                "priority": 10, "weight": 75, "port": 1700,
                "target": format!("{}.", one.name()),
                "addresses": ["10.1.2.3", "2001:db8::3"],
            },
            {
                "priority": 65535, "weight": 65535, "port": 65535,
                "target": format!("{}.", two.name()),
                "addresses": ["10.1.2.4"],
            },
        ]})
    );
    for host in [one, two] {
        host.withdraw().await;
    }
    let read = read_back(&server, &zone).await;
    assert_eq!(read, json!({ "ttl": null, "hosts": [] }));
}

async fn read_back(server: &Shared, zone: &str) -> serde_json::Value {
    // Debian builds dnspython for its own Python.
    let mut python = command("/usr/bin/python3");
    python
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("PYTHONPATH")
        .arg(SCRIPT)
        .arg(server.address.ip().to_string())
        .arg(server.address.port().to_string())
        .args([zone, &format!("_vlmcs._tcp.{zone}")]);
    let outcome = run(python).await;
    assert!(
        !outcome.stderr.contains("ModuleNotFoundError"),
        "apt-get install python3-dnspython: {outcome}"
    );
    outcome.exits(0).json()
}

async fn named_checkzone_finds_the_transferred_zone_sound(server: Shared) {
    let zone = server.zone();
    two_hosts(&server, &zone).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    // A transfer ends with the SOA record that it begins with.
    let text = transferred(&server, &zone).await;
    let (text, _) = text.trim_end().rsplit_once('\n').unwrap();
    fs::write(&path, format!("{text}\n")).unwrap();
    check_zone(&zone, &path).await;
}

/// With everything that it can look into taken for an error.
async fn check_zone(zone: &str, path: &Path) {
    let mut check = command("named-checkzone");
    check
        .args([
            "-i",
            "full-sibling",
            "-k",
            "fail",
            "-m",
            "fail",
            "-n",
            "fail",
            "-r",
            "fail",
            "-S",
            "fail",
        ])
        .arg(zone)
        .arg(path);
    run(check).await.exits(0).says(&["OK"]);
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, bind9-utils"]
async fn the_zone_file_that_bind_writes_is_sound_and_has_the_hosts() {
    let server = Kind::Bind.shared().await;
    let zone = server.zone();
    let [one, two] = two_hosts(&server, &zone).await;
    bind::rndc(&server, &format!("sync -clean {zone}"))
        .await
        .exits(0);
    let path = server.file(&format!("{zone}.zone"));
    check_zone(&zone, &path).await;
    let text = fs::read_to_string(&path).unwrap();
    for host in [one, two] {
        let name = host.name().strip_suffix(&format!(".hosts.{zone}")).unwrap();
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, bind9-utils"]
async fn a_key_file_as_tsig_keygen_writes_it_is_used_as_it_is() {
    let server = Kind::Bind.shared().await;
    let zone = server.zone();
    let text = fs::read_to_string(server.file(bind::GENERATED)).unwrap();
    let host = PublishingHost::new(server.address, &zone, "kms1").with_key_file(&text);
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    assert_eq!(server.srv(&zone).await, [host.srv()]);
}
