//! What an authority issues (PROTOCOL section 4, RFC 5280 section 4), read back by another reader.

#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{DAY, GROUP, HOST, HOUR, NOW, Node, SCOPE, YEAR, authority, certify, verifier};
use core::time::Duration;
use der::{Decode, asn1::ObjectIdentifier, oid::AssociatedOid};
use kms_core::{SeededEntropy, Timestamp};
use kms_trust::{
    Authority, CertificateFault, HostCertificateRequest, HostKey, HostPublicKey, IssueError,
    KeyError, Oids, TrustAnchors, Verifier, VerifyError,
};
use rcgen::{DnType, DnValue};
use x509_cert::{
    Certificate,
    ext::pkix::{
        AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
    },
    time::Time,
};

fn host_key() -> HostKey {
    HostKey::generate(&mut SeededEntropy::new(5))
}

fn request<'a>() -> HostCertificateRequest<'a> {
    HostCertificateRequest {
        name: HOST,
        scope: SCOPE,
        validity: YEAR,
    }
}

fn issue(authority: &Authority, request: HostCertificateRequest<'_>) -> Result<(), IssueError> {
    let mut entropy = SeededEntropy::new(6);
    authority
        .certify(host_key().public_key(), request, &mut entropy, NOW)
        .map(drop)
}

fn extension<'a, T>(certificate: &'a Certificate) -> (bool, T)
where
    T: Decode<'a, Error = der::Error> + AssociatedOid,
{
    let found = certificate.tbs_certificate().get_extension::<T>();
    found.unwrap().unwrap()
}

fn root_certificate(authority: &Authority) -> Certificate {
    let (label, bytes) = der::Document::from_pem(authority.root_pem()).unwrap();
    assert_eq!(label, "CERTIFICATE");
    Certificate::from_der(bytes.as_bytes()).unwrap()
}

#[test]
fn the_root_is_what_the_protocol_and_rfc_5280_ask_for() {
    let authority = authority(1);
    let root = root_certificate(&authority);
    let fields = root.tbs_certificate();
    assert_eq!(fields.subject(), fields.issuer());
    assert_eq!(fields.subject().to_string(), "CN=Contoso Activation Root");
    let (critical, constraints) = extension::<BasicConstraints>(&root);
    assert!(critical && constraints.ca && constraints.path_len_constraint.is_none());
    let (critical, usage) = extension::<KeyUsage>(&root);
    assert!(critical && usage.key_cert_sign() && usage.crl_sign());
    assert_eq!(usage.0.into_iter().count(), 2);
    let (critical, identifier) = extension::<SubjectKeyIdentifier>(&root);
    assert!(!critical);
    assert_eq!(identifier.0.as_bytes().len(), 20);
}

#[test]
fn a_hosts_certificate_is_what_the_protocol_and_rfc_5280_ask_for() {
    let authority = authority(1);
    let root = root_certificate(&authority);
    let issued = certify(&authority, &host_key());
    let host = Certificate::from_der(issued.der()).unwrap();
    let fields = host.tbs_certificate();
    assert_eq!(fields.issuer(), root.tbs_certificate().subject());
    assert_eq!(fields.subject().to_string(), format!("CN={HOST}"));
    let (_, constraints) = extension::<BasicConstraints>(&host);
    assert!(!constraints.ca);
    let (critical, usage) = extension::<KeyUsage>(&host);
    assert!(critical && usage.digital_signature());
    assert_eq!(usage.0.into_iter().count(), 1);
    let (_, usages) = extension::<ExtendedKeyUsage>(&host);
    let wanted = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1688.1");
    assert_eq!(usages.0, [wanted]);
    let (_, issuer) = extension::<AuthorityKeyIdentifier>(&host);
    let (_, root_id) = extension::<SubjectKeyIdentifier>(&root);
    assert_eq!(issuer.key_identifier, Some(root_id.0));
    let scope = fields
        .extensions()
        .unwrap()
        .iter()
        .find(|extension| extension.extn_id.to_string() == "1.3.6.1.4.1.32473.1688.2")
        .unwrap();
    assert!(!scope.critical);
    let bytes = b"\x30\x13\x0c\x03KMS\x0c\x05KMS_A\x0c\x05KMS_B";
    assert_eq!(scope.extn_value.as_bytes(), bytes);
    assert_eq!(issued.not_after(), NOW.saturating_add(YEAR));
}

#[test]
fn the_key_id_is_the_start_of_the_certificates_hash() {
    use sha2::Digest;
    let issued = certify(&authority(1), &host_key());
    let hash = sha2::Sha256::digest(issued.der());
    assert_eq!(issued.key_id().0, hash[..8]);
}

#[test]
fn serial_numbers_are_random_positive_and_of_20_bytes() {
    let authority = authority(1);
    let mut serials = std::collections::BTreeSet::new();
    let mut entropy = SeededEntropy::new(8);
    for _ in 0..50 {
        let issued = authority
            .certify(host_key().public_key(), request(), &mut entropy, NOW)
            .unwrap();
        let host = Certificate::from_der(issued.der()).unwrap();
        let serial = host.tbs_certificate().serial_number().as_bytes().to_vec();
        assert_eq!(serial.len(), 20);
        assert!(serial[0] < 0x80, "positive");
        assert!(serials.insert(serial));
    }
}

#[test]
fn the_same_entropy_and_time_give_the_same_certificate() {
    let issued = || certify(&authority(1), &host_key());
    assert_eq!(issued(), issued());
    assert_eq!(authority(1).root_pem(), authority(1).root_pem());
    assert_ne!(authority(1).root_pem(), authority(2).root_pem());
}

#[test]
fn a_certificate_can_be_used_at_once_where_a_clock_is_behind() {
    let authority = authority(1);
    let issued = certify(&authority, &host_key());
    let verifier = verifier(authority.root_pem());
    let behind = NOW.saturating_sub(Verifier::DEFAULT_TOLERANCE);
    assert!(verifier.verify_chain(&[issued.der()], behind).is_ok());
}

#[test]
fn validity_is_written_as_utc_time_through_2049_and_generalized_after() {
    let at = |year: i32| {
        let time = format!("{year}-06-01T00:00:00Z");
        let time: der::DateTime = time.parse().unwrap();
        let seconds = time.unix_duration().as_secs();
        let now = Timestamp::EPOCH.saturating_add(Duration::from_secs(seconds));
        let authority =
            Authority::generate("Root", 2 * DAY, &mut SeededEntropy::new(1), now).unwrap();
        let validity = *root_certificate(&authority).tbs_certificate().validity();
        assert_eq!(authority.not_after(), now.saturating_add(2 * DAY));
        (validity.not_before, validity.not_after)
    };
    for year in [1970, 2023, 2049] {
        assert!(matches!(at(year), (Time::UtcTime(_), Time::UtcTime(_))));
    }
    for year in [2050, 9999] {
        assert!(matches!(
            at(year),
            (Time::GeneralTime(_), Time::GeneralTime(_))
        ));
    }
}

#[test]
fn a_validity_outside_what_a_certificate_can_say_is_refused() {
    let generate = |validity: Duration, now: Timestamp| {
        Authority::generate("Root", validity, &mut SeededEntropy::new(1), now).map(drop)
    };
    let refused = Err(IssueError::Validity);
    assert_eq!(generate(Duration::ZERO, NOW), refused);
    assert_eq!(generate(Duration::from_millis(999), NOW), refused);
    assert_eq!(generate(Duration::from_secs(1), NOW), Ok(()));
    assert_eq!(generate(Duration::MAX, NOW), refused);
    assert_eq!(generate(8000 * YEAR, NOW), refused);
    assert_eq!(generate(YEAR, Timestamp::EPOCH), refused, "backdated");
    assert_eq!(generate(YEAR, Timestamp::from_millis(i64::MIN)), refused);
    assert_eq!(generate(YEAR, Timestamp::from_millis(i64::MAX)), refused);
    let mut brief = request();
    brief.validity = Duration::ZERO;
    assert_eq!(issue(&authority(1), brief), refused);
}

#[test]
fn no_certificate_outlives_the_root() {
    let mut entropy = SeededEntropy::new(1);
    let authority = Authority::generate("Root", 10 * DAY, &mut entropy, NOW).unwrap();
    let with = |validity| {
        issue(
            &authority,
            HostCertificateRequest {
                validity,
                ..request()
            },
        )
    };
    assert_eq!(with(10 * DAY), Ok(()));
    let error = with(10 * DAY + Duration::from_secs(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the certificate would be valid until 2023-11-24T22:13:21Z, and the root only until \
         2023-11-24T22:13:20Z: ask for less"
    );
    assert!(matches!(
        with(Duration::MAX),
        Err(IssueError::BeyondRoot { .. })
    ));
}

#[test]
fn nothing_is_issued_that_a_client_would_refuse() {
    let authority = authority(1);
    let before = NOW.saturating_sub(5 * HOUR);
    let key = host_key().public_key();
    let mut entropy = SeededEntropy::new(1);
    let error = authority
        .certify(key, request(), &mut entropy, before)
        .unwrap_err();
    assert!(
        matches!(
            error,
            IssueError::Refused(VerifyError::Certificate {
                fault: CertificateFault::NotYetValid { .. },
                ..
            })
        ),
        "{error}"
    );
    let ids: Vec<String> = (0..80).map(|at| format!("{at:064}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let error = issue(
        &authority,
        HostCertificateRequest {
            scope: &ids,
            ..request()
        },
    );
    assert!(matches!(error, Err(IssueError::TooLarge { .. })));
}

#[test]
fn names_and_groups_that_cannot_be_certified_are_refused_by_name() {
    let authority = authority(1);
    let long = "x".repeat(65);
    for name in ["", "a\nb", &long] {
        let error = issue(&authority, HostCertificateRequest { name, ..request() });
        assert!(matches!(error, Err(IssueError::Name(_))), "{name:?}");
        let error = Authority::generate(name, YEAR, &mut SeededEntropy::new(1), NOW);
        assert!(matches!(error, Err(IssueError::Name(_))), "{name:?}");
    }
    let with = |scope: &[&str]| {
        let request = HostCertificateRequest { scope, ..request() };
        issue(&authority, request)
    };
    assert_eq!(with(&[]), Err(IssueError::ScopeEmpty));
    for id in ["", "a\tb", &long] {
        let error = with(&[GROUP, id]);
        assert!(
            matches!(error, Err(IssueError::GroupId { number: 2, .. })),
            "{id:?}"
        );
    }
    let name = "ü".repeat(64);
    assert_eq!(
        issue(
            &authority,
            HostCertificateRequest {
                name: &name,
                ..request()
            }
        ),
        Ok(())
    );
}

#[test]
fn a_public_key_that_proves_nothing_cannot_be_certified() {
    // The points of small order in every encoding (RFC 8032; "Taming the many EdDSAs", 2020).
    let points = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for point in points {
        let bytes = common::unhex(point).try_into().unwrap();
        assert!(HostPublicKey::from_bytes(&bytes).is_err(), "{point}");
    }
}

#[test]
fn an_authority_is_read_back_from_its_files() {
    let generated = authority(1);
    let read = Authority::from_pem(generated.root_pem(), &generated.key_pem()).unwrap();
    assert_eq!(read.root_pem(), generated.root_pem());
    assert_eq!(read.name(), "Contoso Activation Root");
    let key = host_key();
    assert_eq!(certify(&read, &key), certify(&generated, &key));
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (one, two) = (authority(1), authority(2));
    let read = |root: &str, key: &str| Authority::from_pem(root, key).map(drop).unwrap_err();
    let other = read(one.root_pem(), &two.key_pem());
    assert_eq!(other, IssueError::OtherKey);
    let swapped = read(&one.key_pem(), one.root_pem());
    assert!(matches!(
        swapped,
        IssueError::Key(KeyError::OtherBlock { .. })
    ));
    let key = host_key();
    let host = certify(&one, &key).to_pem();
    assert_eq!(
        read(&host, &key.to_pem()),
        IssueError::Root(CertificateFault::NotAuthority)
    );
    let both = format!("{}{}", one.root_pem(), two.root_pem());
    assert!(matches!(read(&both, &one.key_pem()), IssueError::Pem(_)));
}

#[test]
fn a_root_made_elsewhere_issues_when_its_name_can_be_repeated() {
    let read = |organization: DnValue| {
        let root = Node::root(|params| {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        });
        let authority = Authority::from_pem(&root.pem(), &root.key.pem())?;
        let mut entropy = SeededEntropy::new(6);
        let request = HostCertificateRequest {
            validity: DAY,
            ..request()
        };
        authority
            .certify(host_key().public_key(), request, &mut entropy, NOW)
            .map(drop)
    };
    assert_eq!(read("Contoso".into()), Ok(()));
    let printable = DnValue::PrintableString("Contoso".try_into().unwrap());
    assert_eq!(read(printable), Ok(()));
    let ia5 = DnValue::Ia5String("Contoso".try_into().unwrap());
    assert_eq!(read(ia5), Err(IssueError::RootName));
}

#[test]
fn a_vendors_authority_issues_under_the_vendors_identifiers() {
    let oids = Oids::new("1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2").unwrap();
    let authority = authority(1).with_oids(oids);
    let key = host_key();
    let issued = certify(&authority, &key);
    let anchors = TrustAnchors::from_pem(authority.root_pem()).unwrap();
    let vendors = Verifier::new(anchors.clone(), oids, Verifier::DEFAULT_TOLERANCE);
    assert!(vendors.verify_chain(&[issued.der()], NOW).is_ok());
    let default = Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE);
    assert!(default.verify_chain(&[issued.der()], NOW).is_err());
}

#[test]
fn default_lifetimes_are_20_years_and_a_year() {
    assert_eq!(Authority::DEFAULT_VALIDITY, 7305 * DAY);
    assert_eq!(HostCertificateRequest::DEFAULT_VALIDITY, 365 * DAY);
    assert_eq!(Authority::BACKDATING, Verifier::DEFAULT_TOLERANCE);
}
