use crate::{
    CertificateFault, HostPublicKey, PemError,
    certificate::{Certificate, check_time},
    pem::decode_certificates,
    signature::sha256,
};
use alloc::vec::Vec;
use der::{Decode, Reader, SliceReader, asn1::BitStringRef};
use kms_core::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor};

/// The roots that a product pins: whose hosts it believes.
#[derive(Clone, Debug)]
pub struct TrustAnchors {
    // INVARIANT: `trusted` is what webpki wants of `roots`, one for one and in the same order.
    roots: Vec<Root>,
    trusted: Vec<TrustAnchor<'static>>,
}

/// Why a text cannot be the pinned roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorsError {
    /// The text is not certificates in PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate is not a usable root.
    #[error("PEM block {block}: {fault}")]
    #[non_exhaustive]
    Root {
        /// Which block, counted from 1.
        block: usize,
        /// What is wrong with it.
        fault: CertificateFault,
    },
}

/// One pinned root.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) fingerprint: [u8; 32],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) path_len: Option<u8>,
}

impl TrustAnchors {
    /// The most roots that can be pinned.
    pub const MAX: usize = 16;

    /// Reads one or more roots, certificates in PEM. Times are not looked at here: a root that has
    /// expired is refused when a chain leads to it.
    ///
    /// # Errors
    /// When a block is not a self-signed Ed25519 certificate of an authority; the error names the
    /// block and what is wrong with it.
    pub fn from_pem(text: &str) -> Result<Self, TrustAnchorsError> {
        let certificates = decode_certificates(text, Self::MAX)?;
        let mut anchors = Self {
            roots: Vec::with_capacity(certificates.len()),
            trusted: Vec::with_capacity(certificates.len()),
        };
        for (block, der) in (1..).zip(&certificates) {
            let (root, trusted) =
                read_root(der).map_err(|fault| TrustAnchorsError::Root { block, fault })?;
            anchors.roots.push(root);
            anchors.trusted.push(trusted);
        }
        Ok(anchors)
    }

    /// How many roots are pinned; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    pub(crate) fn trusted(&self) -> &[TrustAnchor<'static>] {
        &self.trusted
    }

    pub(crate) fn is_pinned(&self, fingerprint: &[u8; 32]) -> bool {
        self.roots
            .iter()
            .any(|root| root.fingerprint == *fingerprint)
    }

    /// The pinned root with this name and key that is valid now: one root may be pinned in several
    /// certificates, as when its validity was extended.
    pub(crate) fn find(
        &self,
        anchor: &TrustAnchor<'_>,
        now: Timestamp,
    ) -> Result<&Root, CertificateFault> {
        let mut fault = CertificateFault::NotRoot;
        for (root, trusted) in self.roots.iter().zip(&self.trusted) {
            if trusted == anchor {
                match check_time(root.not_before, root.not_after, now) {
                    Ok(()) => return Ok(root),
                    Err(found) => fault = found,
                }
            }
        }
        Err(fault)
    }
}

/// Checks that `der` is a root as PROTOCOL section 4 has it.
pub(crate) fn read_root(der: &[u8]) -> Result<(Root, TrustAnchor<'static>), CertificateFault> {
    let certificate = Certificate::from_der(der)?;
    certificate.check_authority()?;
    let key: HostPublicKey = certificate.public_key()?;
    if certificate.subject() != certificate.issuer() {
        return Err(CertificateFault::NotRoot);
    }
    let der_certificate = CertificateDer::from(der);
    let trusted = webpki::anchor_from_trusted_cert(&der_certificate)
        .map_err(|_| CertificateFault::Malformed { offset: 0 })?
        .to_owned();
    if !is_self_signed(der, &key) {
        return Err(CertificateFault::SelfSignature);
    }
    let root = Root {
        fingerprint: sha256(der),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        path_len: certificate.path_len()?,
    };
    Ok((root, trusted))
}

/// Whether the key signed the certificate (RFC 5280 section 4.1.1.3): damage to a pinned root must
/// show when it is read, not as hosts that are refused.
fn is_self_signed(der: &[u8], key: &HostPublicKey) -> bool {
    let parts = SliceReader::new(der).and_then(|mut reader| {
        reader.sequence(|reader| {
            let signed = reader.tlv_bytes()?;
            let _algorithm = reader.tlv_bytes()?;
            Ok::<_, der::Error>((signed, BitStringRef::decode(reader)?))
        })
    });
    let Ok((signed, signature)) = parts else {
        return false;
    };
    let signature = signature.as_bytes().and_then(|bytes| bytes.try_into().ok());
    signature.is_some_and(|signature| key.is_signature(signed, signature))
}
