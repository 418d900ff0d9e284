//! A host that publishes itself, and clients that find it.

use crate::support::{CLIENT, Folder, HOST};
use data_encoding::BASE64;
use kms_testkit::dns::{DnsConfig, DnsServer, RecordData, RecordType, TsigSecret, Zone};
use std::{fs, os::unix::fs::PermissionsExt};

const DOMAIN: &str = "contoso.test";
const SECRET: &[u8] = &[7; 32];
/// A product of a vendor with threshold 2, so that two machines are enough.
const PRODUCT: &str = "Example Render Farm 3";

async fn dns() -> DnsServer {
    DnsServer::start(DnsConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        zones: vec![Zone::new(DOMAIN)],
        tsig: Some(TsigSecret {
            name: "kms-hosts".to_owned(),
            secret: SECRET.to_vec(),
        }),
    })
    .await
    .unwrap()
}

/// A host for [`PRODUCT`] that publishes with this secret.
async fn publishing_host(dns: &DnsServer, secret: &[u8]) -> Folder {
    let folder = Folder::with_host().await;
    folder
        .run(
            crate::support::AUTHORITY,
            "certify --dir ca --host-key example/studio/3 --name kms2.contoso.test --out kms2",
        )
        .await
        .exits(0);
    folder.write(
        "tsig.key",
        &format!(
            "key \"kms-hosts\" {{\n  algorithm hmac-sha256;\n  secret \"{}\";\n}};\n",
            BASE64.encode(secret)
        ),
    );
    fs::set_permissions(folder.path("tsig.key"), fs::Permissions::from_mode(0o600)).unwrap();
    folder.write(
        "host.toml",
        &format!(
            "listen = \"127.0.0.1:0\"\nidentity = \"kms2\"\n\
             [admission]\npolicy = \"compat\"\n\
             [dns]\nserver = \"{}\"\nkey_file = \"tsig.key\"\ndomains = [\"{DOMAIN}, 10, 75\"]\n",
            dns.address()
        ),
    );
    folder
}

#[tokio::test]
async fn a_host_publishes_itself_and_clients_find_it_by_its_domain() {
    let dns = dns().await;
    let folder = publishing_host(&dns, SECRET).await;
    folder.run(HOST, "--config host.toml check").await.exits(0);
    let mut host = folder.serve().await;
    host.logs("id=12294").await;

    let records = dns
        .records("_vlmcs._tcp.contoso.test", RecordType::Srv)
        .await
        .unwrap();
    let [record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(
        record.data,
        RecordData::Srv {
            priority: 10,
            weight: 75,
            port: host.address.port(),
            target: "kms2.contoso.test".to_owned(),
        }
    );
    let lines = format!(
        "domains = [\"{DOMAIN}\"]\nnameserver = \"{}\"\nallow_loopback = true\n",
        dns.address()
    );
    for name in ["one", "two"] {
        folder.client_with(name, PRODUCT, &lines);
    }
    folder.activate("one").await.exits(3).says(&["0xC004F038"]);
    let published = format!("kms2.contoso.test:{}", host.address.port());
    folder
        .activate("two")
        .await
        .exits(0)
        .says(&[&format!("activated by {published}")]);
    let status = folder.status("two").await;
    assert_eq!(
        (&status["license_status"], &status["host"]),
        (&1.into(), &published.clone().into())
    );
    folder
        .run(CLIENT, "--config two.toml status")
        .await
        .exits(0)
        .says(&[&format!("KMS machine name from DNS: {published}")]);

    // A stop is no departure: the record stays, and whoever follows it is told what to do.
    host.stop().await;
    folder.activate("two").await.exits(1).says(&[
        &format!("tried {published}: 0x800706BA"),
        "0xC004F074",
        "remove SRV records of hosts that are gone",
    ]);
    let records = dns
        .records("_vlmcs._tcp.contoso.test", RecordType::Srv)
        .await
        .unwrap();
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn a_host_whose_updates_are_refused_says_so_and_serves() {
    let dns = dns().await;
    let folder = publishing_host(&dns, &[8; 32]).await;
    let mut host = folder.serve().await;
    host.logs("id=12293").await;
    let records = dns
        .records("_vlmcs._tcp.contoso.test", RecordType::Srv)
        .await
        .unwrap();
    assert!(records.is_empty(), "{records:?}");
    folder.client("one", PRODUCT, host.address);
    folder.activate("one").await.exits(3);
    host.stop().await;
}

#[tokio::test]
async fn a_domain_without_a_host_is_told_apart_from_a_name_server_without_an_answer() {
    let dns = dns().await;
    let folder = Folder::with_host().await;
    let lines = format!(
        "domains = [\"{DOMAIN}\"]\nnameserver = \"{}\"\n",
        dns.address()
    );
    folder.client_with("one", PRODUCT, &lines);
    let outcome = folder.activate("one").await.exits(1).says(&[
        &format!("looked up _vlmcs._tcp.{DOMAIN}: 0x8007232B "),
        ": the DNS name does not exist",
    ]);
    assert!(outcome.stdout.contains("what to do: "), "{outcome}");
    let empty = folder
        .run(CLIENT, "--config one.toml activate --json")
        .await
        .exits(1)
        .json();
    assert_eq!(empty["code"], "0x8007232B", "{empty}");
    let lookups = empty["lookups"].as_array().unwrap();
    assert_eq!(lookups.len(), 1, "{empty}");
    assert_eq!(lookups[0]["name"], format!("_vlmcs._tcp.{DOMAIN}"));
    assert_eq!(lookups[0]["code"], "0x8007232B");
    folder
        .run(CLIENT, "--config one.toml status")
        .await
        .exits(0)
        .says(&["DNS auto-discovery: KMS name not available"]);
}
