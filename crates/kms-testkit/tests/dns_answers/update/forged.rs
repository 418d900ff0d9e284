//! Forged answers in great number, and every truncation of right ones.

use super::{
    DOMAIN, KEY, OTHER_SECRET, SECRET, refusal, signed, success, tsig, update,
    verification::{asked, code},
};
use kms_core::{Entropy as _, SeededEntropy, StatusCode};
use kms_srv::Update;
use kms_testkit::dns::fake::{ForgedMessage, ForgedRecord, ForgedTsig, Section, wire_name};

/// Right answers of several forms.
fn right(update: &Update) -> Vec<Vec<u8>> {
    let asked = asked(update);
    let record = ForgedRecord::new(&wire_name(DOMAIN), 1, &[192, 0, 2, 1]);
    let messages = [
        success(&asked),
        ForgedMessage::new(asked.id(), 0xa800),
        success(&asked).record(Section::Additional, &ForgedRecord::opt(0, 0)),
        success(&asked).answer(&record),
    ];
    messages.map(|message| signed(&asked, message)).to_vec()
}

/// The letters whose case is not signed (RFC 8945 section 4.3.3): those of the names of key and algorithm.
fn without_case(answer: &[u8]) -> Vec<u8> {
    let mut answer = answer.to_vec();
    for name in [wire_name(KEY), wire_name("hmac-sha256")] {
        let is_name = |window: &[u8]| window.eq_ignore_ascii_case(&name);
        if let Some(at) = answer.windows(name.len()).position(is_name) {
            answer[at..at + name.len()].copy_from_slice(&name);
        }
    }
    answer
}

/// A right answer, spoiled in one of the ways in which one can be without the secret.
fn forged(right: &[Vec<u8>], update: &Update, entropy: &mut SeededEntropy) -> Vec<u8> {
    let mut below = |bound: usize| usize::try_from(entropy.below(bound as u64)).unwrap();
    let mut answer = right[below(right.len())].clone();
    match below(8) {
        // From one to eight bits.
        0..=2 => {
            for _ in 0..=below(8) {
                let at = below(answer.len());
                answer[at] ^= 1 << below(8);
            }
        }
        // Bytes.
        3 => {
            for _ in 0..=below(16) {
                let at = below(answer.len());
                answer[at] = u8::try_from(below(256)).unwrap();
            }
        }
        // Another id.
        4 => answer[..2].copy_from_slice(&[below(256), below(256)].map(|n| n.to_le_bytes()[0])),
        // A piece moved.
        5 => {
            let (from, to) = (below(answer.len()), below(answer.len()));
            let piece = answer.split_off(from.min(to));
            let at = below(piece.len());
            answer.extend_from_slice(&piece[at..]);
            answer.extend_from_slice(&piece[..at]);
        }
        // Signed with a secret that was guessed.
        6 => {
            let asked = asked(update);
            let guess = [below(256), below(256)].map(|n| n.to_le_bytes()[0]);
            let secret = [&guess[..], OTHER_SECRET].concat();
            let signed = tsig(&asked).sign(success(&asked), &asked.mac(), &secret);
            return signed.unwrap().into_bytes();
        }
        // Signed by the server itself, for another request.
        _ => {
            let asked = asked(update);
            let mut mac = asked.mac();
            let at = below(mac.len());
            mac[at] ^= 1 << below(8);
            let time = tsig(&asked).time + below(4) as u64;
            let tsig = ForgedTsig::new(KEY, asked.id(), time);
            return tsig
                .sign(success(&asked), &mac, SECRET)
                .unwrap()
                .into_bytes();
        }
    }
    answer
}

/// Whether none of so many is accepted.
fn none_is_accepted(count: usize, seed: u64) {
    let update = update();
    let right = right(&update);
    for answer in &right {
        assert_eq!(code(&update, answer), StatusCode::OK, "the right ones are");
    }
    let mut entropy = SeededEntropy::new(seed);
    let mut tried = 0;
    while tried < count {
        let answer = forged(&right, &update, &mut entropy);
        if right.contains(&without_case(&answer)) {
            continue;
        }
        tried += 1;
        assert_ne!(code(&update, &answer), StatusCode::OK, "{answer:02x?}");
    }
    println!("{tried} forged answers, none accepted");
}

#[test]
fn none_of_20000_forged_answers_is_accepted() {
    none_is_accepted(20_000, 11);
}

#[test]
#[ignore = "takes a minute"]
fn none_of_a_million_forged_answers_is_accepted() {
    none_is_accepted(1_000_000, 12);
}

#[test]
fn no_truncation_and_no_changed_bit_of_a_right_answer_is_accepted() {
    let update = update();
    let refused = signed(&asked(&update), refusal(&asked(&update), 5));
    assert_eq!(code(&update, &refused), StatusCode::DNS_REFUSED);
    let mut tried = 0;
    for right in right(&update).into_iter().chain([refused]) {
        for len in 0..right.len() {
            tried += 1;
            assert_ne!(code(&update, &right[..len]), StatusCode::OK, "{len} bytes");
        }
        for bit in 0..right.len() * 8 {
            let mut answer = right.clone();
            answer[bit / 8] ^= 1 << (bit % 8);
            if without_case(&answer) == without_case(&right) {
                continue;
            }
            tried += 1;
            assert_ne!(code(&update, &answer), StatusCode::OK, "bit {bit}");
        }
    }
    println!("{tried} truncations and changed bits, none accepted");
}
