//! PDUs made from fuzzed choices: golden ones with bytes changed, well-formed ones with fields from
//! the choices, and raw bytes.
//!
//! | first byte, low half | what follows it | PDUs |
//! | --- | --- | --- |
//! | 0 to 2 | index | golden one of the sender |
//! | 3 | index | golden one of either sender |
//! | 4 | call, flags, opnum, context, order, length (2) | request with a true stub of this message length |
//! | 5 | call, number, first id, kind | bind (kind odd) or alter_context with as many contexts |
//! | 6 | length, bytes | raw bytes |
//! | 7 | call, flags, order, length (2) | request or response with that many bytes of stub |
//! | 8 | call, order, length (2) | response with a true stub |
//! | 9 | times | the last PDU again, up to 4 × 256 times |
//!
//! The high half of the first byte: two bits for the number of edits behind it, one that sets the
//! fragment length right afterwards, one that sets the call number to the one under way.

use super::{choices::Choices, server_harness::pattern};
use crate::golden::{self, GoldenPdu, Sender};
use std::sync::LazyLock;

/// The kinds of first bytes that give PDUs; harnesses use the rest for other steps.
pub(super) const PDU_KINDS: u8 = 10;

/// The longest that one step gives, in bytes.
const MAX_STEP: usize = 64 * 1024;

/// The golden PDUs, made once: an oracle runs many thousand times in a second.
static OF_CLIENT: LazyLock<Vec<GoldenPdu>> = LazyLock::new(|| golden::pdus_of(Sender::Client));
static OF_HOST: LazyLock<Vec<GoldenPdu>> = LazyLock::new(|| golden::pdus_of(Sender::Host));

/// Makes PDUs of one sender.
#[derive(Debug)]
pub(super) struct PduMaker {
    sender: Sender,
    last: Vec<u8>,
}

impl PduMaker {
    pub(super) const fn new(sender: Sender) -> Self {
        Self {
            sender,
            last: Vec::new(),
        }
    }

    /// The bytes of a step with this first byte. `under_way` is the call to which it may be set.
    pub(super) fn step(&mut self, first: u8, choices: &mut Choices<'_>, under_way: u32) -> Vec<u8> {
        let mut pdu = match first & 0x0f {
            0..=2 => pick(self.sender, choices.byte()),
            3 => match choices.byte() {
                index if index & 1 == 0 => pick(Sender::Client, index / 2),
                index => pick(Sender::Host, index / 2),
            },
            4 => {
                let (call, flags, opnum) = (choices.byte(), choices.byte(), choices.byte());
                let (context, big) = (choices.byte(), choices.byte() & 1 != 0);
                let message = pattern(usize::from(choices.u16() % 9000));
                let stub = call_stub(&message, big);
                // 0 and 1 are calls of the interface; a certificate is asked for without bytes.
                let stub = if opnum == 1 { &[][..] } else { &stub };
                let fields = [
                    &u16_bytes(context.into(), big)[..],
                    &u16_bytes(opnum.into(), big),
                ];
                encode(
                    0,
                    flags ^ 3,
                    call.into(),
                    big,
                    &[&[0; 4], fields[0], fields[1], stub],
                )
            }
            5 => {
                let (call, number, id) = (choices.byte(), choices.byte() % 20, choices.byte());
                let kind = if choices.byte() & 1 == 1 { 11 } else { 14 };
                let contexts: Vec<u8> = (0..number)
                    .flat_map(|at| context(id.wrapping_add(at)))
                    .collect();
                let head = [0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, number, 0, 0, 0];
                encode(kind, 3, call.into(), false, &[&head, &contexts])
            }
            6 => {
                let length = choices.byte();
                choices.take(length.into()).to_vec()
            }
            7 => {
                let (call, flags) = (choices.byte(), choices.byte());
                let (big, length) = (choices.byte() & 1 != 0, choices.u16() % 6000);
                let kind = match self.sender {
                    Sender::Client => 0,
                    Sender::Host => 2,
                };
                encode(
                    kind,
                    flags ^ 3,
                    call.into(),
                    big,
                    &[&[0; 8], &pattern(length.into())],
                )
            }
            8 => {
                let (call, big) = (choices.byte(), choices.byte() & 1 != 0);
                let bytes = pattern(usize::from(choices.u16() % 5780));
                let stub = answer_stub(&bytes, big);
                encode(2, 3, call.into(), big, &[&[0; 8], &stub])
            }
            _ => {
                let times = 4 * (usize::from(choices.byte()) + 1);
                let times = times.min(MAX_STEP / self.last.len().max(1));
                return self.last.repeat(times);
            }
        };
        for _ in 0..first >> 4 & 3 {
            edit(&mut pdu, choices);
        }
        if first & 0x40 != 0 {
            let length = u16::try_from(pdu.len()).unwrap_or(u16::MAX);
            set(&mut pdu, 8, |big| u16_bytes(length, big));
        }
        if first & 0x80 != 0 {
            set(&mut pdu, 12, |big| u32_bytes(under_way, big));
        }
        self.last.clone_from(&pdu);
        pdu
    }
}

fn pick(sender: Sender, index: u8) -> Vec<u8> {
    let pdus = match sender {
        Sender::Client => &OF_CLIENT,
        Sender::Host => &OF_HOST,
    };
    let index = usize::from(index) % pdus.len().max(1);
    pdus.get(index)
        .map(|pdu| pdu.bytes.clone())
        .unwrap_or_default()
}

/// One change: which kind, where, and with which value.
fn edit(pdu: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let (kind, at, value) = (choices.byte(), choices.u16(), choices.byte());
    let at = usize::from(at) % pdu.len().max(1);
    match (kind % 6, pdu.get_mut(at)) {
        (0 | 5, Some(byte)) => *byte = value,
        (1, Some(byte)) => *byte ^= 1 << (value % 8),
        (2, Some(_)) => drop(pdu.remove(at)),
        (3, _) => pdu.insert(at, value),
        (4, _) => pdu.truncate(at),
        (_, None) => {}
        (6.., Some(_)) => {}
    }
}

/// Overwrites an integer, in the order that the PDU names.
fn set<const N: usize>(pdu: &mut [u8], at: usize, value: impl Fn(bool) -> [u8; N]) {
    let big = pdu.get(4).is_some_and(|byte| byte >> 4 != 1);
    if let Some(place) = pdu.get_mut(at..).and_then(|tail| tail.first_chunk_mut()) {
        *place = value(big);
    }
}

/// A PDU with a fragment length that fits, as far as 16 bits can say it.
pub(super) fn encode(kind: u8, flags: u8, call: u32, big: bool, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let representation = if big { 0 } else { 0x10 };
    let mut pdu = vec![5, 0, kind, flags, representation, 0, 0, 0];
    let length = u16::try_from(16 + body.len()).unwrap_or(u16::MAX);
    pdu.extend(u16_bytes(length, big));
    pdu.extend([0, 0]);
    pdu.extend(u32_bytes(call, big));
    pdu.extend(body);
    pdu
}

/// The stub of RequestActivation.
pub(super) fn call_stub(message: &[u8], big: bool) -> Vec<u8> {
    let n = u32_bytes(u32::try_from(message.len()).unwrap_or(u32::MAX), big);
    [&n, &n, message].concat()
}

/// The stub of an answer with HRESULT 0.
pub(super) fn answer_stub(bytes: &[u8], big: bool) -> Vec<u8> {
    let n = u32_bytes(u32::try_from(bytes.len()).unwrap_or(u32::MAX), big);
    let mut stub = [&n, &[1; 4], &n, bytes].concat();
    stub.resize(stub.len().next_multiple_of(4) + 4, 0);
    stub
}

/// Our interface with NDR, little-endian.
fn context(id: u8) -> Vec<u8> {
    // The first golden PDU is the bind with one context.
    let bind = OF_CLIENT.first().and_then(|bind| bind.bytes.get(28..));
    let mut context = bind.unwrap_or_default().to_vec();
    if let Some(byte) = context.first_mut() {
        *byte = id;
    }
    context
}

pub(super) const fn u16_bytes(value: u16, big: bool) -> [u8; 2] {
    if big {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

pub(super) const fn u32_bytes(value: u32, big: bool) -> [u8; 4] {
    if big {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}
