//! PDUs written out by hand, of every type and from both sides: the material that generated tests
//! spoil and that fuzzing starts from.
//!
//! Call numbers fit a conversation of a [`kms_wire::client::Connection`]: its bind is call 1, its
//! first call is call 2.

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
    /// The PDUs of the same sender, by name, without which it is out of order.
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
    let mut pdus = client_pdus();
    pdus.extend(host_pdus());
    pdus
}

/// Those that `sender` sends.
#[must_use]
pub fn pdus_of(sender: Sender) -> Vec<GoldenPdu> {
    match sender {
        Sender::Client => client_pdus(),
        Sender::Host => host_pdus(),
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

fn client_pdus() -> Vec<GoldenPdu> {
    const BIND: &[&str] = &["bind-one-context"];
    let message = request_message();
    let n = "96000000 96000000";
    let mut pdus = vec![
        client(
            "bind-one-context",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1)],
            &format!(
                "05 00 0b 03 10000000 4800 0000 01000000
             d016 d016 00000000 01 000000  0000 01 00 {INTERFACE_LE} {NDR_LE}"
            ),
        ),
        client(
            "bind-with-features-as-samba",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1), (74, 1)],
            &format!(
                "05 00 0b 03 10000000 7400 0000 01000000
             d016 d016 00000000 02 000000
             0000 01 00 {INTERFACE_LE} {NDR_LE}
             0100 01 00 {INTERFACE_LE} {FEATURES_LE}"
            ),
        ),
        client(
            "bind-multiplexed-minor-1",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1)],
            &format!(
                "05 01 0b 13 10000000 4800 0000 01000000
             b810 b810 00000000 01 000000  0000 01 00 {INTERFACE_LE} {NDR_LE}"
            ),
        ),
        client(
            "bind-big-endian",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1)],
            &format!(
                "05 00 0b 03 00000000 0048 0000 00000001
             10b8 10b8 00000000 01 000000  0003 01 00 {INTERFACE_BE} {NDR_BE}"
            ),
        ),
        client(
            "bind-four-contexts",
            &[],
            &[(24, 1), (30, 1), (74, 1), (138, 1), (182, 1)],
            &format!(
                "05 00 0b 03 10000000 0801 0000 01000000
             0008 d016 0d0c0b0a 04 000000
             0000 01 00 {INTERFACE_LE} {NDR_LE}
             0700 02 00 {INTERFACE_LE} {NDR64_LE} {NDR_LE}
             0800 01 00 {NDR_LE} {NDR_LE}
             0900 03 00 {INTERFACE_LE} {NDR64_LE} {NDR64_LE} {FEATURES_LE}"
            ),
        ),
        client(
            "alter-context",
            BIND,
            &[(16, 2), (24, 1), (30, 1)],
            &format!(
                "05 00 0e 03 10000000 4800 0000 02000000
             b810 b810 00000000 01 000000  0900 01 00 {INTERFACE_LE} {NDR_LE}"
            ),
        ),
        client(
            "alter-context-big-endian",
            BIND,
            &[(16, 2), (24, 1), (30, 1), (74, 1)],
            &format!(
                "05 00 0e 03 00000000 0074 0000 00000002
             10b8 10b8 00000000 02 000000
             0009 01 00 {INTERFACE_BE} {NDR_BE}  000a 01 00 {NDR_BE} {NDR_BE}"
            ),
        ),
        client(
            "request-activation",
            BIND,
            &[(16, 4), (24, 4), (28, 4), (160, 1)],
            &format!("05 00 00 03 10000000 b600 0000 02000000  9e000000 0000 0000 {n} {MESSAGE}"),
        ),
        client(
            "request-activation-padded",
            BIND,
            &[(16, 4), (24, 4), (28, 4), (160, 1)],
            &format!(
                "05 00 00 03 10000000 b900 0000 02000000  ffffffff 0000 0000 {n} {MESSAGE} 000000"
            ),
        ),
        client(
            "request-activation-big-endian",
            BIND,
            &[(16, 4), (24, 4), (28, 4), (160, 1)],
            &format!(
                "05 00 00 03 00000000 00b6 0000 00000002  00000000 0000 0000 00000096 00000096 {MESSAGE}"
            ),
        ),
        client(
            "request-activation-with-object",
            BIND,
            &[(16, 4), (40, 4), (44, 4), (176, 1)],
            &format!(
                "05 00 00 83 10000000 c600 0000 02000000  9e000000 0000 0000
             33221100 5544 7766 8899aabbccddeeff {n} {MESSAGE}"
            ),
        ),
        client(
            "request-certificate",
            BIND,
            &[(16, 4)],
            "05 00 00 03 10000000 1800 0000 02000000  00000000 0000 0100",
        ),
        client(
            "request-certificate-big-endian-with-object",
            BIND,
            &[(16, 4)],
            "05 00 00 83 00000000 0028 0000 00000002  00000000 0000 0001
             00112233 4455 6677 8899aabbccddeeff",
        ),
        client(
            "request-unknown-operation",
            BIND,
            &[(16, 4)],
            "05 00 00 03 10000000 1c00 0000 02000000  04000000 0000 0200  00000000",
        ),
        client(
            "request-unknown-context",
            BIND,
            &[(16, 4)],
            "05 00 00 03 10000000 1800 0000 02000000  00000000 0700 0100",
        ),
        client(
            "co-cancel",
            BIND,
            &[],
            "05 00 12 03 10000000 1000 0000 02000000",
        ),
        client(
            "orphaned-big-endian",
            BIND,
            &[],
            "05 00 13 03 00000000 0010 0000 00000002",
        ),
    ];
    // The message in two fragments, cut inside it.
    let stub = [hex(n), message].concat();
    let (first, last) = stub.split_at(80);
    pdus.push(fragment("request-first-fragment", 0, 1, first, BIND));
    pdus.push(fragment(
        "request-last-fragment",
        0,
        2,
        last,
        &["bind-one-context", "request-first-fragment"],
    ));
    pdus
}

fn host_pdus() -> Vec<GoldenPdu> {
    const ACK: &[&str] = &["bind-ack"];
    let ack = &[(16, 2), (18, 2), (24, 2), (32, 1)];
    let mut pdus = vec![
        host(
            "bind-ack",
            &[],
            ack,
            &format!(
                "05 00 0c 03 10000000 3c00 0000 01000000
             d016 d016 0d0c0b0a 0500 31363838 00 00 01 000000  0000 0000 {NDR_LE}"
            ),
        ),
        host(
            "bind-ack-with-features",
            &[],
            ack,
            &format!(
                "05 00 0c 03 10000000 5400 0000 01000000
             d016 d016 0d0c0b0a 0500 31363838 00 00 02 000000  0000 0000 {NDR_LE}
             0300 0000 00000000000000000000000000000000 00000000"
            ),
        ),
        host(
            "bind-ack-big-endian",
            &[],
            &[(16, 2), (18, 2), (24, 2), (28, 1)],
            &format!(
                "05 00 0c 13 00000000 0038 0000 00000001
             0800 0800 0a0b0c0d 0002 31 00 01 000000  0000 0000 {NDR_BE}"
            ),
        ),
        host(
            "bind-ack-rejecting",
            &[],
            ack,
            "05 01 0c 03 10000000 3c00 0000 01000000
             d016 d016 0d0c0b0a 0500 31363838 00 00 01 000000
             0200 0100 00000000000000000000000000000000 00000000",
        ),
        host(
            "bind-nak",
            &[],
            &[(18, 1)],
            "05 00 0d 03 10000000 1800 0000 01000000  0400 02 0500 0501 00",
        ),
        host(
            "bind-nak-big-endian",
            &[],
            &[(18, 1)],
            "05 00 0d 03 00000000 0018 0000 00000001  0002 02 0500 0501 00",
        ),
        host(
            "fault-for-bind",
            &[],
            &[(16, 4)],
            "05 00 03 23 10000000 2000 0000 01000000  20000000 0000 00 00 0b00011c 00000000",
        ),
        host(
            "alter-context-response",
            ACK,
            &[(24, 2), (28, 1)],
            "05 00 0f 03 10000000 3800 0000 02000000
             b810 b810 0d0c0b0a 0000 0000 01 000000
             0200 0100 00000000000000000000000000000000 00000000",
        ),
        host(
            "alter-context-response-big-endian",
            ACK,
            &[(24, 2), (28, 1)],
            &format!(
                "05 00 0f 03 00000000 0038 0000 00000002
             10b8 10b8 0a0b0c0d 0000 0000 01 000000  0000 0000 {NDR_BE}"
            ),
        ),
        host(
            "response-activation",
            ACK,
            &[(16, 4), (24, 4), (28, 4), (32, 4)],
            &format!(
                "05 00 02 03 10000000 a000 0000 02000000  88000000 0000 00 00
             78000000 00000200 78000000 {ANSWER} 00000000"
            ),
        ),
        host(
            "response-activation-big-endian",
            ACK,
            &[(16, 4), (24, 4), (28, 4), (32, 4)],
            &format!(
                "05 00 02 03 00000000 00a0 0000 00000002  00000088 0000 00 00
             00000078 00000001 00000078 {ANSWER} 00000000"
            ),
        ),
        host(
            "response-refused",
            ACK,
            &[(16, 4), (24, 4), (28, 4)],
            "05 00 02 03 10000000 2400 0000 02000000  0c000000 0000 00 00
             00000000 00000000 42f004c0",
        ),
        host(
            "response-refused-big-endian",
            ACK,
            &[(16, 4), (24, 4), (28, 4)],
            "05 00 02 03 00000000 0024 0000 00000002  0000000c 0000 00 00
             00000000 00000000 c004f042",
        ),
        host(
            "fault",
            ACK,
            &[(16, 4)],
            "05 00 03 23 10000000 2000 0000 02000000  20000000 0000 00 00 0300011c 00000000",
        ),
        host(
            "fault-big-endian",
            ACK,
            &[(16, 4)],
            "05 00 03 03 00000000 0020 0000 00000002  00000020 0000 00 00 000006f7 00000000",
        ),
    ];
    let chain = certificate_chain();
    // n, referent, max_count, 69 bytes, 3 of padding, HRESULT.
    let stub = [hex("45000000 00000200 45000000"), chain, vec![0; 3 + 4]].concat();
    let (first, last) = stub.split_at(48);
    pdus.push(fragment("response-certificate", 2, 3, &stub, ACK));
    pdus.push(fragment("response-first-fragment", 2, 1, first, ACK));
    pdus.push(fragment(
        "response-last-fragment",
        2,
        2,
        last,
        &["bind-ack", "response-first-fragment"],
    ));
    pdus
}

fn client(
    name: &'static str,
    after: &'static [&'static str],
    lengths: &[(usize, usize)],
    text: &str,
) -> GoldenPdu {
    golden(name, Sender::Client, after, lengths, hex(text))
}

fn host(
    name: &'static str,
    after: &'static [&'static str],
    lengths: &[(usize, usize)],
    text: &str,
) -> GoldenPdu {
    golden(name, Sender::Host, after, lengths, hex(text))
}

/// A little-endian request (type 0) or response (type 2) of call 2 that carries this part of a stub.
fn fragment(
    name: &'static str,
    pdu_type: u8,
    flags: u8,
    stub: &[u8],
    after: &'static [&'static str],
) -> GoldenPdu {
    let mut bytes = vec![5, 0, pdu_type, flags, 0x10, 0, 0, 0];
    let length = 24 + stub.len();
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend([0, 0, 2, 0, 0, 0]);
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
