//! What one peer, and all together, may hold.

use crate::{
    fixture::{Fixture, request},
    log::Lines,
    peer::{Outcome, Peer, Raw, Running, bind_bytes, soon},
};
use core::{net::Ipv4Addr, time::Duration};
use kms_core::{Encode as _, StatusCode};
use kms_host::{Caller, HostEvent, Limits, MemoryStore, SourceLimits};
use kms_wire::{
    Operation,
    pdu::{FaultStatus, PduType},
};
use tokio::io::AsyncWriteExt;

/// A deadline that no test reaches.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Limits that no test reaches, but for those that a test sets.
pub(crate) fn unlimited() -> Limits {
    let mut limits = Limits::default();
    limits.connections_per_source = usize::MAX;
    limits.new_connections_per_second = usize::MAX;
    limits.new_connections_burst = usize::MAX;
    limits.requests_per_minute = usize::MAX;
    limits.requests_burst = usize::MAX;
    limits.first_byte = LONG;
    limits.pdu = LONG;
    limits.exchange = LONG;
    limits.write = LONG;
    limits.idle = LONG;
    limits
}

pub(crate) fn limits(connections: usize, connections_per_source: usize) -> Limits {
    let mut limits = unlimited();
    limits.connections = connections;
    limits.connections_per_source = connections_per_source;
    limits
}

#[tokio::test]
async fn limit_connections() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(2, 100), 2);
    let mut first = Peer::connect(host.addresses[0]).await;
    let second = Peer::connect(host.addresses[1]).await;
    let mut third = host.raw().await;
    third.send(&bind_bytes()).await;
    // The server has turned to every socket meanwhile, and not to the third.
    for machine in 1..=20 {
        first.activate(&fixture.message(machine)).await.bytes();
    }
    assert!(third.stream.try_read(&mut [0]).is_err(), "it waits");
    drop(second);
    assert_eq!(third.pdu().await.0, PduType::BIND_ACK);
}

#[tokio::test]
async fn limit_connections_of_one_is_for_any_address() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(1, 1), 3);
    for _ in 0..3 {
        for address in host.addresses.iter().rev() {
            let mut peer = Peer::connect(*address).await;
            peer.activate(&fixture.message(1)).await.bytes();
        }
    }
}

#[tokio::test]
async fn limit_connections_takes_any_number() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(usize::MAX, usize::MAX), 1);
    host.connect()
        .await
        .activate(&fixture.message(1))
        .await
        .bytes();
}

#[tokio::test]
async fn limit_connections_per_source() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 2), 1);
    let first = host.connect().await;
    let mut second = host.connect().await;
    for _ in 0..10 {
        let mut beyond = host.raw().await;
        // It may be closed before the bind is out.
        let _ = beyond.stream.write_all(&bind_bytes()).await;
        assert_eq!(
            beyond.closed().await,
            [0_u8; 0],
            "closed at once, without a word"
        );
    }
    // Another source is not concerned.
    let mut other = Raw::connect_from(Ipv4Addr::new(127, 0, 0, 2).into(), host.address())
        .await
        .unwrap();
    other.bind().await;
    // Nor are those that are there, and a place that is left can be had again.
    second.activate(&fixture.message(1)).await.bytes();
    drop(first);
    soon(async {
        loop {
            let mut again = host.raw().await;
            let _ = again.stream.write_all(&bind_bytes()).await;
            if again.try_pdu().await.is_ok() {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn limit_connections_per_source_of_none_refuses_everyone() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 0), 1);
    assert_eq!(host.raw().await.closed().await, [0_u8; 0]);
}

#[tokio::test]
async fn limit_new_connections() {
    let fixture = Fixture::new();
    let mut limits = unlimited();
    // Another one comes with each second that passes.
    limits.new_connections_burst = 3;
    limits.new_connections_per_second = 1;
    let host = Running::with_limits(&fixture, MemoryStore, limits, 1);
    let from = |last| Raw::connect_from(Ipv4Addr::new(127, 0, 0, last).into(), host.address());
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = from(2).await.unwrap();
        peer.bind().await;
        peers.push(peer);
    }
    // More than come with the seconds that this takes.
    let mut refused = 0;
    for _ in 0..100 {
        let mut beyond = from(2).await.unwrap();
        let _ = beyond.stream.write_all(&bind_bytes()).await;
        match soon(beyond.try_pdu()).await {
            Ok((kind, _)) => assert_eq!(kind, PduType::BIND_ACK),
            Err(_) => refused += 1,
        }
    }
    assert!(refused >= 50, "{refused}");
    from(3).await.unwrap().bind().await;
}

/// Asks until there is no answer; how many there were, and that the host then closed.
async fn answers(mut peer: Peer, fixture: &Fixture) -> u64 {
    let mut machine = 0;
    loop {
        match peer.activate(&fixture.message(machine + 1)).await {
            Outcome::Answered(_) => machine += 1,
            other => {
                assert_eq!(other, Outcome::Fault(FaultStatus::SERVER_TOO_BUSY));
                peer.closed().await;
                return machine;
            }
        }
    }
}

#[tokio::test]
async fn limit_requests() {
    let fixture = Fixture::new();
    let mut limits = unlimited();
    limits.requests_burst = 20;
    limits.requests_per_minute = 1;
    let host = Running::with_limits(&fixture, MemoryStore, limits, 1);
    assert_eq!(answers(host.connect().await, &fixture).await, 20);
    assert_eq!(host.service.counters().total(), 20, "it was not counted");
    // Another connection makes no difference, and GetHostCertificate none either.
    assert_eq!(answers(host.connect().await, &fixture).await, 0);
    let mut peer = host.connect().await;
    let certificate = peer.call(Operation::GetHostCertificate).await;
    assert_eq!(certificate, Outcome::Fault(FaultStatus::SERVER_TOO_BUSY));
    // Another source does.
    let mut other = Raw::connect_from(Ipv4Addr::new(127, 0, 0, 2).into(), host.address())
        .await
        .unwrap();
    other.bind().await;
}

#[tokio::test]
async fn limit_requests_of_a_network_with_limits_of_its_own() {
    let fixture = Fixture::new();
    let mut limits = unlimited();
    limits.requests_burst = 1;
    limits.requests_per_minute = 1;
    let mut own = SourceLimits::new("127.0.0.0/8".parse().unwrap());
    own.requests_burst = Some(7);
    limits.sources.push(own);
    let host = Running::with_limits(&fixture, MemoryStore, limits, 1);
    assert_eq!(answers(host.connect().await, &fixture).await, 7);
}

/// A request of this many bytes in all.
fn long_message(fixture: &Fixture, machine: u64, len: usize) -> Vec<u8> {
    let mut later = request(fixture.client(), machine, crate::fixture::START.wall);
    later.minor_version = 1;
    let mut message = later.to_vec();
    message.resize(len, 0xA5);
    message
}

/// What every connection may hold beside the limit of all.
const FREE: usize = 1024;

#[tokio::test]
async fn limit_memory() {
    let fixture = Fixture::new();
    let mut limits = unlimited();
    limits.memory_bytes = 1000;
    let host = Running::with_limits(&fixture, MemoryStore, limits, 1);
    let mut bind = bind_bytes();
    bind[8..10].copy_from_slice(&5840_u16.to_le_bytes());
    bind.resize(5840, 0);
    let mut first = host.raw().await;
    first.send(&bind[..FREE + 600]).await;
    let mut second = host.raw().await;
    second.send(&bind[..FREE + 400]).await;
    // Neither is closed: both are told about a header that is none, once there is one.
    let mut third = host.raw().await;
    third.send(&bind[..FREE + 1]).await;
    assert_eq!(third.closed().await, [0_u8; 0], "the limit was met before");
    // Who needs no more than a usual request does is answered,
    let mut peer = host.connect().await;
    peer.activate(&fixture.message(1)).await.bytes();
    // and who needs more is told to come again.
    let long = long_message(&fixture, 2, 3000);
    let refused = peer.activate(&long).await;
    assert_eq!(refused, Outcome::Fault(FaultStatus::SERVER_TOO_BUSY));
    peer.closed().await;
    assert_eq!(host.service.counters().total(), 1);
    // What was held is free again when its connection has gone.
    drop((first, second));
    let short = long_message(&fixture, 3, FREE + 800);
    soon(async {
        while host.connect().await.activate(&short).await
            == Outcome::Fault(FaultStatus::SERVER_TOO_BUSY)
        {}
    })
    .await;
    assert_eq!(host.service.counters().total(), 2);
}

#[tokio::test]
async fn limit_log_lines() {
    let fixture = Fixture::new();
    let (lines, _here) = Lines::count();
    let config = "[limits]\nlog_lines_per_second = 1\nlog_lines_burst = 20\n\
                  [admission]\npolicy = \"compat\"\nalerts.enabled = false";
    let service = fixture.start(config, MemoryStore).unwrap();
    let mut caller = Caller::new(Ipv4Addr::LOCALHOST.into());
    let before = lines.number();
    for machine in 1..=20 {
        let message = fixture.message(machine);
        service.request_activation(&message, &mut caller).await;
    }
    assert_eq!(lines.number(), before + 20);
    for machine in 21..=120 {
        let message = fixture.message(machine);
        service.request_activation(&message, &mut caller).await;
    }
    let written = lines.number();
    // Some come with the seconds that this takes, each with a line of what was suppressed.
    assert!(written < before + 70, "{written}");
    // What no peer causes is not concerned, and the events themselves are there.
    service.record(HostEvent::StartFailed {
        code: StatusCode::OK,
    });
    assert_eq!(lines.number(), written + 1);
    assert_eq!(service.events().to_vec().len(), 121);
}
