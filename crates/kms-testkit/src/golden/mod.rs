//! PDUs written out by hand, of every type and from both sides: the material that generated tests
//! spoil and that fuzzing starts from.
//!
//! Call numbers fit a conversation of a [`kms_wire::client::Connection`]: its bind is call 1, its
//! first call is call 2.

mod client;
mod host;

/// Which end of a connection sends a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Sender {
    /// bind, alter_context, request, co_cancel, orphaned.
    Client,
    /// bind_ack, bind_nak, alter_context_resp, response, fault.
    Host,
}

/// One PDU, byte by byte.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoldenPdu {
    /// What it is, fit for a file's name.
    pub name: &'static str,
    /// Who sends it.
    pub sender: Sender,
    /// The whole PDU.
    pub bytes: Vec<u8>,
    /// The fields that say how long or how many something is: offset and size, 1, 2 or 4 bytes, in
    /// the PDU's integer order.
    pub lengths: Vec<(usize, usize)>,
    /// The PDUs of the same sender, by name, that go before it.
    pub after: &'static [&'static str],
}

impl GoldenPdu {
    /// Whether its integers are big-endian.
    #[must_use]
    pub fn is_big_endian(&self) -> bool {
        self.bytes.get(4) == Some(&0)
    }
}

/// All golden PDUs: at least 20, of each type in both integer orders wherever the type has integers
/// in its body.
#[must_use]
pub fn pdus() -> Vec<GoldenPdu> {
    let mut pdus = client::pdus();
    pdus.extend(host::pdus());
    pdus
}

/// Those that `sender` sends.
#[must_use]
pub fn pdus_of(sender: Sender) -> Vec<GoldenPdu> {
    match sender {
        Sender::Client => client::pdus(),
        Sender::Host => host::pdus(),
    }
}

/// The PDU with this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn pdu(name: &str) -> GoldenPdu {
    pdus()
        .into_iter()
        .find(|pdu| pdu.name == name)
        .unwrap_or_else(|| unknown(name))
}

/// PROTOCOL section 6: the request message.
#[must_use]
pub fn request_message() -> Vec<u8> {
    hex(MESSAGE)
}

/// PROTOCOL section 6: the answer to it.
#[must_use]
pub fn answer_message() -> Vec<u8> {
    hex(ANSWER)
}

/// The answer to GetHostCertificate: two certificates of 40 and 24 bytes that are no DER.
#[must_use]
pub fn certificate_chain() -> Vec<u8> {
    let mut bytes = vec![2, 40, 0];
    bytes.extend([0x30; 40]);
    bytes.extend([24, 0]);
    bytes.extend([0x31; 24]);
    bytes
}

/// A request (type 0) or response (type 2) of call 2 that carries this part of a stub.
fn fragment(
    name: &'static str,
    pdu_type: u8,
    flags: u8,
    big: bool,
    stub: &[u8],
    after: &'static [&'static str],
) -> GoldenPdu {
    let length = u16::try_from(24 + stub.len()).unwrap_or(u16::MAX);
    let (label, length, call) = if big {
        (0, length.to_be_bytes(), 2_u32.to_be_bytes())
    } else {
        (0x10, length.to_le_bytes(), 2_u32.to_le_bytes())
    };
    let mut bytes = vec![5, 0, pdu_type, flags, label, 0, 0, 0];
    bytes.extend(length);
    bytes.extend([0, 0]);
    bytes.extend(call);
    bytes.extend([0; 8]);
    bytes.extend(stub);
    let sender = if pdu_type == 0 {
        Sender::Client
    } else {
        Sender::Host
    };
    golden(name, sender, after, &[(16, 4), (24, 4)], bytes)
}

fn golden(
    name: &'static str,
    sender: Sender,
    after: &'static [&'static str],
    lengths: &[(usize, usize)],
    bytes: Vec<u8>,
) -> GoldenPdu {
    // fragment length and authentication length, which every header has
    let mut all = vec![(8, 2), (10, 2)];
    all.extend(lengths);
    GoldenPdu {
        name,
        sender,
        bytes,
        lengths: all,
        after,
    }
}

/// The bytes of hexadecimal digits; white space means nothing.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter_map(|byte| char::from(byte).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}

#[expect(clippy::panic, reason = "the helpers of a test fail as the test does")]
fn unknown(name: &str) -> GoldenPdu {
    panic!("there is no golden PDU {name}")
}

const MESSAGE: &str = "
    010000000100000002000000bb9c000011111111222243338444555555555555a1a2a3a4b1b24c1c8d1dd1d2d3d4d5d6
    0f0e0d0c0b0a4909880706050403020100112233445546778899aabbccddeeff00000000000000000000000000000000
    19000000000000000068e5cf8b010000000102030405060708090a0b0c0d0e0f1577732d31372e636f6e746f736f2e65
    78616d706c65";
const ANSWER: &str = "
    0100000004000000780000006027000080f403000000000000112233445546778899aabbccddeefffa68e5cf8b010000
    0123456789abcdef303e301604eb18ffaebc40c7bbbe12259769c894364a3c788ceb85479d1bea5800a9aad51ed345e3
    3ebd7bd25c0f1a4c2072337e22a98c5d630f15eba0b70f07";
const INTERFACE_LE: &str = "0e2807f2 dcf4 b842 b97c 3582d8f5ddd4 01000000";
const INTERFACE_BE: &str = "f207280e f4dc 42b8 b97c 3582d8f5ddd4 00000001";
const NDR_LE: &str = "045d888a eb1c c911 9fe8 08002b104860 02000000";
const NDR_BE: &str = "8a885d04 1ceb 11c9 9fe8 08002b104860 00000002";
const NDR64_LE: &str = "33057171 babe 3749 8319 b5dbef9ccc36 01000000";
const FEATURES_LE: &str = "2c1cb76c 1298 4045 0300 000000000000 01000000";

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{Decode as _, Encode as _};
    use kms_wire::pdu::{AnyPdu, Header};
    use std::collections::BTreeSet;

    #[test]
    fn each_is_a_pdu_of_its_sender_and_written_again_to_the_byte() {
        let pdus = pdus();
        let names: BTreeSet<_> = pdus.iter().map(|pdu| pdu.name).collect();
        assert_eq!(names.len(), pdus.len());
        assert!(pdus.len() >= 20, "{}", pdus.len());
        for pdu in &pdus {
            let value = AnyPdu::decode_all(&pdu.bytes)
                .unwrap_or_else(|error| panic!("{}: {error}", pdu.name));
            assert_eq!(value.encoded_len(), pdu.bytes.len(), "{}", pdu.name);
            assert_eq!(value.to_vec(), pdu.bytes, "{}", pdu.name);
            let from_client = matches!(pdu.bytes[2], 0 | 11 | 14 | 18 | 19);
            assert_eq!(from_client, pdu.sender == Sender::Client, "{}", pdu.name);
            for (offset, size) in &pdu.lengths {
                assert!(offset + size <= pdu.bytes.len(), "{}", pdu.name);
            }
            for before in pdu.after {
                assert_eq!(super::pdu(before).sender, pdu.sender, "{}", pdu.name);
            }
        }
    }

    #[test]
    fn every_type_is_there_and_every_type_with_integers_in_both_orders() {
        let seen: BTreeSet<_> = pdus()
            .iter()
            .map(|pdu| (pdu.bytes[2], pdu.is_big_endian()))
            .collect();
        for pdu_type in [0, 2, 3, 11, 12, 13, 14, 15] {
            assert!(seen.contains(&(pdu_type, false)), "{pdu_type}");
            assert!(seen.contains(&(pdu_type, true)), "{pdu_type}");
        }
        for pdu_type in [18, 19] {
            let header = pdus().into_iter().find(|pdu| pdu.bytes[2] == pdu_type);
            assert_eq!(header.map(|pdu| pdu.bytes.len()), Some(Header::LEN));
        }
    }
}
