//! The server over TCP.

use crate::{
    fixture::Fixture,
    peer::{Outcome, Peer, Raw, Running, bind_bytes, pdu, read_to_close, soon},
    stores::HeldStore,
};
use kms_core::{ByteOrder, Encode as _, SeededEntropy, StatusCode, VerifiedTerms as _, Writer};
use kms_host::{Limits, MemoryStore, Server};
use kms_wire::{
    MAX_REQUEST, MUST_RECEIVE_FRAGMENT, Operation, Opnum,
    client::Config,
    pdu::{
        Bind, BindNak, FaultStatus, PduType, PresentationContext, RejectReason, Request, SyntaxId,
        TransferSyntaxes,
    },
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A call of any operation, in one fragment.
fn request(call: u32, opnum: u16, context_id: u16, stub: &[u8]) -> Vec<u8> {
    let body = Request {
        alloc_hint: 0,
        context_id,
        opnum: Opnum(opnum),
        object: None,
        stub,
    };
    pdu(call, body)
}

fn stub(operation: Operation<'_>) -> Vec<u8> {
    let mut stub = Vec::new();
    operation.encode(&mut Writer::new(&mut stub), ByteOrder::Little);
    stub
}

/// The status of a fault's bytes.
fn fault(pdu: &(PduType, Vec<u8>)) -> FaultStatus {
    assert_eq!(pdu.0, PduType::FAULT);
    FaultStatus(u32::from_le_bytes(pdu.1[24..28].try_into().unwrap()))
}

#[tokio::test]
async fn a_client_is_answered_and_verifies_what_it_got() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut peer = host.connect().await;

    let message = fixture.message(1);
    let answer = peer.activate(&message).await.bytes();
    assert_eq!(peer.sizes, (176, 160), "PROTOCOL section 5");
    // On the same connection, as a client does that does not know the key yet.
    let chain = peer.call(Operation::GetHostCertificate).await.bytes();
    let certified = fixture.verify_chain(&chain);
    let verified = fixture.verify(&certified, &message, &answer);
    assert_eq!(verified.terms().count, 1);

    for machine in 2..=30 {
        let message = fixture.message(machine);
        let answer = peer.activate(&message).await.bytes();
        let verified = fixture.verify(&certified, &message, &answer);
        assert_eq!(u64::from(verified.terms().count), machine);
    }
    drop(peer);
    host.end().await;
}

#[tokio::test]
async fn a_server_takes_over_sockets_that_are_listened_on_already() {
    let fixture = Fixture::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::from_listeners(vec![listener]).unwrap();
    assert_eq!(server.local_addresses(), [address]);
    let (service, stop) = (
        Arc::new(fixture.service(MemoryStore)),
        CancellationToken::new(),
    );
    let (serving, stopping) = (Arc::clone(&service), stop.clone());
    let task = tokio::spawn(async move {
        let mut entropy = SeededEntropy::new(5);
        server
            .run(serving, Limits::default(), &mut entropy, stopping)
            .await;
    });
    let host = Running {
        addresses: vec![address],
        service,
        stop,
        task,
    };
    let mut peer = host.connect().await;
    peer.activate(&fixture.message(1)).await.bytes();
    drop(peer);
    host.end().await;
}

#[tokio::test]
async fn refusals_leave_the_connection_open() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut peer = host.connect().await;
    assert_eq!(
        peer.activate(b"who am I").await,
        Outcome::Refused(StatusCode::INVALID_DATA)
    );
    let mut late = fixture.request(1);
    late.request_time = kms_core::Timestamp::EPOCH;
    assert_eq!(
        peer.activate(&late.to_vec()).await,
        Outcome::Refused(StatusCode::VL_INVALID_TIMESTAMP)
    );
    peer.activate(&fixture.message(1)).await.bytes();
    assert_eq!(host.service.counters().failed(), 2);
}

#[tokio::test]
async fn a_host_that_is_not_certified_refuses_both_operations() {
    let fixture = Fixture::uncertified();
    let host = Running::start(&fixture, MemoryStore);
    let mut peer = host.connect().await;
    let refused = Outcome::Refused(StatusCode(0xC004_F041));
    assert_eq!(peer.activate(&fixture.message(1)).await, refused);
    assert_eq!(peer.call(Operation::GetHostCertificate).await, refused);
}

#[tokio::test]
async fn a_request_is_read_in_pieces_and_in_fragments() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let config = Config {
        max_fragment: MUST_RECEIVE_FRAGMENT,
    };
    let mut peer = Peer::with_config(host.address(), config).await;
    peer.piece = 1;
    peer.activate(&fixture.message(1)).await.bytes();
    assert_eq!(peer.sizes, (176, 160));
    // A later minor version may be as long as a stub, which takes several fragments.
    let mut later = fixture.request(2);
    later.minor_version = 1;
    let mut message = later.to_vec();
    message.resize(MAX_REQUEST, 0xA5);
    peer.piece = 1000;
    let answer = peer.activate(&message).await.bytes();
    let chain = peer.call(Operation::GetHostCertificate).await.bytes();
    fixture.verify(&fixture.verify_chain(&chain), &message, &answer);
}

#[tokio::test]
async fn an_urgent_byte_is_no_part_of_the_stream_and_holds_up_nothing() {
    let fixture = Fixture::new();
    let mut limits = Limits::default();
    // Whoever waits for a limit fails.
    limits.pdu = core::time::Duration::from_secs(3600);
    limits.exchange = limits.pdu;
    limits.first_byte = limits.pdu;
    let host = Running::with_limits(&fixture, MemoryStore, limits, 1);
    let bind = bind_bytes();
    for before in [0, 1, 15, 16, 40, bind.len() - 1, bind.len()] {
        let mut raw = host.raw().await;
        // All of it stands in the socket before the host looks at it for the first time: a read ends
        // at the urgent byte, and nothing comes after that would tell of the rest.
        let socket = socket2::SockRef::from(&raw.stream);
        let (first, rest) = bind.split_at(before);
        if !first.is_empty() {
            assert_eq!(socket.send(first).unwrap(), first.len());
        }
        socket.send_out_of_band(&[0xFF]).unwrap();
        if !rest.is_empty() {
            assert_eq!(socket.send(rest).unwrap(), rest.len());
        }
        assert_eq!(raw.pdu().await.0, PduType::BIND_ACK, "{before}");
    }
}

#[tokio::test]
async fn another_interface_or_operation_is_a_fault_and_the_connection_goes_on() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut raw = host.raw().await;
    let other = SyntaxId::new("00000000-0000-4000-8000-000000000001".parse().unwrap(), 1);
    let context = |id, abstract_syntax| PresentationContext {
        id,
        abstract_syntax,
        transfer_syntaxes: TransferSyntaxes::ndr(),
    };
    let bind = Bind {
        max_transmit_fragment: 5840,
        max_receive_fragment: 5840,
        association_group: 0,
        contexts: vec![context(0, other), context(1, SyntaxId::INTERFACE)],
    };
    raw.send(&pdu(1, bind)).await;
    let (kind, ack) = raw.pdu().await;
    assert_eq!(kind, PduType::BIND_ACK);
    let port = format!("{}\0", host.address().port());
    assert!(
        ack.windows(port.len()).any(|part| part == port.as_bytes()),
        "the port is the secondary address"
    );

    raw.send(&request(2, 0, 0, &[])).await;
    assert_eq!(fault(&raw.pdu().await), FaultStatus::UNKNOWN_INTERFACE);
    raw.send(&request(3, 2, 1, &[])).await;
    assert_eq!(fault(&raw.pdu().await), FaultStatus::OPERATION_RANGE);
    raw.send(&request(4, 0, 1, &[1, 2, 3])).await;
    assert_eq!(fault(&raw.pdu().await), FaultStatus::BAD_STUB_DATA);
    raw.send(&request(5, 1, 1, &[])).await;
    assert_eq!(raw.pdu().await.0, PduType::RESPONSE);
    assert_eq!(host.service.counters().total(), 0);
}

#[tokio::test]
async fn what_is_no_bind_gets_a_bind_nak_and_is_closed() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let http = b"GET / HTTP/1.1\r\nHost: kms1.contoso.test\r\n\r\n".to_vec();
    let tls = [
        &[0x16, 3, 1, 0, 0xC4, 1, 0, 0, 0xC0, 3, 3][..],
        &[0xAB; 0xBA][..],
    ]
    .concat();
    let noise: Vec<u8> = (0..255).collect();
    // More than is read before it is closed: what is not read must not cost the peer its answer.
    let flood = b"GET / HTTP/1.1\r\n".repeat(500_000);
    for bytes in [http, tls, noise, flood, request(1, 0, 0, &[])] {
        let mut raw = host.raw().await;
        raw.send(&bytes).await;
        let closed = raw.closed().await;
        let nak: kms_wire::pdu::Pdu<BindNak> = kms_core::Decode::decode_all(&closed).unwrap();
        assert_eq!(nak.body.reason, RejectReason(4));
    }
    assert_eq!(host.service.counters().total(), 0);
}

#[tokio::test]
async fn a_second_bind_is_a_fault_and_closes() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut raw = host.raw().await;
    raw.bind().await;
    raw.send(&bind_bytes()).await;
    assert_eq!(fault(&raw.pdu().await), FaultStatus::PROTOCOL_ERROR);
    assert_eq!(raw.closed().await, [0_u8; 0]);
}

#[tokio::test]
async fn a_connection_that_is_closed_in_the_middle_leaves_nothing() {
    let fixture = Fixture::new();
    let mut limits = Limits::default();
    limits.connections = 1;
    let host = Running::with_limits(&fixture, MemoryStore, limits, 1);
    let whole = [
        bind_bytes(),
        request(
            2,
            0,
            0,
            &stub(Operation::RequestActivation {
                message: &fixture.message(1),
            }),
        ),
    ]
    .concat();
    for len in [0, 1, 15, 16, 17, 40, bind_bytes().len(), whole.len() - 1] {
        let mut raw = host.raw().await;
        raw.send(&whole[..len]).await;
    }
    // The only place is free again.
    host.connect()
        .await
        .activate(&fixture.message(2))
        .await
        .bytes();
    assert_eq!(host.service.counters().total(), 1);
}

#[tokio::test]
async fn a_peer_that_closes_its_side_after_the_request_is_answered() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut raw = host.raw().await;
    raw.bind().await;
    raw.send(&request(2, 1, 0, &[])).await;
    tokio::io::AsyncWriteExt::shutdown(&mut raw.stream)
        .await
        .unwrap();
    assert_eq!(raw.pdu().await.0, PduType::RESPONSE);
    assert_eq!(raw.closed().await, [0_u8; 0]);
}

#[tokio::test]
async fn a_call_behind_many_faults_is_answered_without_another_byte() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut raw = host.raw().await;
    raw.bind().await;
    // Enough faults that the engine stops looking at input until some of them are fetched.
    let mut all = request(2, 9, 0, &[]).repeat(150);
    all.extend(request(3, 1, 0, &[]));
    raw.send(&all).await;
    for _ in 0..150 {
        assert_eq!(fault(&raw.pdu().await), FaultStatus::OPERATION_RANGE);
    }
    assert_eq!(raw.pdu().await.0, PduType::RESPONSE);
}

#[tokio::test]
async fn calls_sent_together_are_answered_in_order() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut raw = host.raw().await;
    raw.bind().await;
    let mut all = Vec::new();
    for call in 2..102 {
        all.extend(request(call, 1, 0, &[]));
    }
    raw.send(&all).await;
    for call in 2..102_u32 {
        let (kind, bytes) = raw.pdu().await;
        assert_eq!(
            (kind, &bytes[12..16]),
            (PduType::RESPONSE, &call.to_le_bytes()[..])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_that_ask_at_once_each_count() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let asking: Vec<_> = (1..=40)
        .map(|machine| {
            let (address, message) = (host.address(), fixture.message(machine));
            tokio::spawn(async move {
                let mut peer = Peer::connect(address).await;
                let answer = peer.activate(&message).await.bytes();
                let chain = peer.call(Operation::GetHostCertificate).await.bytes();
                (message, answer, chain)
            })
        })
        .collect();
    let mut counts = Vec::new();
    for asked in asking {
        let (message, answer, chain) = asked.await.unwrap();
        let verified = fixture.verify(&fixture.verify_chain(&chain), &message, &answer);
        counts.push(verified.terms().count);
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_finishes_the_open_call_and_refuses_new_connections() {
    let fixture = Fixture::new();
    let (store, mut commits) = HeldStore::new();
    let host = Running::start(&fixture, store);
    let address = host.address();
    let (stop, message) = (host.stop.clone(), fixture.message(1));
    let mut peer = host.connect().await;
    let asking = tokio::spawn(async move { peer.activate(&message).await });
    // The request is with the store now, and its answer depends on it.
    let commit = soon(commits.recv()).await.unwrap();
    stop.cancel();
    // A connection that the system took before it was told is closed without a word.
    while let Ok(mut stream) = soon(tokio::net::TcpStream::connect(address)).await {
        assert_eq!(soon(read_to_close(&mut stream)).await, [0_u8; 0]);
    }
    assert!(!asking.is_finished() && !host.task.is_finished());
    commit.send(Ok(())).unwrap();
    soon(asking).await.unwrap().bytes();
    soon(host.task).await.unwrap();
    // And its port is free.
    Server::bind(&[address]).unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_is_in_the_middle_of_nothing() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    // One was answered and keeps the connection, the other has never said a word.
    let mut answered = host.connect().await;
    answered.activate(&fixture.message(1)).await.bytes();
    let mut silent = tokio::net::TcpStream::connect(host.address())
        .await
        .unwrap();
    host.stop.cancel();
    let ended = tokio::time::timeout(kms_host::DRAIN, host.task).await;
    ended.expect("both were closed at once").unwrap();
    answered.closed().await;
    assert_eq!(soon(read_to_close(&mut silent)).await, [0_u8; 0]);
}

#[tokio::test]
async fn dropping_the_server_ends_its_connections() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut peer = host.connect().await;
    peer.activate(&fixture.message(1)).await.bytes();
    host.task.abort();
    peer.closed().await;
}

#[tokio::test]
async fn every_address_is_served() {
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, Limits::default(), 3);
    for _ in 0..2 {
        for address in &host.addresses {
            let mut peer = Peer::connect(*address).await;
            peer.activate(&fixture.message(1)).await.bytes();
        }
    }
    let ports: std::collections::BTreeSet<_> = host.addresses.iter().map(|a| a.port()).collect();
    assert_eq!(ports.len(), 3);
}

#[tokio::test]
async fn an_address_that_is_taken_or_foreign_is_told_with_the_remedy() {
    let taken = Server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let address = taken.local_addresses()[0];
    let error = Server::bind(&[address]).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {address}: "))
            && error.contains("; stop what"),
        "{error}"
    );
    // TEST-NET-1 (RFC 5737) is nobody's.
    let error = Server::bind(&["192.0.2.1:0".parse().unwrap()]).unwrap_err();
    assert!(
        error.to_string().contains("an address of this machine"),
        "{error}"
    );
}

#[tokio::test]
async fn an_association_group_of_another_process_is_refused() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let mut raw: Raw = host.raw().await;
    let bind = Bind {
        max_transmit_fragment: 5840,
        max_receive_fragment: 5840,
        association_group: 0x1234_5678,
        contexts: vec![PresentationContext {
            id: 0,
            abstract_syntax: SyntaxId::INTERFACE,
            transfer_syntaxes: TransferSyntaxes::ndr(),
        }],
    };
    raw.send(&pdu(1, bind)).await;
    let closed = raw.closed().await;
    let nak: kms_wire::pdu::Pdu<BindNak> = kms_core::Decode::decode_all(&closed).unwrap();
    assert_eq!(nak.body.reason, RejectReason(0));
}
