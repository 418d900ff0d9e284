//! Chains: which hosts a client believes (PROTOCOL section 4, RFC 5280 section 6).

#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{
    DAY, HOST, NOW, Node, SCOPE_DER, TestKey, USAGE, authority, identity, scope_extension, verifier,
};
use core::time::Duration;
use kms_core::{StatusCode, Timestamp};
use kms_trust::{
    Authority, CertificateFault, KeyError, MAX_CERTIFICATE_LEN, MAX_CHAIN_LEN, Oids, TextFault,
    TrustAnchors, TrustAnchorsError, VerifiedHost, Verifier, VerifyError,
};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CustomExtension, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose,
};

fn verify(root: &Node, chain: &[&Node]) -> Result<VerifiedHost, VerifyError> {
    let chain: Vec<_> = chain.iter().map(|node| &node.der).collect();
    verifier(&root.pem()).verify_chain(&chain, NOW)
}

/// The number of the certificate at fault, and the fault.
fn fault(result: Result<VerifiedHost, VerifyError>) -> (usize, CertificateFault) {
    match result {
        Err(VerifyError::Certificate { number, fault, .. }) => (number, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_certified_by_the_pinned_root_is_believed() {
    let authority = authority(1);
    let identity = identity(&authority, 2);
    let host = verifier(authority.root_pem())
        .verify_chain(identity.chain(), NOW)
        .unwrap();
    assert_eq!(host.name(), HOST);
    assert_eq!(host.key_id(), identity.key_id());
    assert_eq!(host.scope(), identity.scope());
    assert_eq!(host.not_after(), identity.not_after());
}

#[test]
fn chains_through_one_two_and_three_issuers_are_believed() {
    let root = Node::root(|_| {});
    let one = root.authority("One", |_| {});
    let two = one.authority("Two..", |_| {});
    let three = two.authority("Three..", |_| {});
    let host = |issuer: &Node| issuer.host(|_| {});
    assert!(verify(&root, &[&host(&root)]).is_ok());
    assert!(verify(&root, &[&host(&one), &one]).is_ok());
    assert!(verify(&root, &[&host(&two), &two, &one]).is_ok());
    let longest = [&host(&three), &three, &two, &one];
    assert_eq!(longest.len(), MAX_CHAIN_LEN);
    assert!(verify(&root, &longest).is_ok());
}

#[test]
fn the_root_at_the_end_of_a_chain_does_no_harm() {
    let root = Node::root(|_| {});
    let host = root.host(|_| {});
    assert!(verify(&root, &[&host, &root]).is_ok());
}

#[test]
fn the_shortest_validity_of_host_issuer_and_root_bounds_the_host() {
    let short = |params: &mut rcgen::CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2023, 11, 14);
        params.not_after = rcgen::date_time_ymd(2023, 11, 18);
    };
    for shortest in ["host", "issuer", "root"] {
        let change = |name: &'static str| {
            move |params: &mut _| {
                if name == shortest {
                    short(params)
                }
            }
        };
        let root = Node::root(change("root"));
        let issuer = root.authority("One", change("issuer"));
        let host = issuer.host(change("host"));
        let verified = verify(&root, &[&host, &issuer]).unwrap();
        let bounds = (verified.not_before(), verified.not_after());
        let bounds = (bounds.0.to_string(), bounds.1.to_string());
        let wanted = ("2023-11-14T00:00:00Z", "2023-11-18T00:00:00Z");
        assert_eq!((bounds.0.as_str(), bounds.1.as_str()), wanted, "{shortest}");
    }
}

#[test]
fn certificates_of_other_versions_are_refused() {
    let root = Node::root(|_| {});
    let host = root.host(|_| {}).der;
    let version = [0xa0, 3, 2, 1, 2];
    let at = host.windows(5).position(|bytes| bytes == version).unwrap() + 4;
    for other in [0, 1, 3] {
        let mut host = host.clone();
        host[at] = other;
        let result = verifier(&root.pem()).verify_chain(&[&host], NOW);
        let (number, found) = fault(result);
        assert_eq!(number, 1);
        assert!(
            matches!(found, CertificateFault::Malformed { .. }),
            "{found}"
        );
    }
}

#[test]
fn a_chain_has_one_to_four_certificates() {
    let root = Node::root(|_| {});
    let host = root.host(|_| {});
    for found in [0, 5, 6, 1000] {
        let chain = vec![&host; found];
        let error = verify(&root, &chain).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the host sent {found} certificates: 1 to 4 are allowed")
        );
    }
}

#[test]
fn a_chain_without_an_issuer_or_out_of_order_is_refused() {
    let root = Node::root(|_| {});
    let one = root.authority("One", |_| {});
    let two = one.authority("Two..", |_| {});
    let host = two.host(|_| {});
    assert_eq!(
        verify(&root, &[&host, &two]).unwrap_err(),
        VerifyError::UnknownRoot
    );
    assert_eq!(
        verify(&root, &[&host]).unwrap_err(),
        VerifyError::UnknownRoot
    );
    let linked = CertificateFault::NotLinked;
    assert_eq!(fault(verify(&root, &[&host, &one, &two])), (1, linked));
    assert_eq!(fault(verify(&root, &[&host, &two, &two])), (2, linked));
    assert_eq!(
        fault(verify(&root, &[&two, &host, &one])),
        (1, CertificateFault::HostIsAuthority)
    );
    assert_eq!(
        fault(verify(&root, &[&host, &host])),
        (2, CertificateFault::NotAuthority)
    );
}

#[test]
fn a_host_of_another_authority_is_refused_whatever_that_ones_name() {
    let pinned = authority(1);
    let same_name = authority(2);
    assert_eq!(pinned.name(), same_name.name());
    let rogue = identity(&same_name, 3);
    let error = verifier(pinned.root_pem())
        .verify_chain(rogue.chain(), NOW)
        .unwrap_err();
    assert_eq!(error, VerifyError::IssuerSignature);
    assert_eq!(
        error.status_code(),
        StatusCode::VL_BINDING_SERVICE_UNAVAILABLE
    );

    let other_name = Node::root(|_| {});
    let rogue = other_name.host(|_| {});
    let error = verifier(pinned.root_pem())
        .verify_chain(&[&rogue.der], NOW)
        .unwrap_err();
    assert_eq!(error, VerifyError::UnknownRoot);
}

#[test]
fn a_rogue_issuer_below_the_root_is_refused() {
    let root = Node::root(|_| {});
    let genuine = root.host(|_| {});
    // A host that plays authority: its own certificate is genuine, but no authority's.
    let below = genuine.host(|_| {});
    assert_eq!(
        fault(verify(&root, &[&below, &genuine])),
        (2, CertificateFault::NotAuthority)
    );
    // An issuer that carries a genuine one's name and another key.
    let one = root.authority("One", |_| {});
    let pretender = Node::root(|_| {}).authority("Oneone", |params| {
        params.distinguished_name.push(DnType::CommonName, "One");
    });
    let host = pretender.host(|_| {});
    assert_eq!(
        verify(&root, &[&host, &one]).unwrap_err(),
        VerifyError::IssuerSignature
    );
}

#[test]
fn certificates_are_refused_before_and_after_their_time() {
    let root = Node::root(|_| {});
    let host = root.host(|_| {});
    let at = |now: Timestamp| verifier(&root.pem()).verify_chain(&[&host.der], now);
    let second = Duration::from_secs(1);
    let first = NOW.saturating_sub(DAY);
    let last = NOW.saturating_add(10 * DAY);
    assert!(at(first).is_ok() && at(last).is_ok());
    for now in [
        first.saturating_sub(second),
        Timestamp::EPOCH,
        Timestamp::from_millis(-1),
        Timestamp::from_millis(i64::MIN),
    ] {
        let (number, fault) = fault(at(now));
        assert_eq!(number, 1);
        assert!(
            matches!(fault, CertificateFault::NotYetValid { not_before, .. } if not_before == first)
        );
    }
    for now in [
        last.saturating_add(second),
        Timestamp::from_millis(i64::MAX),
    ] {
        let (number, fault) = fault(at(now));
        assert_eq!(number, 1);
        assert!(matches!(fault, CertificateFault::Expired { not_after, .. } if not_after == last));
    }
}

#[test]
fn an_expired_issuer_or_root_refuses_the_hosts_below_it() {
    let past = rcgen::date_time_ymd(2023, 11, 14);
    let root = Node::root(|_| {});
    let issuer = root.authority("One", |params| params.not_after = past);
    let host = issuer.host(|_| {});
    let (number, expired) = fault(verify(&root, &[&host, &issuer]));
    assert_eq!(number, 2);
    assert!(matches!(expired, CertificateFault::Expired { .. }));

    let root = Node::root(|params| params.not_after = past);
    let host = root.host(|_| {});
    let error = verify(&root, &[&host]).unwrap_err();
    assert!(
        matches!(error, VerifyError::Root(CertificateFault::Expired { .. })),
        "{error}"
    );
}

#[test]
fn a_root_whose_validity_was_extended_is_pinned_in_both_certificates() {
    let past = rcgen::date_time_ymd(2023, 11, 14);
    let old = Node::root(|params| params.not_after = past);
    let new = Node::root(|_| {});
    let host = new.host(|_| {});
    for pem in [old.pem() + &new.pem(), new.pem() + &old.pem()] {
        let verifier = verifier(&pem);
        assert!(verifier.verify_chain(&[&host.der], NOW).is_ok());
    }
}

#[test]
fn hosts_of_every_pinned_root_are_believed() {
    let (one, two) = (authority(1), authority(2));
    let verifier = verifier(&format!("{}{}", one.root_pem(), two.root_pem()));
    for authority in [&one, &two] {
        let identity = identity(authority, 3);
        assert!(verifier.verify_chain(identity.chain(), NOW).is_ok());
    }
}

#[test]
fn a_certificate_without_the_hosts_usage_is_refused() {
    let root = Node::root(|_| {});
    let other = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 32473, 1688, 2]);
    let cases = [
        vec![],
        vec![other.clone()],
        vec![ExtendedKeyUsagePurpose::ServerAuth],
        vec![ExtendedKeyUsagePurpose::Any],
    ];
    for usages in cases {
        let host = root.host(|params| params.extended_key_usages = usages.clone());
        let found = fault(verify(&root, &[&host]));
        assert_eq!(found, (1, CertificateFault::HostUsage), "{usages:?}");
    }
    let host = root.host(|params| params.extended_key_usages.insert(0, other));
    assert!(verify(&root, &[&host]).is_ok(), "one usage among two");
}

#[test]
fn a_vendors_own_identifiers_replace_the_default_ones() {
    let vendor = Oids::new("1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2").unwrap();
    let root = Node::root(|_| {});
    let anchors = TrustAnchors::from_pem(&root.pem()).unwrap();
    let verifier = Verifier::new(anchors, vendor, Verifier::DEFAULT_TOLERANCE);
    let host = root.host(|_| {});
    let result = verifier.verify_chain(&[&host.der], NOW);
    assert_eq!(fault(result), (1, CertificateFault::HostUsage));
    let host = root.host(|params| {
        let usage = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 99999, 1]);
        params.extended_key_usages = vec![usage];
    });
    let result = verifier.verify_chain(&[&host.der], NOW);
    assert_eq!(fault(result), (1, CertificateFault::ScopeMissing));
    let host = root.host(|params| {
        let usage = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 99999, 1]);
        params.extended_key_usages = vec![usage];
        let oid = [1, 3, 6, 1, 4, 1, 99999, 2];
        let scope = CustomExtension::from_oid_content(&oid, SCOPE_DER.to_vec());
        params.custom_extensions = vec![scope];
    });
    assert!(verifier.verify_chain(&[&host.der], NOW).is_ok());
}

#[test]
fn an_authoritys_certificate_is_no_hosts() {
    let root = Node::root(|_| {});
    let authority = root.authority("One", |params| {
        let usage = ExtendedKeyUsagePurpose::Other(USAGE.to_vec());
        params.extended_key_usages = vec![usage];
        params.custom_extensions = vec![scope_extension(SCOPE_DER)];
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    });
    let found = fault(verify(&root, &[&authority]));
    assert_eq!(found, (1, CertificateFault::HostIsAuthority));
    let found = fault(verify(&root, &[&root]));
    assert_eq!(found, (1, CertificateFault::HostIsAuthority));
}

#[test]
fn key_usages_are_held_to() {
    let root = Node::root(|_| {});
    let host = root.host(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]);
    let (number, found) = fault(verify(&root, &[&host]));
    assert_eq!(number, 1);
    assert_eq!(
        found.to_string(),
        "its key usage does not allow signing answers"
    );
    let issuer = root.authority("One", |params| {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    let host = issuer.host(|_| {});
    let (number, found) = fault(verify(&root, &[&host, &issuer]));
    assert_eq!(number, 2);
    assert_eq!(
        found.to_string(),
        "its key usage does not allow signing certificates"
    );
    let host = root.host(|params| params.key_usages = Vec::new());
    assert!(verify(&root, &[&host]).is_ok(), "no extension, no limit");
}

#[test]
fn an_issuer_for_other_purposes_is_refused() {
    let root = Node::root(|_| {});
    let issuer = root.authority("One", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let host = issuer.host(|_| {});
    let error = verify(&root, &[&host, &issuer]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the host's chain is not acceptable: an authority's extended key usage does not allow \
         activation hosts"
    );
}

#[test]
fn path_lengths_are_held_to_by_issuers_and_by_the_pinned_root() {
    let refused = "the host's chain is not acceptable: an authority stands below one that allows \
                   none there";
    let none_below = |params: &mut rcgen::CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    };
    let root = Node::root(|_| {});
    let one = root.authority("One", none_below);
    let two = one.authority("Two..", |_| {});
    let chain = [&two.host(|_| {}), &two, &one];
    assert_eq!(verify(&root, &chain).unwrap_err().to_string(), refused);
    assert!(verify(&root, &[&one.host(|_| {}), &one]).is_ok());

    let root = Node::root(none_below);
    let one = root.authority("One", |_| {});
    let chain = [&one.host(|_| {}), &one];
    assert_eq!(verify(&root, &chain).unwrap_err().to_string(), refused);
    assert!(verify(&root, &[&root.host(|_| {})]).is_ok());
}

#[test]
fn a_scope_that_is_absent_twice_there_or_malformed_is_refused() {
    let root = Node::root(|_| {});
    let host = |extensions: Vec<CustomExtension>| {
        root.host(|params| params.custom_extensions = extensions)
    };
    let result = verify(&root, &[&host(Vec::new())]);
    assert_eq!(fault(result), (1, CertificateFault::ScopeMissing));
    let twice = vec![scope_extension(SCOPE_DER), scope_extension(SCOPE_DER)];
    let result = verify(&root, &[&host(twice)]);
    assert_eq!(fault(result), (1, CertificateFault::ScopeMalformed));
    let long = format!("\x30\x43\x0c\x41{}", "x".repeat(65));
    let cases: [(&str, &[u8]); 6] = [
        ("not a sequence", b"\x0c\x05KMS_B"),
        ("an integer in the sequence", b"\x30\x03\x02\x01\x05"),
        ("an empty id", b"\x30\x02\x0c\x00"),
        ("a control character", b"\x30\x04\x0c\x02A\x07"),
        ("an id of 65 characters", long.as_bytes()),
        ("a byte too many", b"\x30\x03\x0c\x01A\x05\x00"),
    ];
    for (name, value) in cases {
        // rcgen wants whole DER values and panics at a bare tail, which is why some are wrapped.
        let result = verify(&root, &[&host(vec![scope_extension(value)])]);
        assert_eq!(
            fault(result),
            (1, CertificateFault::ScopeMalformed),
            "{name}"
        );
    }
}

#[test]
fn an_empty_scope_covers_nothing() {
    let root = Node::root(|_| {});
    let host = root.host(|params| params.custom_extensions = vec![scope_extension(b"\x30\x00")]);
    assert!(verify(&root, &[&host]).unwrap().scope().is_empty());
}

#[test]
fn a_critical_extension_that_is_not_known_is_refused() {
    let root = Node::root(|_| {});
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    let host = root.host(|params| params.custom_extensions.push(extension));
    let error = verify(&root, &[&host]).unwrap_err();
    assert!(error.to_string().contains("critical extension"), "{error}");
}

#[test]
fn a_host_needs_a_name_that_can_be_shown() {
    let root = Node::root(|_| {});
    let named = |name: DnValue| {
        let host = root.host(|params| {
            params.distinguished_name.push(DnType::CommonName, name);
        });
        verify(&root, &[&host])
    };
    let fault_of = |name: String| fault(named(name.into())).1;
    assert_eq!(
        fault_of(String::new()),
        CertificateFault::CommonName(TextFault::Empty)
    );
    assert_eq!(
        fault_of("kms\n01".to_owned()),
        CertificateFault::CommonName(TextFault::ControlCharacter)
    );
    let long = fault_of("x".repeat(65));
    assert!(
        long.to_string()
            .ends_with("65 characters: at most 64 are allowed")
    );
    let printable = DnValue::PrintableString("kms-02".try_into().unwrap());
    assert_eq!(named(printable).unwrap().name(), "kms-02");
    let host = root.host(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
    });
    assert_eq!(
        fault(verify(&root, &[&host])).1,
        CertificateFault::CommonName(TextFault::Empty)
    );
}

#[test]
fn a_host_whose_key_proves_nothing_is_refused() {
    let root = Node::root(|_| {});
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let cases: [(&[u8], KeyError); 4] = [
        (&identity_point, KeyError::SmallOrder),
        (&[0; 32], KeyError::SmallOrder),
        (&[2; 31], KeyError::NotEd25519),
        (&[2; 33], KeyError::NotEd25519),
    ];
    for (public, wanted) in cases {
        let host = root.host_with_key(TestKey::with_public(public), |_| {});
        let found = fault(verify(&root, &[&host]));
        assert_eq!(found, (1, CertificateFault::PublicKey(wanted)));
    }
}

#[test]
fn a_certificate_above_the_limit_is_not_read() {
    let root = Node::root(|_| {});
    let filler = |len: usize| {
        let mut value = vec![4, 0x82];
        value.extend(u16::try_from(len).unwrap().to_be_bytes());
        value.resize(len + 4, 0);
        let extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], value);
        root.host(|params| params.custom_extensions.push(extension))
    };
    let base = filler(1000).der.len() - 1000;
    let largest = filler(MAX_CERTIFICATE_LEN - base);
    assert_eq!(largest.der.len(), MAX_CERTIFICATE_LEN);
    assert!(verify(&root, &[&largest]).is_ok());
    let larger = filler(MAX_CERTIFICATE_LEN - base + 1);
    let (number, found) = fault(verify(&root, &[&larger]));
    assert_eq!(number, 1);
    assert_eq!(
        found.to_string(),
        "it has 4097 bytes: at most 4096 are allowed"
    );
}

#[test]
fn every_truncation_of_every_certificate_is_refused() {
    let root = Node::root(|_| {});
    let one = root.authority("One", |_| {});
    let chain = [one.host(|_| {}).der, one.der.clone()];
    let verifier = verifier(&root.pem());
    assert!(verifier.verify_chain(&chain, NOW).is_ok());
    for at in 0..chain.len() {
        for len in 0..chain[at].len() {
            let mut chain = chain.clone();
            chain[at].truncate(len);
            let (number, found) = fault(verifier.verify_chain(&chain, NOW));
            assert_eq!(number, at + 1);
            let CertificateFault::Malformed { offset, .. } = found else {
                panic!("{len}: {found}");
            };
            assert!(usize::try_from(offset).unwrap() <= len, "{len}: {offset}");
        }
    }
}

#[test]
fn every_bit_flipped_in_a_certificate_is_refused() {
    let root = Node::root(|_| {});
    let one = root.authority("One", |_| {});
    let chain = [one.host(|_| {}).der, one.der.clone()];
    let verifier = verifier(&root.pem());
    for at in 0..chain.len() {
        for bit in 0..8 * chain[at].len() {
            let mut chain = chain.clone();
            chain[at][bit / 8] ^= 1 << (bit % 8);
            let result = verifier.verify_chain(&chain, NOW);
            assert!(result.is_err(), "certificate {at}, bit {bit}");
        }
    }
}

#[test]
fn bytes_behind_a_certificate_are_refused() {
    let root = Node::root(|_| {});
    let mut host = root.host(|_| {});
    host.der.push(0);
    let (_, found) = fault(verify(&root, &[&host]));
    assert!(
        matches!(found, CertificateFault::Malformed { .. }),
        "{found}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn garbage_for_a_chain_is_refused_without_a_panic(
        chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
    ) {
        let root = Node::root(|_| {});
        prop_assert!(verifier(&root.pem()).verify_chain(&chain, NOW).is_err());
    }

    #[test]
    fn a_certificate_with_a_piece_replaced_is_refused_without_a_panic(
        start in 0_usize..600,
        len in 0_usize..40,
        piece in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let root = Node::root(|_| {});
        let original = root.host(|_| {}).der;
        let mut host = original.clone();
        let start = start % host.len();
        let end = (start + len).min(host.len());
        host.splice(start..end, piece);
        prop_assume!(host != original);
        prop_assert!(verifier(&root.pem()).verify_chain(&[&host], NOW).is_err());
    }
}

#[test]
fn roots_are_checked_when_they_are_pinned() {
    let root = Node::root(|_| {});
    let pinned = |pem: &str| TrustAnchors::from_pem(pem);
    assert_eq!(pinned(&root.pem()).unwrap().len(), 1);
    let root_fault = |pem: &str| match pinned(pem) {
        Err(TrustAnchorsError::Root { block, fault, .. }) => (block, fault),
        other => panic!("{other:?}"),
    };
    let host = root.host(|_| {});
    assert_eq!(
        root_fault(&(root.pem() + &host.pem())),
        (2, CertificateFault::NotAuthority)
    );
    let issuer = root.authority("One", |_| {});
    assert_eq!(root_fault(&issuer.pem()), (1, CertificateFault::NotRoot));
    let mut damaged = root.der.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(
        root_fault(&common::pem(&damaged)),
        (1, CertificateFault::SelfSignature)
    );
    let mut shortened = root.der.clone();
    shortened.pop();
    let (block, found) = root_fault(&common::pem(&shortened));
    assert_eq!(block, 1);
    assert!(matches!(found, CertificateFault::Malformed { .. }));
    let no_signing = Node::root(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    assert!(matches!(
        root_fault(&no_signing.pem()).1,
        CertificateFault::KeyUsage { .. }
    ));
    let error = pinned("no certificate").unwrap_err();
    assert!(error.to_string().contains("holds no PEM block"), "{error}");
    let error = pinned(&root.pem().repeat(TrustAnchors::MAX + 1)).unwrap_err();
    assert!(error.to_string().contains("more than 16"), "{error}");
    let key = Authority::generate("A", DAY, &mut kms_core::SeededEntropy::new(1), NOW)
        .unwrap()
        .key_pem();
    let error = pinned(&(root.pem() + &key)).unwrap_err();
    let line = root.pem().lines().count() + 1;
    assert_eq!(
        error.to_string(),
        format!("PEM block 2 (line {line}) is not a certificate: leave it out")
    );
}
