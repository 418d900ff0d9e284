use super::{
    choices::Choices,
    client_harness::ClientHarness,
    script::{PDU_KINDS, PduMaker},
    server_harness::{Answer, ServerHarness, new_connection},
};
use crate::golden::{self, Sender};
use kms_wire::server::{Call, Event};
use std::sync::LazyLock;

/// No run gives a connection much more than this many bytes, which are enough for the most fragments
/// that an answer may have: a run is to take milliseconds.
const MAX_FED: usize = 32 * 1024 * 25;

/// A host's connection given a sequence of PDUs, fetched from and answered in any order.
///
/// Each step begins with a byte. Those of the script of PDUs give input, in pieces of a size that
/// is set; of the others, 10 polls for an event, 11 answers (kind, length), 12 fetches, 13 sets the
/// size of pieces, 14 fetches and answers until nothing is left to do, 15 gives its bytes (length)
/// whether there is room or not.
///
/// It asserts what [`ServerHarness`] says.
pub fn server_connection(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut pdus = PduMaker::new(Sender::Client);
    let mut host = ServerHarness::new();
    let (mut piece, mut fed) = (usize::MAX, 0);
    while !choices.is_empty() && fed < MAX_FED {
        let first = choices.byte();
        match first & 0x0f {
            kind if kind < PDU_KINDS => {
                let bytes = pdus.step(first, &mut choices, 2);
                fed += bytes.len();
                for part in bytes.chunks(piece) {
                    host.feed(part);
                }
            }
            10 => drop(host.poll_event()),
            11 => {
                let call = match first >> 4 {
                    0 => host.answered(),
                    1 => Some(*FOREIGN),
                    _ => host.waiting(),
                };
                let answer = answer(&mut choices);
                if let Some(call) = call {
                    host.respond(call, answer);
                }
            }
            12 => drop(host.fetch()),
            13 => piece = usize::from(choices.u16()).max(1),
            14 => {
                let (kind, length) = (choices.byte(), choices.u16());
                host.pump(|number, message| pattern_answer(kind, length, number, message));
            }
            _ => {
                let bytes = vec![choices.byte(); usize::from(choices.u16())];
                fed += bytes.len();
                host.overfeed(&bytes);
            }
        }
    }
    host.finish();
}

/// A call of another connection, whose number no seed uses.
static FOREIGN: LazyLock<Call> = LazyLock::new(|| {
    let mut other = new_connection();
    other.handle_input(&golden::pdu("bind-one-context").bytes);
    let mut request = golden::pdu("request-certificate").bytes;
    // call 0xffffff02
    if let Some(number) = request.get_mut(13..16) {
        number.fill(0xff);
    }
    loop {
        other.poll_transmit();
        other.handle_input(&request);
        if let Some(Event::GetHostCertificate { call }) = other.poll_event() {
            return call;
        }
    }
});

fn answer(choices: &mut Choices<'_>) -> Answer {
    let (kind, length) = (choices.byte(), choices.u16());
    match kind % 4 {
        0 | 1 => Answer::Bytes(length.into()),
        2 => Answer::Refused(length.into()),
        _ => Answer::TooBusy,
    }
}

/// An answer that the connection takes, the same for the same call whenever it is asked for.
fn pattern_answer(kind: u8, length: u16, number: usize, message: usize) -> Answer {
    match (usize::from(kind) + number) % 4 {
        0 | 1 => Answer::Bytes((usize::from(length) + message) % (kms_wire::MAX_ANSWER + 1)),
        2 => Answer::Refused(u32::from(length) + 1),
        _ => Answer::TooBusy,
    }
}

/// A client's connection given a sequence of PDUs, with calls made at any time.
///
/// Each step begins with a byte. Those of the script of PDUs give input, in pieces of a size that
/// is set; of the others, 10 polls for an event, 11 asks for an activation (length), 12 fetches, 13
/// sets the size of pieces, 14 fetches and polls until nothing is left to do, 15 asks for the
/// certificate.
///
/// It asserts what [`ClientHarness`] says.
pub fn client_connection(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut pdus = PduMaker::new(Sender::Host);
    let mut client = ClientHarness::new();
    let (mut piece, mut fed, mut call) = (usize::MAX, 0, 1);
    while !choices.is_empty() && fed < MAX_FED {
        let first = choices.byte();
        match first & 0x0f {
            kind if kind < PDU_KINDS => {
                let bytes = pdus.step(first, &mut choices, call);
                fed += bytes.len();
                for part in bytes.chunks(piece) {
                    client.feed(part);
                }
            }
            10 => drop(client.poll_event()),
            11 => call += u32::from(client.call(Some(usize::from(choices.u16())))),
            12 => drop(client.fetch()),
            13 => piece = usize::from(choices.u16()).max(1),
            14 => client.pump(),
            _ => call += u32::from(client.call(None)),
        }
    }
    client.finish();
}

/// The longest stream in chunks, and the longest that is also given byte by byte, in bytes: each
/// chunk is followed by a round of polls.
const MAX_STREAM: usize = 32 * 1024;
const MAX_BYTEWISE: usize = 2 * 1024;

/// A stream of PDUs in any chunks.
///
/// First byte: bit 0 the host sends and a client receives; then a count of chunk sizes (low half)
/// and the sizes (16 bits each); the rest is a script of PDUs. A client makes a call where the
/// script has a step that gives none.
///
/// Given at once, in these chunks and byte by byte, the connection must tell the same events and
/// send the same bytes; and what [`ServerHarness`] and [`ClientHarness`] say.
pub fn stream_in_chunks(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (form, count) = (choices.byte(), choices.byte());
    let sizes: Vec<usize> = (0..count & 0x0f)
        .map(|_| usize::from(choices.u16()).max(1))
        .collect();
    let sender = if form & 1 == 0 {
        Sender::Client
    } else {
        Sender::Host
    };
    let mut pdus = PduMaker::new(sender);
    let mut segments = vec![Vec::new()];
    let (mut length, mut call) = (0, 1);
    while !choices.is_empty() && length < MAX_STREAM {
        let first = choices.byte();
        if first & 0x0f >= PDU_KINDS {
            call += 1;
            segments.push(Vec::new());
        } else if let Some(segment) = segments.last_mut() {
            let mut bytes = pdus.step(first, &mut choices, call);
            bytes.truncate(MAX_STREAM - length);
            length += bytes.len();
            segment.extend(bytes);
        }
    }
    let mut ways = vec![vec![usize::MAX]];
    if !sizes.is_empty() {
        ways.push(sizes);
    }
    if length <= MAX_BYTEWISE {
        ways.push(vec![1]);
    }
    match sender {
        Sender::Client => {
            let stream = segments.concat();
            assert_all_same(ways.iter().map(|sizes| server_transcript(&stream, sizes)));
        }
        Sender::Host => {
            assert_all_same(ways.iter().map(|sizes| client_transcript(&segments, sizes)));
        }
    }
}

fn assert_all_same<T: PartialEq + core::fmt::Debug>(mut transcripts: impl Iterator<Item = T>) {
    let first = transcripts.next();
    for other in transcripts {
        assert_eq!(
            first.as_ref(),
            Some(&other),
            "chunks change the conversation"
        );
    }
}

/// Cuts bytes into chunks of these sizes, over and over.
fn chunks<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    sizes.iter().cycle().map_while(move |size| {
        let (chunk, rest) = bytes.split_at_checked(*size).unwrap_or((bytes, &[]));
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

type Transcript<E> = (Vec<E>, Vec<u8>);

fn server_transcript(stream: &[u8], sizes: &[usize]) -> Transcript<super::ServerEvent> {
    let mut host = ServerHarness::new();
    for mut chunk in chunks(stream, sizes) {
        while !chunk.is_empty() && !host.is_closed() {
            let taken = host.feed(chunk);
            chunk = chunk.get(taken..).unwrap_or_default();
            host.pump(|number, message| pattern_answer(0, 7, number, message));
        }
    }
    host.finish();
    (host.events().to_vec(), host.sent().to_vec())
}

fn client_transcript(segments: &[Vec<u8>], sizes: &[usize]) -> Transcript<super::ClientEvent> {
    let mut client = ClientHarness::new();
    for (number, segment) in segments.iter().enumerate() {
        if number > 0 {
            client.pump();
            client.call((number % 3 != 0).then_some(100 * number));
        }
        for chunk in chunks(segment, sizes) {
            client.feed(chunk);
        }
    }
    client.finish();
    (client.events().to_vec(), client.sent().to_vec())
}
