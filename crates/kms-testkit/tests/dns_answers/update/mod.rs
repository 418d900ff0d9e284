//! The table of answers to a signed update.

mod codes;
mod forged;
mod messages;
mod signatures;
mod transports;
mod verification;

use core::net::IpAddr;
use kms_core::{SeededEntropy, StatusCode, Timestamp};
use kms_srv::{Registration, ServiceName, TsigAlgorithm, TsigKey, Update};
use kms_testkit::dns::fake::{Act, Asked, ForgedMessage, ForgedTsig, TcpManner};

/// The code of an answer that cannot be read or trusted.
pub(crate) const BAD: StatusCode = StatusCode::DNS_BAD_PACKET;
/// The code of a success, which only the controls have.
pub(crate) const DONE: StatusCode = StatusCode::OK;

pub(crate) const DOMAIN: &str = "contoso.test";
pub(crate) const HOST: &str = "kms1.contoso.test";
pub(crate) const KEY: &str = "kms-hosts";
pub(crate) const SECRET: &[u8; 32] = b"a secret of thirty-two bytes, ok";
const OTHER_SECRET: &[u8; 32] = b"another one of thirty-two bytes!";
/// The time of the host's clock.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const NOW_SECS: u64 = 1_700_000_000;

/// What a server does with an update, and the code that must come of it: of success for event 12294, any
/// other for 12293.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) does: Does,
    pub(crate) tcp: TcpManner,
    /// When updates travel over TCP alone.
    pub(crate) code: StatusCode,
    /// When they go over UDP first.
    pub(crate) auto: StatusCode,
}

/// What the server does.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// It answers this, over UDP and TCP alike.
    Answers(fn(&Asked) -> Vec<u8>),
    /// It does this.
    Acts(fn(&Asked) -> Vec<Act>),
}

impl Does {
    pub(crate) fn acts(self, asked: &Asked) -> Vec<Act> {
        match self {
            Self::Answers(answer) => vec![Act::Send(answer(asked))],
            Self::Acts(acts) => acts(asked),
        }
    }
}

const fn answers(name: &'static str, code: StatusCode, answer: fn(&Asked) -> Vec<u8>) -> Case {
    Case {
        name,
        does: Does::Answers(answer),
        tcp: TcpManner::Serve,
        code,
        auto: code,
    }
}

const fn acts(
    name: &'static str,
    code: StatusCode,
    auto: StatusCode,
    acts: fn(&Asked) -> Vec<Act>,
) -> Case {
    Case {
        name,
        does: Does::Acts(acts),
        tcp: TcpManner::Serve,
        code,
        auto,
    }
}

/// All cases, the controls among them.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    [
        signatures::CASES,
        codes::REFUSALS,
        codes::CASES,
        messages::CASES,
        transports::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The update that is answered, where no publisher makes it.
pub(crate) fn update() -> Update {
    let domain = DOMAIN.parse().unwrap();
    let addresses: [IpAddr; 1] = [[192, 0, 2, 7].into()];
    let registration = Registration::new(&ServiceName::default(), &domain, HOST.parse().unwrap())
        .unwrap()
        .with_addresses(addresses)
        .unwrap();
    let algorithm = TsigAlgorithm::HmacSha256;
    let key = TsigKey::new(KEY.parse().unwrap(), algorithm, SECRET.to_vec()).unwrap();
    let entropy = &mut SeededEntropy::new(5);
    Update::publish(&registration, &[], Some(&key), entropy, NOW).unwrap()
}

/// NOERROR, not signed.
fn success(asked: &Asked) -> ForgedMessage {
    ForgedMessage::answer_to(asked)
}

fn refusal(asked: &Asked, rcode: u16) -> ForgedMessage {
    success(asked).with_rcode(rcode)
}

/// A right TSIG record for the answer.
fn tsig(asked: &Asked) -> ForgedTsig {
    ForgedTsig::new(KEY, asked.id(), NOW_SECS)
}

/// The answer with a TSIG record, signed as that record says.
fn signed_as(asked: &Asked, tsig: &ForgedTsig, message: ForgedMessage) -> Vec<u8> {
    let signed = tsig.sign(message, &asked.mac(), SECRET);
    signed.unwrap().into_bytes()
}

fn signed(asked: &Asked, message: ForgedMessage) -> Vec<u8> {
    signed_as(asked, &tsig(asked), message)
}

/// A success with this MAC.
fn with_mac(asked: &Asked, mac: &[u8]) -> Vec<u8> {
    tsig(asked).append(success(asked), mac).into_bytes()
}

fn right_mac(asked: &Asked) -> Vec<u8> {
    let mac = tsig(asked).mac(&success(asked), &asked.mac(), SECRET);
    mac.unwrap()
}

/// A success that is signed rightly, with a record that then was changed.
fn changed(asked: &Asked, change: impl FnOnce(&mut ForgedTsig)) -> Vec<u8> {
    let mac = right_mac(asked);
    let mut tsig = tsig(asked);
    change(&mut tsig);
    tsig.append(success(asked), &mac).into_bytes()
}

/// A success whose record is wrong, and signed as it stands.
fn wrong(asked: &Asked, change: impl FnOnce(&mut ForgedTsig)) -> Vec<u8> {
    let mut tsig = tsig(asked);
    change(&mut tsig);
    signed_as(asked, &tsig, success(asked))
}
