//! Clients that find their host through Unbound, and what they make of answers that are cut, refused or lame.

use super::{
    daemon::Listen,
    dig,
    primary::{Kind, Primary, Zone},
    real_host::{self, PRODUCT},
    unbound::Unbound,
};
use crate::support::Folder;
use core::{fmt::Write as _, net::SocketAddr};
use kms_client::Resolver;
use kms_core::SeededEntropy;
use kms_srv::{MAX_RECORDS, SelectionRule, SrvRecord, UsableRecords, order, usable_records};
use std::collections::BTreeMap;

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_client_finds_its_host_through_unbound() {
    let server = Kind::Bind.shared().await;
    let zone = server.zone();
    let resolver = Unbound::start(&[(&zone, &[server.address])]).await;
    let folder = real_host::folder(server.address, &zone).await;
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    finds(&folder, resolver.address, &zone, host.address.port()).await;
    host.stop().await;
}

/// Two clients of a threshold of 2 find `kms2` and the second is activated by it.
async fn finds(folder: &Folder, resolver: SocketAddr, zone: &str, port: u16) {
    let lines = real_host::client_lines(resolver, zone);
    for name in ["one", "two"] {
        folder.client_with(name, PRODUCT, &lines);
    }
    folder.activate("one").await.exits(3).says(&["0xC004F038"]);
    folder
        .activate("two")
        .await
        .exits(0)
        .says(&[&format!("activated by kms2.hosts.{zone}:{port}")]);
}

/// A BIND with one zone that has these records besides.
async fn bind_with(zone: &str, records: &str, options: &str) -> Primary {
    let zones = [Zone::new(zone).with_records(records)];
    Primary::start(Kind::Bind, Listen::AnyPort, &zones, options).await
}

/// One lookup by a resolver that has cached nothing, in the order in which its hosts are tried.
async fn looked_up(server: SocketAddr, zone: &str, entropy: &mut SeededEntropy) -> Vec<SrvRecord> {
    let resolver = Resolver::new(&[server]).unwrap();
    let name = format!("_vlmcs._tcp.{zone}").parse().unwrap();
    let UsableRecords::Hosts(mut hosts) =
        usable_records(resolver.srv(&name).await.unwrap().records)
    else {
        panic!("hosts are published in {zone}");
    };
    order(&mut hosts, SelectionRule::Rfc2782, entropy);
    hosts
}

/// How often each host stands at each place in `lookups` lookups: the label, then the place.
async fn places(server: SocketAddr, zone: &str, lookups: usize) -> BTreeMap<(String, usize), f64> {
    let mut entropy = SeededEntropy::new(2782);
    let mut places = BTreeMap::new();
    for _ in 0..lookups {
        let hosts = looked_up(server, zone, &mut entropy).await;
        assert_eq!(hosts.len(), 4, "{hosts:?}");
        for (place, host) in hosts.iter().enumerate() {
            let label = host.target.labels().next().unwrap().to_owned();
            *places.entry((label, place)).or_default() += 1.0;
        }
    }
    places
}

/// Within five standard deviations, which chance leaves once in two million times.
#[track_caller]
fn is_about(count: f64, draws: usize, chance: f64) {
    #[expect(clippy::cast_precision_loss, reason = "hundreds")]
    let draws = draws as f64;
    let deviation = (draws * chance * (1.0 - chance)).sqrt();
    assert!(
        (count - draws * chance).abs() < 5.0 * deviation,
        "{count} of {draws} with a chance of {chance}"
    );
}

/// The scenario document's two sites of two hosts each: `near` of priority 10, `far` of priority 90, weights 75
/// and 25. The servers on the way deal the records out in turns, which must not show.
#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn priorities_and_weights_decide_whatever_the_order_of_the_answers() {
    const LOOKUPS: usize = 400;
    let zone = "sites.test";
    let mut records = String::new();
    for (host, priority, weight) in [
        ("near75", 10, 75),
        ("near25", 10, 25),
        ("far75", 90, 75),
        ("far25", 90, 25),
    ] {
        writeln!(
            records,
            "_vlmcs._tcp IN SRV {priority} {weight} 1688 {host}.sites.test."
        )
        .unwrap();
    }
    let server = bind_with(zone, &records, "").await;
    let resolver = Unbound::start(&[(zone, &[server.address])]).await;
    for address in [server.address, resolver.address] {
        let places = places(address, zone, LOOKUPS).await;
        let count = |label: &str, place| {
            places
                .get(&(label.to_owned(), place))
                .copied()
                .unwrap_or(0.0)
        };
        // Of the numbers 0 to 100 that are drawn, 0 falls to either.
        let heavy = 75.5 / 101.0;
        for (label, place) in [("near75", 0), ("far75", 2)] {
            is_about(count(label, place), LOOKUPS, heavy);
        }
        for (label, place) in [("near25", 0), ("far25", 2)] {
            is_about(count(label, place), LOOKUPS, 1.0 - heavy);
        }
        for far in ["far75", "far25"] {
            assert_eq!(count(far, 0) + count(far, 1), 0.0, "priority comes first");
        }
    }
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn hosts_of_the_default_weight_have_equal_chances_through_servers_that_take_turns() {
    const LOOKUPS: usize = 400;
    let zone = "equal.test";
    let records: String = (1..=4)
        .map(|n| format!("_vlmcs._tcp IN SRV 0 0 1688 kms{n}.equal.test.\n"))
        .collect();
    let server = bind_with(zone, &records, "").await;
    let resolver = Unbound::start(&[(zone, &[server.address])]).await;
    for address in [server.address, resolver.address] {
        let places = places(address, zone, LOOKUPS).await;
        assert_eq!(places.len(), 16, "each host in each place: {places:?}");
        for count in places.into_values() {
            is_about(count, LOOKUPS, 0.25);
        }
    }
}

/// 60 records do not fit into 512 bytes.
fn many_records(zone: &str) -> String {
    (1..60)
        .map(|n| format!("_vlmcs._tcp IN SRV {} 0 1688 gone{n}.{zone}.\n", 100 + n))
        .collect()
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn an_answer_that_udp_cuts_is_read_whole_by_tcp() {
    let zone = "many.test";
    let server = bind_with(zone, &many_records(zone), "max-udp-size 512;").await;
    let resolver = Unbound::start(&[(zone, &[server.address])]).await;
    let name = format!("_vlmcs._tcp.{zone}");
    let arguments = format!("{name} SRV +notcp +ignore +norecurse +noedns");
    let cut = dig::dig(server.address, &arguments).await.exits(0);
    assert!(cut.stdout.contains(" tc"), "UDP is to cut it: {cut}");

    for address in [server.address, resolver.address] {
        let client = Resolver::new(&[address]).unwrap();
        let records = client.srv(&name.parse().unwrap()).await.unwrap().records;
        let UsableRecords::Hosts(kept) = usable_records(records) else {
            panic!("hosts are published");
        };
        let mut priorities: Vec<u16> = kept.iter().map(|record| record.priority).collect();
        priorities.sort_unstable();
        let lowest: Vec<u16> = (101..).take(MAX_RECORDS).collect();
        assert_eq!(priorities, lowest, "limit: the lowest priorities are kept");
    }
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_client_finds_the_host_among_60_records() {
    let zone = "crowd.test";
    let server = bind_with(zone, &many_records(zone), "max-udp-size 512;").await;
    let resolver = Unbound::start(&[(zone, &[server.address])]).await;
    let folder = real_host::folder(server.address, zone).await;
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    assert_eq!(server.srv(zone).await.len(), 60);
    finds(&folder, resolver.address, zone, host.address.port()).await;
    host.stop().await;
}

/// What `client activate --json` says of a domain.
async fn code(folder: &Folder, resolver: SocketAddr, zone: &str) -> String {
    folder.client_with("lost", PRODUCT, &real_host::client_lines(resolver, zone));
    let outcome = folder
        .run(crate::support::CLIENT, "--config lost.toml activate --json")
        .await
        .exits(1);
    outcome.json()["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_lookup_that_fails_is_told_by_its_documented_code() {
    let server = Kind::Bind.shared().await;
    let zone = server.zone();
    let resolver =
        Unbound::start(&[(&zone, &[server.address]), ("lame.test", &[server.address])]).await;
    let folder = Folder::with_host().await;
    let (bind, unbound) = (server.address, resolver.address);
    for (address, domain, expected) in [
        // The name is not there.
        (unbound, zone.as_str(), "0x8007232B"),
        (bind, zone.as_str(), "0x8007232B"),
        // SERVFAIL, because the zone's only server does not know of it.
        (unbound, "lame.test", "0x8007232A"),
        // REFUSED, by a primary that answers for its own zones alone.
        (bind, "elsewhere.example", "0x8007232D"),
    ] {
        assert_eq!(code(&folder, address, domain).await, expected, "{domain}");
    }
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_name_without_srv_records_is_told_apart_from_one_that_is_not_there() {
    let zone = "text.test";
    let server = bind_with(zone, "_vlmcs._tcp IN TXT nothing\n", "").await;
    let resolver = Unbound::start(&[(zone, &[server.address])]).await;
    let folder = Folder::with_host().await;
    for address in [server.address, resolver.address] {
        assert_eq!(code(&folder, address, zone).await, "0x8007251D");
    }
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn rfc_2782_a_target_of_a_dot_says_that_there_is_no_host() {
    let zone = "none.test";
    let server = bind_with(zone, "_vlmcs._tcp IN SRV 0 0 0 .\n", "").await;
    let resolver = Unbound::start(&[(zone, &[server.address])]).await;
    let folder = Folder::with_host().await;
    assert_eq!(code(&folder, resolver.address, zone).await, "0x8007251D");
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_lame_server_beside_a_good_one_does_not_keep_a_client_from_its_host() {
    let lame = bind_with("other.test", "", "").await;
    let good = Kind::Bind.shared().await;
    let zone = good.zone();
    let resolver = Unbound::start(&[(&zone, &[lame.address, good.address])]).await;
    let folder = real_host::folder(good.address, &zone).await;
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    finds(&folder, resolver.address, &zone, host.address.port()).await;
    host.stop().await;
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_client_goes_on_to_the_next_of_its_name_servers() {
    let good = Kind::Bind.shared().await;
    let zone = good.zone();
    let refuses = bind_with("other.test", "", "").await;
    let fails = Unbound::start(&[
        ("other.test", &[refuses.address]),
        (&zone, &[refuses.address]),
    ])
    .await;
    let folder = real_host::folder(good.address, &zone).await;
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    let published = format!("activated by kms2.hosts.{zone}:{}", host.address.port());
    for (name, first) in [("one", refuses.address), ("two", fails.address)] {
        let lines = real_host::client_lines(good.address, &zone);
        let one = format!("nameserver = \"{}\"", good.address);
        let both = format!("nameservers = [\"{first}\", \"{}\"]", good.address);
        assert!(lines.contains(&one), "{lines}");
        folder.client_with(name, PRODUCT, &lines.replace(&one, &both));
    }
    folder.activate("one").await.exits(3).says(&["0xC004F038"]);
    folder.activate("two").await.exits(0).says(&[&published]);
    host.stop().await;
}
