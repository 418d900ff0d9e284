//! Whether answers are true, as a client finds out.

use crate::link::{Failure, Link, Reply, Target};
use kms_core::{Decode as _, Timestamp};
use kms_keys::Product;
use kms_trust::{Expected, Oids, TrustAnchors, VerifiedHost, Verifier};
use kms_wire::{ActivationAnswer, ActivationRequest, CertificateChain, Operation};

/// Checks signatures: of every answer, or of some.
#[derive(Debug)]
pub(crate) struct Checker {
    verifier: Verifier,
    host: VerifiedHost,
    group: String,
    /// One answer of so many is checked.
    every: u64,
}

impl Checker {
    /// Fetches the host's certificate and verifies it against the pinned root.
    ///
    /// # Errors
    /// When the host does not give it, or it is not one for a host of this authority.
    pub(crate) async fn fetch(
        target: &Target,
        root_pem: &str,
        product: &Product,
        every: u64,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let anchors = TrustAnchors::from_pem(root_pem).map_err(|error| text(&error))?;
        let verifier = Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE);
        let mut link = Link::open(target, 0).await?;
        let mut bytes = Vec::new();
        match link.call(Operation::GetHostCertificate, &mut bytes).await? {
            Reply::Answered => {}
            Reply::Refused(code) => return Err(Failure(format!("no certificate: {code}"))),
            Reply::Fault(status) => return Err(Failure(format!("no certificate: fault {status}"))),
        }
        let chain = CertificateChain::decode_all(&bytes).map_err(|error| text(&error))?;
        let host = verifier
            .verify_chain(chain.certificates(), now)
            .map_err(|error| text(&error))?;
        Ok(Self {
            verifier,
            host,
            group: product.group.as_str().to_owned(),
            every: every.max(1),
        })
    }

    /// Whether the answer to the request with this number is one of those that are checked.
    pub(crate) const fn wants(&self, number: u64) -> bool {
        number.is_multiple_of(self.every)
    }

    /// Verifies an answer.
    ///
    /// # Errors
    /// When it is not this host's to this request.
    pub(crate) fn check(
        &self,
        request: &ActivationRequest,
        message: &[u8],
        answer: &ActivationAnswer,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let expected = Expected {
            request_message: message,
            cmid: request.cmid,
            activation_id: request.activation_id,
            group_id: &self.group,
        };
        self.verifier
            .verify_answer(&self.host, expected, &answer.terms, &answer.signature, now)
            .map(drop)
            .map_err(|error| text(&error))
    }
}

fn text(error: &dyn core::fmt::Display) -> Failure {
    Failure(error.to_string())
}
