use alloc::vec::Vec;
use ed25519_dalek::{Signature, VerifyingKey};
use kms_core::{AnswerTerms, Encode, KeyId};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest, Sha256};

/// What sets an answer's signature apart from every other use of the key (PROTOCOL section 3).
const CONTEXT: &[u8] = b"kms-activation-response-v1\0";

/// The bytes that a host signs: the context, the request's hash, the terms.
pub(crate) fn signed_message(request_message: &[u8], terms: &AnswerTerms) -> Vec<u8> {
    let mut message = Vec::with_capacity(CONTEXT.len() + 32 + AnswerTerms::LEN);
    message.extend_from_slice(CONTEXT);
    message.extend_from_slice(&sha256(request_message));
    message.extend_from_slice(&terms.to_vec());
    message
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The key id of the host with this certificate (PROTOCOL section 3).
pub(crate) fn key_id(der: &[u8]) -> KeyId {
    let [a, b, c, d, e, f, g, h, ..] = sha256(der);
    KeyId([a, b, c, d, e, f, g, h])
}

/// Whether `signature` is the key's over `message`. Strict: keys and commitments of small order and
/// encodings that are not canonical are refused, so that one signature fits one key and message.
pub(crate) fn is_signature(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
    key.verify_strict(message, &Signature::from_bytes(signature))
        .is_ok()
}

/// Ed25519 for rustls-webpki (RFC 8410).
#[derive(Debug)]
pub(crate) struct Ed25519;

impl SignatureVerificationAlgorithm for Ed25519 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::try_from(public_key).map_err(|_| InvalidSignature)?;
        let signature = signature.try_into().map_err(|_| InvalidSignature)?;
        if is_signature(&key, message, signature) {
            Ok(())
        } else {
            Err(InvalidSignature)
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}
