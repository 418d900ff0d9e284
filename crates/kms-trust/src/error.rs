use crate::CertificateFault;
use alloc::string::String;
use core::{fmt, time::Duration};
use kms_core::{Cmid, KeyId, StatusCode, Timestamp};

/// Why a chain or an answer was not accepted. A client treats the host as if it had not answered,
/// tries the next one, and reports this.
///
/// Certificates are counted from 1, which is the host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The chain has no certificates, or too many.
    #[error("the host sent {found} certificates: 1 to {limit} are allowed")]
    #[non_exhaustive]
    ChainLength {
        /// How many it has.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// One certificate of the chain is at fault.
    #[error("certificate {number} of the host's chain: {fault}")]
    #[non_exhaustive]
    Certificate {
        /// Which one, counted from 1, which is the host's.
        number: usize,
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// The chain ends at a root that this product does not pin.
    #[error("the host's certificate does not lead to a root that this product trusts")]
    UnknownRoot,
    /// A certificate's signature is not that of its issuer, or of the pinned root.
    #[error(
        "a certificate of the host's chain was not signed by its issuer, or not by the root that this product trusts"
    )]
    IssuerSignature,
    /// The pinned root itself is outside its validity.
    #[error("the pinned root is of no use now: {0}")]
    Root(CertificateFault),
    /// The chain breaks another rule for paths (RFC 5280 section 6).
    #[error("the host's chain is not acceptable: {0}")]
    Path(PathFault),

    /// The request's bytes name another machine or product than the caller does: a fault of the
    /// caller, not of the host.
    #[error("the request that was sent does not name the expected machine and product")]
    RequestMismatch,
    /// The answer names another key than that of the host which it is checked against. The client
    /// fetches that key's certificates.
    #[error("the answer is signed with key {found}, and not with key {expected} of this host")]
    #[non_exhaustive]
    KeyId {
        /// The key of the host's certificate.
        expected: KeyId,
        /// The key that the answer names.
        found: KeyId,
    },
    /// The host may not activate the product.
    #[error("host {host} is not certified for key group {group}")]
    #[non_exhaustive]
    Scope {
        /// The host's name in its certificate.
        host: String,
        /// The group that the product needs.
        group: String,
    },
    /// The signature is not the host's over this request and these terms.
    #[error("the answer's signature does not verify: it is not this host's answer to this request")]
    Signature,
    /// The answer is for another machine.
    #[error("the answer is for machine {found}, and this one is {expected}")]
    #[non_exhaustive]
    Cmid {
        /// The machine that asked.
        expected: Cmid,
        /// The machine that the answer names.
        found: Cmid,
    },
    /// The clocks of the host and of this machine are too far apart.
    #[error(
        "the host's clock says {host_time} and this machine's {now}: {} minutes apart, {} are allowed",
        .difference.as_secs() / 60, .tolerance.as_secs() / 60
    )]
    #[non_exhaustive]
    Clock {
        /// The host's clock.
        host_time: Timestamp,
        /// This machine's clock.
        now: Timestamp,
        /// How far they are apart.
        difference: Duration,
        /// How far they may be apart.
        tolerance: Duration,
    },
}

impl VerifyError {
    /// What the client reports for it: `0xC004F06C` for clocks that are too far apart, `0xC004F042`
    /// for a host that is not certified for the product, and `0xC004F074`, no usable host, for
    /// everything else, since such an answer counts as none.
    #[must_use]
    pub const fn status_code(&self) -> StatusCode {
        match self {
            Self::Clock { .. } => StatusCode::VL_INVALID_TIMESTAMP,
            Self::Scope { .. } => StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH,
            Self::ChainLength { .. }
            | Self::Certificate { .. }
            | Self::UnknownRoot
            | Self::IssuerSignature
            | Self::Root(_)
            | Self::Path(_)
            | Self::RequestMismatch
            | Self::KeyId { .. }
            | Self::Signature
            | Self::Cmid { .. } => StatusCode::VL_BINDING_SERVICE_UNAVAILABLE,
        }
    }
}

/// A rule for paths that a chain breaks, in the words of the path verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFault(webpki::Error);

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            webpki::Error::PathLenConstraintViolated => {
                f.write_str("an authority stands below one that allows none there")
            }
            webpki::Error::RequiredEkuNotFoundContext(_) => {
                f.write_str("an authority's extended key usage does not allow activation hosts")
            }
            webpki::Error::UnsupportedCriticalExtension => {
                f.write_str("a critical extension is not known here")
            }
            webpki::Error::NameConstraintViolation => f.write_str("a name constraint is violated"),
            // The list is long and open; the verifier's own name for the fault is what there is.
            other => write!(f, "{other:?}"),
        }
    }
}

impl PathFault {
    pub(crate) const PATH_LEN: Self = Self(webpki::Error::PathLenConstraintViolated);
}

impl From<webpki::Error> for VerifyError {
    fn from(error: webpki::Error) -> Self {
        match error {
            webpki::Error::UnknownIssuer => Self::UnknownRoot,
            webpki::Error::InvalidSignatureForPublicKey => Self::IssuerSignature,
            other => Self::Path(PathFault(other)),
        }
    }
}
