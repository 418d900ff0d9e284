//! The table of answers to lookups.

mod addresses;
mod aliases;
mod codes;
mod identity;
mod names;
mod records;
mod transports;

use kms_srv::LookupError;
use kms_testkit::dns::fake::{
    Act, Asked, ForgedMessage, ForgedRecord, TcpManner, wire_name, wire_pointer,
};

pub(crate) const OWNER: &str = "_vlmcs._tcp.contoso.test";
pub(crate) const HOST: &str = "kms1.contoso.test";
const SRV: u16 = 33;
const A: u16 = 1;
const AAAA: u16 = 28;
/// The question's name, right behind the header.
const QUESTION: [u8; 2] = [0xc0, 12];

/// What a server does with every query, and what must come of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) does: fn(&Asked) -> Vec<Act>,
    pub(crate) tcp: TcpManner,
    pub(crate) outcome: Outcome,
}

/// What comes of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The SRV records that may be used name these hosts, in the order of the answer.
    Hosts(&'static [&'static str]),
    /// So many SRV records may be used.
    Records(usize),
    /// The service is not available here.
    NotAvailable,
    /// SRV records that are used again for so many seconds.
    Kept(u64),
    /// The host's addresses that may be used are these.
    Addresses(&'static [&'static str]),
    /// So many of its addresses may be used.
    AddressCount(usize),
    /// The host's name is an alias, which is not used.
    Alias,
    /// The lookup of SRV records fails.
    Fails(LookupError),
    /// The lookup of addresses fails.
    FailsForHost(LookupError),
}

/// The one host of a right answer.
const FOUND: Outcome = Outcome::Hosts(&[HOST]);
const NO_NAME: Outcome = Outcome::Fails(LookupError::NoSuchName);
const NO_RECORDS: Outcome = Outcome::Fails(LookupError::NoRecords);
const FAILED: Outcome = Outcome::Fails(LookupError::ServerFailure);
const REFUSED: Outcome = Outcome::Fails(LookupError::Refused);
const SILENT: Outcome = Outcome::Fails(LookupError::Timeout);
const BAD: Outcome = Outcome::Fails(LookupError::BadAnswer);

const fn case(name: &'static str, outcome: Outcome, does: fn(&Asked) -> Vec<Act>) -> Case {
    Case {
        name,
        does,
        tcp: TcpManner::Serve,
        outcome,
    }
}

/// All cases, the controls among them.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    [
        identity::CASES,
        aliases::CASES,
        names::CASES,
        records::CASES,
        codes::CASES,
        transports::CASES,
        addresses::CASES,
    ]
    .into_iter()
    .flatten()
}

fn send(message: ForgedMessage) -> Vec<Act> {
    vec![Act::Send(message.into_bytes())]
}

/// An answer with no records yet.
pub(crate) fn empty(asked: &Asked) -> ForgedMessage {
    ForgedMessage::answer_to(asked).with_flipped(0x0080)
}

/// An SRV record of the name asked for.
fn srv(target: &str) -> ForgedRecord {
    ForgedRecord::srv(&QUESTION, 1688, &wire_name(target))
}

/// The right answer to the lookup of SRV records.
pub(crate) fn right(asked: &Asked) -> ForgedMessage {
    empty(asked).answer(&srv(HOST))
}

/// An answer that says that it was cut.
fn cut(asked: &Asked) -> ForgedMessage {
    empty(asked).with_flipped(0x0200)
}

/// An answer whose SRV record has this target, in the form of the wire.
fn target(asked: &Asked, target: &[u8]) -> Vec<Act> {
    send(empty(asked).answer(&ForgedRecord::srv(&QUESTION, 1688, target)))
}

/// Where the first record of an answer begins.
fn first(asked: &Asked) -> u16 {
    empty(asked).here()
}

fn pointer_past(asked: &Asked, bytes: u16) -> [u8; 2] {
    wire_pointer(first(asked) + bytes)
}
