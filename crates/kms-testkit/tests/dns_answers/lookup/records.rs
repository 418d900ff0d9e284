//! Records: how many, how long, for how long, and counts that lie.

use super::{
    BAD, Case, FOUND, HOST, NO_RECORDS, Outcome, QUESTION, SRV, case, cut, empty, right, send, srv,
};
use core::iter::repeat_n;
use kms_testkit::dns::fake::{
    Act, Asked, ForgedMessage, ForgedRecord, Section, Transport, wire_name,
};

const SECTIONS: [Section; 3] = [Section::Answer, Section::Authority, Section::Additional];

/// So many hosts, by TCP as from a right server.
fn many(asked: &Asked, count: usize) -> Vec<Act> {
    if asked.transport == Transport::Udp {
        return send(cut(asked));
    }
    let record = |n: usize| srv(&format!("k{n}.a"));
    send((0..count).fold(empty(asked), |message, n| message.answer(&record(n))))
}

fn with_data(asked: &Asked, data: &[u8]) -> Vec<Act> {
    send(empty(asked).answer(&ForgedRecord::new(&QUESTION, SRV, data)))
}

fn with_len(asked: &Asked, len: u16) -> Vec<Act> {
    send(empty(asked).answer(&srv(HOST).with_data_len(len)))
}

fn with_ttl(asked: &Asked, ttl: u32) -> Vec<Act> {
    send(empty(asked).answer(&srv(HOST).with_ttl(ttl)))
}

fn counted(asked: &Asked, section: Section, count: u16) -> Vec<Act> {
    send(right(asked).with_count(section, count))
}

/// What the first octets of an answer are.
fn head(asked: &Asked, len: usize) -> Vec<Act> {
    vec![Act::Send(right(asked).into_bytes()[..len].to_vec())]
}

pub(super) const CASES: &[Case] = &[
    case("32-records", Outcome::Records(32), |asked| many(asked, 32)),
    case("33-records", Outcome::Records(32), |asked| many(asked, 33)),
    case("1000-records", Outcome::Records(32), |asked| {
        many(asked, 1000)
    }),
    case("2300-records-in-64-kib", Outcome::Records(32), |asked| {
        many(asked, 2300)
    }),
    case("10000-records-said-and-2500-there", BAD, |asked| {
        if asked.transport == Transport::Udp {
            return send(cut(asked));
        }
        let message = repeat_n(srv("k.a"), 2500)
            .fold(empty(asked), |message, record| message.answer(&record));
        send(message.with_count(Section::Answer, 10_000))
    }),
    case("one-record-1000-times", Outcome::Records(1), |asked| {
        let message =
            repeat_n(srv(HOST), 1000).fold(empty(asked), |message, record| message.answer(&record));
        send(message)
    }),
    case("65535-bytes-by-tcp", FOUND, |asked| {
        if asked.transport == Transport::Udp {
            return send(cut(asked));
        }
        let left = 65_535 - right(asked).into_bytes().len() - 11;
        let filling = ForgedRecord::new(&[0], 65_280, &vec![0; left]);
        send(right(asked).record(Section::Additional, &filling))
    }),
    case("60000-bytes-in-a-datagram", FOUND, |asked| {
        let filling = ForgedRecord::new(&[0], 65_280, &[0; 60_000]);
        send(right(asked).record(Section::Additional, &filling))
    }),
    case("port-0", Outcome::Records(0), |asked| {
        send(empty(asked).answer(&ForgedRecord::srv(&QUESTION, 0, &wire_name(HOST))))
    }),
    case("data-of-0-octets", BAD, |asked| with_data(asked, &[])),
    case("data-of-5-octets", BAD, |asked| with_data(asked, &[0; 5])),
    case("data-without-a-target", BAD, |asked| {
        with_data(asked, &[0, 0, 0, 0, 6, 0x98])
    }),
    case("data-with-a-target-that-does-not-end", BAD, |asked| {
        with_data(asked, b"\x00\x00\x00\x00\x06\x98\x04kms1")
    }),
    case("data-with-an-octet-behind-the-target", BAD, |asked| {
        with_data(asked, b"\x00\x00\x00\x00\x06\x98\x04kms1\x00\x00")
    }),
    case("data-length-too-short", BAD, |asked| with_len(asked, 20)),
    case("data-length-too-long", BAD, |asked| with_len(asked, 26)),
    case("data-length-65535", BAD, |asked| with_len(asked, u16::MAX)),
    case("data-length-0", BAD, |asked| with_len(asked, 0)),
    case("time-to-live-0", Outcome::Kept(60), |asked| {
        with_ttl(asked, 0)
    }),
    case("time-to-live-of-31-bits", Outcome::Kept(86_400), |asked| {
        with_ttl(asked, (1 << 31) - 1)
    }),
    case("time-to-live-of-32-bits", Outcome::Kept(60), |asked| {
        with_ttl(asked, 1 << 31)
    }),
    case("time-to-live-of-all-ones", Outcome::Kept(60), |asked| {
        with_ttl(asked, u32::MAX)
    }),
    case("count-of-questions-0-beside-one", BAD, |asked| {
        counted(asked, Section::Question, 0)
    }),
    case("count-of-questions-2-beside-one", BAD, |asked| {
        counted(asked, Section::Question, 2)
    }),
    case("count-of-answers-0-beside-one", NO_RECORDS, |asked| {
        counted(asked, Section::Answer, 0)
    }),
    case("count-of-answers-2-beside-one", BAD, |asked| {
        counted(asked, Section::Answer, 2)
    }),
    case("count-of-additional-records-1-without-any", BAD, |asked| {
        counted(asked, Section::Additional, 1)
    }),
    case("counts-of-65535", BAD, |asked| {
        let all = |message: ForgedMessage, section| message.with_count(section, u16::MAX);
        send(SECTIONS.into_iter().fold(right(asked), all))
    }),
    case("octets-behind-the-message", FOUND, |asked| {
        send(right(asked).raw(&[0xff; 100]))
    }),
    case("1-octet", super::SILENT, |asked| head(asked, 1)),
    case("id-alone", BAD, |asked| head(asked, 2)),
    case("11-octets", BAD, |asked| head(asked, 11)),
    case("header-alone", BAD, |asked| head(asked, 12)),
    case("header-alone-that-says-so", super::SILENT, |asked| {
        send(ForgedMessage::new(asked.id(), 0x8180))
    }),
    case("cut-within-the-question", BAD, |asked| head(asked, 20)),
    case("cut-by-an-octet", BAD, |asked| {
        head(asked, right(asked).into_bytes().len() - 1)
    }),
];
