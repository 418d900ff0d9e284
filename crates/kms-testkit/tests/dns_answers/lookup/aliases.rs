//! CNAME and DNAME: chains, loops, and those that are nobody's business.

use super::{BAD, Case, FOUND, HOST, NO_RECORDS, case, empty, right, send, srv};
use kms_testkit::dns::fake::{Act, Asked, ForgedRecord, wire_name};

const DNAME: u16 = 39;

fn cname(owner: &str, target: &str) -> ForgedRecord {
    ForgedRecord::cname(&wire_name(owner), &wire_name(target))
}

/// The name asked for is an alias of this.
fn alias(target: &str) -> ForgedRecord {
    ForgedRecord::cname(&super::QUESTION, &wire_name(target))
}

fn at(owner: &str) -> ForgedRecord {
    ForgedRecord::srv(&wire_name(owner), 1688, &wire_name(HOST))
}

/// So many aliases, and then the host.
fn chain(length: usize) -> Vec<ForgedRecord> {
    let links = (1..length).map(|n| cname(&format!("a{n}.test"), &format!("a{}.test", n + 1)));
    let mut records = vec![alias("a1.test")];
    records.extend(links);
    records.push(at(&format!("a{length}.test")));
    records
}

fn all(asked: &Asked, records: &[ForgedRecord]) -> Vec<Act> {
    send(
        records
            .iter()
            .fold(empty(asked), super::ForgedMessage::answer),
    )
}

pub(super) const CASES: &[Case] = &[
    case("alias-with-records", FOUND, |asked| all(asked, &chain(1))),
    case("8-aliases", FOUND, |asked| all(asked, &chain(8))),
    case("8-aliases-in-reverse-order", FOUND, |asked| {
        let mut records = chain(8);
        records.reverse();
        all(asked, &records)
    }),
    case("9-aliases", BAD, |asked| all(asked, &chain(9))),
    case("64-aliases", BAD, |asked| all(asked, &chain(64))),
    case("1000-aliases", BAD, |asked| all(asked, &chain(1000))),
    case("alias-of-itself", BAD, |asked| {
        all(asked, &[alias(super::OWNER)])
    }),
    case("alias-of-itself-beside-records", BAD, |asked| {
        all(asked, &[alias(super::OWNER), srv(HOST)])
    }),
    case("aliases-in-a-loop-of-two", BAD, |asked| {
        all(asked, &[alias("b.test"), cname("b.test", super::OWNER)])
    }),
    case("aliases-in-a-loop-beyond-the-first", BAD, |asked| {
        let records = [
            alias("b.test"),
            cname("b.test", "c.test"),
            cname("c.test", "b.test"),
        ];
        all(asked, &records)
    }),
    case("alias-without-records", NO_RECORDS, |asked| {
        all(asked, &[alias("b.test")])
    }),
    case("alias-of-the-root", NO_RECORDS, |asked| {
        all(asked, &[alias("")])
    }),
    case(
        "alias-beside-records-of-the-same-name",
        NO_RECORDS,
        |asked| all(asked, &[alias("b.test"), srv(HOST)]),
    ),
    case("two-aliases-of-one-name", BAD, |asked| {
        let records = [alias("b.test"), alias("c.test"), at("b.test"), at("c.test")];
        all(asked, &records)
    }),
    case("one-alias-twice", FOUND, |asked| {
        all(asked, &[alias("b.test"), alias("b.test"), at("b.test")])
    }),
    case("alias-that-is-nobodys-business", FOUND, |asked| {
        send(right(asked).answer(&cname("b.test", "c.test")))
    }),
    case(
        "aliases-in-a-loop-that-are-nobodys-business",
        FOUND,
        |asked| {
            let message = right(asked).answer(&cname("b.test", "c.test"));
            send(message.answer(&cname("c.test", "b.test")))
        },
    ),
    case(
        "records-behind-an-alias-of-another-name",
        NO_RECORDS,
        |asked| all(asked, &[cname("b.test", "c.test"), at("c.test")]),
    ),
    case("dname-with-its-alias", FOUND, |asked| {
        let dname = ForgedRecord::new(&wire_name("contoso.test"), DNAME, &wire_name("b.test"));
        let moved = "_vlmcs._tcp.b.test";
        all(asked, &[dname, alias(moved), at(moved)])
    }),
    case("dname-without-its-alias", NO_RECORDS, |asked| {
        let dname = ForgedRecord::new(&wire_name("contoso.test"), DNAME, &wire_name("b.test"));
        all(asked, &[dname, at("_vlmcs._tcp.b.test")])
    }),
];
