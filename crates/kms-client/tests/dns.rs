//! A client and what it makes of DNS: what it keeps, what it skips, and what it says.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use common::{
    dns_server::{Answers, Server, bytes, error, name, reply},
    machine::{DOMAIN, Machine, activate, dns, srv},
};
use core::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};
use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, RecordType, rdata},
};
use kms_core::StatusCode;
use kms_testkit::dns::Zone;
use std::sync::Arc;

fn looking(server: SocketAddr, more: &str) -> String {
    format!("nameserver = \"{server}\"\ndomains = [\"{DOMAIN}\"]\n{more}")
}

/// A network with one host, published with a TTL of 300 s, and a DNS server that can be made to fail.
struct Network {
    machine: Machine,
    server: Server,
    fails: Arc<AtomicBool>,
}

impl Network {
    async fn new(more: &str) -> Self {
        let mut machine = Machine::new("");
        let port = machine.honest(11).listen("127.0.0.1").await.port();
        let fails = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&fails);
        let server = Server::start(move |_, query| {
            if failing.load(Ordering::SeqCst) {
                error(query, ResponseCode::ServFail)
            } else {
                zone(query, port)
            }
        })
        .await;
        let more = format!("allow_loopback = true\n{more}");
        machine.lines = looking(server.address, &more);
        Self {
            machine,
            server,
            fails,
        }
    }

    /// How often the records of the service were asked for.
    fn lookups(&self) -> usize {
        let of_service = |query: &Message| query.queries[0].query_type() == RecordType::SRV;
        let seen = self.server.seen();
        seen.iter().filter(|(_, query)| of_service(query)).count()
    }
}

fn zone(query: &Message, port: u16) -> Answers {
    let question = &query.queries[0];
    let target = name("kms1.contoso.test");
    let data = match question.query_type() {
        RecordType::SRV => Some(RData::SRV(rdata::SRV::new(0, 0, port, target))),
        RecordType::A => Some(RData::A(rdata::A(Ipv4Addr::LOCALHOST))),
        _ => None,
    };
    let mut reply = reply(query);
    let record = |data| Record::from_rdata(question.name().clone(), 300, data);
    reply.answers.extend(data.map(record));
    bytes(&reply)
}

#[tokio::test]
async fn a_client_uses_records_again_within_their_ttl() {
    let network = Network::new("caching = false\n").await;
    let mut client = network.machine.open().unwrap();
    for (seconds, lookups) in [(0, 1), (299, 1), (1, 2), (60, 2), (400, 3)] {
        let wait = core::time::Duration::from_secs(seconds);
        network.machine.clock.advance(wait);
        let report = activate(&mut client).await;
        assert!(report.result.is_ok(), "{report:?}");
        assert_eq!(network.lookups(), lookups, "after {seconds} s more");
    }
}

#[tokio::test]
async fn a_cached_host_outlives_a_failure_of_dns() {
    let network = Network::new("").await;
    let mut client = network.machine.open().unwrap();
    assert!(activate(&mut client).await.result.is_ok());
    let cached = client.cached_host().cloned();
    assert!(cached.is_some());
    network.fails.store(true, Ordering::SeqCst);
    network.machine.clock.advance(common::HOUR);
    let report = activate(&mut client).await;
    assert_eq!(report.code(), StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
    assert_eq!(report.attempts.len(), 1);
    assert_eq!(report.attempts[0].code, StatusCode::DNS_SERVER_FAILURE);
    assert_eq!(report.lookups.len(), 1, "{report:?}");
    assert_eq!(client.cached_host(), cached.as_ref());
    drop(client);
    let mut client = network.machine.open().unwrap();
    assert_eq!(client.cached_host(), cached.as_ref());
    network.fails.store(false, Ordering::SeqCst);
    let lookups = network.lookups();
    assert_eq!(activate(&mut client).await.host, cached);
    assert_eq!(network.lookups(), lookups);
}

#[tokio::test]
async fn a_host_on_this_machine_is_skipped_and_the_remedy_named_unless_allowed() {
    let mut machine = Machine::new("");
    let address = machine.honest(11).listen("127.0.0.1").await;
    let mut zone = Zone::new(DOMAIN).with_address("kms1.contoso.test", address.ip());
    zone.records
        .push(srv(0, "kms1.contoso.test", address.port()));
    let server = dns(zone).await;
    machine.lines = looking(server.address(), "");
    let report = activate(&mut machine.open().unwrap()).await;
    assert_eq!(report.code(), StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
    let failed = report.attempts[0].to_string();
    assert!(
        failed.contains("0x8007251D ")
            && failed.contains("127.0.0.1 is not used: it is a loopback address")
            && failed.ends_with("set allow_loopback = true"),
        "{failed}"
    );
    machine.lines = looking(server.address(), "allow_loopback = true\n");
    let report = activate(&mut machine.open().unwrap()).await;
    assert!(report.result.is_ok(), "{report:?}");
    // Whom an administrator pins is asked, wherever it is.
    machine.lines = format!(
        "nameserver = \"{}\"\nhost = \"kms1.contoso.test:{}\"\n",
        server.address(),
        address.port()
    );
    let report = activate(&mut machine.open().unwrap()).await;
    assert!(report.result.is_ok(), "{report:?}");
}

#[tokio::test]
async fn the_next_nameserver_is_asked_when_the_first_fails() {
    let mut network = Network::new("").await;
    let failing = Server::start(|_, query| error(query, ResponseCode::ServFail)).await;
    network.machine.lines = format!(
        "nameservers = [\"{}\", \"{}\"]\ndomains = [\"{DOMAIN}\"]\nallow_loopback = true\n",
        failing.address, network.server.address
    );
    let report = activate(&mut network.machine.open().unwrap()).await;
    assert!(report.result.is_ok(), "{report:?}");
    assert_eq!(failing.ways().len(), 1);
}
