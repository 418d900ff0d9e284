use super::{
    choices::Choices,
    dns_reference::{self, HMAC_SHA256, Shared, Variables},
};
use kms_core::{SeededEntropy, Timestamp};
use kms_srv::{Registration, TsigAlgorithm, TsigKey, Update, UpdateAnswerError, UpdateReply};
use std::sync::LazyLock;

const NOW: u64 = 1_700_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const KEY_NAME: &[u8] = b"\x08kms1-key\0";
const REGISTRATION: &str = "owner=_vlmcs._tcp.contoso.test zone=contoso.test \
    host=kms1.contoso.test port=1688 priority=0 weight=0 ttl=3600 addresses=192.0.2.7";

/// The signed update whose answers are judged, and its MAC; and the same without a key.
static UPDATES: LazyLock<(Update, Vec<u8>, Update)> = LazyLock::new(|| {
    let registration: Registration = REGISTRATION.parse().expect("a registration");
    let name = "kms1-key".parse().expect("a name");
    let key = TsigKey::new(name, TsigAlgorithm::HmacSha256, SECRET.to_vec()).expect("a key");
    let update = |key: Option<&TsigKey>| {
        let now = Timestamp::EPOCH.saturating_add(core::time::Duration::from_secs(NOW));
        Update::publish(&registration, &[], key, &mut SeededEntropy::new(5), now)
            .expect("an update can be made of it")
    };
    let signed = update(Some(&key));
    // The record ends with MAC, original id, error and the length of no other data.
    let mac_end = signed.bytes().len() - 6;
    let mac = signed.bytes().get(mac_end - 32..mac_end);
    let mac = mac.expect("a MAC of 32 bytes").to_vec();
    (signed, mac, update(None))
});

/// Answers to an update that is signed, and to one that is not.
///
/// The first byte is the form. 0: an answer as it is. 1: an answer whose id is made right. Other: a header and a
/// body, behind which a signature is put, right or with one thing wrong, and that told by the
/// choices in front.
///
/// - A reply to the signed update is authenticated only if the signature is right by a reading of
///   RFC 8945 that shares nothing with the code; and only such a one is a success.
/// - A reply to the update without a key is a success only if it says so in its header.
/// - A signature right in all its parts behind a bare header is found right.
pub fn dns_update_answer(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (answer, is_right) = match choices.byte() {
        0 => (choices.rest().to_vec(), false),
        1 => (with_id(choices.rest().to_vec()), false),
        _ => composed(&mut choices),
    };
    let (signed, request_mac, unsigned) = &*UPDATES;
    let shared = Shared {
        key_name: KEY_NAME,
        secret: SECRET,
        request_mac,
        time: NOW,
    };
    let reply = signed.handle_answer(&answer);
    assert_eq!(reply, signed.handle_answer(&answer));
    if is_authenticated(&reply) || is_success(&reply) {
        assert!(dns_reference::is_signed_rightly(&answer, &shared));
        assert!(is_authenticated(&reply));
    }
    if is_right {
        assert!(dns_reference::is_signed_rightly(&answer, &shared));
        assert!(is_authenticated(&reply), "{reply:?}");
    }
    let reply_unsigned = unsigned.handle_answer(&answer);
    if is_success(&reply_unsigned) {
        assert!(!is_authenticated(&reply_unsigned));
        assert!(says_success(&answer));
    }
    for reply in [reply, reply_unsigned] {
        match reply {
            Ok(reply) => assert!(reply.to_string().starts_with("0x")),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn is_authenticated(reply: &Result<UpdateReply, UpdateAnswerError>) -> bool {
    reply.is_ok_and(|reply| reply.is_authenticated())
}

fn is_success(reply: &Result<UpdateReply, UpdateAnswerError>) -> bool {
    reply.is_ok_and(|reply| reply.status().is_success())
}

/// Response to UPDATE, neither cut short nor with the reserved bit, code 0, to our id.
fn says_success(answer: &[u8]) -> bool {
    let (signed, ..) = &*UPDATES;
    match answer {
        [a, b, flags, code, ..] => {
            signed.bytes().starts_with(&[*a, *b]) && flags & 0xfa == 0xa8 && code & 0x4f == 0
        }
        _ => false,
    }
}

fn with_id(mut answer: Vec<u8>) -> Vec<u8> {
    let (signed, ..) = &*UPDATES;
    for (to, from) in answer.iter_mut().zip(signed.bytes()).take(2) {
        *to = *from;
    }
    answer
}

/// An answer of a server with the key, and whether it is one without a body and without a fault.
fn composed(choices: &mut Choices<'_>) -> (Vec<u8>, bool) {
    let (signed, request_mac, _) = &*UPDATES;
    let fault = choices.byte() % 12;
    let (error, number) = (choices.u16(), choices.u16());
    let mut variables = Variables {
        name: KEY_NAME.to_vec(),
        algorithm: HMAC_SHA256.to_vec(),
        time: NOW + u64::from(number % 301),
        fudge: 300,
        original_id: id_of(signed.bytes()),
        error,
        other: choices.take(usize::from(number & 7)).to_vec(),
    };
    let (mut class, mut ttl, mut mac_len, mut request_mac) = (255, 0, 32, request_mac.as_slice());
    match fault {
        1 => variables.name = b"\x08kms2-key\0".to_vec(),
        2 => variables.algorithm = b"\x0bhmac-sha384\0".to_vec(),
        3 => variables.time = NOW + 301 + u64::from(number),
        4 => variables.time = u64::from(number),
        5 => (variables.fudge, variables.time) = (number, NOW + 300),
        6 => variables.original_id ^= number,
        7 => class = number,
        8 => ttl = u32::from(number),
        9 => mac_len = usize::from(number % 80),
        10 => request_mac = &[],
        _ => {}
    }
    let shared = Shared {
        key_name: KEY_NAME,
        secret: SECRET,
        request_mac,
        time: NOW,
    };
    let code = choices.byte() & 0x0f;
    let counts = choices.take(4);
    let body = choices.rest();
    let mut answer = signed.bytes().get(..2).unwrap_or_default().to_vec();
    answer.extend([0xa8, code]);
    let mut padded = [0; 4];
    for (to, from) in padded.iter_mut().zip(counts) {
        *to = *from;
    }
    answer.extend(padded.iter().take(3).flat_map(|count| [0, *count]));
    answer.extend([0, padded.last().map_or(1, |count| count.saturating_add(1))]);
    answer.extend(body);
    let mut mac = dns_reference::mac_of(&answer, answer.len(), &variables, &shared).to_vec();
    mac.resize(mac_len, 0);
    if fault == 11 {
        mac.reverse();
    }
    answer.extend(dns_reference::record(&variables, class, ttl, &mac));
    let is_right = fault == 0 && padded == [0; 4] && body.is_empty();
    (answer, is_right)
}

fn id_of(message: &[u8]) -> u16 {
    match message {
        [a, b, ..] => u16::from_be_bytes([*a, *b]),
        _ => 0,
    }
}
