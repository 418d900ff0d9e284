//! Secrets do not show: no debug output and no error holds bytes of a private key.

#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{NOW, YEAR, authority, certify, verifier};
use core::fmt::Debug;
use kms_core::{Entropy, SeededEntropy};
use kms_trust::{Authority, HostIdentity, HostKey, HostPublicKey, IssueError, TrustAnchors};

/// The seed of the key under test, in the forms in which it could show.
struct Marks(Vec<String>);

impl Marks {
    fn new(seed: &[u8; 32]) -> Self {
        let mut marks = Vec::new();
        // Pieces, so that a leak of a part is found too.
        for piece in seed.chunks(8) {
            let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
            let list: Vec<String> = piece.iter().map(u8::to_string).collect();
            marks.push(hex.to_uppercase());
            marks.push(hex);
            marks.push(list.join(", "));
        }
        // In PKCS#8 the seed follows 16 bytes, so it begins inside the 22nd character of base64.
        let mut pkcs8 = common::unhex("302e020100300506032b657004220420");
        pkcs8.extend(seed);
        let pem = der::pem::encode_string("PRIVATE KEY", der::pem::LineEnding::LF, &pkcs8).unwrap();
        let body = pem.lines().nth(1).unwrap();
        marks.extend([22..34, 34..46, 46..58].map(|at| body.get(at).unwrap().to_owned()));
        Self(marks)
    }

    fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|mark| text.contains(mark.as_str()))
    }
}

fn shown(value: &(impl Debug + ?Sized)) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
fn the_marks_are_found_where_the_secret_is() {
    let (key, marks) = marked();
    assert!(marks.are_in(&key.to_pem()), "the PEM is the secret");
}

fn marked() -> (HostKey, Marks) {
    let mut seed = [0; 32];
    SeededEntropy::new(2).fill(&mut seed);
    let key = HostKey::generate(&mut SeededEntropy::new(2));
    (key, Marks::new(&seed))
}

#[test]
fn debug_output_holds_no_bytes_of_a_key() {
    let (key, marks) = marked();
    let public = key.public_key().to_string();
    let text = shown(&key);
    assert!(!marks.are_in(&text), "{text}");
    assert!(text.contains(&public), "{text}");

    let chain = vec![certify(&authority(1), &key).der().to_vec()];
    let identity = HostIdentity::new(key, chain).unwrap();
    let text = shown(&identity);
    assert!(!marks.are_in(&text), "{text}");

    // The authority's key is drawn first from the same entropy, so it is the marked one.
    let authority = Authority::generate("Root", YEAR, &mut SeededEntropy::new(2), NOW).unwrap();
    assert!(marks.are_in(&authority.key_pem()));
    let text = shown(&authority);
    assert!(!marks.are_in(&text), "{text}");
    assert!(!marks.are_in(authority.root_pem()));
    let text = shown(&verifier(authority.root_pem()));
    assert!(!marks.are_in(&text), "{text}");
}

#[test]
fn errors_about_a_key_hold_no_bytes_of_it() {
    let (key, marks) = marked();
    let pem = key.to_pem();
    let other = authority(9);
    let mut texts = Vec::new();
    let mut note = |error: &dyn core::error::Error| {
        texts.push(format!("{error} {error:?} {error:#?}"));
    };
    let damaged = [
        pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
        pem.replace("MC4C", "MC4D"),
        pem.replace("-----END", "====END"),
        pem.replace('\n', ""),
        pem.lines().nth(1).unwrap().to_owned(),
    ];
    for text in &damaged {
        note(&HostKey::from_pem(text).unwrap_err());
        note(&HostPublicKey::from_pem(text).unwrap_err());
        note(&TrustAnchors::from_pem(text).unwrap_err());
        note(&HostIdentity::from_pem(text, text).unwrap_err());
        note(&Authority::from_pem(other.root_pem(), text).unwrap_err());
    }
    note(&TrustAnchors::from_pem(&pem).unwrap_err());
    note(&HostPublicKey::from_pem(&pem).unwrap_err());
    note(&HostIdentity::from_pem(&pem, &pem).unwrap_err());
    note(
        &HostIdentity::from_pem(
            &pem,
            &certify(&other, &HostKey::generate(&mut SeededEntropy::new(8))).to_pem(),
        )
        .unwrap_err(),
    );
    note(&Authority::from_pem(&pem, &pem).unwrap_err());
    let mismatch = Authority::from_pem(other.root_pem(), &pem).unwrap_err();
    assert_eq!(mismatch, IssueError::OtherKey);
    note(&mismatch);
    assert_eq!(texts.len(), 5 * damaged.len() + 6);
    for text in texts {
        assert!(!marks.are_in(&text), "{text}");
    }
}
