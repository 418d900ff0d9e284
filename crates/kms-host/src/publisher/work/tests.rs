use super::*;
use crate::{HostConfig, MemoryRecords};
use core::net::SocketAddr;
use kms_service::{OsEntropy, SystemClock};
use kms_testkit::dns::{
    DnsConfig, DnsServer, Zone,
    fake::{Act, Asked, FakeDns, ForgedMessage, ForgedRecord, Section, TcpManner, wire_name},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};
use tokio::net::TcpListener;

const UPDATE: u16 = 5;
const CNAME: u16 = 5;

struct Bench {
    setup: Setup,
    records: MemoryRecords,
    domain: Domain,
}

impl Bench {
    /// A host that is published in `contoso.test` by updates to `server`.
    fn new(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("kms.key");
        let secret = "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s=";
        let text = format!("key \"kms-hosts\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};");
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "listen = \"127.0.0.1:1\"\nidentity = \"k\"\n[dns]\nkey_file = \"kms.key\"\n\
             server = \"{server}\"\ntransport = \"tcp\"\n"
        );
        let config = HostConfig::parse(&text, &folder.path().join("host.toml")).unwrap();
        let listening = ["192.0.2.7:1688".parse().unwrap()];
        let dns = config.dns.unwrap();
        let setup = Setup::new(&dns, &listening, Some("kms1.contoso.test")).unwrap();
        let addresses = ["192.0.2.7".parse().unwrap()];
        let (name, wanted) = setup.registrations(&addresses).remove(0);
        Self {
            setup,
            records: MemoryRecords::default(),
            domain: Domain::new(name, wanted),
        }
    }

    async fn look(&mut self) -> Seen {
        let entropy = &mut OsEntropy;
        let mut network = network(&self.records, entropy);
        network.look(&self.setup, &mut self.domain).await
    }

    async fn publish(&mut self) -> StatusCode {
        let entropy = &mut OsEntropy;
        let mut network = network(&self.records, entropy);
        network.publish(&self.setup, &mut self.domain).await
    }
}

fn network<'a>(
    records: &'a MemoryRecords,
    entropy: &'a mut OsEntropy,
) -> Network<'a, SystemClock, OsEntropy> {
    Network {
        records,
        port: 53,
        clock: &SystemClock,
        entropy,
    }
}

async fn dns_server() -> DnsServer {
    DnsServer::start(DnsConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        zones: vec![Zone::new("contoso.test")],
        tsig: None,
    })
    .await
    .unwrap()
}

/// The primary of `contoso.test`, where the names that end so are aliases; it calls each update refused.
async fn with_aliases(end: &'static str) -> FakeDns {
    const REFUSED: u16 = 5;
    FakeDns::start(TcpManner::Serve, move |asked: &Asked| {
        let answer = ForgedMessage::answer_to(asked);
        let is_alias = asked.name().to_ascii_lowercase().ends_with(&wire_name(end));
        let answer = if asked.opcode() == UPDATE {
            answer.with_rcode(REFUSED)
        } else if is_alias && asked.record_type() == CNAME {
            let target = wire_name("else.fabrikam.test");
            answer.answer(&ForgedRecord::cname(asked.name(), &target))
        } else {
            let soa = ForgedRecord::soa(&wire_name("contoso.test"));
            answer.record(Section::Authority, &soa)
        };
        vec![Act::Send(answer.into_bytes())]
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn after_a_look_that_finds_an_alias_the_next_update_looks_first_and_fails() {
    let server = with_aliases("_vlmcs._tcp.contoso.test").await;
    let mut bench = Bench::new(server.address());
    // As after an update that was done.
    bench.domain.look_before = false;
    assert_eq!(bench.look().await, Seen::Unknown);
    assert_eq!(bench.publish().await, StatusCode::DNS_YXDOMAIN);
}

#[tokio::test]
async fn a_primary_that_moved_is_found_anew_after_a_look_that_failed() {
    let server = dns_server().await;
    let mut bench = Bench::new(server.address());
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    bench.domain.place = Some(Place {
        zone: bench.domain.name.clone(),
        servers: vec![gone],
        delegated: false,
    });
    assert_eq!(bench.look().await, Seen::Unknown);
    assert_eq!(bench.look().await, Seen::Absent, "by the one of now");
}

#[tokio::test]
async fn a_zone_that_was_given_to_others_is_not_gone() {
    const NS: u16 = 2;
    let server = FakeDns::start(TcpManner::Serve, |asked: &Asked| {
        let referral = ForgedRecord::new(&wire_name("contoso.test"), NS, &wire_name("ns.test"));
        let answer = ForgedMessage::answer_to(asked).record(Section::Authority, &referral);
        vec![Act::Send(answer.into_bytes())]
    })
    .await
    .unwrap();
    let bench = Bench::new(server.address());
    let zone = "_tcp.contoso.test".parse().unwrap();
    let kept = [bench.domain.wanted.with_zone(zone).unwrap()];
    let name = &bench.domain.name;
    let (records, entropy) = (&bench.records, &mut OsEntropy);
    records.set_published(name, kept.to_vec()).await.unwrap();
    let mut network = network(records, entropy);
    let code = network.withdraw_all(&bench.setup, name, None, &kept).await;
    assert_eq!(code, StatusCode::DNS_NOTAUTH);
    let left = records.published().unwrap();
    assert_eq!(left, [(name.clone(), kept.to_vec())]);
}

#[tokio::test]
async fn a_host_whose_name_is_an_alias_is_told_and_not_published() {
    let server = with_aliases("kms1.contoso.test").await;
    let mut bench = Bench::new(server.address());
    assert_eq!(bench.publish().await, StatusCode::DNS_YXDOMAIN);
}

#[tokio::test]
async fn rfc_4592_names_that_a_wildcard_makes_aliases_can_be_published() {
    let server = with_aliases("contoso.test").await;
    let mut bench = Bench::new(server.address());
    // As far as that the update is sent.
    assert_eq!(bench.publish().await, StatusCode::DNS_REFUSED);
}
