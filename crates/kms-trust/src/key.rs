use crate::signature::is_signature;
use alloc::string::String;
use core::fmt;
use der::{SecretDocument, pem::LineEnding};
use ed25519::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use kms_core::Entropy;
use zeroize::Zeroizing;

/// A host's private key, Ed25519 (RFC 8032).
///
/// It is wiped from memory when dropped, cannot be cloned, and shows only its public half.
pub struct HostKey(SigningKey);

/// A host's public key: what an authority certifies. Never one of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostPublicKey(VerifyingKey);

/// Text or bytes that are not a usable key. No content of them is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not one PEM block, or its content is not base64.
    #[error("the key is not PEM: it begins with -----BEGIN {expected}-----")]
    #[non_exhaustive]
    NotPem {
        /// The label that the block has.
        expected: &'static str,
    },
    /// The block is something else, as a certificate.
    #[error("the PEM block is not the key: it begins with -----BEGIN {expected}-----")]
    #[non_exhaustive]
    OtherBlock {
        /// The label that the block has.
        expected: &'static str,
    },
    /// The private key is encrypted with a password.
    #[error(
        "the private key is encrypted: store it unencrypted in a file that only its owner reads"
    )]
    Encrypted,
    /// It is a key of another algorithm, or damaged.
    #[error(
        "the key is not an Ed25519 key, or is damaged (make one with `openssl genpkey -algorithm ed25519`)"
    )]
    NotEd25519,
    /// It is one of the few public keys under which a signature proves nothing.
    #[error("the public key is of small order: no key that was made honestly is")]
    SmallOrder,
}

const PRIVATE_KEY: &str = "PRIVATE KEY";
const PUBLIC_KEY: &str = "PUBLIC KEY";

impl HostKey {
    /// A fresh key. `entropy` must be the operating system's generator.
    #[must_use]
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads a key from PEM, PKCS#8 with or without the public key (RFC 8410 section 7).
    ///
    /// # Errors
    /// When it is not an unencrypted Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let expected = PRIVATE_KEY;
        let (label, document) =
            SecretDocument::from_pem(text).map_err(|_| KeyError::NotPem { expected })?;
        match label {
            PRIVATE_KEY => SigningKey::from_pkcs8_der(document.as_bytes())
                .map(Self)
                .map_err(|_| KeyError::NotEd25519),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            _ => Err(KeyError::OtherBlock { expected }),
        }
    }

    /// The key in PEM, PKCS#8 version 1, which every tool reads. Wiped when dropped.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let bytes = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        // INVARIANT: 32 bytes always encode.
        bytes.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> HostPublicKey {
        HostPublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn to_aws_lc(&self) -> Option<aws_lc_rs::signature::Ed25519KeyPair> {
        let public_key = self.0.verifying_key();
        aws_lc_rs::signature::Ed25519KeyPair::from_seed_and_public_key(
            self.0.as_bytes(),
            public_key.as_bytes(),
        )
        .ok()
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKey")
            .field("public_key", &self.public_key())
            .finish_non_exhaustive()
    }
}

impl HostPublicKey {
    /// The key with these 32 bytes (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// When they are not a point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        VerifyingKey::from_bytes(bytes)
            .map_err(|_| KeyError::NotEd25519)
            .and_then(Self::new)
    }

    /// Reads a key from PEM, as `openssl pkey -pubout` writes it (RFC 8410 section 4).
    ///
    /// # Errors
    /// When it is not an Ed25519 public key, or one of small order.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let expected = PUBLIC_KEY;
        let (label, document) =
            der::Document::from_pem(text).map_err(|_| KeyError::NotPem { expected })?;
        if label != PUBLIC_KEY {
            return Err(KeyError::OtherBlock { expected });
        }
        VerifyingKey::from_public_key_der(document.as_bytes())
            .map_err(|_| KeyError::NotEd25519)
            .and_then(Self::new)
    }

    /// The key in PEM: what a host sends to its authority.
    #[must_use]
    pub fn to_pem(&self) -> String {
        // INVARIANT: 32 bytes always encode.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its identifier in certificates: the first 20 bytes of its SHA-256 (RFC 7093 section 2).
    #[cfg(feature = "issue")]
    pub(crate) fn identifier(&self) -> alloc::vec::Vec<u8> {
        crate::signature::sha256(self.as_bytes())
            .into_iter()
            .take(20)
            .collect()
    }

    pub(crate) fn is_signature(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        is_signature(&self.0, message, signature)
    }

    fn new(key: VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            Err(KeyError::SmallOrder)
        } else {
            Ok(Self(key))
        }
    }
}

impl fmt::Display for HostPublicKey {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for HostPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostPublicKey({self})")
    }
}
