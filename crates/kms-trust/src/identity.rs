use crate::{
    CertificateFault, HostKey, KeyError, MAX_CHAIN_LEN, Oids, PemError,
    certificate::{Certificate, HostFields},
    pem::decode_certificates,
    signature::{key_id, signed_message},
};
use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::fmt;
use kms_core::{AnswerTerms, KeyId, Timestamp};

/// A host's key with the certificates for it: what signs answers.
///
/// It is read once, when the host starts, and can be shared by threads. Its key cannot be taken out
/// and is not shown.
pub struct HostIdentity {
    signer: Signer,
    chain: Vec<Vec<u8>>,
    key_id: KeyId,
    host: HostFields,
    not_after: Timestamp,
}

/// Why a key and a chain cannot be a host's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The text of the key is not a private key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The text of the chain is not certificates in PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The chain has no certificates, or too many.
    #[error(
        "the chain has {found} certificates: 1 to {limit} are allowed, the host's first and the root left out"
    )]
    #[non_exhaustive]
    ChainLength {
        /// How many it has.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// One certificate of the chain is at fault.
    #[error("certificate {number} of the chain: {fault}")]
    #[non_exhaustive]
    Certificate {
        /// Which one, counted from 1, which is the host's.
        number: usize,
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// The certificate is for another key.
    #[error("the host's certificate is for another key than the one given")]
    OtherKey,
}

impl HostIdentity {
    /// The identity of a host with this key and these certificates in DER, the host's first, then
    /// its issuers in order, the root left out; certificates with the default [`Oids`].
    ///
    /// Times and signatures are not checked here: a host cannot know which root its clients pin.
    ///
    /// # Errors
    /// When the chain has not 1 to [`MAX_CHAIN_LEN`] certificates, they do not follow from each
    /// other, the first is not a host's, or it is for another key.
    pub fn new(key: HostKey, chain: Vec<Vec<u8>>) -> Result<Self, IdentityError> {
        Self::with_oids(key, chain, &Oids::default())
    }

    /// As [`new`](Self::new), for certificates with a vendor's own identifiers.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_oids(
        key: HostKey,
        chain: Vec<Vec<u8>>,
        oids: &Oids,
    ) -> Result<Self, IdentityError> {
        let certificates = read_chain(&chain)?;
        let (Some(der), Some(leaf)) = (chain.first(), certificates.first()) else {
            return Err(chain_length(0));
        };
        let host = leaf
            .host_fields(oids)
            .map_err(|fault| IdentityError::Certificate { number: 1, fault })?;
        if host.public_key != key.public_key() {
            return Err(IdentityError::OtherKey);
        }
        let not_after = certificates.iter().map(Certificate::not_after).min();
        Ok(Self {
            signer: Signer::new(key),
            key_id: key_id(der),
            not_after: not_after.unwrap_or_default(),
            host,
            chain,
        })
    }

    /// Reads key and chain from PEM; certificates with the default [`Oids`].
    ///
    /// # Errors
    /// When either is not what it should be in PEM, and as [`new`](Self::new).
    pub fn from_pem(key_pem: &str, chain_pem: &str) -> Result<Self, IdentityError> {
        Self::from_pem_with_oids(key_pem, chain_pem, &Oids::default())
    }

    /// As [`from_pem`](Self::from_pem), for certificates with a vendor's own identifiers.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_with_oids(
        key_pem: &str,
        chain_pem: &str,
        oids: &Oids,
    ) -> Result<Self, IdentityError> {
        let key = HostKey::from_pem(key_pem)?;
        // One more than allowed, so that the error speaks of the root that is left out.
        let chain = decode_certificates(chain_pem, MAX_CHAIN_LEN + 1)?;
        Self::with_oids(key, chain, oids)
    }

    /// The key id that the host's answers carry: the first 8 bytes of the SHA-256 over the host's
    /// certificate.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The certificates in DER, as GetHostCertificate gives them out: the host's first, at most
    /// [`MAX_CHAIN_LEN`], each of at most [`MAX_CERTIFICATE_LEN`](crate::MAX_CERTIFICATE_LEN) bytes.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The host's name: the common name of its certificate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.host.name
    }

    /// The ids of the product-key groups that the host may activate.
    #[must_use]
    pub const fn scope(&self) -> &BTreeSet<String> {
        &self.host.scope
    }

    /// The last second at which every certificate of the chain is valid: clients refuse the host's
    /// answers after it.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Signs an answer: the context, the SHA-256 of the request's message as it came, and the terms
    /// (PROTOCOL section 3). Ed25519 has no randomness: the same answer is signed with the same bytes.
    ///
    /// `terms.key_id` must be [`key_id`](Self::key_id), or no client will accept the answer.
    #[must_use]
    pub fn sign(&self, request_message: &[u8], terms: &AnswerTerms) -> [u8; 64] {
        self.signer.sign(&signed_message(request_message, terms))
    }
}

impl fmt::Debug for HostIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostIdentity")
            .field("key_id", &self.key_id)
            .field("host", &self.host)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Reads the certificates and checks that each is followed by its issuer.
fn read_chain(chain: &[Vec<u8>]) -> Result<Vec<Certificate>, IdentityError> {
    if chain.is_empty() || chain.len() > MAX_CHAIN_LEN {
        return Err(chain_length(chain.len()));
    }
    let mut certificates: Vec<Certificate> = Vec::with_capacity(chain.len());
    for (number, der) in (1..).zip(chain) {
        let at = |number, fault| IdentityError::Certificate { number, fault };
        let certificate = Certificate::from_der(der).map_err(|fault| at(number, fault))?;
        if let Some(below) = certificates.last() {
            if certificate.subject() == certificate.issuer() {
                return Err(at(number, CertificateFault::IsRoot));
            }
            if below.issuer() != certificate.subject() {
                return Err(at(number - 1, CertificateFault::NotLinked));
            }
            certificate
                .check_authority()
                .map_err(|fault| at(number, fault))?;
        }
        certificates.push(certificate);
    }
    Ok(certificates)
}

const fn chain_length(found: usize) -> IdentityError {
    let limit = MAX_CHAIN_LEN;
    IdentityError::ChainLength { found, limit }
}

struct Signer {
    key: HostKey,
    #[cfg(feature = "aws-lc-rs")]
    fast: Option<aws_lc_rs::signature::Ed25519KeyPair>,
}

impl Signer {
    fn new(key: HostKey) -> Self {
        Self {
            #[cfg(feature = "aws-lc-rs")]
            fast: key.to_aws_lc(),
            key,
        }
    }

    #[cfg(not(feature = "aws-lc-rs"))]
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }

    /// The other library signs the same bytes, should the fast one ever refuse.
    #[cfg(feature = "aws-lc-rs")]
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.fast
            .as_ref()
            .and_then(|fast| fast.try_sign(message).ok())
            .and_then(|signature| signature.as_ref().try_into().ok())
            .unwrap_or_else(|| self.key.sign(message))
    }
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests {
    use super::*;
    use kms_core::{Entropy, SeededEntropy};

    #[test]
    fn both_libraries_sign_the_same_bytes() {
        let mut entropy = SeededEntropy::new(1);
        for len in [0, 1, 115, 5000] {
            let signer = Signer::new(HostKey::generate(&mut entropy));
            let mut message = alloc::vec![0; len];
            entropy.fill(&mut message);
            let fast = signer.fast.as_ref().unwrap().sign(&message);
            assert_eq!(fast.as_ref(), signer.key.sign(&message));
            assert_eq!(signer.sign(&message), signer.key.sign(&message));
        }
    }
}
