use crate::{VerifiedHost, Verifier, VerifyError, signature::signed_message};
use alloc::{borrow::ToOwned, string::String};
use kms_core::{ActivationId, AnswerTerms, Cmid, KeyId, Timestamp, VerifiedTerms};

/// What a client asked, against which an answer is held.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The RequestActivation message as it was sent, to the byte.
    pub request_message: &'a [u8],
    /// This machine.
    pub cmid: Cmid,
    /// The product that the request was for.
    pub activation_id: ActivationId,
    /// The id of the product-key group that a host must be certified for to activate the product.
    pub group_id: &'a str,
}

/// An answer that was verified. Only [`Verifier::verify_answer`] makes one: having one proves that
/// a certified host gave these terms, for this product, in answer to this machine's own request.
///
/// Its fields are private, and nothing else makes one:
///
/// ```compile_fail,E0451
/// use kms_trust::VerifiedAnswer;
///
/// fn forge(terms: kms_core::AnswerTerms, other: VerifiedAnswer) -> VerifiedAnswer {
///     VerifiedAnswer { terms, ..other }
/// }
/// ```
///
/// The same function without the forgery compiles:
///
/// ```
/// fn accept(answer: &kms_trust::VerifiedAnswer) -> kms_core::AnswerTerms {
///     *kms_core::VerifiedTerms::terms(answer)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAnswer {
    terms: AnswerTerms,
    activation_id: ActivationId,
    host_name: String,
}

impl Verifier {
    /// Verifies an answer of a host: its 56 signed bytes, read as `terms`, and its signature.
    ///
    /// # Errors
    /// [`VerifyError`] when the host's chain does not lead to one of this verifier's roots or is not
    /// valid at `now`; when the answer names another key; when the host is not certified for the
    /// product's group; when the signature is not the host's over this request and these terms; when
    /// the answer is for another machine; when the host's clock is further from `now` than the
    /// tolerance.
    pub fn verify_answer(
        &self,
        host: &VerifiedHost,
        expected: Expected<'_>,
        terms: &AnswerTerms,
        signature: &[u8; 64],
        now: Timestamp,
    ) -> Result<VerifiedAnswer, VerifyError> {
        if !self.anchors.is_pinned(host.root()) {
            return Err(VerifyError::UnknownRoot);
        }
        host.check_time(now)?;
        expected.check()?;
        if terms.key_id != host.key_id() {
            return Err(VerifyError::KeyId {
                expected: host.key_id(),
                found: terms.key_id,
            });
        }
        if !host.scope().contains(expected.group_id) {
            return Err(VerifyError::Scope {
                host: host.name().to_owned(),
                group: expected.group_id.to_owned(),
            });
        }
        let message = signed_message(expected.request_message, terms);
        if !host.public_key().is_signature(&message, signature) {
            return Err(VerifyError::Signature);
        }
        // From here on the host is known to have said it.
        if terms.cmid != expected.cmid {
            return Err(VerifyError::Cmid {
                expected: expected.cmid,
                found: terms.cmid,
            });
        }
        let difference = terms.host_time.distance(now);
        if difference > self.tolerance() {
            return Err(VerifyError::Clock {
                host_time: terms.host_time,
                now,
                difference,
                tolerance: self.tolerance(),
            });
        }
        Ok(VerifiedAnswer {
            terms: *terms,
            activation_id: expected.activation_id,
            host_name: host.name().to_owned(),
        })
    }
}

impl VerifiedAnswer {
    /// The name of the host that answered, from its certificate.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.host_name
    }

    /// The key with which the host answered.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.terms.key_id
    }
}

impl VerifiedTerms for VerifiedAnswer {
    fn terms(&self) -> &AnswerTerms {
        &self.terms
    }

    fn activation_id(&self) -> ActivationId {
        self.activation_id
    }
}

impl Expected<'_> {
    /// The signature binds the request's bytes, so what those say of the machine and the product
    /// must be what the caller says (PROTOCOL section 3, the offsets of every minor of version 1).
    fn check(&self) -> Result<(), VerifyError> {
        let field = |at: usize| self.request_message.get(at..)?.first_chunk::<16>();
        let activation_id = self.activation_id.as_uuid();
        let cmid = self.cmid.as_uuid();
        if field(ACTIVATION_ID_OFFSET) == Some(activation_id.as_bytes())
            && field(CMID_OFFSET) == Some(cmid.as_bytes())
        {
            Ok(())
        } else {
            Err(VerifyError::RequestMismatch)
        }
    }
}

/// Where a RequestActivation message holds the activation id.
const ACTIVATION_ID_OFFSET: usize = 32;
/// Where it holds the CMID.
const CMID_OFFSET: usize = 64;
