use crate::{CertificateFault, KeyError, PemError, TextFault, VerifyError};
use kms_core::Timestamp;

/// Why a root or a host's certificate could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The name cannot be a common name.
    #[error("the name is of no use: {0}")]
    Name(TextFault),
    /// No group is named.
    #[error("the scope is empty: name at least one key group")]
    ScopeEmpty,
    /// A group id cannot stand in a scope.
    #[error("group id {number} of the scope is of no use: {fault}")]
    #[non_exhaustive]
    GroupId {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        fault: TextFault,
    },
    /// The validity is under a second, or ends outside what a certificate can say.
    #[error(
        "the validity must be at least a second, begin after 1970 and end before the year 10000"
    )]
    Validity,
    /// The certificate would outlive the root.
    #[error(
        "the certificate would be valid until {wanted}, and the root only until {root}: ask for less"
    )]
    #[non_exhaustive]
    BeyondRoot {
        /// Until when it was asked for.
        wanted: Timestamp,
        /// Until when the root is valid.
        root: Timestamp,
    },
    /// The certificate would be larger than a client reads.
    #[error(
        "the certificate would have {found} bytes: at most {limit} are allowed, so name fewer groups"
    )]
    #[non_exhaustive]
    TooLarge {
        /// Its size.
        found: usize,
        /// The largest allowed.
        limit: usize,
    },
    /// The authority's private key is not one.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The root's text is not one certificate in PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The root's certificate is not a root's.
    #[error("the root: {0}")]
    Root(CertificateFault),
    /// The root's certificate is for another key.
    #[error("the root's certificate is for another key than the one given")]
    OtherKey,
    /// The root's name has a form that cannot be repeated in the certificates it issues.
    #[error(
        "the root's name cannot be repeated: each attribute once, as UTF8String or PrintableString"
    )]
    RootName,
    /// The certificate could not be encoded.
    #[error("the certificate could not be encoded")]
    Encode,
    /// The certificate was made, but a client would refuse it; it is not handed out.
    #[error("a client would refuse the certificate: {0}")]
    Refused(VerifyError),
}
