//! Answers that are not what was asked for, by header, question, owner or section.

use super::{
    A, BAD, Case, FAILED, FOUND, HOST, NO_RECORDS, OWNER, Outcome, SILENT, SRV, case, cut, empty,
    right, send, srv,
};
use kms_testkit::dns::fake::{
    Act, Asked, ForgedMessage, ForgedRecord, Section, TcpManner, Transport, wire_name,
};

const OTHER: &str = "_vlmcs._tcp.fabrikam.test";
const LIE: Outcome = Outcome::Hosts(&["kms9.contoso.test"]);

fn wrong_id(asked: &Asked) -> Act {
    Act::Send(right(asked).with_id(asked.id() ^ 1).into_bytes())
}

fn truth(asked: &Asked) -> Act {
    Act::Send(right(asked).into_bytes())
}

fn lie(asked: &Asked) -> Act {
    Act::Send(empty(asked).answer(&srv("kms9.contoso.test")).into_bytes())
}

/// An answer to another question, with the right record.
fn question(asked: &Asked, name: &[u8], kind: u16, class: u16) -> Vec<Act> {
    let message = ForgedMessage::new(asked.id(), 0x8180).question(name, kind, class);
    let record = ForgedRecord::srv(&wire_name(OWNER), 1688, &wire_name(HOST));
    send(message.answer(&record))
}

/// The question with every letter in the other case.
fn other_case(asked: &Asked) -> Vec<Act> {
    let mut message = right(asked).into_bytes();
    let name = 12..12 + asked.name().len();
    for byte in &mut message[name] {
        if byte.is_ascii_alphabetic() {
            *byte ^= 0x20;
        }
    }
    vec![Act::Send(message)]
}

fn flipped(asked: &Asked, bits: u16) -> Vec<Act> {
    send(right(asked).with_flipped(bits))
}

fn owned(asked: &Asked, record: &ForgedRecord) -> Vec<Act> {
    send(empty(asked).answer(record))
}

fn by_tcp(asked: &Asked, acts: Vec<Act>) -> Vec<Act> {
    match asked.transport {
        Transport::Udp => send(cut(asked)),
        _ => acts,
    }
}

pub(super) const CASES: &[Case] = &[
    case("control-one-host", FOUND, |asked| vec![truth(asked)]),
    case("control-one-host-by-tcp", FOUND, |asked| {
        by_tcp(asked, vec![truth(asked)])
    }),
    case("control-owner-in-other-case", FOUND, |asked| {
        let record = ForgedRecord::srv(
            &wire_name("_VLMCS._TCP.Contoso.TEST"),
            1688,
            &wire_name(HOST),
        );
        owned(asked, &record)
    }),
    case("wrong-id", SILENT, |asked| vec![wrong_id(asked)]),
    case("wrong-id-by-tcp", BAD, |asked| {
        by_tcp(asked, vec![wrong_id(asked)])
    }),
    case(
        "wrong-id-a-hundred-times-then-right-by-tcp",
        FOUND,
        |asked| match asked.transport {
            Transport::Udp => vec![wrong_id(asked); 100],
            _ => vec![truth(asked)],
        },
    ),
    case("wrong-id-twice-then-right", FOUND, |asked| {
        vec![wrong_id(asked), wrong_id(asked), truth(asked)]
    }),
    case("from-another-port", SILENT, |asked| {
        vec![Act::SendFromElsewhere(right(asked).into_bytes())]
    }),
    case(
        "from-another-port-a-hundred-times-then-right",
        FOUND,
        |asked| {
            let mut acts = vec![Act::SendFromElsewhere(right(asked).into_bytes()); 100];
            acts.push(truth(asked));
            acts
        },
    ),
    case("a-lie-from-another-port-then-right", FOUND, |asked| {
        let lie = empty(asked).answer(&srv("kms9.contoso.test"));
        vec![Act::SendFromElsewhere(lie.into_bytes()), truth(asked)]
    }),
    case("no-question", SILENT, |asked| {
        let record = ForgedRecord::srv(&wire_name(OWNER), 1688, &wire_name(HOST));
        send(ForgedMessage::new(asked.id(), 0x8180).answer(&record))
    }),
    case("question-of-another-name", SILENT, |asked| {
        question(asked, &wire_name(OTHER), SRV, 1)
    }),
    case("question-of-another-type", SILENT, |asked| {
        question(asked, asked.name(), A, 1)
    }),
    case("question-of-another-class", SILENT, |asked| {
        question(asked, asked.name(), SRV, 3)
    }),
    case("question-of-another-name-by-tcp", BAD, |asked| {
        by_tcp(asked, question(asked, &wire_name(OTHER), SRV, 1))
    }),
    case("two-questions", SILENT, |asked| {
        let message = empty(asked).question(&wire_name(OTHER), SRV, 1);
        send(message.answer(&srv(HOST)))
    }),
    case("the-question-twice", SILENT, |asked| {
        let message = empty(asked).question(asked.name(), SRV, 1);
        send(message.answer(&srv(HOST)))
    }),
    case("question-in-other-case-by-udp-and-tcp", FOUND, other_case),
    Case {
        name: "question-in-other-case-and-no-tcp",
        does: other_case,
        tcp: TcpManner::Close,
        outcome: FAILED,
    },
    case("not-an-answer", SILENT, |asked| flipped(asked, 0x8000)),
    case("the-query-given-back", SILENT, |asked| {
        vec![Act::Send(asked.bytes.clone())]
    }),
    case("opcode-status", SILENT, |asked| flipped(asked, 0x1000)),
    case("opcode-notify", SILENT, |asked| flipped(asked, 0x2000)),
    case("opcode-update", SILENT, |asked| flipped(asked, 0x2800)),
    case("opcode-that-nobody-knows", SILENT, |asked| {
        flipped(asked, 0x7800)
    }),
    case("owner-of-another-name", NO_RECORDS, |asked| {
        owned(
            asked,
            &ForgedRecord::srv(&wire_name(OTHER), 1688, &wire_name(HOST)),
        )
    }),
    case("owner-above", NO_RECORDS, |asked| {
        let above = wire_name("_tcp.contoso.test");
        owned(asked, &ForgedRecord::srv(&above, 1688, &wire_name(HOST)))
    }),
    case("owner-a-wildcard", NO_RECORDS, |asked| {
        let wildcard = wire_name("*._tcp.contoso.test");
        owned(asked, &ForgedRecord::srv(&wildcard, 1688, &wire_name(HOST)))
    }),
    case("record-of-another-type", NO_RECORDS, |asked| {
        owned(
            asked,
            &ForgedRecord::new(&super::QUESTION, A, &[192, 0, 2, 7]),
        )
    }),
    case("record-of-class-chaos", NO_RECORDS, |asked| {
        owned(asked, &srv(HOST).with_class(3))
    }),
    case("record-of-class-any", NO_RECORDS, |asked| {
        owned(asked, &srv(HOST).with_class(255))
    }),
    case("record-of-class-none", NO_RECORDS, |asked| {
        owned(asked, &srv(HOST).with_class(254))
    }),
    case(
        "records-among-the-additional-ones-only",
        NO_RECORDS,
        |asked| send(empty(asked).record(Section::Additional, &srv(HOST))),
    ),
    case("records-among-the-authorities-only", NO_RECORDS, |asked| {
        send(empty(asked).record(Section::Authority, &srv(HOST)))
    }),
    case("other-records-beside-the-right-one", FOUND, |asked| {
        let other = ForgedRecord::srv(&wire_name(OTHER), 1688, &wire_name("kms9.contoso.test"));
        let message = right(asked).answer(&other);
        send(message.record(Section::Additional, &srv("kms8.contoso.test")))
    }),
    // Who knows id, port and case is believed by whoever trusts DNS: what such a host answers is verified.
    case("a-lie-that-is-right-in-form-then-the-truth", LIE, |asked| {
        vec![lie(asked), truth(asked)]
    }),
    case("the-truth-then-a-lie", FOUND, |asked| {
        vec![truth(asked), lie(asked)]
    }),
];
