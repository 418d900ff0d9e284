//! Peers that send what they like: no panic, no loop, no more memory than the limit, and the end of
//! a conversation is its end.

use crate::common::{alter, bind, context, encode, fragment, host, request, stub};
use kms_wire::{
    MAX_CONNECTION_MEMORY, Operation, client,
    pdu::{BindAck, CoCancel, ContextResult, Header, Orphaned, PfcFlags, Response},
    server::{Event, Reply},
};
use proptest::{collection::vec, prelude::*, sample::Index};

/// Something a client might send, and a byte of it to spoil.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just(bind()),
        (0..4_u32, 0..3_u16, vec(any::<u8>(), 0..40)).prop_map(|(call, opnum, bytes)| request(
            call,
            opnum,
            &stub(&bytes)
        )),
        (0..4_u32, any::<u8>(), vec(any::<u8>(), 0..3000))
            .prop_map(|(call, flags, bytes)| fragment(call, PfcFlags(flags & 0x87), &bytes)),
        (0..4_u32, vec(0..80_u16, 0..18))
            .prop_map(|(call, ids)| alter(call, ids.into_iter().map(context).collect())),
        Just(encode(1, CoCancel)),
        Just(encode(1, Orphaned)),
        vec(any::<u8>(), 0..100),
    ];
    (good, any::<(bool, Index, u8)>()).prop_map(|(mut bytes, (spoil, at, value))| {
        if spoil && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes
    })
}

fn answer_of_host() -> impl Strategy<Value = Vec<u8>> {
    let response =
        (1..4_u32, any::<u8>(), vec(any::<u8>(), 0..3000)).prop_map(|(call, flags, stub)| {
            let body = Response {
                alloc_hint: 7,
                context_id: 0,
                cancel_count: 0,
                stub: &stub,
            };
            let mut bytes = encode(call, body);
            bytes[3] = flags & 3;
            bytes
        });
    let ack = vec(Just(ContextResult::ACCEPTED), 0..3).prop_map(|results| {
        encode(
            1,
            BindAck {
                max_transmit_fragment: 2048,
                max_receive_fragment: 2048,
                association_group: 1,
                secondary_address: b"1688\0",
                results,
            },
        )
    });
    let good = prop_oneof![response, ack, vec(any::<u8>(), 0..100)];
    (good, any::<(bool, Index, u8)>()).prop_map(|(mut bytes, (spoil, at, value))| {
        if spoil && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_host_bears_any_client(
        first in prop_oneof![3 => Just(bind()), 1 => piece()],
        pieces in vec((piece(), any::<(bool, bool)>()), 0..40),
    ) {
        let mut host = host();
        host.handle_input(&first);
        let mut closed = false;
        for (piece, (answers, fetches)) in pieces {
            host.handle_input(&piece);
            prop_assert!(!closed || host.is_closed());
            closed = host.is_closed();
            if answers {
                match host.poll_event() {
                    Some(
                        Event::RequestActivation { call, .. } | Event::GetHostCertificate { call },
                    ) => {
                        prop_assert!(!closed);
                        prop_assert_eq!(host.respond(call, Reply::Bytes(&[1; 9000])), Ok(()));
                    }
                    Some(Event::Closed { .. }) => prop_assert!(closed),
                    _ => {}
                }
            }
            if fetches {
                let bytes = host.poll_transmit().unwrap_or_default().to_vec();
                for pdu in crate::common::cut(&bytes) {
                    crate::common::decode(&pdu);
                }
            }
            prop_assert!(host.memory() <= MAX_CONNECTION_MEMORY);
        }
    }

    #[test]
    fn a_client_bears_any_host(
        pieces in vec((answer_of_host(), any::<(bool, bool)>()), 0..40),
        bound in any::<bool>(),
    ) {
        let mut client = client::Connection::new(client::Config::default());
        let mut host = host();
        if bound {
            host.handle_input(client.poll_transmit().unwrap());
            client.handle_input(host.poll_transmit().unwrap());
        }
        let mut closed = false;
        for (piece, (polls, calls)) in pieces {
            client.handle_input(&piece);
            prop_assert!(!closed || client.is_closed());
            closed = client.is_closed();
            if polls {
                let _ = client.poll_event();
            }
            if calls {
                let _ = client.call(Operation::GetHostCertificate);
            }
            prop_assert!(client.memory() <= MAX_CONNECTION_MEMORY);
        }
    }
}

/// Each byte of a good conversation set to each of a few values: the host answers or closes, and
/// what it sends is well formed.
#[test]
fn a_spoiled_byte_anywhere_is_answered_or_closes() {
    let stream = [
        bind(),
        request(2, 0, &stub(b"message")),
        fragment(3, PfcFlags::FIRST, &stub(b"")[..4]),
        fragment(3, PfcFlags::LAST, &stub(b"")[4..]),
        alter(4, vec![context(1)]),
    ]
    .concat();
    for at in 0..stream.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff, stream[at] ^ 1] {
            let mut spoiled = stream.clone();
            spoiled[at] = value;
            let mut host = host();
            host.handle_input(&spoiled);
            let mut sent = Vec::new();
            loop {
                while let Some(bytes) = host.poll_transmit() {
                    sent.extend_from_slice(bytes);
                }
                match host.poll_event() {
                    Some(
                        Event::RequestActivation { call, .. } | Event::GetHostCertificate { call },
                    ) => host.respond(call, Reply::Bytes(b"r")).unwrap(),
                    Some(_) => {}
                    None => break,
                }
            }
            for pdu in crate::common::cut(&sent) {
                crate::common::decode(&pdu);
            }
            assert!(host.memory() <= MAX_CONNECTION_MEMORY);
        }
    }
}

#[test]
fn a_reply_to_a_bad_first_pdu_is_at_most_three_times_as_long() {
    for bytes in [&[0; Header::LEN][..], b"GET / HTTP/1.1\r\n"] {
        let mut host = host();
        host.handle_input(bytes);
        let sent = host.poll_transmit().map(<[u8]>::len).unwrap();
        assert!(sent <= 3 * bytes.len());
    }
}

#[test]
fn fewer_bytes_than_a_header_are_waited_for() {
    let mut host = host();
    for byte in &[0xff; Header::LEN - 1] {
        host.handle_input(&[*byte]);
        assert_eq!(host.poll_transmit(), None);
    }
    assert!(!host.is_closed());
    assert_eq!(host.poll_event(), None);
}
