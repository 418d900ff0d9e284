//! Names: compression, lengths, and targets that no host has.

use super::{
    BAD, Case, FOUND, HOST, NO_RECORDS, Outcome, case, empty, first, pointer_past, right, send,
    srv, target,
};
use core::iter::repeat_n;
use kms_testkit::dns::fake::{Act, Asked, ForgedRecord, wire_name, wire_pointer};

/// A record was there, and none may be used.
const NONE: Outcome = Outcome::Records(0);

fn owner(asked: &Asked, owner: &[u8]) -> Vec<Act> {
    send(empty(asked).answer(&ForgedRecord::srv(owner, 1688, &wire_name(HOST))))
}

/// A record of unknown type that holds so many pointers, each to the one before and the first to the
/// question, and the place of the last.
fn hops(asked: &Asked, count: u16) -> (ForgedRecord, [u8; 2]) {
    // Behind the root as owner and the rest of the record's head.
    let start = first(asked) + 11;
    let pointer = |n: u16| {
        let to = if n == 0 { 12 } else { start + 2 * (n - 1) };
        wire_pointer(to)
    };
    let data: Vec<u8> = (0..count).flat_map(pointer).collect();
    let last = wire_pointer(start + 2 * (count - 1));
    (ForgedRecord::new(&[0], 65_280, &data), last)
}

fn by_hops(asked: &Asked, count: u16, records: usize) -> Vec<Act> {
    let (holder, last) = hops(asked, count);
    let record = ForgedRecord::srv(&last, 1688, &wire_name(HOST));
    let message = empty(asked).answer(&holder);
    send(repeat_n(record, records).fold(message, |message, record| message.answer(&record)))
}

fn long_name(octets: usize) -> Vec<u8> {
    // Labels of 2 octets each with the length, and the root.
    wire_name(
        &repeat_n("a", (octets - 1) / 2)
            .collect::<Vec<_>>()
            .join("."),
    )
}

pub(super) const CASES: &[Case] = &[
    case("owner-not-compressed", FOUND, |asked| {
        owner(asked, asked.name())
    }),
    case("owner-points-to-itself", BAD, |asked| {
        owner(asked, &pointer_past(asked, 0))
    }),
    case("owner-points-to-itself-behind-a-label", BAD, |asked| {
        owner(asked, &[&[1, b'a'][..], &pointer_past(asked, 0)].concat())
    }),
    case("owner-points-in-a-loop-of-two", BAD, |asked| {
        owner(
            asked,
            &[pointer_past(asked, 2), pointer_past(asked, 0)].concat(),
        )
    }),
    case("owner-points-forwards", BAD, |asked| {
        // To the target, behind 2 + 10 + 6 octets.
        owner(asked, &pointer_past(asked, 18))
    }),
    case("owner-points-beyond-the-message", BAD, |asked| {
        owner(asked, &wire_pointer(0x3fff))
    }),
    case("owner-points-into-the-header", NO_RECORDS, |asked| {
        owner(asked, &wire_pointer(8))
    }),
    case("owner-points-to-the-id", BAD, |asked| {
        // An id that is a pointer to itself would answer nothing that was asked: so it points on.
        owner(asked, &[&[63][..], &wire_pointer(0)].concat())
    }),
    case("owner-behind-10-pointers", FOUND, |asked| {
        by_hops(asked, 10, 1)
    }),
    case("owner-behind-128-pointers", FOUND, |asked| {
        by_hops(asked, 128, 1)
    }),
    case(
        "2000-owners-behind-1000-pointers",
        Outcome::Records(1),
        |asked| by_hops(asked, 1000, 1500),
    ),
    case("owner-with-a-label-of-64", BAD, |asked| {
        owner(asked, &wire_name(&"a".repeat(64)))
    }),
    case("owner-with-a-reserved-label", BAD, |asked| {
        owner(asked, &[0x80, 0])
    }),
    case("owner-with-an-extended-label", BAD, |asked| {
        owner(asked, &[0x41, 0])
    }),
    case("owner-that-never-ends", BAD, |asked| {
        send(empty(asked).answer(&ForgedRecord::new(&[1; 400], 33, &[])))
    }),
    case(
        "question-points-to-itself",
        Outcome::Fails(super::LookupError::BadAnswer),
        |asked| {
            let message = super::ForgedMessage::new(asked.id(), 0x8180);
            send(message.question(&wire_pointer(12), 33, 1))
        },
    ),
    case("target-compressed", Outcome::Records(1), |asked| {
        target(asked, &super::QUESTION)
    }),
    case("target-points-to-itself", BAD, |asked| {
        let here = pointer_past(asked, 18);
        target(asked, &here)
    }),
    case("target-points-forwards", BAD, |asked| {
        target(asked, &pointer_past(asked, 20))
    }),
    case("target-with-a-label-of-63", Outcome::Records(1), |asked| {
        target(asked, &wire_name(&format!("{}.test", "a".repeat(63))))
    }),
    case("target-of-255-octets", Outcome::Records(1), |asked| {
        target(asked, &long_name(255))
    }),
    case("target-of-257-octets", BAD, |asked| {
        target(asked, &long_name(257))
    }),
    case("target-the-root", Outcome::NotAvailable, |asked| {
        target(asked, &[0])
    }),
    case("target-the-root-beside-a-host", FOUND, |asked| {
        send(right(asked).answer(&srv("")))
    }),
    case("target-an-ipv4-address", NONE, |asked| {
        target(asked, &wire_name("192.0.2.7"))
    }),
    case("target-a-number", NONE, |asked| {
        target(asked, &wire_name("3221225991"))
    }),
    case("target-a-hexadecimal-number", NONE, |asked| {
        target(asked, &wire_name("kms1.0xc0000207"))
    }),
    case("target-an-ipv6-address", NO_RECORDS, |asked| {
        target(asked, &wire_name("2001:db8::7"))
    }),
    case("target-localhost", NONE, |asked| {
        target(asked, &wire_name("localhost"))
    }),
    case("target-below-localhost", NONE, |asked| {
        target(asked, &wire_name("a.LocalHost"))
    }),
    case("target-with-a-space", NO_RECORDS, |asked| {
        target(asked, &wire_name("kms 1.test"))
    }),
    case("target-with-a-dot-in-a-label", NO_RECORDS, |asked| {
        target(asked, b"\x06kms1.a\x04test\x00")
    }),
    case("target-with-a-null", NO_RECORDS, |asked| {
        target(asked, b"\x05kms\x001\x04test\x00")
    }),
    case("target-with-a-line-feed", NO_RECORDS, |asked| {
        target(asked, b"\x05kms\n1\x04test\x00")
    }),
    case("target-with-octets-above-127", NO_RECORDS, |asked| {
        target(asked, b"\x04\xff\xfe\x80\x81\x04test\x00")
    }),
    case("target-with-utf-8", NO_RECORDS, |asked| {
        target(asked, &wire_name("km\u{df}1.test"))
    }),
    case("target-with-a-slash", NO_RECORDS, |asked| {
        target(asked, &wire_name("../kms1/x.test"))
    }),
    case("a-bad-target-beside-a-good-one", FOUND, |asked| {
        send(
            empty(asked)
                .answer(&srv("kms 1.test"))
                .answer(&srv("localhost"))
                .answer(&srv(HOST)),
        )
    }),
];
