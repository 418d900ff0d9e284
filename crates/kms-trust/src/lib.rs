#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod anchors;
mod answer;
#[cfg(feature = "issue")]
mod authority;
mod certificate;
mod error;
mod identity;
#[cfg(feature = "issue")]
mod issue_error;
mod key;
mod oids;
mod pem;
mod scope;
mod signature;
#[cfg(feature = "issue")]
mod template;
mod verifier;

pub use anchors::{TrustAnchors, TrustAnchorsError};
pub use answer::{Expected, VerifiedAnswer};
#[cfg(feature = "issue")]
pub use authority::{Authority, HostCertificate, HostCertificateRequest};
pub use certificate::{CertificateFault, MAX_CERTIFICATE_LEN, MAX_CHAIN_LEN};
pub use error::{PathFault, VerifyError};
pub use identity::{HostIdentity, IdentityError};
#[cfg(feature = "issue")]
pub use issue_error::IssueError;
pub use key::{HostKey, HostPublicKey, KeyError};
pub use oids::{Oids, OidsError};
pub use pem::PemError;
pub use scope::{MAX_GROUP_ID_LEN, MAX_NAME_LEN, TextFault};
pub use verifier::{VerifiedHost, Verifier};
