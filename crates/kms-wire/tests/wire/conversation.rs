//! Whole conversations: cut at every byte, and both engines joined back to back.

use crate::common::{
    alter, bind, bind_of, context, encode, fragment, host, request, request_of, stub,
};
use kms_core::{Encode, StatusCode};
use kms_wire::{
    CertificateChain, Operation, client,
    pdu::{CallId, CoCancel, FaultStatus, PfcFlags},
    server,
};
use proptest::{collection::vec, prelude::*};

/// A conversation with every kind of PDU that a client may send, and one at the end that it must
/// not.
fn stream() -> Vec<u8> {
    let long = stub(&[6; 900]);
    [
        bind(),
        request(2, 0, &stub(b"first")),
        fragment(3, PfcFlags::FIRST, &long[..300]),
        encode(3, CoCancel),
        fragment(3, PfcFlags(0), &long[300..301]),
        fragment(3, PfcFlags::LAST, &long[301..]),
        encode(4, request_of(9, 0, &[])),
        alter(5, vec![context(9)]),
        request(6, 7, &[]),
        request(7, 0, &[1]),
        encode(8, request_of(9, 1, &[])),
        encode(9, bind_of(vec![context(0)])),
        request(10, 0, &stub(b"too late")),
    ]
    .concat()
}

/// What a host that answers at once sees and sends.
fn transcript<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Vec<u8>) {
    let mut host = host();
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for piece in pieces {
        host.handle_input(piece);
        loop {
            let (call, text) = match host.poll_event() {
                None => break,
                Some(server::Event::RequestActivation { call, message }) => {
                    (call, format!("{} {message:?}", call.id()))
                }
                Some(server::Event::GetHostCertificate { call }) => (call, call.id().to_string()),
                Some(other) => {
                    events.push(format!("{other:?}"));
                    continue;
                }
            };
            let reply = if call.id() == CallId(3) {
                server::Reply::Refused(StatusCode(0xc004_f042))
            } else {
                server::Reply::Bytes(text.as_bytes())
            };
            host.respond(call, reply).unwrap();
            events.push(text);
        }
        while let Some(bytes) = host.poll_transmit() {
            sent.extend_from_slice(bytes);
        }
    }
    assert!(host.is_closed());
    (events, sent)
}

#[test]
fn a_conversation_cut_at_every_byte_has_the_same_transcript() {
    let stream = stream();
    let whole = transcript([stream.as_slice()]);
    assert_eq!(whole.0.len(), 4, "{:?}", whole.0);
    assert_eq!(crate::common::cut(&whole.1).len(), 9);
    for at in 0..=stream.len() {
        let (a, b) = stream.split_at(at);
        assert_eq!(transcript([a, b]), whole, "cut at {at}");
    }
    assert_eq!(transcript(stream.chunks(1)), whole);
}

#[test]
fn a_host_that_answers_late_gives_the_same_transcript() {
    let stream = stream();
    let whole = transcript([stream.as_slice()]);
    let mut host = host();
    for piece in stream.chunks(37) {
        host.handle_input(piece);
    }
    assert_eq!(transcript_rest(&mut host), whole.1);
}

fn transcript_rest(host: &mut server::Connection) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        while let Some(bytes) = host.poll_transmit() {
            sent.extend_from_slice(bytes);
        }
        let (call, text) = match host.poll_event() {
            None => return sent,
            Some(server::Event::RequestActivation { call, message }) => {
                (call, format!("{} {message:?}", call.id()))
            }
            Some(server::Event::GetHostCertificate { call }) => (call, call.id().to_string()),
            Some(_) => continue,
        };
        let reply = if call.id() == CallId(3) {
            server::Reply::Refused(StatusCode(0xc004_f042))
        } else {
            server::Reply::Bytes(text.as_bytes())
        };
        host.respond(call, reply).unwrap();
    }
}

/// Carries bytes both ways in pieces of the sizes given, and answers calls by `reply`, until the
/// client has an event to show. What it shows, as text, without the bytes.
struct Joined {
    client: client::Connection,
    host: server::Connection,
    sizes: Vec<usize>,
}

impl Joined {
    fn new(sizes: Vec<usize>) -> Self {
        Self {
            client: client::Connection::new(client::Config::default()),
            host: host(),
            sizes,
        }
    }

    fn run(&mut self, answer: &[u8], refusal: Option<StatusCode>) -> (String, Vec<u8>) {
        for _ in 0..1000 {
            if let Some(bytes) = self.client.poll_transmit() {
                for piece in pieces(bytes, &self.sizes) {
                    self.host.handle_input(piece);
                }
            }
            if let Some(
                server::Event::RequestActivation { call, .. }
                | server::Event::GetHostCertificate { call },
            ) = self.host.poll_event()
            {
                let reply = refusal.map_or(server::Reply::Bytes(answer), server::Reply::Refused);
                self.host.respond(call, reply).unwrap();
            }
            if let Some(bytes) = self.host.poll_transmit() {
                for piece in pieces(bytes, &self.sizes) {
                    self.client.handle_input(piece);
                }
            }
            match self.client.poll_event() {
                None => {}
                Some(client::Event::Answered { call, bytes }) => {
                    return (format!("answered {call}"), bytes.to_vec());
                }
                Some(other) => return (format!("{other:?}"), Vec::new()),
            }
        }
        panic!("the conversation does not come to an end");
    }
}

fn pieces<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces
}

#[test]
fn both_engines_understand_each_other() {
    let ders = [vec![1; 700], vec![2; 600], vec![3; 650], vec![4; 7000]];
    let ders: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
    let chain = CertificateChain::new(&ders).unwrap().to_vec();
    let mut joined = Joined::new(vec![usize::MAX]);
    assert_eq!(joined.run(b"", None).0, "Bound");

    let message = &[7; 144];
    let activation = Operation::RequestActivation { message };
    joined.client.call(activation).unwrap();
    assert_eq!(
        joined.run(&[9; 120], None),
        ("answered 2".into(), vec![9; 120])
    );
    joined.client.call(Operation::GetHostCertificate).unwrap();
    assert_eq!(joined.run(&chain, None), ("answered 3".into(), chain));
    joined.client.call(activation).unwrap();
    let refused = joined.run(b"", Some(StatusCode(0xc004_f041))).0;
    assert!(refused.contains("Refused"), "{refused}");
    assert!(!joined.client.is_closed() && !joined.host.is_closed());
}

#[test]
fn a_client_that_is_told_to_wait_sees_the_fault() {
    let mut joined = Joined::new(vec![usize::MAX]);
    joined.run(b"", None);
    let call = joined.client.call(Operation::GetHostCertificate).unwrap();
    joined
        .host
        .handle_input(joined.client.poll_transmit().unwrap());
    let Some(server::Event::GetHostCertificate { call: asked }) = joined.host.poll_event() else {
        panic!()
    };
    joined.host.respond(asked, server::Reply::TooBusy).unwrap();
    joined
        .client
        .handle_input(joined.host.poll_transmit().unwrap());
    assert_eq!(
        joined.client.poll_event(),
        Some(client::Event::Fault {
            call,
            status: FaultStatus::SERVER_TOO_BUSY,
            did_not_execute: true
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_engines_agree_whatever_the_pieces_and_the_lengths(
        sizes in vec(1..6000_usize, 1..6),
        calls in vec((0..=8184_usize, 0..=32752_usize), 1..4),
    ) {
        let mut joined = Joined::new(sizes);
        prop_assert_eq!(joined.run(b"", None).0, "Bound");
        for (asked, answered) in calls {
            let message = &vec![1; asked];
            let call = joined.client.call(Operation::RequestActivation { message }).unwrap();
            let answer = vec![2; answered];
            prop_assert_eq!(joined.run(&answer, None), (format!("answered {call}"), answer));
        }
    }

    #[test]
    fn a_conversation_in_any_pieces_has_the_same_transcript(sizes in vec(1..400_usize, 1..8)) {
        let stream = stream();
        let whole = transcript([stream.as_slice()]);
        prop_assert_eq!(transcript(pieces(&stream, &sizes)), whole);
    }
}
