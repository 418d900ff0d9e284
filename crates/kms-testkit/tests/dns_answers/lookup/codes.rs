//! Response codes, that there is nothing, and EDNS.

use super::{BAD, Case, FAILED, FOUND, NO_NAME, NO_RECORDS, REFUSED, case, empty, right, send};
use kms_testkit::dns::fake::{Act, Asked, ForgedRecord, Section, wire_name};

const NS: u16 = 2;

fn code(asked: &Asked, rcode: u16) -> Vec<Act> {
    send(empty(asked).with_rcode(rcode))
}

fn soa() -> ForgedRecord {
    ForgedRecord::soa(&wire_name("contoso.test"))
}

fn with_opt(asked: &Asked, rcode: u16, opt: &ForgedRecord) -> Vec<Act> {
    send(
        right(asked)
            .with_rcode(rcode)
            .record(Section::Additional, opt),
    )
}

pub(super) const CASES: &[Case] = &[
    case("nxdomain", NO_NAME, |asked| code(asked, 3)),
    case("nxdomain-with-soa", NO_NAME, |asked| {
        send(
            empty(asked)
                .with_rcode(3)
                .record(Section::Authority, &soa()),
        )
    }),
    case("nxdomain-beside-records", NO_NAME, |asked| {
        send(right(asked).with_rcode(3))
    }),
    case("nothing", NO_RECORDS, |asked| code(asked, 0)),
    case("nothing-with-soa", NO_RECORDS, |asked| {
        send(empty(asked).record(Section::Authority, &soa()))
    }),
    case("nothing-but-others-who-know", FAILED, |asked| {
        let ns = ForgedRecord::new(&wire_name("test"), NS, &wire_name("ns.test"));
        send(empty(asked).record(Section::Authority, &ns))
    }),
    case("formerr", FAILED, |asked| code(asked, 1)),
    case("servfail", FAILED, |asked| code(asked, 2)),
    case("notimp", FAILED, |asked| code(asked, 4)),
    case("refused", REFUSED, |asked| code(asked, 5)),
    case("yxdomain", FAILED, |asked| code(asked, 6)),
    case("notauth", FAILED, |asked| code(asked, 9)),
    case("notzone", FAILED, |asked| code(asked, 10)),
    case("rcode-12", FAILED, |asked| code(asked, 12)),
    case("rcode-15", FAILED, |asked| code(asked, 15)),
    case("servfail-beside-records", FAILED, |asked| {
        send(right(asked).with_rcode(2))
    }),
    case("refused-beside-records", REFUSED, |asked| {
        send(right(asked).with_rcode(5))
    }),
    case("formerr-to-edns-alone", FOUND, |asked| {
        // The last count of the header: whether there is an OPT record.
        if asked.bytes[11] == 0 {
            send(right(asked))
        } else {
            code(asked, 1)
        }
    }),
    case("formerr-without-the-question", FAILED, |asked| {
        send(super::ForgedMessage::new(asked.id(), 0x8181))
    }),
    case("edns", FOUND, |asked| {
        with_opt(asked, 0, &ForgedRecord::opt(0, 0))
    }),
    case("edns-of-version-200", FOUND, |asked| {
        with_opt(asked, 0, &ForgedRecord::opt(0, 200))
    }),
    case("edns-with-badvers", FAILED, |asked| {
        with_opt(asked, 0, &ForgedRecord::opt(1, 0))
    }),
    case("edns-with-an-extended-code", FAILED, |asked| {
        with_opt(asked, 15, &ForgedRecord::opt(255, 0))
    }),
    case("edns-twice", BAD, |asked| {
        let opt = ForgedRecord::opt(0, 0);
        send(
            right(asked)
                .record(Section::Additional, &opt)
                .record(Section::Additional, &opt),
        )
    }),
    case("edns-among-the-answers", BAD, |asked| {
        send(right(asked).answer(&ForgedRecord::opt(0, 0)))
    }),
    case("edns-with-an-option-beyond-its-end", BAD, |asked| {
        let opt = ForgedRecord::new(&[0], 41, &[0, 10, 0, 200, 1])
            .with_class(1232)
            .with_ttl(0);
        with_opt(asked, 0, &opt)
    }),
    case("reserved-bit", FOUND, |asked| {
        send(right(asked).with_flipped(0x0040))
    }),
    case("recursion-not-offered", FOUND, |asked| {
        send(right(asked).with_flipped(0x0080))
    }),
];
