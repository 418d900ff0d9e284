//! What a publishing host does to a zone, and what it says when it cannot, on each server.

use super::{
    daemon::{self, Listen},
    dig,
    keys::{self, HOSTS_384, HOSTS_512, UNKNOWN, WITHOUT_RIGHTS, WRONG_SECRET},
    nsupdate,
    primary::{Kind, Primary, STATIC, Shared, Zone},
    publishing::{PublishingHost, SlowBy},
};
use core::time::Duration;
use std::fs;

super::on_each_server! {
    a_host_publishes_its_srv_record_and_its_addresses
    a_change_of_priority_weight_and_port_replaces_the_record
    an_address_that_is_gone_is_taken_out
    publishing_again_changes_nothing
    a_withdrawal_takes_out_the_hosts_own_records_alone
    a_withdrawal_of_what_is_not_there_is_no_failure
    a_record_of_another_host_is_never_touched
    an_older_record_of_a_host_that_lost_its_memory_is_replaced
    two_hosts_of_one_name_are_both_there_in_each_of_50_cycles
    updates_are_signed_with_sha384_and_sha512_as_well
    a_host_with_16_addresses_is_published_whole
    a_key_without_rights_is_refused_and_nothing_changes
    a_wrong_secret_is_refused
    an_unknown_key_is_refused
    a_clock_that_is_wrong_by_4000_seconds_is_refused
    a_zone_that_the_server_has_not_is_refused
    a_zone_without_dynamic_updates_refuses_a_host
    a_name_outside_the_keys_policy_is_refused_whole
}

impl Kind {
    /// What a server answers differs: one of these, in the order of the kinds.
    fn either<'a>(self, bind: &'a str, knot: &'a str, power_dns: &'a str) -> &'a str {
        match self {
            Self::Bind => bind,
            Self::Knot => knot,
            Self::PowerDns => power_dns,
        }
    }
}

/// A record that no host of these tests publishes.
const FOREIGN: &str = "5 5 1688 kms9.hosts.elsewhere.test.";

async fn a_host_publishes_its_srv_record_and_its_addresses(server: Shared) {
    let zone = server.zone();
    let mut host = PublishingHost::new(server.address, &zone, "kms1")
        .with_addresses(&["10.1.2.3", "2001:db8::3"]);
    (host.priority, host.weight, host.port) = (10, 75, 1700);
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    assert_eq!(server.srv(&zone).await, [host.srv()]);
    assert_eq!(server.records(host.name(), "A").await, ["10.1.2.3"]);
    assert_eq!(server.records(host.name(), "AAAA").await, ["2001:db8::3"]);
    let owner = format!("_vlmcs._tcp.{zone}");
    assert_eq!(
        dig::records_with_ttl(server.address, &owner, "SRV").await,
        [format!("3600 {}", host.srv())]
    );
}

async fn a_change_of_priority_weight_and_port_replaces_the_record(server: Shared) {
    let zone = server.zone();
    let mut host = PublishingHost::new(server.address, &zone, "kms1");
    for (priority, weight, port) in [(0, 0, 1688), (10, 75, 1688), (10, 25, 1688), (0, 0, 1700)] {
        (host.priority, host.weight, host.port) = (priority, weight, port);
        assert_eq!(host.publish().await, format!("12294 {zone}"));
        assert_eq!(server.srv(&zone).await, [host.srv()]);
    }
}

async fn an_address_that_is_gone_is_taken_out(server: Shared) {
    let zone = server.zone();
    let mut host = PublishingHost::new(server.address, &zone, "kms1").with_addresses(&[
        "10.1.2.3",
        "10.1.2.4",
        "2001:db8::3",
    ]);
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    host = host.with_addresses(&["10.1.2.4", "10.1.2.5"]);
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    assert_eq!(
        server.records(host.name(), "A").await,
        ["10.1.2.4", "10.1.2.5"]
    );
    assert!(server.records(host.name(), "AAAA").await.is_empty());
    assert_eq!(server.srv(&zone).await, [host.srv()]);
}

async fn publishing_again_changes_nothing(server: Shared) {
    let zone = server.zone();
    let host = PublishingHost::new(server.address, &zone, "kms1");
    for _ in 0..3 {
        assert_eq!(host.publish().await, format!("12294 {zone}"));
        assert_eq!(server.srv(&zone).await, [host.srv()]);
        assert_eq!(server.records(host.name(), "A").await, ["10.1.2.3"]);
    }
}

async fn a_withdrawal_takes_out_the_hosts_own_records_alone(server: Shared) {
    let zone = server.zone();
    let one = PublishingHost::new(server.address, &zone, "kms1");
    let two = PublishingHost::new(server.address, &zone, "kms2").with_addresses(&["10.1.2.4"]);
    for host in [&one, &two] {
        assert_eq!(host.publish().await, format!("12294 {zone}"));
    }
    assert_eq!(one.withdraw().await, OK);
    assert_eq!(server.srv(&zone).await, [two.srv()]);
    assert!(server.records(one.name(), "A").await.is_empty());
    assert_eq!(server.records(two.name(), "A").await, ["10.1.2.4"]);
}

async fn a_withdrawal_of_what_is_not_there_is_no_failure(server: Shared) {
    let zone = server.zone();
    let host = PublishingHost::new(server.address, &zone, "kms1");
    assert_eq!(host.withdraw().await, OK);
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    for _ in 0..2 {
        assert_eq!(host.withdraw().await, OK);
        assert!(server.srv(&zone).await.is_empty());
    }
}

async fn a_record_of_another_host_is_never_touched(server: Shared) {
    let zone = server.zone();
    let service = format!("_vlmcs._tcp.{zone}.");
    // Some differ from the host's own by a letter of the target alone.
    let mut others = [
        FOREIGN.to_owned(),
        format!("0 0 1688 kms10.hosts.{zone}."),
        format!("0 0 1688 kms1.{zone}."),
        format!("0 0 1688 xkms1.hosts.{zone}."),
    ];
    for other in &others {
        nsupdate::add(&server, &zone, &format!("{service} 60 SRV {other}")).await;
    }
    nsupdate::add(&server, &zone, &format!("kms1.hosts.{zone}. 60 A 10.9.9.9")).await;
    others.sort();
    assert_eq!(server.srv(&zone).await, others);

    let host = PublishingHost::new(server.address, &zone, "kms1");
    let mut all = others.to_vec();
    all.push(host.srv());
    all.sort();
    for _ in 0..2 {
        assert_eq!(host.publish().await, format!("12294 {zone}"));
        assert_eq!(server.srv(&zone).await, all);
        let addresses = server.records(host.name(), "A").await;
        assert_eq!(addresses, ["10.1.2.3", "10.9.9.9"]);
        assert_eq!(host.withdraw().await, OK);
        assert_eq!(server.srv(&zone).await, others);
        assert_eq!(server.records(host.name(), "A").await, ["10.9.9.9"]);
    }
}

/// By its target and port: the same target with another port is another host on the same machine.
async fn an_older_record_of_a_host_that_lost_its_memory_is_replaced(server: Shared) {
    let zone = server.zone();
    let other = PublishingHost::new(server.address, &zone, "kms2").with_addresses(&["10.1.2.4"]);
    let mut host = PublishingHost::new(server.address, &zone, "kms1");
    for host in [&other, &host] {
        assert_eq!(host.publish().await, format!("12294 {zone}"));
    }
    host = host.forgetting();
    (host.priority, host.weight) = (20, 5);
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    let replaced = host.srv();
    assert_eq!(server.srv(&zone).await, [other.srv(), replaced.clone()]);

    host = host.forgetting();
    host.port = 1700;
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    let mut wanted = [other.srv(), replaced, host.srv()];
    wanted.sort();
    assert_eq!(server.srv(&zone).await, wanted);
}

async fn two_hosts_of_one_name_are_both_there_in_each_of_50_cycles(server: Shared) {
    let zone = server.zone();
    let done = format!("12294 {zone}");
    let stays = PublishingHost::new(server.address, &zone, "kms1");
    assert_eq!(stays.publish().await, done);
    let mut moves =
        PublishingHost::new(server.address, &zone, "kms2").with_addresses(&["10.1.2.4"]);
    for cycle in 0..50 {
        // Each of the two is the one that moves in half of the cycles.
        moves.priority = cycle;
        let expect = async |hosts: &[&PublishingHost], step: &str| {
            let mut wanted: Vec<String> = hosts.iter().map(|host| host.srv()).collect();
            wanted.sort();
            assert_eq!(server.srv(&zone).await, wanted, "cycle {cycle}: {step}");
        };
        assert_eq!(moves.publish().await, done);
        expect(&[&stays, &moves], "published").await;
        moves.weight = cycle + 1;
        assert_eq!(moves.publish().await, done);
        expect(&[&stays, &moves], "changed").await;
        assert_eq!(stays.publish().await, done);
        expect(&[&stays, &moves], "the other published").await;
        assert_eq!(moves.withdraw().await, OK);
        expect(&[&stays], "withdrawn").await;
    }
}

async fn updates_are_signed_with_sha384_and_sha512_as_well(server: Shared) {
    let zone = server.zone();
    let mut wanted = Vec::new();
    for key in [HOSTS_384, HOSTS_512] {
        let name = key.algorithm.trim_start_matches("hmac-");
        let host = PublishingHost::new(server.address, &zone, name).with_key(key);
        assert_eq!(host.publish().await, format!("12294 {zone}"));
        wanted.push(host.srv());
    }
    assert_eq!(server.srv(&zone).await, wanted);
}

async fn a_host_with_16_addresses_is_published_whole(server: Shared) {
    let zone = server.zone();
    let addresses: Vec<String> = (1..=16).map(|n| format!("2001:db8::{n:x}:3")).collect();
    let host = PublishingHost::new(server.address, &zone, "kms1")
        .with_addresses(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    let mut wanted = addresses;
    wanted.sort();
    assert_eq!(server.records(host.name(), "AAAA").await, wanted);
    assert_eq!(host.withdraw().await, OK);
    assert!(server.records(host.name(), "AAAA").await.is_empty());
}

async fn a_key_without_rights_is_refused_and_nothing_changes(server: Shared) {
    let zone = server.zone();
    let host = PublishingHost::new(server.address, &zone, "kms1");
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    let intruder = PublishingHost::new(server.address, &zone, "kms2").with_key(WITHOUT_RIGHTS);
    let code = server.kind.either(REFUSED, BADKEY, REFUSED);
    assert_eq!(intruder.publish().await, format!("12293 {code}, {zone}"));
    assert_eq!(server.srv(&zone).await, [host.srv()]);
    assert!(server.records(intruder.name(), "A").await.is_empty());
}

async fn a_wrong_secret_is_refused(server: Shared) {
    let code = server.kind.either(BADSIG, BADSIG, REFUSED);
    is_refused(&server, WRONG_SECRET, code).await;
}

async fn an_unknown_key_is_refused(server: Shared) {
    let code = server.kind.either(BADKEY, BADKEY, REFUSED);
    is_refused(&server, UNKNOWN, code).await;
}

async fn is_refused(server: &Shared, key: keys::Key, code: &str) {
    let zone = server.zone();
    let host = PublishingHost::new(server.address, &zone, "kms1").with_key(key);
    assert_eq!(host.publish().await, format!("12293 {code}, {zone}"));
    assert!(server.srv(&zone).await.is_empty());
}

async fn a_clock_that_is_wrong_by_4000_seconds_is_refused(server: Shared) {
    let zone = server.zone();
    let host = PublishingHost::new(server.address, &zone, "kms1");
    let clock = SlowBy(Duration::from_secs(4000));
    let code = server.kind.either(BADTIME, BADTIME, REFUSED);
    assert_eq!(
        host.publish_at(&clock).await,
        format!("12293 {code}, {zone}")
    );
    assert!(server.srv(&zone).await.is_empty());
}

async fn a_zone_that_the_server_has_not_is_refused(server: Shared) {
    let host = PublishingHost::new(server.address, "nowhere.example", "kms1");
    let code = server.kind.either(NOTAUTH, NOTAUTH, REFUSED);
    assert_eq!(
        host.publish().await,
        format!("12293 {code}, nowhere.example")
    );
}

async fn a_zone_without_dynamic_updates_refuses_a_host(server: Shared) {
    let host = PublishingHost::new(server.address, STATIC, "kms1");
    let code = server.kind.either(REFUSED, BADKEY, REFUSED);
    assert_eq!(host.publish().await, format!("12293 {code}, {STATIC}"));
    assert!(server.srv(STATIC).await.is_empty());
}

/// One update has all records, so one that is refused keeps the others out as well.
async fn a_name_outside_the_keys_policy_is_refused_whole(server: Shared) {
    let zone = server.zone();
    let host = PublishingHost::new(server.address, &zone, "kms1").named(&format!("kms1.{zone}"));
    let refused = |code| format!("12293 {code}, {zone}");
    match server.kind {
        Kind::Bind => assert_eq!(host.publish().await, refused(REFUSED)),
        Kind::Knot => assert_eq!(host.publish().await, refused(BADKEY)),
        // Its keys are for whole zones.
        Kind::PowerDns => {
            assert_eq!(host.publish().await, format!("12294 {zone}"));
            return;
        }
    }
    assert!(server.srv(&zone).await.is_empty());
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, bind9-utils"]
async fn a_bind_that_starts_later_is_published_to() {
    a_server_that_starts_later_is_published_to(Kind::Bind).await;
}

#[tokio::test]
#[ignore = "needs knot, bind9-dnsutils"]
async fn a_knot_that_starts_later_is_published_to() {
    a_server_that_starts_later_is_published_to(Kind::Knot).await;
}

#[tokio::test]
#[ignore = "needs pdns-server, pdns-backend-sqlite3, bind9-dnsutils"]
async fn a_power_dns_that_starts_later_is_published_to() {
    a_server_that_starts_later_is_published_to(Kind::PowerDns).await;
}

async fn a_server_that_starts_later_is_published_to(kind: Kind) {
    let zone = "later.test";
    let address = daemon::free_port(match kind {
        // It listens on addresses of interfaces alone.
        Kind::Bind => [127, 0, 0, 1].into(),
        Kind::Knot | Kind::PowerDns => daemon::own_loopback(),
    })
    .unwrap();
    let host = PublishingHost::new(address, zone, "kms1");
    assert_eq!(
        host.publish().await,
        format!("12293 {SERVER_FAILURE}, {zone}")
    );
    let server = Primary::start(kind, Listen::At(address), &[Zone::new(zone)], "").await;
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    assert_eq!(server.srv(zone).await, [host.srv()]);
}

/// PowerDNS says that it did what its policy script forbade, signed and all: only a look at the zone tells.
#[tokio::test]
#[ignore = "needs pdns-server, pdns-backend-sqlite3, bind9-dnsutils"]
async fn an_update_that_a_script_of_power_dns_drops_is_seen_by_a_look_alone() {
    let zone = "script.test";
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("policy.lua");
    fs::write(&script, "function updatepolicy(input) return false end\n").unwrap();
    let option = format!("lua-dnsupdate-policy-script={}", script.display());
    let zones = [Zone::new(zone)];
    let server = Primary::start(Kind::PowerDns, Listen::AnyPort, &zones, &option).await;
    let host = PublishingHost::new(server.address, zone, "kms1");
    assert_eq!(host.publish().await, format!("12294 {zone}"));
    assert!(server.srv(zone).await.is_empty());
}

/// Servers pass over a record that is added to an alias, and call that a success (RFC 2136 section
/// 3.4.2.2).
#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, bind9-utils, knot, pdns-server, pdns-backend-sqlite3"]
async fn a_service_name_that_is_an_alias_is_a_failure_on_each_server() {
    let zone = "alias.test";
    let zones = [Zone::new(zone).with_records("_vlmcs._tcp IN CNAME kms9.hosts\n")];
    for kind in [Kind::Bind, Kind::Knot, Kind::PowerDns] {
        let server = Primary::start(kind, Listen::AnyPort, &zones, "").await;
        let host = PublishingHost::new(server.address, zone, "kms1");
        assert_eq!(host.publish().await, format!("12293 {YXDOMAIN}, {zone}"));
        assert!(server.records(host.name(), "A").await.is_empty());
    }
}

const OK: &str = "0x00000000 S_OK";
const YXDOMAIN: &str = "0x8007232E";
const SERVER_FAILURE: &str = "0x8007232A";
const REFUSED: &str = "0x8007232D";
const NOTAUTH: &str = "0x80072331";
const BADSIG: &str = "0x80072338";
const BADKEY: &str = "0x80072339";
const BADTIME: &str = "0x8007233A";
