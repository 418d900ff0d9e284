use alloc::vec::Vec;
use ed25519_dalek::{Signature, VerifyingKey};
use kms_core::{AnswerTerms, KeyId};
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
    message.extend_from_slice(&terms.to_bytes());
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

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey, Verifier};

    /// The key of the seed 00 to 1f.
    fn key() -> SigningKey {
        SigningKey::from_bytes(&core::array::from_fn(|at| u8::try_from(at).unwrap()))
    }

    /// The order of the group, little-endian (RFC 8032 section 5.1).
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    const IDENTITY: [u8; 32] = {
        let mut point = [0; 32];
        point[0] = 1;
        point
    };

    #[test]
    fn a_signature_verifies_for_its_key_and_message_only() {
        let (key, other) = (key(), SigningKey::from_bytes(&[7; 32]));
        let signature = key.sign(b"message").to_bytes();
        assert!(is_signature(&key.verifying_key(), b"message", &signature));
        assert!(!is_signature(&key.verifying_key(), b"massage", &signature));
        assert!(!is_signature(
            &other.verifying_key(),
            b"message",
            &signature
        ));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing_though_the_plain_equation_holds_for_everything() {
        let weak = VerifyingKey::from_bytes(&IDENTITY).unwrap();
        let mut signature = [0; 64];
        signature[0] = 1;
        for message in [&b"one"[..], b"two"] {
            let plain = weak.verify(message, &Signature::from_bytes(&signature));
            assert!(plain.is_ok(), "else this test shows nothing");
            assert!(!is_signature(&weak, message, &signature));
        }
    }

    #[test]
    fn a_commitment_of_small_order_is_refused_though_the_plain_equation_holds() {
        // R is the identity and S = k * a, which the holder of the key can make.
        let s = [
            0xe4, 0x04, 0xf4, 0xe9, 0x6e, 0x0b, 0x12, 0xdc, 0x6c, 0x3e, 0xc4, 0x16, 0xed, 0x1d,
            0x5e, 0x91, 0xb6, 0x6a, 0x37, 0xca, 0x15, 0xa8, 0xb3, 0x6c, 0x06, 0x93, 0x87, 0x36,
            0x13, 0x3a, 0x2d, 0x0c,
        ];
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&IDENTITY);
        signature[32..].copy_from_slice(&s);
        let key = key().verifying_key();
        let plain = key.verify(b"message", &Signature::from_bytes(&signature));
        assert!(plain.is_ok(), "else this test shows nothing");
        assert!(!is_signature(&key, b"message", &signature));
    }

    #[test]
    fn a_scalar_that_is_not_reduced_is_refused() {
        let key = key();
        let mut signature = key.sign(b"message").to_bytes();
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            [*byte, _] = sum.to_le_bytes();
            carry = sum >> 8;
        }
        assert_eq!(carry, 0, "the same scalar in 32 bytes");
        assert!(!is_signature(&key.verifying_key(), b"message", &signature));
    }

    #[test]
    fn a_commitment_in_another_encoding_is_refused() {
        // The identity as y = p + 1, which is not canonical.
        let mut point = [0xff; 32];
        (point[0], point[31]) = (0xee, 0x7f);
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        let weak = VerifyingKey::from_bytes(&IDENTITY).unwrap();
        assert!(!is_signature(&weak, b"message", &signature));
        assert!(!is_signature(
            &key().verifying_key(),
            b"message",
            &signature
        ));
    }

    #[test]
    fn the_path_verifiers_algorithm_takes_keys_and_signatures_of_the_right_size_only() {
        let key = key();
        let public = key.verifying_key().to_bytes();
        let signature = key.sign(b"message").to_bytes();
        let verify = |public: &[u8], signature: &[u8]| {
            Ed25519
                .verify_signature(public, b"message", signature)
                .is_ok()
        };
        assert!(verify(&public, &signature));
        assert!(!verify(&public[..31], &signature));
        assert!(!verify(&public, &signature[..63]));
        assert!(!verify(&public, &[&signature[..], &[0]].concat()));
        assert!(!verify(&[], &[]));
    }
}
