//! How a host finds the zone that holds its domain, and that zone's primary.

use super::{
    daemon::{self, Listen},
    keys::HOSTS,
    primary::{Kind, Primary, Shared, Zone},
    publishing::PublishingHost,
    real_host,
    unbound::Unbound,
};
use core::net::SocketAddr;
use std::net::{TcpListener, UdpSocket};

super::on_each_server! {
    a_domain_that_is_no_zone_is_published_in_the_zone_above_it
    the_primary_is_found_by_the_zones_soa_record
    a_domain_that_is_no_zone_has_its_primary_found_through_unbound
    a_delegated_zone_takes_the_record_and_the_zone_above_it_does_not
}

/// Nothing is there but the host's own records.
async fn is_published_in(server: &Primary, domain: &str, host: &PublishingHost) {
    assert_eq!(host.publish().await, format!("12294 {domain}"));
    assert_eq!(server.srv(domain).await, [host.srv()]);
    assert_eq!(server.records(host.name(), "A").await, ["10.1.2.3"]);
    assert_eq!(host.withdraw().await, "0x00000000 S_OK");
    assert!(server.srv(domain).await.is_empty());
    assert!(server.records(host.name(), "A").await.is_empty());
}

async fn a_domain_that_is_no_zone_is_published_in_the_zone_above_it(server: Shared) {
    let domain = format!("east.{}", server.zone());
    let host = PublishingHost::new(server.address, &domain, "kms1");
    is_published_in(&server, &domain, &host).await;
}

async fn the_primary_is_found_by_the_zones_soa_record(server: Shared) {
    let zone = server.zone();
    let resolver = Unbound::start(&[(&zone, &[server.address])]).await;
    let host = PublishingHost::new(nobody(), &zone, "kms1")
        .by_resolver(resolver.address, server.address.port());
    is_published_in(&server, &zone, &host).await;
}

async fn a_domain_that_is_no_zone_has_its_primary_found_through_unbound(server: Shared) {
    let zone = server.zone();
    let resolver = Unbound::start(&[(&zone, &[server.address])]).await;
    let domain = format!("east.{zone}");
    let host = PublishingHost::new(nobody(), &domain, "kms1")
        .by_resolver(resolver.address, server.address.port());
    is_published_in(&server, &domain, &host).await;
}

async fn a_delegated_zone_takes_the_record_and_the_zone_above_it_does_not(server: Shared) {
    let (above, below) = server.delegated();
    let servers = [server.address];
    let resolver = Unbound::start(&[(&above, &servers), (&below, &servers)]).await;
    let told = PublishingHost::new(server.address, &below, "kms1");
    is_published_in(&server, &below, &told).await;
    let found = PublishingHost::new(nobody(), &below, "kms2")
        .by_resolver(resolver.address, server.address.port());
    is_published_in(&server, &below, &found).await;
}

/// Where no server is.
fn nobody() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

#[tokio::test]
#[ignore = "needs bind9, bind9-dnsutils, unbound"]
async fn a_primary_without_an_address_or_without_a_server_is_told_as_such() {
    let mut silent = Zone::new("silent.test");
    silent.primary = Some(daemon::own_loopback().to_string());
    // A server that takes no updates itself, and knows of a primary nothing but its name.
    let mut nameless = Zone::without_updates("nameless.test");
    nameless.primary_name = "hidden.silent.test.".to_owned();
    let zones = [silent, nameless];
    let server = Primary::start(Kind::Bind, Listen::AnyPort, &zones, "").await;
    let servers = [server.address];
    let resolver = Unbound::start(&[("silent.test", &servers), ("nameless.test", &servers)]).await;
    for (zone, code) in [
        ("silent.test", SERVER_FAILURE),
        ("nameless.test", NAME_ERROR),
    ] {
        let host = PublishingHost::new(nobody(), zone, "kms1")
            .by_resolver(resolver.address, server.address.port());
        assert_eq!(host.publish().await, format!("12293 {code}, {zone}"));
    }
}

const SERVER_FAILURE: &str = "0x8007232A";
const NAME_ERROR: &str = "0x8007232B";

/// The binary asks primaries at port 53, which takes a machine where that is to be had.
#[tokio::test]
#[ignore = "needs knot, bind9-dnsutils, unbound"]
async fn the_host_binary_finds_the_primary_at_port_53_by_the_soa_record() {
    const ZONE: &str = "found.test";
    let address = SocketAddr::new(daemon::own_loopback(), 53);
    let free = UdpSocket::bind(address).and_then(|_| TcpListener::bind(address).map(drop));
    if let Err(error) = free {
        eprintln!("{address} cannot be had ({error}): not run");
        return;
    }
    let server = Primary::start(Kind::Knot, Listen::At(address), &[Zone::new(ZONE)], "").await;
    let resolver = Unbound::start(&[(ZONE, &[address])]).await;
    let folder = real_host::folder(address, ZONE).await;
    let text = real_host::configuration(address, ZONE, 0, 0);
    let (told, found) = (
        format!("server = \"{address}\""),
        format!("nameservers = [\"{}\"]", resolver.address),
    );
    assert!(text.contains(&told), "{text}");
    folder.write("host.toml", &text.replace(&told, &found));
    HOSTS.write(&folder.path("dns.key"));
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    assert_eq!(
        server.srv(ZONE).await,
        [format!("0 0 {} kms2.hosts.{ZONE}.", host.address.port())]
    );
    host.stop().await;
}
