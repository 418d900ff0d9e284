//! Answers that are no right messages: header, zone, counts, names and lengths.

use super::{BAD, Case, DOMAIN, DONE, HOST, answers, refusal, signed, success};
use core::iter::repeat_n;
use kms_testkit::dns::fake::{
    Asked, ForgedMessage, ForgedRecord, Section, wire_name, wire_pointer,
};

/// The most that a message can have.
const LONGEST: usize = 65_535;

/// A success about this zone.
fn about(asked: &Asked, name: &[u8], kind: u16, class: u16) -> ForgedMessage {
    ForgedMessage::new(asked.id(), 0xa800).question(name, kind, class)
}

/// A success with a record of this owner among the additional ones.
fn owned(asked: &Asked, owner: &[u8]) -> ForgedMessage {
    let record = ForgedRecord::new(owner, 1, &[192, 0, 2, 1]);
    success(asked).record(Section::Additional, &record)
}

/// Where the first record of an answer begins: after the header and `contoso.test SOA IN`.
const FIRST: u16 = 12 + 14 + 4;

pub(super) const CASES: &[Case] = &[
    answers("control-zone-left-out", DONE, |asked| {
        signed(asked, ForgedMessage::new(asked.id(), 0xa800))
    }),
    answers("control-zone-in-other-case", DONE, |asked| {
        signed(asked, about(asked, &wire_name("CONTOSO.Test"), 6, 1))
    }),
    answers("control-opt-beside-tsig", DONE, |asked| {
        let opt = ForgedRecord::opt(0, 0);
        signed(asked, success(asked).record(Section::Additional, &opt))
    }),
    answers("control-recursion-offered", DONE, |asked| {
        signed(asked, success(asked).with_flipped(0x0080))
    }),
    answers("id-of-another-message", BAD, |asked| {
        success(asked).with_id(asked.id() ^ 1).into_bytes()
    }),
    answers("id-changed-after-signing", BAD, |asked| {
        let mut bytes = signed(asked, success(asked));
        bytes[0] ^= 0x80;
        bytes
    }),
    answers("not-an-answer", BAD, |asked| {
        signed(asked, success(asked).with_flipped(0x8000))
    }),
    answers("the-update-given-back", BAD, |asked| asked.bytes.clone()),
    answers("answer-to-a-query", BAD, |asked| {
        signed(asked, success(asked).with_flipped(0x2800))
    }),
    answers("answer-to-a-notify", BAD, |asked| {
        signed(asked, success(asked).with_flipped(0x0800))
    }),
    answers("opcode-that-nobody-knows", BAD, |asked| {
        signed(asked, success(asked).with_flipped(0x5000))
    }),
    answers("reserved-bit", BAD, |asked| {
        signed(asked, success(asked).with_flipped(0x0040))
    }),
    answers("cut-short-and-signed", BAD, |asked| {
        signed(asked, success(asked).with_flipped(0x0200))
    }),
    answers("cut-short-and-refused", BAD, |asked| {
        refusal(asked, 5).with_flipped(0x0200).into_bytes()
    }),
    answers("about-another-zone", BAD, |asked| {
        signed(asked, about(asked, &wire_name("fabrikam.test"), 6, 1))
    }),
    answers("about-the-zone-above", BAD, |asked| {
        signed(asked, about(asked, &wire_name("test"), 6, 1))
    }),
    answers("about-the-root", BAD, |asked| {
        signed(asked, about(asked, &wire_name(""), 6, 1))
    }),
    answers("about-another-type", BAD, |asked| {
        signed(asked, about(asked, &wire_name(DOMAIN), 33, 1))
    }),
    answers("about-another-class", BAD, |asked| {
        signed(asked, about(asked, &wire_name(DOMAIN), 6, 3))
    }),
    answers("about-two-zones", BAD, |asked| {
        signed(asked, success(asked).question(&wire_name(DOMAIN), 6, 1))
    }),
    answers("count-of-zones-too-high", BAD, |asked| {
        success(asked).with_count(Section::Question, 2).into_bytes()
    }),
    answers("count-of-zones-65535", BAD, |asked| {
        let message = success(asked).with_count(Section::Question, u16::MAX);
        signed(asked, message)
    }),
    answers("count-of-zones-0-beside-one", BAD, |asked| {
        signed(asked, success(asked).with_count(Section::Question, 0))
    }),
    answers("count-of-updates-65535", BAD, |asked| {
        signed(
            asked,
            success(asked).with_count(Section::Authority, u16::MAX),
        )
    }),
    answers("count-of-prerequisites-1-without-any", BAD, |asked| {
        signed(asked, success(asked).with_count(Section::Answer, 1))
    }),
    answers("count-of-additional-records-too-low", BAD, |asked| {
        let opt = ForgedRecord::opt(0, 0);
        let message = success(asked).record(Section::Additional, &opt);
        signed(asked, message.with_count(Section::Additional, 0))
    }),
    answers("counts-of-65535-everywhere", BAD, |asked| {
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        let all = |message: ForgedMessage, section| message.with_count(section, u16::MAX);
        sections.into_iter().fold(success(asked), all).into_bytes()
    }),
    answers("65-records", BAD, |asked| {
        let record = ForgedRecord::new(&[0], 1, &[192, 0, 2, 1]);
        let many =
            repeat_n(record, 65).fold(success(asked), |message, record| message.answer(&record));
        signed(asked, many)
    }),
    answers("no-bytes", BAD, |_| Vec::new()),
    answers("one-byte", BAD, |_| vec![0]),
    answers("11-bytes", BAD, |asked| {
        success(asked).into_bytes()[..11].to_vec()
    }),
    answers("header-alone", BAD, |asked| {
        success(asked).into_bytes()[..12].to_vec()
    }),
    answers("cut-within-the-zone", BAD, |asked| {
        success(asked).into_bytes()[..20].to_vec()
    }),
    answers("cut-by-a-byte", BAD, |asked| {
        let mut bytes = signed(asked, success(asked));
        bytes.pop();
        bytes
    }),
    answers("a-byte-behind-the-signature", BAD, |asked| {
        [signed(asked, success(asked)), vec![0]].concat()
    }),
    answers("another-message-behind-it", BAD, |asked| {
        let right = signed(asked, success(asked));
        [right, refusal(asked, 5).into_bytes()].concat()
    }),
    answers("65535-bytes-of-zeros", BAD, |_| vec![0; LONGEST]),
    answers("65535-bytes-of-ones", BAD, |_| vec![0xff; LONGEST]),
    answers("65535-bytes-unsigned", BAD, |asked| {
        let left = LONGEST - success(asked).into_bytes().len() - 11;
        let record = ForgedRecord::new(&[0], 65_280, &vec![0; left]);
        success(asked)
            .record(Section::Additional, &record)
            .into_bytes()
    }),
    answers("compression-to-itself", BAD, |asked| {
        owned(asked, &wire_pointer(FIRST)).into_bytes()
    }),
    answers("compression-in-a-loop-of-two", BAD, |asked| {
        let there = wire_pointer(FIRST + 2);
        let back = wire_pointer(FIRST);
        owned(asked, &[there, back].concat()).into_bytes()
    }),
    answers("compression-loop-behind-a-label", BAD, |asked| {
        let name = [&[1, b'a'][..], &wire_pointer(FIRST)].concat();
        owned(asked, &name).into_bytes()
    }),
    answers("compression-forwards", BAD, |asked| {
        let message = owned(asked, &wire_pointer(FIRST + 16));
        message.raw(&wire_name(HOST)).into_bytes()
    }),
    answers("compression-beyond-the-message", BAD, |asked| {
        owned(asked, &wire_pointer(0x3fff)).into_bytes()
    }),
    answers("compression-into-the-header", BAD, |asked| {
        owned(asked, &wire_pointer(4)).into_bytes()
    }),
    answers("compressed-zone-in-a-loop", BAD, |asked| {
        about(asked, &wire_pointer(12), 6, 1).into_bytes()
    }),
    answers("label-of-64-bytes", BAD, |asked| {
        owned(asked, &wire_name(&"a".repeat(64))).into_bytes()
    }),
    answers("label-of-a-reserved-kind", BAD, |asked| {
        owned(asked, &[0x80, 0]).into_bytes()
    }),
    answers("zone-of-255-octets", BAD, |asked| {
        let long = ["a"; 127].join(".");
        signed(asked, about(asked, &wire_name(&long), 6, 1))
    }),
    answers("zone-of-257-octets", BAD, |asked| {
        let long = ["a"; 128].join(".");
        signed(asked, about(asked, &wire_name(&long), 6, 1))
    }),
    answers("record-longer-than-the-message", BAD, |asked| {
        let record = ForgedRecord::new(&[0], 1, &[192, 0, 2, 1]).with_data_len(400);
        success(asked).answer(&record).into_bytes()
    }),
    answers("address-of-3-bytes", BAD, |asked| {
        let record = ForgedRecord::new(&[0], 1, &[192, 0, 2]);
        signed(asked, success(asked).answer(&record))
    }),
];
