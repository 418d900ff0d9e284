//! Each golden PDU spoiled in every simple way, to both ends of a connection in each of their states.
//!
//! Cut at every offset, with every bit flipped, every byte dropped or doubled, every length set to its
//! edge values, and whole but split at every offset. Each input goes to a harness, which compares
//! the connection with a model of the protocol to the byte and checks memory and progress, and then a
//! second time in other pieces, which must change nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

use kms_testkit::{
    golden::{self, GoldenPdu, Sender},
    oracles::{self, Answer, ClientEvent, ClientHarness, ServerEvent, ServerHarness},
};
use std::{collections::BTreeSet, sync::LazyLock};

/// What one spoiled PDU may make a connection hold, in bytes.
const MOST_MEMORY: usize = 64 * 1024;

#[test]
fn a_new_host_bears_every_spoiled_pdu_of_a_client() {
    let inputs = each_input(Sender::Client, |_, pieces| host_transcript(&[], pieces));
    println!("{inputs} inputs");
}

#[test]
fn a_bound_host_bears_every_spoiled_pdu_of_a_client() {
    let inputs = each_input(Sender::Client, |pdu, pieces| {
        host_transcript(&before(pdu, "bind-one-context"), pieces)
    });
    println!("{inputs} inputs");
}

#[test]
fn a_host_whose_call_waits_bears_every_spoiled_pdu_of_a_client() {
    let prelude = [bytes("bind-one-context"), bytes("request-certificate")];
    let inputs = each_input(Sender::Client, |_, pieces| {
        host_transcript(&prelude, pieces)
    });
    println!("{inputs} inputs");
}

#[test]
fn a_binding_client_bears_every_spoiled_pdu_of_a_host() {
    let inputs = each_input(Sender::Host, |_, pieces| {
        client_transcript(&[], false, pieces)
    });
    println!("{inputs} inputs");
}

#[test]
fn a_client_without_a_call_bears_every_spoiled_pdu_of_a_host() {
    let prelude = [bytes("bind-ack")];
    let inputs = each_input(Sender::Host, |_, pieces| {
        client_transcript(&prelude, false, pieces)
    });
    println!("{inputs} inputs");
}

#[test]
fn a_calling_client_bears_every_spoiled_pdu_of_a_host() {
    let inputs = each_input(Sender::Host, |pdu, pieces| {
        client_transcript(&before(pdu, "bind-ack"), true, pieces)
    });
    println!("{inputs} inputs");
}

#[test]
fn every_spoiled_pdu_is_read_or_refused_as_the_fixed_offset_decoder_does() {
    for pdu in golden::pdus() {
        for (_, bytes) in spoiled(&pdu) {
            oracles::pdu_header(&bytes);
            match pdu.bytes[2] {
                0 => oracles::encode_decode(&[&[0], &*bytes].concat()),
                11 | 14 => oracles::bind_and_alter_context(&[&[4, 0], &*bytes].concat()),
                _ => {}
            }
        }
    }
}

#[test]
fn every_spoiled_message_and_stub_is_read_or_refused_as_the_fixed_offset_decoder_does() {
    let request = golden::request_message();
    for (_, bytes) in spoil(&request, &[(8, 4), (96, 4), (128, 1)], false) {
        oracles::request_message(&bytes);
    }
    for number in [7, 0xffff] {
        // A later minor version, with something behind the name.
        let mut later = [&*request, b"more"].concat();
        later[2..4].copy_from_slice(&u16::to_le_bytes(number));
        for (_, bytes) in spoil(&later, &[(2, 2), (128, 1)], false) {
            oracles::request_message(&bytes);
        }
    }
    let answer = golden::answer_message();
    for (_, bytes) in spoil(&answer, &[(4, 4), (8, 4), (12, 4), (16, 4)], false) {
        oracles::answer_message(&bytes);
    }
    let chain = golden::certificate_chain();
    for (_, bytes) in spoil(&chain, &[(0, 1), (1, 2), (43, 2)], false) {
        oracles::answer_message(&bytes);
    }
    for pdu in golden::pdus() {
        let stub = match pdu.bytes[2] {
            0 | 2 if pdu.bytes.len() >= 32 => &pdu.bytes[24..],
            _ => continue,
        };
        for (_, bytes) in spoil(stub, &[(0, 4), (4, 4)], pdu.is_big_endian()) {
            oracles::encode_decode(&[&[3], &*bytes].concat());
        }
    }
}

#[test]
fn the_inputs_are_about_a_hundred_thousand_and_of_every_way() {
    let mut inputs = 0;
    for pdu in golden::pdus() {
        let spoiled = spoiled(&pdu);
        let n = pdu.bytes.len();
        // Cut, bits, dropped, doubled, two lengths of the header at least, and split.
        assert!(spoiled.len() >= n + 8 * n + 2 * n + 2 * 16, "{}", pdu.name);
        inputs += 3 * (spoiled.len() + splits(&pdu).len());
    }
    println!("{inputs} inputs to three states of either end");
    assert!(inputs >= 100_000, "{inputs}");
}

#[test]
fn spoiled_pdus_reach_every_rule_of_a_host_that_one_pdu_can_break() {
    let mut seen = BTreeSet::new();
    for pdu in golden::pdus_of(Sender::Client) {
        for prelude in [vec![], before(&pdu, "bind-one-context")] {
            for (_, bytes) in spoiled(&pdu) {
                let mut host = ServerHarness::new();
                for pdu in prelude.iter().chain([&bytes]) {
                    host.feed(pdu);
                }
                host.finish();
                if let Some(ServerEvent::Closed(violation)) = host.events().last() {
                    let text = format!("{violation:?}");
                    let end = text.find(['(', ' ']).unwrap_or(text.len());
                    seen.insert(text.split_at(end).0.to_owned());
                }
            }
        }
    }
    let reached: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(
        reached,
        [
            "AssociationGroup",
            "Authentication",
            "FragmentOrder",
            "Header",
            "Malformed",
            "NoContext",
            "NoTransferSyntax",
            "NotABind",
            "PendingCancel",
            "RepresentationChanged",
            "Unexpected",
        ]
    );
}

/// Gives each input to `run` in two ways, and compares what came of it. Returns how many inputs
/// there were.
fn each_input<T: PartialEq + core::fmt::Debug>(
    sender: Sender,
    run: impl Fn(&GoldenPdu, &[&[u8]]) -> T,
) -> usize {
    let mut inputs = 0;
    for pdu in golden::pdus_of(sender) {
        let whole = run(&pdu, &[&pdu.bytes]);
        for at in splits(&pdu) {
            let (one, other) = pdu.bytes.split_at(at);
            assert_eq!(
                run(&pdu, &[one, other]),
                whole,
                "{} split at {at}",
                pdu.name
            );
            inputs += 1;
        }
        for (how, bytes) in spoiled(&pdu) {
            let whole = run(&pdu, &[&bytes]);
            // Another place for each input, and now and then byte by byte.
            let pieces: Vec<&[u8]> = if inputs % 16 == 0 {
                bytes.chunks(1).collect()
            } else {
                let (one, other) = bytes.split_at(inputs % (bytes.len() + 1));
                vec![one, other]
            };
            let parts = run(&pdu, &pieces);
            assert_eq!(parts, whole, "{} with {how}, in pieces", pdu.name);
            inputs += 1;
        }
    }
    inputs
}

/// The offsets at which a PDU is split.
fn splits(pdu: &GoldenPdu) -> core::ops::Range<usize> {
    1..pdu.bytes.len()
}

/// A PDU spoiled in every way, and how it was.
fn spoiled(pdu: &GoldenPdu) -> Vec<(String, Vec<u8>)> {
    spoil(&pdu.bytes, &pdu.lengths, pdu.is_big_endian())
}

fn spoil(bytes: &[u8], lengths: &[(usize, usize)], big: bool) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for at in 0..bytes.len() {
        let (before, after) = bytes.split_at(at);
        all.push((format!("{at} bytes left"), before.to_vec()));
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            all.push((format!("bit {bit} of byte {at} flipped"), flipped));
        }
        let dropped = [before, &after[1..]].concat();
        all.push((format!("byte {at} dropped"), dropped));
        let doubled = [before, &after[..1], after].concat();
        all.push((format!("byte {at} doubled"), doubled));
    }
    for &(at, size) in lengths {
        for value in edge_values(&bytes[at..at + size], big) {
            let mut set = bytes.to_vec();
            let field = &mut set[at..at + size];
            if big {
                field.copy_from_slice(&value.to_be_bytes()[8 - size..]);
            } else {
                field.copy_from_slice(&value.to_le_bytes()[..size]);
            }
            all.push((format!("{value} at {at}"), set));
        }
    }
    all
}

/// 0, 1, one less and one more than it is, each 2^k - 1 up to the highest, and what stands at and above
/// the limits of PROTOCOL section 1 and of C706 (MustRecvFragSize).
fn edge_values(field: &[u8], big: bool) -> BTreeSet<u64> {
    let size = field.len();
    let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    let value = if big {
        field.iter().fold(0, add)
    } else {
        field.iter().rev().fold(0, add)
    };
    let highest = (1 << (8 * size)) - 1;
    let mut values: BTreeSet<u64> = (1..=8 * size).map(|k| (1 << k) - 1).collect();
    let limits = [8, 9, 16, 17, 1431, 1432, 2048, 2049, 5840, 5841, 8192, 8193];
    values.extend(limits.into_iter().filter(|limit| *limit <= highest));
    values.extend([0, value.wrapping_sub(1) & highest, (value + 1) & highest]);
    values.remove(&value);
    values
}

fn bytes(name: &str) -> Vec<u8> {
    golden::pdu(name).bytes
}

/// The PDUs that make this one fit in; `opening` if it needs none.
fn before(pdu: &GoldenPdu, opening: &str) -> Vec<Vec<u8>> {
    static ALL: LazyLock<Vec<GoldenPdu>> = LazyLock::new(golden::pdus);
    let names = match pdu.after {
        [] => &[opening][..],
        names => names,
    };
    let find = |name: &&str| ALL.iter().find(|pdu| pdu.name == *name);
    names
        .iter()
        .map(|name| find(name).unwrap().bytes.clone())
        .collect()
}

/// Gives the pieces to a host after these PDUs, and a good request behind them.
fn host_transcript(prelude: &[Vec<u8>], pieces: &[&[u8]]) -> (Vec<ServerEvent>, Vec<u8>) {
    static FOLLOWING: LazyLock<Vec<u8>> = LazyLock::new(|| bytes("request-activation"));
    let answer = |number: usize, length| match number % 3 {
        0 => Answer::Bytes(length),
        1 => Answer::Refused(0xc004_f042),
        _ => Answer::TooBusy,
    };
    let mut host = ServerHarness::new();
    for pdu in prelude {
        host.feed(pdu);
    }
    for piece in pieces {
        host.feed(piece);
    }
    host.pump(answer);
    host.feed(&FOLLOWING);
    host.pump(answer);
    host.finish();
    assert!(host.most_memory() <= MOST_MEMORY, "{}", host.most_memory());
    (host.events().to_vec(), host.sent().to_vec())
}

/// Gives the pieces to a client after these PDUs, and a good answer behind them.
fn client_transcript(
    prelude: &[Vec<u8>],
    calls: bool,
    pieces: &[&[u8]],
) -> (Vec<ClientEvent>, Vec<u8>) {
    static FOLLOWING: LazyLock<Vec<u8>> = LazyLock::new(|| bytes("response-activation"));
    let mut client = ClientHarness::new();
    for (number, pdu) in prelude.iter().enumerate() {
        if calls && number == 1 {
            client.pump();
            assert!(client.call(None));
        }
        client.feed(pdu);
    }
    if calls && prelude.len() == 1 {
        client.pump();
        assert!(client.call(None));
    }
    for piece in pieces {
        client.feed(piece);
    }
    client.pump();
    client.call(Some(100));
    client.feed(&FOLLOWING);
    client.finish();
    assert!(
        client.most_memory() <= MOST_MEMORY,
        "{}",
        client.most_memory()
    );
    (client.events().to_vec(), client.sent().to_vec())
}
