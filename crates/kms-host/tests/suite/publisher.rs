//! Publishing by signed updates, against a DNS server.

use crate::{
    dns_front::Front,
    fixture::{Fixture, private},
    peer::soon,
};
use core::{net::SocketAddr, slice::from_ref};
use kms_core::{Now, StatusCode, Tick, Timestamp};
use kms_host::{DnsConfig, HostEvent, Publisher};
use kms_service::{OsEntropy, SystemClock};
use kms_testkit::{
    clock::ManualClock,
    dns::{self, DnsServer, RecordData, RecordType, TsigSecret, Zone},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

/// "a secret of thirty-two bytes, ok"
pub(crate) const SECRET: &str = "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s=";
const OTHER_SECRET: &str = "YW5vdGhlciBvbmUgb2YgdGhpcnR5LXR3byBieXRlcyE=";
pub(crate) const LISTENING: &str = "10.1.2.3:1688";

fn key_file(name: &str, secret: &str) -> String {
    format!("key \"{name}\" {{\n  algorithm hmac-sha256;\n  secret \"{secret}\";\n}};\n")
}

pub(crate) async fn dns_server(zones: &[&str]) -> DnsServer {
    dns_server_of(zones.iter().map(|&zone| Zone::new(zone)).collect()).await
}

pub(crate) async fn dns_server_of(zones: Vec<Zone>) -> DnsServer {
    let secret = b"a secret of thirty-two bytes, ok".to_vec();
    let name = "kms-hosts".to_owned();
    DnsServer::start(dns::DnsConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        zones,
        tsig: Some(TsigSecret { name, secret }),
    })
    .await
    .unwrap()
}

/// The `[dns]` table of a host.
pub(crate) fn dns_config(fixture: &Fixture, server: SocketAddr, more: &str) -> DnsConfig {
    let table = format!("[dns]\nserver = \"{server}\"\nkey_file = \"kms.key\"\n{more}");
    fixture.config(&table).dns.unwrap()
}

pub(crate) fn publisher(
    fixture: &Fixture,
    server: SocketAddr,
    listening: &str,
    more: &str,
) -> Publisher {
    let config = dns_config(fixture, server, more);
    Publisher::new(
        &config,
        &[listening.parse().unwrap()],
        Some("kms1.contoso.test"),
    )
    .unwrap()
}

pub(crate) fn with_key() -> Fixture {
    let fixture = Fixture::new();
    private(
        fixture.folder.path(),
        "kms.key",
        &key_file("kms-hosts", SECRET),
    );
    fixture
}

pub(crate) async fn published(publisher: &Publisher) -> Vec<String> {
    let events = soon(publisher.publish(&SystemClock, &mut OsEntropy)).await;
    events
        .iter()
        .map(|event| format!("{} {event}", event.id()))
        .collect()
}

/// What the server has under a name.
pub(crate) async fn records(
    server: &DnsServer,
    name: &str,
    kind: RecordType,
) -> Vec<(u32, RecordData)> {
    let mut records = server.records(name, kind).await.unwrap();
    records.sort();
    records
        .into_iter()
        .map(|record| (record.ttl, record.data))
        .collect()
}

pub(crate) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RecordData {
    let target = target.to_owned();
    RecordData::Srv {
        priority,
        weight,
        port,
        target,
    }
}

#[tokio::test]
async fn a_host_is_published_in_each_domain_of_its_list_beside_others_and_withdrawn_alone() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test", "fabrikam.test"]).await;
    let address = server.address();
    let first = publisher(
        &fixture,
        address,
        LISTENING,
        "domains = [\"contoso.test, 10, 75\", \"fabrikam.test\"]\nttl = 600",
    );
    let done = ["12294 contoso.test", "12294 fabrikam.test"];
    assert_eq!(published(&first).await, done);
    let (contoso, fabrikam) = ("_vlmcs._tcp.contoso.test", "_vlmcs._tcp.fabrikam.test");
    let ours = (600, srv(10, 75, 1688, "kms1.contoso.test"));
    assert_eq!(
        records(&server, contoso, RecordType::Srv).await,
        from_ref(&ours)
    );
    assert_eq!(
        records(&server, fabrikam, RecordType::Srv).await,
        [(600, srv(0, 0, 1688, "kms1.contoso.test"))]
    );
    let a = (600, RecordData::A([10, 1, 2, 3].into()));
    assert_eq!(
        records(&server, "kms1.contoso.test", RecordType::A).await,
        [a]
    );

    // A second host, of its own name and port, in one of the domains.
    let more = "host_name = \"kms2.contoso.test\"\naddresses = [\"10.1.2.4\", \"2001:db8::4\"]\n\
                ttl = 600";
    let second = publisher(&fixture, address, "0.0.0.0:1700", more);
    assert_eq!(
        published(&second).await,
        ["12294 contoso.test"],
        "its home domain"
    );
    let theirs = (600, srv(0, 0, 1700, "kms2.contoso.test"));
    assert_eq!(
        records(&server, contoso, RecordType::Srv).await,
        [theirs.clone(), ours]
    );
    let aaaa = records(&server, "kms2.contoso.test", RecordType::Aaaa).await;
    assert_eq!(
        aaaa,
        [(600, RecordData::Aaaa("2001:db8::4".parse().unwrap()))]
    );

    // Again does no harm, and neither does a withdrawal to the other host.
    assert_eq!(published(&first).await, done);
    for _ in 0..2 {
        let withdrawn = soon(first.withdraw(&SystemClock, &mut OsEntropy)).await;
        let withdrawn: Vec<_> = withdrawn
            .iter()
            .map(|(domain, code)| (domain.as_str(), *code))
            .collect();
        assert_eq!(
            withdrawn,
            [
                ("contoso.test", StatusCode::OK),
                ("fabrikam.test", StatusCode::OK)
            ]
        );
        assert_eq!(
            records(&server, contoso, RecordType::Srv).await,
            from_ref(&theirs)
        );
        assert_eq!(records(&server, fabrikam, RecordType::Srv).await, []);
        assert_eq!(
            records(&server, "kms1.contoso.test", RecordType::A).await,
            []
        );
        assert_eq!(
            records(&server, "kms2.contoso.test", RecordType::A)
                .await
                .len(),
            1
        );
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_told_by_its_code_in_each_domain() {
    let server = dns_server(&["contoso.test"]).await;
    for (name, secret, code) in [
        ("kms-hosts", OTHER_SECRET, "0x80072338"),
        ("other-hosts", SECRET, "0x80072339"),
    ] {
        let fixture = Fixture::new();
        private(fixture.folder.path(), "kms.key", &key_file(name, secret));
        let publisher = publisher(&fixture, server.address(), LISTENING, "");
        let told = format!("12293 {code}, contoso.test");
        assert_eq!(published(&publisher).await, [told]);
        assert_eq!(
            records(&server, "_vlmcs._tcp.contoso.test", RecordType::Srv).await,
            []
        );
    }
}

#[tokio::test]
async fn a_domain_that_fails_does_not_hold_up_the_others() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let more = "domains = [\"elsewhere.test\", \"contoso.test\"]";
    let publisher = publisher(&fixture, server.address(), LISTENING, more);
    let events = published(&publisher).await;
    assert_eq!(events.len(), 2);
    // How this server refuses a zone that it does not have.
    assert_eq!(events[0], "12293 0x8007232A, elsewhere.test");
    assert_eq!(events[1], "12294 contoso.test");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_by_its_code() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let publisher = publisher(&fixture, server.address(), LISTENING, "");
    // One that the server refuses, and one that no signature can hold.
    for millis in [1_000_000_000_000, -1] {
        let wall = Timestamp::from_millis(millis);
        let clock = ManualClock::new(Now::new(Tick::ZERO, wall));
        let events = soon(publisher.publish(&clock, &mut OsEntropy)).await;
        assert_eq!(events[0].to_string(), "0x8007233A, contoso.test");
    }
}

#[tokio::test]
async fn a_server_that_is_down_or_talks_nonsense_is_told_by_its_code() {
    let fixture = with_key();
    for (answer, code) in [
        // Closed without an answer.
        (None, "0x8007232A"),
        // An answer that is none.
        (Some(vec![1, 2, 3]), "0x8007251E"),
        (Some(Vec::new()), "0x8007251E"),
    ] {
        let front = Front::alone(move |asked| {
            let answer = answer.clone().filter(|_| asked.is_update());
            answer.into_iter().collect()
        })
        .await;
        let publisher = publisher(&fixture, front.address, LISTENING, "transport = \"tcp\"");
        let told = format!("12293 {code}, contoso.test");
        assert_eq!(published(&publisher).await, [told]);
        // Without the zone's word the domain is the zone.
        assert_eq!(front.updates()[0].name(), "contoso.test.");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let publisher = publisher(&fixture, address, LISTENING, "");
    assert_eq!(
        published(&publisher).await,
        ["12293 0x8007232A, contoso.test"]
    );
}

#[tokio::test]
async fn publishing_runs_until_it_is_stopped() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let publisher = publisher(&fixture, server.address(), LISTENING, "");
    let (record, mut recorded) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let run = tokio::spawn({
        let stop = stop.clone();
        async move {
            let record = |event: HostEvent| record.send(event).unwrap();
            publisher
                .run(&SystemClock, &mut OsEntropy, record, stop)
                .await;
        }
    });
    let event = soon(recorded.recv()).await.unwrap();
    assert_eq!(
        (event.id(), event.to_string()),
        (12294, "contoso.test".into())
    );
    stop.cancel();
    soon(run).await.unwrap();
    assert!(recorded.recv().await.is_none(), "once, until a day is over");
    let srv = records(&server, "_vlmcs._tcp.contoso.test", RecordType::Srv).await;
    assert_eq!(srv.len(), 1, "a stop is no departure");
}

#[test]
fn a_key_file_at_fault_is_told_with_its_line_or_remedy() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("kms.key");
    let config = dns_config(&fixture, LISTENING.parse().unwrap(), "");
    let error = || {
        let listening = [LISTENING.parse().unwrap()];
        let error = Publisher::new(&config, &listening, Some("kms1.contoso.test"));
        let error = error.unwrap_err().to_string();
        let start = format!("dns.key_file: {}: ", path.display());
        assert!(error.starts_with(&start), "{error}");
        assert!(!error.contains(SECRET), "{error}");
        error
    };
    assert!(error().contains("No such file"));
    for (text, line) in [
        ("key \"a\" {\n  algorithm md5;\n", "line 2"),
        ("", "line 1"),
        (&key_file("kms-hosts", "?"), "line 3"),
        (&format!("{}more", key_file("kms-hosts", SECRET)), "line 5"),
    ] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let error = error();
        assert!(error.contains(line), "{error}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    assert!(error().contains("chmod 600"));
}

#[test]
fn what_cannot_be_published_is_told_with_the_key_to_set() {
    let fixture = with_key();
    let server = LISTENING.parse().unwrap();
    let any = "0.0.0.0:1688";
    let name = Some("kms1.contoso.test");
    for (more, listening, certified, wanted) in [
        ("", LISTENING, None, "dns.host_name: set it"),
        ("", LISTENING, Some("Host One"), "dns.host_name: set it"),
        ("", any, name, ""),
        ("", LISTENING, Some("kms1"), "dns.domains: set them"),
        ("", "10.1.2.3:0", name, "no port"),
        ("ttl = 4294967295", LISTENING, name, "dns.ttl: "),
        (
            "addresses = [\"224.0.0.1\"]",
            LISTENING,
            name,
            "in domain contoso.test: ",
        ),
        ("", LISTENING, Some("localhost.contoso.test"), ""),
    ] {
        let config = dns_config(&fixture, server, more);
        let made = Publisher::new(&config, &[listening.parse().unwrap()], certified);
        match made {
            Err(error) => assert!(error.to_string().contains(wanted), "{error}"),
            Ok(_) => assert_eq!(wanted, "", "{certified:?} {more}"),
        }
    }
}
