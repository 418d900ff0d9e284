//! Answers to the lookups of a host's addresses.

use super::{A, AAAA, Case, HOST, Outcome, QUESTION, case, cut, empty, send};
use kms_srv::LookupError;
use kms_testkit::dns::fake::{Act, Asked, ForgedRecord, Section, Transport, wire_name};

const NONE: Outcome = Outcome::AddressCount(0);
const BAD: Outcome = Outcome::FailsForHost(LookupError::BadAnswer);
const NO_RECORDS: Outcome = Outcome::FailsForHost(LookupError::NoRecords);
const ONE: Outcome = Outcome::Addresses(&["192.0.2.7"]);

fn a(data: &[u8]) -> ForgedRecord {
    ForgedRecord::new(&QUESTION, A, data)
}

fn aaaa(data: &[u8]) -> ForgedRecord {
    ForgedRecord::new(&QUESTION, AAAA, data)
}

/// Records of the one family, and none of the other.
fn of(asked: &Asked, family: u16, records: &[ForgedRecord]) -> Vec<Act> {
    if asked.record_type() == family {
        send(
            records
                .iter()
                .fold(empty(asked), super::ForgedMessage::answer),
        )
    } else {
        send(empty(asked))
    }
}

/// An IPv6 address of these first and last octets.
fn v6(first: &[u8], last: &[u8]) -> Vec<u8> {
    [first, &vec![0; 16 - first.len() - last.len()], last].concat()
}

fn only_v6(asked: &Asked, address: &[u8]) -> Vec<Act> {
    of(asked, AAAA, &[aaaa(address)])
}

fn only_v4(asked: &Asked, address: &[u8]) -> Vec<Act> {
    of(asked, A, &[a(address)])
}

/// So many addresses, by TCP.
fn many(asked: &Asked, count: u16) -> Vec<Act> {
    if asked.transport == Transport::Udp {
        return send(cut(asked));
    }
    let records = (0..count).map(|n| match asked.record_type() {
        A => a(&[&[198, 18][..], &n.to_be_bytes()].concat()),
        _ => aaaa(&v6(&[0x20, 0x01, 0x0d, 0xb8], &n.to_be_bytes())),
    });
    send(records.fold(empty(asked), |message, record| message.answer(&record)))
}

pub(super) const CASES: &[Case] = &[
    case(
        "control-both-families",
        Outcome::Addresses(&["2001:db8::7", "192.0.2.7"]),
        |asked| {
            let record = match asked.record_type() {
                A => a(&[192, 0, 2, 7]),
                _ => aaaa(&v6(&[0x20, 0x01, 0x0d, 0xb8], &[7])),
            };
            send(empty(asked).answer(&record))
        },
    ),
    case("a-of-3-octets", BAD, |asked| only_v4(asked, &[192, 0, 2])),
    case("a-of-5-octets", BAD, |asked| {
        only_v4(asked, &[192, 0, 2, 7, 0])
    }),
    case("aaaa-of-15-octets", BAD, |asked| only_v6(asked, &[1; 15])),
    case("aaaa-of-17-octets", BAD, |asked| only_v6(asked, &[1; 17])),
    case(
        "1000-addresses-of-each-family",
        Outcome::AddressCount(16),
        |asked| many(asked, 1000),
    ),
    case(
        "2000-addresses-of-each-family",
        Outcome::AddressCount(16),
        |asked| many(asked, 2000),
    ),
    case("one-address-500-times", ONE, |asked| {
        of(asked, A, &vec![a(&[192, 0, 2, 7]); 500])
    }),
    case("unspecified-ipv4", NONE, |asked| only_v4(asked, &[0; 4])),
    case("loopback-ipv4", NONE, |asked| {
        only_v4(asked, &[127, 0, 0, 1])
    }),
    case("multicast-ipv4", NONE, |asked| {
        only_v4(asked, &[224, 0, 0, 1])
    }),
    case("broadcast-ipv4", NONE, |asked| only_v4(asked, &[255; 4])),
    case("link-local-ipv4", NONE, |asked| {
        only_v4(asked, &[169, 254, 1, 1])
    }),
    case("unspecified-ipv6", NONE, |asked| only_v6(asked, &[0; 16])),
    case("loopback-ipv6", NONE, |asked| {
        only_v6(asked, &v6(&[], &[1]))
    }),
    case("multicast-ipv6", NONE, |asked| {
        only_v6(asked, &v6(&[0xff, 2], &[1]))
    }),
    case("link-local-ipv6", NONE, |asked| {
        only_v6(asked, &v6(&[0xfe, 0x80], &[1]))
    }),
    case("mapped-ipv4", NONE, |asked| {
        only_v6(asked, &v6(&[], &[0xff, 0xff, 192, 0, 2, 7]))
    }),
    case("mapped-loopback", NONE, |asked| {
        only_v6(asked, &v6(&[], &[0xff, 0xff, 127, 0, 0, 1]))
    }),
    case("bad-addresses-beside-a-good-one", ONE, |asked| {
        of(
            asked,
            A,
            &[a(&[127, 0, 0, 1]), a(&[192, 0, 2, 7]), a(&[224, 0, 0, 1])],
        )
    }),
    case("addresses-of-another-name", NO_RECORDS, |asked| {
        of(
            asked,
            A,
            &[ForgedRecord::new(
                &wire_name("kms9.test"),
                A,
                &[192, 0, 2, 7],
            )],
        )
    }),
    case("addresses-of-the-other-family", NO_RECORDS, |asked| {
        of(asked, AAAA, &[a(&[192, 0, 2, 7])])
    }),
    case("addresses-among-the-additional-ones", NO_RECORDS, |asked| {
        send(empty(asked).record(Section::Additional, &a(&[192, 0, 2, 7])))
    }),
    case("addresses-of-class-chaos", NO_RECORDS, |asked| {
        of(asked, A, &[a(&[192, 0, 2, 7]).with_class(3)])
    }),
    case("host-an-alias", Outcome::Alias, |asked| {
        let alias = ForgedRecord::cname(&QUESTION, &wire_name("b.test"));
        of(
            asked,
            A,
            &[
                alias,
                ForgedRecord::new(&wire_name("b.test"), A, &[192, 0, 2, 7]),
            ],
        )
    }),
    case("host-an-alias-of-itself", BAD, |asked| {
        of(
            asked,
            A,
            &[ForgedRecord::cname(&QUESTION, &wire_name(HOST))],
        )
    }),
    case("one-family-fails", ONE, |asked| {
        if asked.record_type() == AAAA {
            return send(empty(asked).with_rcode(2));
        }
        only_v4(asked, &[192, 0, 2, 7])
    }),
    case("one-family-is-silent", ONE, |asked| {
        if asked.record_type() == AAAA {
            return Vec::new();
        }
        only_v4(asked, &[192, 0, 2, 7])
    }),
    case("one-family-does-not-exist", ONE, |asked| {
        if asked.record_type() == AAAA {
            return send(empty(asked).with_rcode(3));
        }
        only_v4(asked, &[192, 0, 2, 7])
    }),
    case(
        "no-such-host",
        Outcome::FailsForHost(LookupError::NoSuchName),
        |asked| send(empty(asked).with_rcode(3)),
    ),
];
