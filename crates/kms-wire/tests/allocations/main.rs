//! How often the heap is asked for memory: never in reading or writing a call, never for a call on
//! a connection that has seen one, and a few times for a new connection.
//!
//! In a binary of its own, since the counting allocator counts for the whole binary. It counts a
//! buffer that grows as a new one, and each thread by itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not see as tests"
)]

mod ends;
mod samples;

use allocation_counter::measure;
use core::hint::black_box;
use ends::{Client, Host};
use kms_core::{ByteOrder, Decode, Encode, StatusCode, Writer};
use kms_wire::{
    ActivationAnswer, MAX_CONTEXTS, MAX_FRAGMENT, MAX_REQUEST, MAX_TRANSFER_SYNTAXES, Operation,
    Opnum, Outcome,
    pdu::{
        AnyPdu, Body, CallId, Pdu, PfcFlags, Prefix, PresentationContext, Request, Response,
        SyntaxId, TransferSyntaxes,
    },
    server::{self, Reply},
};
use samples::{
    activation_answer, activation_request, bind_pdu, call_without_stub, read_request, request_body,
    request_pdu, stub, whole_request, windows_contexts, write_answer,
};

/// Calls on one connection: a buffer that grew only now and then would be seen.
const CALLS: usize = 1000;

/// What a host's connection may take from the heap until its bind_ack is there. Its output is one;
/// the rest is the proposed contexts, their results and the accepted ones.
const HOST_BIND_ALLOCATIONS: u64 = 4;

/// What a client's connection may take until it is bound: its output, and the lists that a bind and
/// a bind_ack hold.
const CLIENT_BIND_ALLOCATIONS: u64 = 3;

/// What a bound connection may take for its first call, besides: the stub that it keeps, and output
/// or input.
const FIRST_CALL_ALLOCATIONS: u64 = 2;

/// How often `run` asks for memory, and what it returns.
fn allocations<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let mut result = None;
    let info = measure(|| result = Some(black_box(run())));
    (info.count_total, result.unwrap())
}

#[test]
fn the_counter_sees_each_buffer_and_each_growth_and_nothing_else() {
    assert_eq!(allocations(|| ()).0, 0);
    assert_eq!(allocations(|| Vec::<u8>::with_capacity(1)).0, 1);
    assert_eq!(allocations(|| vec![0_u8; 10]).0, 1);
    assert_eq!(allocations(|| vec![vec![1_u8], vec![2]]).0, 3);
    let mut buffer = Vec::with_capacity(8);
    assert_eq!(allocations(|| buffer.extend_from_slice(&[0; 8])).0, 0);
    assert_eq!(allocations(|| buffer.extend_from_slice(&[0; 8])).0, 1);
}

#[test]
fn reading_a_whole_request_allocates_nothing() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for name in ["w", "ws-17.contoso.example", &"n".repeat(63), "büro-ñ"] {
            let expected = activation_request(name);
            let pdu = request_pdu(order, PfcFlags::WHOLE, &stub(&expected.to_vec(), order));
            let (count, read) = allocations(|| read_request(black_box(&pdu)));
            assert_eq!((count, read), (0, Ok(expected)), "{order:?} {name}");
            let (count, known) = allocations(|| {
                let any = AnyPdu::decode_all(black_box(&pdu)).unwrap();
                matches!(any.body, Body::Request(_))
            });
            assert_eq!((count, known), (0, true), "{order:?} {name}");
        }
    }
}

#[test]
fn refusing_a_malformed_request_allocates_nothing() {
    let message = activation_request("ws-17.contoso.example").to_vec();
    let good = request_pdu(
        ByteOrder::Little,
        PfcFlags::WHOLE,
        &stub(&message, ByteOrder::Little),
    );
    let mut refused = 0;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        let (count, read) = allocations(|| read_request(black_box(&bad)).is_err());
        assert_eq!(count, 0, "byte {at}");
        refused += u32::from(read);
        let (count, _) = allocations(|| read_request(black_box(&good[..at])).is_err());
        assert_eq!(count, 0, "the first {at} bytes");
    }
    assert!(refused > 32, "only {refused} of the changes were refused");
}

#[test]
fn writing_an_answer_into_buffers_that_are_there_allocates_nothing() {
    let answer = activation_answer();
    let mut buffers = [(); 3].map(|()| Vec::with_capacity(256));
    for _ in 0..2 {
        let (count, ()) = allocations(|| write_answer(black_box(&answer), &mut buffers));
        assert_eq!((count, buffers[2].len()), (0, 160));
    }
}

#[test]
fn writing_a_request_and_reading_its_answer_allocates_nothing() {
    let request = activation_request("ws-17.contoso.example");
    let [mut message, mut stub, mut pdu] = [(); 3].map(|()| Vec::with_capacity(256));
    let (count, ()) = allocations(|| {
        black_box(&request).encode(&mut Writer::new(&mut message));
        let operation = Operation::RequestActivation { message: &message };
        operation.encode(&mut Writer::new(&mut stub), ByteOrder::Little);
        let body = request_body(Opnum::REQUEST_ACTIVATION, &stub);
        let prefix = Prefix::new(CallId(2));
        Pdu { prefix, body }.encode(&mut Writer::new(&mut pdu));
    });
    assert_eq!((count, pdu.len()), (0, 182));

    let answer = activation_answer();
    let mut buffers = [(); 3].map(|()| Vec::new());
    write_answer(&answer, &mut buffers);
    let [.., pdu] = buffers;
    let (count, read) = allocations(|| {
        let pdu: Pdu<Response<'_>> = Pdu::decode_all(black_box(&pdu)).unwrap();
        let outcome = Outcome::decode(pdu.body.stub, pdu.prefix.order).unwrap();
        let Outcome::Answered(bytes) = outcome else {
            unreachable!("the test's own answer");
        };
        ActivationAnswer::decode_all(bytes).unwrap()
    });
    assert_eq!((count, read), (0, answer));
}

#[test]
fn a_call_on_a_warm_host_connection_allocates_nothing() {
    let mut host = Host::bound();
    let pdu = whole_request("ws-17.contoso.example");
    host.answer(&pdu);
    let (count, answered) = allocations(|| (0..CALLS).map(|_| host.answer(&pdu)).sum::<usize>());
    assert_eq!((count, answered), (0, 160 * CALLS));
}

#[test]
fn a_call_that_arrives_in_pieces_on_a_warm_host_connection_allocates_nothing() {
    let pdu = whole_request("ws-17.contoso.example");
    for at in [1, 15, 16, 24, 181] {
        let mut host = Host::bound();
        let mut calls = |count: usize| {
            for _ in 0..count {
                let (first, rest) = pdu.split_at(at);
                host.connection.handle_input(first);
                assert_eq!(host.answer(rest), 160);
            }
        };
        calls(1);
        assert_eq!(allocations(|| calls(CALLS)).0, 0, "cut at {at}");
    }
}

#[test]
fn calls_that_arrive_together_on_a_warm_host_connection_allocate_nothing() {
    const TOGETHER: usize = 10;
    let mut host = Host::bound();
    let pdus = whole_request("ws-17.contoso.example").repeat(TOGETHER);
    let mut burst = || {
        let mut sent = host.answer(&pdus);
        for _ in 1..TOGETHER {
            sent += host.answer(&[]);
        }
        assert_eq!(sent, 160 * TOGETHER);
    };
    burst();
    let (count, ()) = allocations(|| (0..CALLS / TOGETHER).for_each(|_| burst()));
    assert_eq!(count, 0);
}

#[test]
fn a_fragmented_call_on_a_warm_host_connection_allocates_nothing() {
    let message = activation_request("ws-17.contoso.example").to_vec();
    let whole = stub(&message, ByteOrder::Little);
    let fragments = |size: usize| {
        let parts = whole.chunks(size);
        let last = parts.len() - 1;
        let pdus = parts.enumerate().flat_map(|(index, part)| {
            let mut flags = PfcFlags::default();
            if index == 0 {
                flags = flags | PfcFlags::FIRST;
            }
            if index == last {
                flags = flags | PfcFlags::LAST;
            }
            request_pdu(ByteOrder::Little, flags, part)
        });
        pdus.collect::<Vec<u8>>()
    };
    for size in [8, 64, 150] {
        let pdus = fragments(size);
        let mut host = Host::bound();
        assert_eq!(host.answer(&pdus), 160);
        let (count, ()) = allocations(|| (0..CALLS).for_each(|_| _ = host.answer(&pdus)));
        assert_eq!(count, 0, "fragments of {size} bytes of stub");
    }
}

#[test]
fn the_longest_call_on_a_warm_host_connection_allocates_nothing() {
    let message = vec![0; MAX_REQUEST];
    let whole = stub(&message, ByteOrder::Little);
    let (first, last) = whole.split_at(usize::from(MAX_FRAGMENT) - Request::STUB_OFFSET);
    let order = ByteOrder::Little;
    let pdus = [
        request_pdu(order, PfcFlags::FIRST, first),
        request_pdu(order, PfcFlags::LAST, last),
    ]
    .concat();
    let mut host = Host::bound();
    assert_eq!(host.refuse(&pdus), MAX_REQUEST);
    let (count, ()) = allocations(|| (0..CALLS).for_each(|_| _ = host.refuse(&pdus)));
    assert_eq!(count, 0);
}

#[test]
fn a_refusal_a_fault_and_a_chain_on_a_warm_host_connection_allocate_nothing() {
    let whole = whole_request("ws-17.contoso.example");
    let unknown = call_without_stub(Opnum(9));
    let certificate = call_without_stub(Opnum::GET_HOST_CERTIFICATE);
    let chain = [7; 2048];
    let mut host = Host::bound();
    let mut round = || {
        let host = &mut host.connection;
        for reply in [Reply::Refused(StatusCode::INVALID_DATA), Reply::TooBusy] {
            host.handle_input(&whole);
            let Some(server::Event::RequestActivation { call, .. }) = host.poll_event() else {
                panic!("no call");
            };
            host.respond(call, reply).unwrap();
            assert!(host.poll_transmit().is_some());
        }
        host.handle_input(&unknown);
        assert_eq!(host.poll_event(), None);
        assert!(host.poll_transmit().is_some());
        host.handle_input(&certificate);
        let Some(server::Event::GetHostCertificate { call }) = host.poll_event() else {
            panic!("no call");
        };
        host.respond(call, Reply::Bytes(&chain)).unwrap();
        assert!(host.poll_transmit().unwrap().len() > chain.len());
    };
    round();
    assert_eq!(allocations(|| (0..CALLS).for_each(|_| round())).0, 0);
}

#[test]
fn a_call_on_a_warm_client_connection_allocates_nothing() {
    for cut in [None, Some(1), Some(16), Some(159)] {
        let mut client = Client::bound();
        let mut call = || client.call(cut);
        call();
        let (count, ()) = allocations(|| (0..CALLS).for_each(|_| call()));
        assert_eq!(count, 0, "the answer is cut at {cut:?}");
    }
}

#[test]
fn a_new_host_connection_allocates_a_few_times() {
    let bind = bind_pdu(&windows_contexts());
    let pdu = whole_request("ws-17.contoso.example");
    let (count, mut host) = allocations(|| Host::new(&bind));
    assert!(count <= HOST_BIND_ALLOCATIONS, "{count} for the bind");
    host.prepare();
    let (count, _) = allocations(|| host.answer(&pdu));
    assert!(
        count <= FIRST_CALL_ALLOCATIONS,
        "{count} for the first call"
    );
}

#[test]
fn the_largest_bind_allocates_no_more_often() {
    let context = |id| PresentationContext {
        id,
        abstract_syntax: SyntaxId::INTERFACE,
        transfer_syntaxes: TransferSyntaxes::new(&[SyntaxId::NDR; MAX_TRANSFER_SYNTAXES]).unwrap(),
    };
    let most: Vec<_> = (0..u16::try_from(MAX_CONTEXTS).unwrap())
        .map(context)
        .collect();
    let bind = bind_pdu(&most);
    let (count, _) = allocations(|| Host::new(&bind));
    assert!(count <= HOST_BIND_ALLOCATIONS, "{count} for the bind");
}

#[test]
fn a_new_client_connection_allocates_a_few_times() {
    let (count, mut client) = allocations(Client::new);
    client.prepare();
    let (more, ()) = allocations(|| client.bind());
    let count = count + more;
    assert!(count <= CLIENT_BIND_ALLOCATIONS, "{count} for the bind");
    let (count, ()) = allocations(|| client.call(None));
    assert!(
        count <= FIRST_CALL_ALLOCATIONS,
        "{count} for the first call"
    );
}
