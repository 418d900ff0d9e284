//! What fuzzing starts from, in the forms that the oracles read.

use super::script::{answer_stub, call_stub};
use crate::golden::{self, GoldenPdu, Sender};

type Seeds = Vec<(String, Vec<u8>)>;

pub(super) fn pdu_header() -> Seeds {
    let mut seeds: Seeds = golden::pdus().into_iter().map(named).collect();
    for (name, length) in [
        ("longest", 5840),
        ("too-long", 5841),
        ("shortest", 16),
        ("too-short", 15),
    ] {
        let mut header = golden::pdu("co-cancel").bytes;
        for (to, from) in header.iter_mut().skip(8).zip(u16::to_le_bytes(length)) {
            *to = from;
        }
        seeds.push((format!("header-of-the-{name}"), header));
    }
    seeds
}

fn named(pdu: GoldenPdu) -> (String, Vec<u8>) {
    (pdu.name.to_owned(), pdu.bytes)
}

pub(super) fn bind_and_alter_context() -> Seeds {
    golden::pdus_of(Sender::Client)
        .into_iter()
        .filter(|pdu| matches!(pdu.bytes.get(2), Some(11 | 14)))
        .flat_map(|pdu| {
            let is_alter = u8::from(pdu.bytes.get(2) == Some(&14));
            let form = is_alter | u8::from(pdu.is_big_endian()) << 1;
            let flags = pdu.bytes.get(3).copied().unwrap_or(3);
            let body = pdu.bytes.get(16..).unwrap_or_default();
            [
                (
                    format!("{}-body", pdu.name),
                    [&[form, flags], body].concat(),
                ),
                (pdu.name.to_owned(), [&[form | 4, 0], &*pdu.bytes].concat()),
            ]
        })
        .collect()
}

/// The PDUs that go before this one, and itself, as steps of a script by their index.
fn steps(pdu: &GoldenPdu) -> Vec<[u8; 2]> {
    let pdus = golden::pdus_of(pdu.sender);
    let names = pdu.after.iter().copied().chain([pdu.name]);
    names
        .filter_map(|name| pdus.iter().position(|other| other.name == name))
        .filter_map(|index| u8::try_from(index).ok())
        .map(|index| [0, index])
        .collect()
}

pub(super) fn stream_in_chunks() -> Seeds {
    let mut seeds = Seeds::new();
    for pdu in golden::pdus() {
        let is_host = u8::from(pdu.sender == Sender::Host);
        // Chunks of 5 and 17 bytes; a host's client makes its call after the bind_ack.
        let mut bytes = vec![is_host, 2, 5, 0, 17, 0];
        for (number, step) in steps(&pdu).iter().enumerate() {
            if number == 1 && is_host == 1 {
                bytes.push(0x0f);
            }
            bytes.extend(step);
        }
        seeds.push((pdu.name.to_owned(), bytes));
    }
    let raw = golden::pdu("bind-one-context").bytes;
    let length = u8::try_from(raw.len()).unwrap_or(u8::MAX);
    seeds.push((
        "raw-bytes".to_owned(),
        [&[0, 1, 3, 0, 6, length], &*raw].concat(),
    ));
    seeds
}

pub(super) fn server_connection() -> Seeds {
    const BIND: [u8; 2] = [0, 0];
    const PUMP: [u8; 4] = [14, 0, 120, 0];
    let mut seeds: Seeds = golden::pdus_of(Sender::Client)
        .iter()
        .map(|pdu| {
            let bytes = [&steps(pdu).concat()[..], &PUMP].concat();
            (pdu.name.to_owned(), bytes)
        })
        .collect();
    let mut add = |name: &str, parts: &[&[u8]]| {
        let bytes = [&[&BIND[..]], parts].concat().concat();
        seeds.push((name.to_owned(), bytes));
    };
    // request of call 5, opnum 0, context 0, little-endian, a message of 144 bytes
    let request = [4, 5, 0, 0, 0, 0, 144, 0];
    add(
        "calls-pipelined-and-pumped",
        &[&request, &request, &[9, 9], &PUMP],
    );
    add(
        "answers-of-each-kind-one-by-one",
        &[
            &request,
            &[10],
            &[11, 2, 0, 0],
            &[0x0b, 0, 0, 0],
            &[0x1b, 0, 1, 0],
            &[0x2b, 0, 0, 0x7f, 12],
            &request,
            &[10, 0x2b, 0, 0xff, 0xff],
            &[0x2b, 2, 0, 0],
            &[0x2b, 2, 66, 240, 12],
            &request,
            &[10, 0x2b, 3, 0, 0, 12],
        ],
    );
    // fragments of call 6, flags inverted: 4 of 2048 bytes, and one byte more
    let (first, middle, last) = ([7, 6, 2, 0], [7, 6, 3, 0], [7, 6, 1, 0]);
    let (none, one, many) = ([0, 0], [1, 0], [0, 8]);
    let most = [&first[..], &many, &[&middle[..], &many].concat().repeat(3)].concat();
    add("stub-at-the-limit", &[&most, &last, &none, &PUMP]);
    add("stub-above-the-limit", &[&most, &last, &one, &PUMP]);
    // first, 4 middle ones, 7 times 1024 and once 1020 more, last: one for each byte and two more
    let most = [&first[..], &none, &[&middle[..], &none].concat().repeat(4)].concat();
    let more = [&[9, 255].repeat(7)[..], &[9, 254]].concat();
    add(
        "fragments-at-the-limit",
        &[&most, &more, &last, &none, &PUMP],
    );
    let above = [&middle[..], &none].concat();
    add(
        "fragments-above-the-limit",
        &[&most, &more, &above, &last, &none, &PUMP],
    );
    add("empty-fragments-without-end", &[&most, &[9, 255].repeat(9)]);
    // alter_context (kind even) of 16 contexts each
    add(
        "more-contexts-than-are-kept",
        &[
            &[5, 2, 16, 0, 0],
            &[5, 2, 16, 16, 0],
            &[5, 2, 16, 32, 0],
            &[5, 2, 16, 48, 0],
            &[5, 2, 16, 64, 0],
            &PUMP,
        ],
    );
    add("too-many-contexts", &[&[5, 2, 17, 0, 0], &PUMP]);
    add("second-bind", &[&[5, 2, 1, 0, 1], &PUMP]);
    add(
        "input-beyond-the-room-while-a-call-waits",
        &[&request, &[10], &[15, 0, 0, 0xff]],
    );
    add(
        "byte-by-byte-with-a-wrong-length",
        &[&[13, 1, 0], &[0x10, 7, 0, 8, 0, 200], &PUMP],
    );
    add(
        "output-that-is-not-fetched",
        &[&[0, 14], &[9, 100], &[10, 12, 10, 12]],
    );
    add(
        "output-that-is-never-fetched",
        &[&[0, 14], &[9, 255].repeat(13)],
    );
    // MAX_ANSWER, and one more
    add(
        "answers-at-the-limit-and-above",
        &[
            &request,
            &[10, 0x2b, 0, 0xf1, 0x7f],
            &[0x2b, 0, 0xf0, 0x7f, 12],
        ],
    );
    add(
        "next-call-polled-at-once",
        &[&request, &request, &[10, 0x2b, 3, 0, 0, 10, 0x2b, 3, 0, 0]],
    );
    seeds
}

pub(super) fn client_connection() -> Seeds {
    const ACK: [u8; 2] = [0, 0];
    const PUMP: u8 = 14;
    const CERTIFICATE: u8 = 15;
    let mut seeds: Seeds = golden::pdus_of(Sender::Host)
        .iter()
        .map(|pdu| {
            let mut bytes = vec![12];
            for (number, step) in steps(pdu).iter().enumerate() {
                if number == 1 {
                    bytes.extend([PUMP, CERTIFICATE]);
                }
                bytes.extend(step);
            }
            bytes.push(PUMP);
            (pdu.name.to_owned(), bytes)
        })
        .collect();
    let mut add = |name: &str, parts: &[&[u8]]| {
        let bytes = [&[&ACK[..], &[PUMP]], parts].concat().concat();
        seeds.push((name.to_owned(), bytes));
    };
    // response with a true stub of 300 bytes, whose call is set to the one under way
    let answer = [0x88, 0, 0, 44, 1];
    add(
        "calls-answered-one-after-the-other",
        &[
            &[11, 144, 0, 12],
            &answer,
            &[PUMP, CERTIFICATE],
            &answer,
            &[10, 11, 0, 16],
            &answer,
            &[PUMP],
        ],
    );
    add(
        "call-too-early-too-long-and-twice",
        &[&[11, 0, 64, 11, 144, 0, 15, 10, 15]],
    );
    add("answer-to-no-call", &[&answer, &[PUMP]]);
    add(
        "call-before-the-event-of-the-last-one-was-fetched",
        &[&[CERTIFICATE], &answer, &[CERTIFICATE, 10, CERTIFICATE, 12]],
    );
    add(
        "answer-in-fragments",
        &[
            &[15, 0x87, 0, 2, 0, 0, 8],
            &[0x87, 0, 3, 0, 0, 8],
            &[0x87, 0, 1, 0, 0, 8, PUMP],
        ],
    );
    // 8 fragments of 4096 bytes, and one byte more
    let (first, middle, last) = ([0x87, 0, 2, 0], [0x87, 0, 3, 0], [0x87, 0, 1, 0]);
    let (none, one, many) = ([0, 0], [1, 0], [0, 16]);
    let most = [
        &[15],
        &first[..],
        &many,
        &[&middle[..], &many].concat().repeat(7),
    ]
    .concat();
    add("answer-at-the-limit", &[&most, &last, &none, &[PUMP]]);
    add("answer-above-the-limit", &[&most, &last, &one, &[PUMP]]);
    let most = [
        &[15],
        &first[..],
        &none,
        &[&middle[..], &none].concat().repeat(4),
    ]
    .concat();
    let more = [&[9, 255].repeat(31)[..], &[9, 254]].concat();
    add(
        "fragments-at-the-limit",
        &[&most, &more, &last, &none, &[PUMP]],
    );
    let above = [&middle[..], &none].concat();
    add(
        "fragments-above-the-limit",
        &[&most, &more, &above, &last, &none, &[PUMP]],
    );
    add(
        "empty-fragments-without-end",
        &[&most, &[9, 255].repeat(33)],
    );
    add(
        "byte-by-byte-with-a-wrong-length",
        &[&[13, 1, 0, 15], &[0x90, 9, 0, 8, 0, 200, PUMP]],
    );
    seeds
}

pub(super) fn request_message() -> Seeds {
    let message = golden::request_message();
    let mut later_minor = message.clone();
    if let Some(minor) = later_minor.get_mut(2) {
        *minor = 7;
    }
    later_minor.extend([1, 2, 3, 4]);
    let mut long_name = message.get(..128).unwrap_or_default().to_vec();
    long_name.extend([63]);
    long_name.extend("büro-ñ".repeat(8).bytes().take(63));
    let mut cut = message.clone();
    cut.truncate(100);
    vec![
        ("vector-of-the-protocol".to_owned(), message.clone()),
        ("later-minor-version".to_owned(), later_minor),
        ("name-of-63-bytes".to_owned(), long_name),
        ("cut-inside-the-reserved-field".to_owned(), cut),
        ("stub".to_owned(), call_stub(&message, false)),
        ("stub-big-endian".to_owned(), call_stub(&message, true)),
        ("empty".to_owned(), Vec::new()),
    ]
}

pub(super) fn answer_message() -> Seeds {
    let (answer, chain) = (golden::answer_message(), golden::certificate_chain());
    let refusal = [&[0; 8][..], &[0x42, 0xf0, 0x04, 0xc0]].concat();
    let cut = answer.get(..50).unwrap_or_default().to_vec();
    vec![
        ("vector-of-the-protocol".to_owned(), answer.clone()),
        ("cut-inside-the-key-id".to_owned(), cut),
        ("chain-of-two".to_owned(), chain.clone()),
        ("chain-of-one".to_owned(), vec![1, 1, 0, 0x30]),
        ("stub".to_owned(), answer_stub(&answer, false)),
        ("stub-big-endian".to_owned(), answer_stub(&answer, true)),
        ("stub-of-a-chain".to_owned(), answer_stub(&chain, false)),
        ("stub-of-a-refusal".to_owned(), refusal),
        ("empty".to_owned(), Vec::new()),
    ]
}

pub(super) fn encode_decode() -> Seeds {
    let with = |form: u8, bytes: &[u8]| [&[form], bytes].concat();
    let mut seeds: Seeds = golden::pdus_of(Sender::Client)
        .into_iter()
        .filter(|pdu| pdu.bytes.get(2) == Some(&0))
        .map(|pdu| (format!("pdu-{}", pdu.name), with(0, &pdu.bytes)))
        .collect();
    let (request, answer) = (golden::request_message(), golden::answer_message());
    let chain = golden::certificate_chain();
    let fields: Vec<u8> = (1..=200).collect();
    let name = [
        fields.get(..120).unwrap_or_default(),
        b"ws-17.contoso.example",
    ]
    .concat();
    for (name, form, bytes) in [
        ("request-message", 1, request.as_slice()),
        ("answer-message", 2, &answer),
        ("chain", 2, &chain),
        ("stub-of-a-call", 3, &call_stub(&request, false)),
        ("stub-of-an-answer", 3, &answer_stub(&answer, true)),
        ("fields-of-a-request-pdu", 4, &fields),
        ("fields-of-a-request-message", 5, &name),
        ("fields-of-an-answer-message", 6, &fields),
    ] {
        seeds.push((name.to_owned(), with(form, bytes)));
    }
    seeds
}
