//! How long a peer may take.

use crate::{
    fixture::Fixture,
    limits::{limits, unlimited},
    peer::{Raw, Running, bind_bytes, pdu, read_to_close, soon},
    stores::HeldStore,
};
use core::time::Duration;
use kms_core::StatusCode;
use kms_host::{HostEvent, Limits, MemoryStore};
use kms_wire::{
    Operation, Opnum,
    pdu::{CoCancel, Request},
};
use std::time::Instant;
use tokio::{io::AsyncWriteExt, time::timeout};

/// Long enough for what must be done within it, on a machine that does much else.
const SHORT: Duration = Duration::from_secs(1);

/// A host with one limit of time.
fn timed(fixture: &Fixture, set: impl FnOnce(&mut Limits)) -> Running<MemoryStore> {
    let mut limits = unlimited();
    set(&mut limits);
    Running::with_limits(fixture, MemoryStore, limits, 1)
}

/// Waits for the close, and checks that it did not come before its time.
async fn cut(began: Instant, closed: impl Future<Output = Vec<u8>>) {
    assert_eq!(soon(closed).await, [0_u8; 0], "without a word");
    assert!(began.elapsed() >= SHORT, "not before the deadline");
}

#[tokio::test]
async fn limit_first_byte() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.first_byte = SHORT);
    let began = Instant::now();
    cut(began, host.raw().await.closed()).await;
}

/// Sends a byte now and then until the host closes.
async fn trickle(mut raw: Raw, bytes: &[u8]) -> Vec<u8> {
    for byte in bytes {
        if raw.stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        // The pause between two bytes is spent waiting for the close.
        if let Ok(rest) = timeout(SHORT / 10, read_to_close(&mut raw.stream)).await {
            return rest;
        }
    }
    read_to_close(&mut raw.stream).await
}

/// A bind as long as a fragment may be, so that it does not come to an end by itself.
fn slow_bind() -> Vec<u8> {
    let mut slow = bind_bytes();
    slow[8..10].copy_from_slice(&5840_u16.to_le_bytes());
    slow.resize(5840, 0);
    slow
}

#[tokio::test]
async fn limit_exchange_of_a_peer_that_trickles() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.exchange = SHORT);
    let began = Instant::now();
    cut(began, trickle(host.raw().await, &slow_bind())).await;
}

#[tokio::test]
async fn limit_exchange_of_a_peer_that_binds_and_does_not_ask() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.exchange = SHORT);
    let began = Instant::now();
    let mut raw = host.raw().await;
    raw.bind().await;
    // Nor do PDUs extend it that are whole and ask nothing.
    cut(began, trickle(raw, &pdu(2, CoCancel).repeat(100))).await;
}

#[tokio::test]
async fn limit_pdu_of_a_peer_that_trickles() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.pdu = SHORT);
    let began = Instant::now();
    cut(began, trickle(host.raw().await, &slow_bind())).await;
}

#[tokio::test]
async fn limit_pdu_of_a_peer_that_stops_in_the_middle_of_a_request() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.pdu = SHORT);
    let mut raw = host.raw().await;
    raw.bind().await;
    let began = Instant::now();
    raw.send(&pdu(2, CoCancel)[..15]).await;
    cut(began, raw.closed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_exchange_of_a_peer_that_never_stops() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.exchange = SHORT);
    let began = Instant::now();
    let mut raw = host.raw().await;
    raw.bind().await;
    // They are passed over without an answer, so the socket is always ready and nothing ends it.
    let flood = pdu(2, CoCancel).repeat(4096);
    soon(async { while raw.stream.write_all(&flood).await.is_ok() {} }).await;
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn limit_write() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.write = SHORT);
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
    let host = timed(&fixture, |limits| limits.exchange = 4 * SHORT);
    let began = Instant::now();
    let mut peer = host.connect().await;
    let mut machine = 0;
    while began.elapsed() < 5 * SHORT {
        machine += 1;
        peer.activate(&fixture.message(machine)).await.bytes();
    }
}

#[tokio::test]
async fn limit_idle() {
    let fixture = Fixture::new();
    let host = timed(&fixture, |limits| limits.idle = SHORT);
    let mut peer = host.connect().await;
    peer.activate(&fixture.message(1)).await.bytes();
    let began = Instant::now();
    peer.activate(&fixture.message(2)).await.bytes();
    peer.closed().await;
    assert!(began.elapsed() >= SHORT, "not before its time");
}

#[tokio::test]
async fn limit_idle_makes_room_for_those_who_come() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, limits(5, usize::MAX), 1);
    // One that was answered, one that has not said a word, and one in the middle of a PDU.
    let mut answered = host.connect().await;
    answered.activate(&fixture.message(1)).await.bytes();
    let silent = host.raw().await;
    let mut half = host.raw().await;
    half.send(&bind_bytes()[..60]).await;
    let mut later = Vec::new();
    for machine in 2..=20 {
        let mut peer = host.connect().await;
        peer.activate(&fixture.message(machine)).await.bytes();
        later.push(peer);
    }
    answered.closed().await;
    assert_eq!(silent.closed().await, [0_u8; 0]);
    assert_eq!(half.closed().await, [0_u8; 0]);
}

#[tokio::test]
async fn limit_exchange_includes_the_store() {
    let fixture = Fixture::new();
    let (store, _commits) = HeldStore::new();
    let mut limits = unlimited();
    limits.exchange = SHORT;
    let host = Running::with_limits(&fixture, store, limits, 1);
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
    let host = timed(&fixture, |limits| {
        limits.first_byte = Duration::MAX;
        limits.pdu = Duration::MAX;
        limits.exchange = Duration::MAX;
        limits.write = Duration::MAX;
        limits.idle = Duration::MAX;
    });
    let mut peer = host.connect().await;
    peer.activate(&fixture.message(1)).await.bytes();
}
