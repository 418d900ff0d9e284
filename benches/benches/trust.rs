//! Signing and verifying, beside the bare signature of the library that does it.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::{cmid, criterion, entropy, now, product, request, terms};
use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::{Signature, Signer, SigningKey};
use kms_core::{AnswerTerms, Encode};
use kms_trust::{
    Authority, Expected, HostCertificateRequest, HostIdentity, HostKey, Oids, TrustAnchors,
    Verifier,
};

/// What a host signs: the context's 27 bytes, the request's hash, the terms.
const SIGNED: [u8; SIGNED_LEN] = [0x5a; SIGNED_LEN];
const SIGNED_LEN: usize = 27 + 32 + AnswerTerms::LEN;
const SEED: [u8; 32] = [7; 32];
const GROUP: &str = "client";

fn sign(c: &mut Criterion) {
    let (host, _) = host_and_verifier();
    let message = request("ws-17.contoso.example").to_vec();
    let terms = terms(host.key_id());
    let mut group = c.benchmark_group("trust/sign");
    group.throughput(Throughput::Elements(1));
    let name = if cfg!(feature = "aws-lc-rs") {
        "sign-aws-lc-rs"
    } else {
        "sign-dalek"
    };
    group.bench_function(name, |b| {
        b.iter(|| host.sign(black_box(&message), black_box(&terms)));
    });
    let key = SigningKey::from_bytes(&SEED);
    group.bench_function("limit-dalek", |b| b.iter(|| key.sign(black_box(&SIGNED))));
    #[cfg(feature = "aws-lc-rs")]
    {
        let key = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
        group.bench_function("limit-aws-lc-rs", |b| {
            b.iter(|| key.sign(black_box(&SIGNED)))
        });
    }
    group.finish();
}

fn verify_answer(c: &mut Criterion) {
    let (host, verifier) = host_and_verifier();
    let message = request("ws-17.contoso.example").to_vec();
    let terms = terms(host.key_id());
    let signature = host.sign(&message, &terms);
    let host = verifier.verify_chain(host.chain(), now().wall).unwrap();
    let expected = Expected {
        request_message: &message,
        cmid: cmid(),
        activation_id: product(),
        group_id: GROUP,
    };
    let verify = |terms: &AnswerTerms| {
        verifier.verify_answer(&host, expected, terms, &signature, now().wall)
    };
    assert!(verify(&terms).is_ok());

    let mut group = c.benchmark_group("trust/verify_answer");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify", |b| b.iter(|| verify(black_box(&terms))));
    let (key, signature) = bare(&SIGNED);
    group.bench_function("limit-dalek", |b| {
        b.iter(|| key.verify_strict(black_box(&SIGNED), &signature));
    });
    group.finish();
}

/// A chain of one certificate, which the pinned root has signed.
fn verify_chain(c: &mut Criterion) {
    let (host, verifier) = host_and_verifier();
    let verify = |chain: &[Vec<u8>]| verifier.verify_chain(chain, now().wall);
    assert!(verify(host.chain()).is_ok());

    let mut group = c.benchmark_group("trust/verify_chain");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify", |b| b.iter(|| verify(black_box(host.chain()))));
    // The certificate's own bytes: what is signed of them is some 70 fewer.
    let message = host.chain().concat();
    let (key, signature) = bare(&message);
    // A key that comes in a certificate has to be read, as a root's has.
    let key = key.to_bytes();
    group.bench_function("limit-dalek", |b| {
        b.iter(|| {
            let key = ed25519_dalek::VerifyingKey::from_bytes(black_box(&key))?;
            key.verify_strict(black_box(&message), &signature)
        });
    });
    group.finish();
}

fn bare(message: &[u8]) -> (ed25519_dalek::VerifyingKey, Signature) {
    let key = SigningKey::from_bytes(&SEED);
    (key.verifying_key(), key.sign(message))
}

fn host_and_verifier() -> (HostIdentity, Verifier) {
    let (mut entropy, now) = (entropy(), now().wall);
    let validity = Authority::DEFAULT_VALIDITY;
    let authority = Authority::generate("Contoso Root", validity, &mut entropy, now).unwrap();
    let key = HostKey::generate(&mut entropy);
    let asked = HostCertificateRequest {
        name: "kms-01.contoso.example",
        scope: &["server-a", "server-b", GROUP],
        validity: HostCertificateRequest::DEFAULT_VALIDITY,
    };
    let certificate = authority.certify(key.public_key(), asked, &mut entropy, now);
    let chain = vec![certificate.unwrap().der().to_vec()];
    let host = HostIdentity::new(key, chain).unwrap();
    let anchors = TrustAnchors::from_pem(authority.root_pem()).unwrap();
    let verifier = Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE);
    (host, verifier)
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = sign, verify_answer, verify_chain
}
criterion_main!(benches);
