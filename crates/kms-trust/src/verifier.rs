use crate::{
    CertificateFault, HostPublicKey, MAX_CHAIN_LEN, Oids, PathFault, TrustAnchors, VerifyError,
    certificate::{Certificate, HostFields, check_time},
    signature::{Ed25519, key_id},
};
use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::time::Duration;
use kms_core::{KeyId, Timestamp};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

/// Decides which hosts and which answers a client believes (PROTOCOL section 4).
#[derive(Clone, Debug)]
pub struct Verifier {
    pub(crate) anchors: TrustAnchors,
    oids: Oids,
    tolerance: Duration,
}

/// A host whose certificate was verified. Only [`Verifier::verify_chain`] makes one, so a client
/// can keep it, by its key id, and verify answers against it until it expires.
///
/// ```compile_fail,E0451
/// use kms_trust::VerifiedHost;
///
/// fn forge(name: String, other: VerifiedHost) -> VerifiedHost {
///     VerifiedHost { name, ..other }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct VerifiedHost {
    key_id: KeyId,
    name: String,
    scope: BTreeSet<String>,
    public_key: HostPublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
    root: [u8; 32],
}

impl Verifier {
    /// How far the clocks of a host and a client may be apart, unless set otherwise: 4 hours.
    pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(4 * 60 * 60);

    /// A verifier that believes the hosts below `anchors`, knows their certificates by `oids`, and
    /// accepts answers whose host's clock is at most `tolerance` from the client's.
    #[must_use]
    pub const fn new(anchors: TrustAnchors, oids: Oids, tolerance: Duration) -> Self {
        Self {
            anchors,
            oids,
            tolerance,
        }
    }

    /// How far a host's clock may be from the client's.
    #[must_use]
    pub const fn tolerance(&self) -> Duration {
        self.tolerance
    }

    /// Verifies a chain as GetHostCertificate brings it: certificates in DER, the host's first, then
    /// its issuers in order, the root left out (one at the end does no harm).
    ///
    /// # Errors
    /// [`VerifyError`] when the chain has not 1 to [`MAX_CHAIN_LEN`] certificates, each of at most
    /// [`MAX_CERTIFICATE_LEN`](crate::MAX_CERTIFICATE_LEN) bytes and valid at `now`; when it does not
    /// lead to a pinned root; when the first is not a host's, with its usage, name and scope.
    pub fn verify_chain(
        &self,
        chain: &[impl AsRef<[u8]>],
        now: Timestamp,
    ) -> Result<VerifiedHost, VerifyError> {
        let (leaf, issuers) = match chain {
            [leaf, issuers @ ..] if chain.len() <= MAX_CHAIN_LEN => (leaf.as_ref(), issuers),
            _ => {
                return Err(VerifyError::ChainLength {
                    found: chain.len(),
                    limit: MAX_CHAIN_LEN,
                });
            }
        };
        let inspected = inspect(chain, &self.oids, now)?;
        let leaf = CertificateDer::from(leaf);
        let issuers: Vec<_> = issuers
            .iter()
            .map(|issuer| CertificateDer::from(issuer.as_ref()))
            .collect();
        let end_entity = EndEntityCert::try_from(&leaf)?;
        let path = end_entity.verify_for_usage(
            &[&Ed25519],
            self.anchors.trusted(),
            &issuers,
            unix_time(now),
            HostUsage(self.oids),
            None,
            None,
        )?;
        let root = self
            .anchors
            .find(path.anchor(), now)
            .map_err(VerifyError::Root)?;
        let below = path.intermediate_certificates().count();
        if root.path_len.is_some_and(|most| below > usize::from(most)) {
            return Err(VerifyError::Path(PathFault::PATH_LEN));
        }
        let HostFields {
            name,
            scope,
            public_key,
        } = inspected.host;
        Ok(VerifiedHost {
            key_id: key_id(&leaf),
            name,
            scope,
            public_key,
            not_before: inspected.not_before.max(root.not_before),
            not_after: inspected.not_after.min(root.not_after),
            root: root.fingerprint,
        })
    }
}

impl VerifiedHost {
    /// The key id that the host's answers carry.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The host's name: the common name of its certificate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ids of the product-key groups that the host may activate.
    #[must_use]
    pub const fn scope(&self) -> &BTreeSet<String> {
        &self.scope
    }

    /// From when every certificate of the chain is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second at which every certificate of the chain, the pinned root's included, is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    pub(crate) const fn public_key(&self) -> &HostPublicKey {
        &self.public_key
    }

    pub(crate) const fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// Checks that the chain is valid at `now` still. Which certificate bounds it is not kept; the
    /// host's own is named.
    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), VerifyError> {
        check_time(self.not_before, self.not_after, now)
            .map_err(|fault| VerifyError::Certificate { number: 1, fault })
    }
}

/// What a chain says, nothing of it verified yet.
struct Inspected {
    host: HostFields,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Reads every certificate and checks what can be seen in it alone, so that the error names it:
/// the path verifier's errors do not.
fn inspect(
    chain: &[impl AsRef<[u8]>],
    oids: &Oids,
    now: Timestamp,
) -> Result<Inspected, VerifyError> {
    let mut host = None;
    let mut below: Option<Certificate> = None;
    let mut not_before = Timestamp::from_millis(i64::MIN);
    let mut not_after = Timestamp::from_millis(i64::MAX);
    for (number, der) in (1..).zip(chain) {
        let at = |fault| VerifyError::Certificate { number, fault };
        let certificate = Certificate::from_der(der.as_ref()).map_err(at)?;
        if let Some(below) = below {
            certificate.check_authority().map_err(at)?;
            if below.issuer() != certificate.subject() {
                let fault = CertificateFault::NotLinked;
                let number = number - 1;
                return Err(VerifyError::Certificate { number, fault });
            }
        } else {
            host = Some(certificate.host_fields(oids).map_err(at)?);
        }
        certificate.check_time(now).map_err(at)?;
        not_before = not_before.max(certificate.not_before());
        not_after = not_after.min(certificate.not_after());
        below = Some(certificate);
    }
    let host = host.ok_or(VerifyError::ChainLength {
        found: chain.len(),
        limit: MAX_CHAIN_LEN,
    })?;
    Ok(Inspected {
        host,
        not_before,
        not_after,
    })
}

/// An authority may carry extended key usages; then that of hosts must be among them. That the
/// host's own certificate carries it was checked before: here the two cannot be told apart.
struct HostUsage(Oids);

impl ExtendedKeyUsageValidator for HostUsage {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let wanted = self.0.usage_id();
        let wanted = webpki::KeyPurposeId::new(wanted.as_bytes());
        let mut present = Vec::new();
        for usage in usages {
            let usage = usage?;
            if usage == wanted {
                return Ok(());
            }
            present.push(usage.to_decoded_oid());
        }
        if present.is_empty() {
            return Ok(());
        }
        Err(webpki::Error::RequiredEkuNotFoundContext(
            webpki::RequiredEkuNotFoundContext {
                required: webpki::KeyUsage::required(&[]),
                present,
            },
        ))
    }
}

/// Certificates know no time before 1970, so an earlier one fails their validity as 1970 does.
fn unix_time(now: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(now.saturating_since(Timestamp::EPOCH))
}
