//! What one peer, and all together, may hold.

use crate::{
    fixture::Fixture,
    peer::{Peer, Raw, Running, bind_bytes, pdu, read_to_close, soon},
    stores::HeldStore,
};
use core::{net::Ipv4Addr, time::Duration};
use kms_core::StatusCode;
use kms_host::{HostEvent, Limits, MemoryStore};
use kms_wire::{
    Operation, Opnum,
    pdu::{CoCancel, PduType, Request},
};
use std::time::Instant;
use tokio::{io::AsyncWriteExt, time::timeout};

/// Long enough for what must be done within it, on a machine that does much else.
const SHORT: Duration = Duration::from_secs(1);
/// A deadline that no test reaches.
const LONG: Duration = Duration::from_secs(3600);

fn limits(connections: usize, connections_per_source: usize, exchange: Duration) -> Limits {
    let mut limits = Limits::default();
    limits.connections = connections;
    limits.connections_per_source = connections_per_source;
    limits.exchange = exchange;
    limits
}

#[tokio::test]
async fn limit_connections() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(2, 100, LONG), 2);
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
    let host = Running::with_limits(&fixture, MemoryStore, limits(1, 1, LONG), 3);
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
    let host = Running::with_limits(
        &fixture,
        MemoryStore,
        limits(usize::MAX, usize::MAX, LONG),
        1,
    );
    host.connect()
        .await
        .activate(&fixture.message(1))
        .await
        .bytes();
}

#[tokio::test]
async fn limit_connections_per_source() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 2, LONG), 1);
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
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 0, LONG), 1);
    assert_eq!(host.raw().await.closed().await, [0_u8; 0]);
}

/// Waits for the close, and checks that it did not come before its time.
async fn cut(began: Instant, closed: impl Future<Output = Vec<u8>>) {
    assert_eq!(soon(closed).await, [0_u8; 0], "without a word");
    assert!(began.elapsed() >= SHORT, "not before the deadline");
}

#[tokio::test]
async fn limit_exchange_of_a_peer_that_says_nothing() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 100, SHORT), 1);
    let began = Instant::now();
    cut(began, host.raw().await.closed()).await;
}

#[tokio::test]
async fn limit_exchange_of_a_peer_that_trickles() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 100, SHORT), 1);
    let began = Instant::now();
    let mut raw = host.raw().await;
    // As long as a fragment may be, so that it does not come to an end by itself.
    let mut slow = bind_bytes();
    slow[8..10].copy_from_slice(&5840_u16.to_le_bytes());
    slow.resize(5840, 0);
    cut(began, async {
        for byte in slow {
            if raw.stream.write_all(&[byte]).await.is_err() {
                break;
            }
            // The pause between two bytes is spent waiting for the close.
            if let Ok(rest) = timeout(SHORT / 10, read_to_close(&mut raw.stream)).await {
                return rest;
            }
        }
        read_to_close(&mut raw.stream).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_exchange_of_a_peer_that_never_stops() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 100, SHORT), 1);
    let began = Instant::now();
    let mut raw = host.raw().await;
    raw.bind().await;
    // They are passed over without an answer, so the socket is always ready and nothing ends it.
    let flood = pdu(2, CoCancel).repeat(4096);
    soon(async { while raw.stream.write_all(&flood).await.is_ok() {} }).await;
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn limit_exchange_of_a_peer_that_reads_nothing() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 100, SHORT), 1);
    let mut raw = host.raw().await;
    raw.bind().await;
    let body = Request {
        alloc_hint: 0,
        context_id: 0,
        opnum: Opnum::GET_HOST_CERTIFICATE,
        object: None,
        stub: &[],
    };
    // Every answer begins a new exchange, until they fill what the system holds.
    let calls = pdu(2, body).repeat(1000);
    soon(async { while raw.stream.write_all(&calls).await.is_ok() {} }).await;
}

#[tokio::test]
async fn limit_exchange_begins_anew_with_each_answer() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(100, 100, SHORT), 1);
    let began = Instant::now();
    let mut peer = host.connect().await;
    let mut machine = 0;
    while began.elapsed() < 2 * SHORT {
        machine += 1;
        peer.activate(&fixture.message(machine)).await.bytes();
    }
    peer.closed().await;
}

#[tokio::test]
async fn limit_exchange_includes_the_store() {
    let fixture = Fixture::new();
    let (store, _commits) = HeldStore::new();
    let host = Running::with_limits(&fixture, store, limits(100, 100, SHORT), 1);
    let mut peer = host.connect().await;
    let message = fixture.message(1);
    let asked = peer.try_call(Operation::RequestActivation { message: &message });
    assert!(soon(asked).await.is_err(), "closed without an answer");
    let events = host.service.events().to_vec();
    let [(_, HostEvent::RequestProcessed(event))] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(event.code, StatusCode::TIMEOUT);
}

#[tokio::test]
async fn limit_exchange_beyond_any_clock_is_no_fault() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(1, 1, Duration::MAX), 1);
    let mut peer = host.connect().await;
    peer.activate(&fixture.message(1)).await.bytes();
}
