//! Answers: PROTOCOL section 3, section 4 (what a client accepts) and section 6 (the vector).

#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{
    DAY, GROUP, HOUR, NOW, REQUEST, YEAR, activation_id, authority, certify, cmid, expected,
    identity, terms, unhex, verifier,
};
use kms_core::{
    ActivationId, AnswerTerms, Cmid, Decode, Encode, KeyId, SeededEntropy, StatusCode, Timestamp,
    VerifiedTerms,
};
use kms_trust::{
    CertificateFault, Expected, HostIdentity, HostKey, Oids, TrustAnchors, VerifiedAnswer,
    VerifiedHost, Verifier, VerifyError,
};
use uuid::Uuid;

const SIGNATURE: &str = "\
    303e301604eb18ffaebc40c7bbbe12259769c894364a3c788ceb85479d1bea5800a9aad51ed345e33ebd7bd25c0f1a4c\
    2072337e22a98c5d630f15eba0b70f07";

/// PKCS#8 of the seed 00 to 1f.
const VECTOR_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
";

/// A client that has verified its host and sent its request.
struct Client {
    verifier: Verifier,
    host: VerifiedHost,
    request: Vec<u8>,
}

impl Client {
    fn new() -> (Self, HostIdentity) {
        let authority = authority(1);
        let identity = identity(&authority, 2);
        let verifier = verifier(authority.root_pem());
        let host = verifier.verify_chain(identity.chain(), NOW).unwrap();
        let request = unhex(REQUEST);
        let client = Self {
            verifier,
            host,
            request,
        };
        (client, identity)
    }

    fn verify(
        &self,
        terms: &AnswerTerms,
        signature: &[u8; 64],
    ) -> Result<VerifiedAnswer, VerifyError> {
        let expected = expected(&self.request);
        self.verifier
            .verify_answer(&self.host, expected, terms, signature, NOW)
    }
}

#[test]
fn the_vector_of_protocol_section_6_is_signed_to_the_byte() {
    let key = HostKey::from_pem(VECTOR_KEY).unwrap();
    assert_eq!(
        key.public_key().to_string(),
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    );
    assert_eq!(key.to_pem().as_str(), VECTOR_KEY);
    let chain = vec![certify(&authority(1), &key).der().to_vec()];
    let identity = HostIdentity::new(key, chain).unwrap();
    let terms = terms(KeyId([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]));
    let signature = identity.sign(&unhex(REQUEST), &terms);
    assert_eq!(signature.to_vec(), unhex(SIGNATURE));
}

#[test]
fn an_answer_is_accepted_with_everything_that_it_proves() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let signature = identity.sign(&client.request, &terms);
    let answer = client.verify(&terms, &signature).unwrap();
    assert_eq!(answer.terms(), &terms);
    assert_eq!(answer.activation_id(), activation_id());
    assert_eq!(answer.host_name(), common::HOST);
    assert_eq!(answer.key_id(), identity.key_id());
    assert_eq!(
        identity.sign(&client.request, &terms),
        signature,
        "an answer that is signed again is the same"
    );
}

#[test]
fn every_bit_flipped_in_the_signature_is_refused() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let good = identity.sign(&client.request, &terms);
    for bit in 0..8 * good.len() {
        let mut signature = good;
        signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            client.verify(&terms, &signature),
            Err(VerifyError::Signature),
            "bit {bit}"
        );
    }
}

#[test]
fn every_bit_flipped_in_the_terms_is_refused() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let signature = identity.sign(&client.request, &terms);
    let bytes = terms.to_vec();
    let mut by_signature = 0;
    for bit in 0..8 * bytes.len() {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // Some are refused before, as a reserved bit that is set.
        if let Ok(terms) = AnswerTerms::decode_all(&bytes) {
            match client.verify(&terms, &signature) {
                Err(VerifyError::Signature) => by_signature += 1,
                Err(VerifyError::KeyId { .. }) => assert!(bit / 8 >= 48, "bit {bit}"),
                other => panic!("bit {bit}: {other:?}"),
            }
        }
    }
    assert!(by_signature > 200, "{by_signature}");
}

#[test]
fn an_answer_to_another_request_is_refused_whatever_differs() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let signature = identity.sign(&client.request, &terms);
    let verify = |request: &[u8]| {
        client
            .verifier
            .verify_answer(&client.host, expected(request), &terms, &signature, NOW)
            .unwrap_err()
    };
    for bit in 0..8 * client.request.len() {
        let mut request = client.request.clone();
        request[bit / 8] ^= 1 << (bit % 8);
        let wanted = match bit / 8 {
            32..48 | 64..80 => VerifyError::RequestMismatch,
            _ => VerifyError::Signature,
        };
        assert_eq!(verify(&request), wanted, "bit {bit}");
    }
    for len in 0..client.request.len() {
        let error = verify(&client.request[..len]);
        let wanted = if len < 80 {
            VerifyError::RequestMismatch
        } else {
            VerifyError::Signature
        };
        assert_eq!(error, wanted, "{len} bytes");
    }
    let mut longer = client.request.clone();
    longer.push(0);
    assert_eq!(verify(&longer), VerifyError::Signature);
}

#[test]
fn an_answer_cannot_be_passed_off_as_one_for_another_machine_or_product() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let signature = identity.sign(&client.request, &terms);
    let verify = |expected: Expected<'_>| {
        client
            .verifier
            .verify_answer(&client.host, expected, &terms, &signature, NOW)
    };
    let other = Uuid::from_u128(7);
    let mut swapped = expected(&client.request);
    swapped.cmid = Cmid::new(other).unwrap();
    assert_eq!(verify(swapped), Err(VerifyError::RequestMismatch));
    let mut swapped = expected(&client.request);
    swapped.activation_id = ActivationId::new(other);
    assert_eq!(verify(swapped), Err(VerifyError::RequestMismatch));
}

#[test]
fn a_host_that_signs_for_another_machine_is_refused() {
    let (client, identity) = Client::new();
    let mut terms = terms(identity.key_id());
    terms.cmid = Cmid::new(Uuid::from_u128(7)).unwrap();
    let signature = identity.sign(&client.request, &terms);
    let error = client.verify(&terms, &signature).unwrap_err();
    assert!(
        matches!(error, VerifyError::Cmid { expected, found, .. }
            if expected == cmid() && found == terms.cmid),
        "{error}"
    );
    assert_eq!(
        error.status_code(),
        StatusCode::VL_BINDING_SERVICE_UNAVAILABLE
    );
}

#[test]
fn a_hosts_clock_may_differ_by_the_tolerance_and_no_more() {
    let (client, identity) = Client::new();
    let tolerance = 4 * HOUR;
    assert_eq!(client.verifier.tolerance(), tolerance);
    let answer_at = |host_time: Timestamp| {
        let mut terms = terms(identity.key_id());
        terms.host_time = host_time;
        let signature = identity.sign(&client.request, &terms);
        client.verify(&terms, &signature)
    };
    let millisecond = core::time::Duration::from_millis(1);
    for edge in [NOW.saturating_add(tolerance), NOW.saturating_sub(tolerance)] {
        assert!(answer_at(edge).is_ok(), "{edge}");
    }
    for beyond in [
        NOW.saturating_add(tolerance).saturating_add(millisecond),
        NOW.saturating_sub(tolerance).saturating_sub(millisecond),
        Timestamp::from_millis(i64::MIN),
        Timestamp::from_millis(i64::MAX),
    ] {
        let error = answer_at(beyond).unwrap_err();
        assert!(matches!(error, VerifyError::Clock { .. }), "{error}");
        assert_eq!(error.status_code(), StatusCode::VL_INVALID_TIMESTAMP);
    }
    let error = answer_at(NOW.saturating_add(5 * HOUR)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the host's clock says 2023-11-15T03:13:20Z and this machine's 2023-11-14T22:13:20Z: \
         300 minutes apart, 240 are allowed"
    );
}

#[test]
fn a_product_outside_the_hosts_scope_is_refused() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let signature = identity.sign(&client.request, &terms);
    for group in ["KMS_C", "", "kms_b", "KMS_B ", "KM"] {
        let mut expected = expected(&client.request);
        expected.group_id = group;
        let error = client
            .verifier
            .verify_answer(&client.host, expected, &terms, &signature, NOW)
            .unwrap_err();
        assert!(matches!(error, VerifyError::Scope { .. }), "{error}");
        assert_eq!(
            error.status_code(),
            StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH
        );
    }
}

#[test]
fn an_answer_of_another_host_of_the_same_authority_is_refused() {
    let (client, identity) = Client::new();
    let other = common::identity(&authority(1), 3);
    assert_ne!(other.key_id(), identity.key_id());
    let honest = terms(other.key_id());
    let error = client
        .verify(&honest, &other.sign(&client.request, &honest))
        .unwrap_err();
    assert!(
        matches!(error, VerifyError::KeyId { expected, found, .. }
            if expected == identity.key_id() && found == other.key_id()),
        "{error}"
    );
    let pretended = terms(identity.key_id());
    let signature = other.sign(&client.request, &pretended);
    assert_eq!(
        client.verify(&pretended, &signature),
        Err(VerifyError::Signature)
    );
}

#[test]
fn a_verified_host_is_of_use_only_while_its_certificate_is_valid() {
    let (client, identity) = Client::new();
    let at = |now: Timestamp| {
        let mut terms = terms(identity.key_id());
        terms.host_time = now;
        let signature = identity.sign(&client.request, &terms);
        let expected = expected(&client.request);
        client
            .verifier
            .verify_answer(&client.host, expected, &terms, &signature, now)
    };
    let last = NOW.saturating_add(YEAR);
    assert_eq!(client.host.not_after(), last);
    let second = core::time::Duration::from_secs(1);
    assert!(at(last).is_ok());
    assert!(at(last.saturating_add(second / 2)).is_ok(), "that second");
    let error = at(last.saturating_add(second)).unwrap_err();
    assert!(
        matches!(
            error,
            VerifyError::Certificate {
                number: 1,
                fault: CertificateFault::Expired { .. },
                ..
            }
        ),
        "{error}"
    );
    let first = NOW.saturating_sub(4 * HOUR);
    assert_eq!(client.host.not_before(), first);
    assert!(at(first).is_ok());
    let error = at(first.saturating_sub(second)).unwrap_err();
    assert!(
        matches!(
            error,
            VerifyError::Certificate {
                fault: CertificateFault::NotYetValid { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(at(Timestamp::from_millis(i64::MIN)).is_err());
    assert!(at(Timestamp::from_millis(i64::MAX)).is_err());
}

#[test]
fn a_host_verified_under_other_roots_is_refused() {
    let (client, identity) = Client::new();
    let terms = terms(identity.key_id());
    let signature = identity.sign(&client.request, &terms);
    let other = verifier(authority(9).root_pem());
    let expected = expected(&client.request);
    assert_eq!(
        other.verify_answer(&client.host, expected, &terms, &signature, NOW),
        Err(VerifyError::UnknownRoot)
    );
}

#[test]
fn a_vendors_tolerance_replaces_the_default_one() {
    let authority = authority(1);
    let identity = identity(&authority, 2);
    let anchors = TrustAnchors::from_pem(authority.root_pem()).unwrap();
    let verifier = Verifier::new(anchors, Oids::default(), DAY);
    let host = verifier.verify_chain(identity.chain(), NOW).unwrap();
    assert!(host.scope().contains(GROUP));
    let request = unhex(REQUEST);
    let mut terms = terms(identity.key_id());
    terms.host_time = NOW.saturating_sub(DAY);
    let signature = identity.sign(&request, &terms);
    assert!(
        verifier
            .verify_answer(&host, expected(&request), &terms, &signature, NOW)
            .is_ok()
    );
}

#[test]
fn keys_are_unique_to_their_entropy() {
    let key = |seed| HostKey::generate(&mut SeededEntropy::new(seed)).public_key();
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
}
