//! `client dns-audit`: what it prints, its JSON, and its exit codes.

use crate::support::{CLIENT, Folder, RunningHost, SERVER, names};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};
use kms_testkit::dns::{DnsConfig, DnsServer, Record, RecordData, TsigSecret, Zone};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const DOMAIN: &str = "contoso.test";
const SERVICE: &str = "_vlmcs._tcp.contoso.test";

/// A host that serves, the zone in which it is published with other records, and its DNS server.
struct Site {
    folder: Folder,
    host: RunningHost,
    dns: DnsServer,
}

impl Site {
    async fn new(others: &[(u16, &str)], tsig: Option<TsigSecret>) -> Self {
        let folder = Folder::with_host().await;
        let host = folder.serve().await;
        let own = (host.address.port(), "kms1.contoso.test");
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut zone = Zone::new(DOMAIN).with_address("kms1.contoso.test", loopback);
        let published = others.iter().chain([&own]);
        zone.records.extend(published.map(|&(port, target)| Record {
            name: SERVICE.to_owned(),
            ttl: 3600,
            data: RecordData::Srv {
                priority: 0,
                weight: 0,
                port,
                target: target.to_owned(),
            },
        }));
        let dns = DnsServer::start(DnsConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            zones: vec![zone],
            tsig,
        })
        .await
        .unwrap();
        Self { folder, host, dns }
    }

    /// The command line with only the root.
    fn arguments(&self, more: &str) -> String {
        format!(
            "dns-audit --root ca/root.pem --allow-loopback --nameserver {} {more}",
            self.dns.address()
        )
    }

    async fn audit(&self, more: &str) -> crate::support::Outcome {
        self.folder.run(CLIENT, &self.arguments(more)).await
    }
}

#[tokio::test]
async fn a_sound_domain_needs_only_the_root_and_ends_with_0() {
    let site = Site::new(&[], None).await;
    let published = format!("kms1.contoso.test:{}", site.host.address.port());
    let outcome = site.audit(DOMAIN).await.exits(0).says(&[
        &published,
        "sound",
        "windows/server-b/2008r2",
        "1 domain, 1 host: 0 errors, 0 warnings, 0 notes",
    ]);
    assert_eq!(outcome.stderr, "");
    let audit = site.audit("contoso.test --json").await.exits(0).json();
    assert_eq!(
        (&audit["result"], &audit["errors"], &audit["findings"]),
        (&json!("ok"), &json!(0), &json!([]))
    );
    let record = &audit["domains"][0]["records"][0];
    assert_eq!(
        (&record["target"], &record["ttl"], &record["host"]),
        (&json!("kms1.contoso.test"), &json!(3600), &json!(published))
    );
    let address = &audit["hosts"][0]["addresses"][0];
    assert_eq!(address["state"], "sound");
    assert_eq!(address["certificate"]["name"], "kms1.contoso.test");
    assert!(address["connect_ms"].is_u64() && audit["hosts"][0]["asked"].is_null());
    // Nobody was counted, and nothing was made.
    assert!(
        !names(&site.folder.path(""))
            .iter()
            .any(|name| name.contains("state"))
    );
    let status = site
        .folder
        .run(crate::support::HOST, "--config host.toml status --json");
    let status = status.await.exits(0).json();
    assert_eq!(status["requests"]["total"], 0, "{status}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do_and_ends_with_1() {
    let site = Site::new(&[(1688, "old.contoso.test")], None).await;
    site.audit("contoso.test empty.contoso.test --known kms1.contoso.test")
        .await
        .exits(1)
        .says(&[
            "error: name-unresolved: old.contoso.test:1688",
            "remove its SRV record",
            "error: no-such-name: empty.contoso.test",
            "clients show: 0x8007232B",
            "warning: unknown-host: old.contoso.test:1688",
            "2 domains, 2 hosts: 2 errors, 1 warning, 0 notes",
        ]);
    site.folder.write(
        "known.txt",
        "# ours\nkms1.contoso.test\n\nkms9.contoso.test # to come\n",
    );
    let audit = site
        .audit("contoso.test --json --known-file known.txt")
        .await
        .exits(1)
        .json();
    let codes: Vec<(&Value, &Value, &Value)> = audit["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (&finding["severity"], &finding["code"], &finding["host"]))
        .collect();
    let old = json!("old.contoso.test:1688");
    assert_eq!(
        codes,
        [
            (&json!("error"), &json!("name-unresolved"), &old),
            (&json!("warning"), &json!("unknown-host"), &old),
            (
                &json!("warning"),
                &json!("not-published"),
                &json!("kms9.contoso.test")
            ),
        ]
    );
    assert_eq!(audit["findings"][0]["status"], "0x8007232B");
}

#[tokio::test]
async fn a_client_asks_with_its_own_product_and_state_and_is_counted_only_then() {
    let site = Site::new(&[], None).await;
    site.folder.client("one", SERVER, site.host.address);
    let audit = |more: &str| {
        let server = site.dns.address();
        format!(
            "--config one.toml dns-audit --allow-loopback --nameserver {server} {DOMAIN} {more}"
        )
    };
    site.folder
        .run(CLIENT, &audit("--ask"))
        .await
        .exits(2)
        .complains(&["--ask: one.toml: ", "activate this client once"]);
    assert!(!site.folder.path("one.state").exists());

    site.folder.activate("one").await.exits(3);
    let before = site.folder.read("one.state");
    site.folder
        .run(CLIENT, &audit("--ask"))
        .await
        .exits(0)
        .says(&[
            "1 of 5",
            "note: count-too-low",
            "0 errors, 0 warnings, 1 note",
        ]);
    let asked = site.folder.run(CLIENT, &audit("--ask --json")).await;
    let asked = asked.exits(0).json();
    let answer = &asked["hosts"][0]["asked"];
    assert_eq!(
        (&answer["result"], &answer["count"], &answer["needed"]),
        (&json!("count-too-low"), &json!(1), &json!(5))
    );
    assert!(answer["clock_offset_ms"].is_i64(), "{answer}");
    assert_eq!(site.folder.read("one.state"), before);
}

#[tokio::test]
async fn what_cannot_be_used_is_named_and_ends_with_2() {
    let folder = Folder::with_host().await;
    folder.write("odd.txt", "kms1.contoso.test\nkms 2\n");
    folder.write("empty.txt", "# nobody\n");
    let many: Vec<String> = (0..65).map(|n| format!("d{n}.test")).collect();
    let many = format!(
        "--root ca/root.pem --nameserver 127.0.0.1:1 {}",
        many.join(" ")
    );
    for (arguments, wanted) in [
        ("contoso.test", "--root FILE"),
        ("--root none.pem contoso.test", "none.pem"),
        ("--root host.toml contoso.test", "--root: host.toml: "),
        (
            "--root ca/root.pem --ask contoso.test",
            "--ask: --config FILE",
        ),
        (
            "--root ca/root.pem --primary 192.0.2.53 contoso.test",
            "--try-update",
        ),
        (
            "--root ca/root.pem --nameserver dns contoso.test",
            "an IP address is wanted",
        ),
        ("--root ca/root.pem a..test", "a..test"),
        (
            "--root ca/root.pem --known :1688 contoso.test",
            "a host is missing",
        ),
        (
            "--root ca/root.pem --known-file odd.txt a.test",
            "odd.txt: line 2: \"kms 2\"",
        ),
        (
            "--root ca/root.pem --known-file empty.txt a.test",
            "names no host",
        ),
        ("--root ca/root.pem --host-timeout 0 a.test", "1..=600"),
        (&many, "65 domains are too many"),
    ] {
        folder
            .run(CLIENT, &format!("dns-audit {arguments}"))
            .await
            .exits(2)
            .complains(&[wanted]);
    }
}

#[tokio::test]
async fn a_zone_that_wants_signed_updates_is_sound_and_nothing_of_it_changes() {
    let secret = TsigSecret {
        name: "kms-hosts".to_owned(),
        secret: vec![7; 32],
    };
    for tsig in [Some(secret), None] {
        let site = Site::new(&[], tsig).await;
        let primary = site.dns.address();
        let more = format!("{DOMAIN} --try-update --primary {primary}");
        site.audit(&more).await.exits(0).says(&[&format!(
            "zone contoso.test at {primary} refuses unsigned updates (REFUSED)"
        )]);
        let records = site.dns.records(SERVICE, kms_testkit::dns::RecordType::Srv);
        assert_eq!(records.await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_zone_that_takes_unsigned_updates_is_an_error_with_the_remedy() {
    let site = Site::new(&[], None).await;
    let updates = Arc::new(AtomicUsize::new(0));
    let open = open_primary(site.dns.address(), Arc::clone(&updates)).await;
    // Not unless it is asked for.
    site.audit(DOMAIN).await.exits(0);
    assert_eq!(updates.load(Ordering::SeqCst), 0);
    let more = format!("{DOMAIN} --try-update --primary {open}");
    site.audit(&more).await.exits(1).says(&[
        "error: unsigned-updates: contoso.test",
        "update-policy",
        &format!("at {open} takes unsigned updates (NOERROR)"),
    ]);
    assert_eq!(updates.load(Ordering::SeqCst), 2);
    let audit = site.audit(&format!("{more} --json")).await.exits(1).json();
    let update = &audit["domains"][0]["update"];
    assert_eq!(
        (&update["result"], &update["zone"], &update["server"]),
        (&json!("accepted"), &json!(DOMAIN), &json!(open.to_string()))
    );
}

/// A server over TCP that says NOERROR to every update, and hands everything else to another.
async fn open_primary(server: SocketAddr, updates: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Ok(message) = read_message(&mut stream).await else {
                continue;
            };
            let is_update = message[2] >> 3 & 0xF == 5;
            let answer = if is_update {
                updates.fetch_add(1, Ordering::SeqCst);
                accepted(&message)
            } else {
                let mut server = TcpStream::connect(server).await.unwrap();
                write_message(&mut server, &message).await;
                read_message(&mut server).await.unwrap()
            };
            write_message(&mut stream, &answer).await;
        }
    });
    address
}

/// The header as an answer with code 0, and the zone section alone (RFC 2136 section 2.2).
fn accepted(update: &[u8]) -> Vec<u8> {
    const HEADER: usize = 12;
    let name = update[HEADER..].iter().position(|&byte| byte == 0).unwrap() + 1;
    let mut answer = update[..HEADER + name + 4].to_vec();
    answer[2] |= 0x80;
    answer[3] &= 0xF0;
    answer[6..HEADER].fill(0);
    answer
}

async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_message(stream: &mut TcpStream, message: &[u8]) {
    let len = u16::try_from(message.len()).unwrap();
    stream
        .write_all(&[&len.to_be_bytes(), message].concat())
        .await
        .unwrap();
}
