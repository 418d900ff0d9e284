//! A host's identity: a key and the certificates for it.

#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{HOST, NOW, SCOPE, YEAR, authority, certify, verifier};
use kms_core::SeededEntropy;
use kms_trust::{
    Authority, CertificateFault, HostCertificateRequest, HostIdentity, HostKey, HostPublicKey,
    IdentityError, KeyError, Oids,
};

fn host_key(seed: u64) -> HostKey {
    HostKey::generate(&mut SeededEntropy::new(seed))
}

/// An authority whose root has another name and a key of its own.
fn other_authority() -> Authority {
    Authority::generate("Other Root", 2 * YEAR, &mut SeededEntropy::new(9), NOW).unwrap()
}

#[test]
fn an_identity_is_read_from_the_files_that_a_host_has() {
    let authority = authority(1);
    let key = host_key(2);
    let certificate = certify(&authority, &key);
    let identity = HostIdentity::from_pem(&key.to_pem(), &certificate.to_pem()).unwrap();
    assert_eq!(identity.name(), HOST);
    assert_eq!(identity.key_id(), certificate.key_id());
    assert_eq!(identity.not_after(), NOW.saturating_add(YEAR));
    assert_eq!(identity.chain(), [certificate.der()]);
    assert!(identity.scope().iter().eq(SCOPE));
    let verifier = verifier(authority.root_pem());
    assert!(verifier.verify_chain(identity.chain(), NOW).is_ok());
}

#[test]
fn an_identity_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<HostIdentity>();
}

#[test]
fn a_key_that_does_not_fit_the_certificate_is_refused() {
    let certificate = certify(&authority(1), &host_key(2));
    let error = HostIdentity::from_pem(&host_key(3).to_pem(), &certificate.to_pem());
    assert_eq!(error.map(drop), Err(IdentityError::OtherKey));
}

#[test]
fn a_chain_has_one_to_four_certificates_and_no_root() {
    let authority = authority(1);
    let certificate = certify(&authority, &host_key(2)).to_pem();
    let read = |chain: &str| {
        let result = HostIdentity::from_pem(&host_key(2).to_pem(), chain);
        result.map(drop).unwrap_err().to_string()
    };
    assert!(
        HostIdentity::new(host_key(2), Vec::new())
            .is_err_and(|error| matches!(error, IdentityError::ChainLength { found: 0, .. }))
    );
    assert_eq!(
        read(&(certificate.clone() + authority.root_pem())),
        "certificate 2 of the chain: it is a root: a chain leaves the root out"
    );
    assert_eq!(
        read(&certificate.repeat(5)),
        "the chain has 5 certificates: 1 to 4 are allowed, the host's first and the root left out"
    );
    assert_eq!(
        read(&certificate.repeat(6)),
        "the text holds more than 5 PEM blocks"
    );
    assert_eq!(
        read(authority.root_pem()),
        "certificate 1 of the chain: it is an authority's and not a host's: the host's \
         certificate comes first"
    );
}

#[test]
fn certificates_that_do_not_follow_from_each_other_are_refused() {
    let root = common::Node::root(|_| {});
    let one = root.authority("One", |_| {});
    let two = one.authority("Two..", |_| {});
    let key = common::TestKey::new(100);
    let pem = key.pem();
    let host = two.host_with_key(key, |_| {});
    let read = |chain: &[&common::Node]| {
        let chain = chain.iter().map(|node| node.der.clone()).collect();
        HostIdentity::new(HostKey::from_pem(&pem).unwrap(), chain).map(drop)
    };
    assert_eq!(read(&[&host]), Ok(()));
    assert_eq!(read(&[&host, &two]), Ok(()));
    assert_eq!(read(&[&host, &two, &one]), Ok(()));
    let linked = |wanted: usize, result: Result<(), IdentityError>| {
        assert!(
            matches!(
                result,
                Err(IdentityError::Certificate {
                    number,
                    fault: CertificateFault::NotLinked,
                    ..
                }) if number == wanted
            ),
            "{result:?}"
        );
    };
    linked(1, read(&[&host, &one]));
    linked(2, read(&[&host, &two, &two]));
    linked(1, read(&[&host, &host]));
}

#[test]
fn a_certificate_under_other_identifiers_is_no_hosts() {
    let oids = Oids::new("1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2").unwrap();
    let vendor = other_authority().with_oids(oids);
    let key = host_key(2);
    let request = HostCertificateRequest {
        name: HOST,
        scope: SCOPE,
        validity: YEAR,
    };
    let mut entropy = SeededEntropy::new(4);
    let certificate = vendor
        .certify(key.public_key(), request, &mut entropy, NOW)
        .unwrap();
    let (key, chain) = (key.to_pem(), certificate.to_pem());
    assert!(matches!(
        HostIdentity::from_pem(&key, &chain),
        Err(IdentityError::Certificate {
            number: 1,
            fault: CertificateFault::HostUsage,
            ..
        })
    ));
    let identity = HostIdentity::from_pem_with_oids(&key, &chain, &oids).unwrap();
    assert_eq!(identity.name(), HOST);
}

#[test]
fn keys_are_read_as_they_were_written() {
    let key = host_key(2);
    let read = HostKey::from_pem(&key.to_pem()).unwrap();
    assert_eq!(read.public_key(), key.public_key());
    let crlf = key.to_pem().replace('\n', "\r\n");
    assert!(HostKey::from_pem(&crlf).is_ok());
    let public = key.public_key();
    assert_eq!(HostPublicKey::from_pem(&public.to_pem()), Ok(public));
    assert_eq!(HostPublicKey::from_bytes(public.as_bytes()), Ok(public));
}

#[test]
fn text_that_is_not_an_ed25519_key_is_refused() {
    let key = host_key(2);
    let pem = key.to_pem();
    let read = |text: &str| HostKey::from_pem(text).map(drop).unwrap_err();
    assert!(matches!(read(""), KeyError::NotPem { .. }));
    for (len, _) in pem.trim_end().char_indices() {
        read(pem.get(..len).unwrap());
    }
    let encrypted = pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(read(&encrypted), KeyError::Encrypted);
    let public = key.public_key().to_pem();
    assert!(matches!(read(&public), KeyError::OtherBlock { .. }));
    assert!(matches!(
        HostPublicKey::from_pem(&pem),
        Err(KeyError::OtherBlock { .. })
    ));
    // X25519 (1.3.101.110) in place of Ed25519 (1.3.101.112).
    let mut bytes = common::unhex("302e020100300506032b656e04220420");
    bytes.extend([7; 32]);
    let x25519 = der::pem::encode_string("PRIVATE KEY", der::pem::LineEnding::LF, &bytes);
    assert_eq!(read(&x25519.unwrap()), KeyError::NotEd25519);
}
