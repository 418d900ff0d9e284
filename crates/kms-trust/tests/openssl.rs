//! Other people's tools read and accept what is issued, and what they make is read here
//! (PROTOCOL section 4). Run with `--ignored` where the `openssl` command, 3.0 or later, is.

#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{HOST, NOW, Node, SCOPE, YEAR, authority, certify, verifier};
use kms_core::SeededEntropy;
use kms_trust::{
    Authority, HostCertificateRequest, HostIdentity, HostKey, HostPublicKey, IssueError,
};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// Runs `openssl` in a folder; panics with what it said when it fails.
fn openssl(folder: &TempDir, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| {
            panic!("the openssl command cannot be run: {error}; install OpenSSL 3.0 or later")
        });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "openssl {arguments}: {text}{errors}"
    );
    text
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(Path::new(folder.path()).join(name)).unwrap()
}

#[test]
#[ignore = "needs openssl"]
fn openssl_verifies_the_chain_by_the_strict_rules() {
    let authority = authority(1);
    let host = certify(&authority, &HostKey::generate(&mut SeededEntropy::new(2)));
    let folder = folder(&[
        ("root.pem", authority.root_pem()),
        ("host.pem", &host.to_pem()),
    ]);
    let at = NOW.as_millis() / 1000;
    let verify = format!("verify -x509_strict -attime {at} -CAfile root.pem");
    assert_eq!(
        openssl(&folder, &format!("{verify} host.pem")).trim(),
        "host.pem: OK"
    );
    assert_eq!(
        openssl(&folder, &format!("{verify} -check_ss_sig root.pem")).trim(),
        "root.pem: OK"
    );
}

#[test]
#[ignore = "needs openssl"]
fn openssl_prints_the_certificates_as_the_protocol_describes_them() {
    let authority = authority(1);
    let host = certify(&authority, &HostKey::generate(&mut SeededEntropy::new(2)));
    let folder = folder(&[
        ("root.pem", authority.root_pem()),
        ("host.pem", &host.to_pem()),
    ]);
    let root_text = openssl(&folder, "x509 -in root.pem -noout -text");
    for wanted in [
        "Version: 3 (0x2)",
        "Signature Algorithm: ED25519",
        "Issuer: CN = Contoso Activation Root",
        "Subject: CN = Contoso Activation Root",
        "Not Before: Nov 14 18:13:20 2023 GMT",
        "Not After : Nov 14 22:13:20 2043 GMT",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(root_text.contains(wanted), "{wanted}: {root_text}");
    }
    let host_text = openssl(&folder, "x509 -in host.pem -noout -text");
    for wanted in [
        "Issuer: CN = Contoso Activation Root",
        "Subject: CN = kms-01.contoso.example",
        "Not After : Nov 13 22:13:20 2024 GMT",
        "X509v3 Extended Key Usage",
        "1.3.6.1.4.1.32473.1688.1",
        "1.3.6.1.4.1.32473.1688.2",
        "CA:FALSE",
        "Digital Signature",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(host_text.contains(wanted), "{wanted}: {host_text}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_and_this_crate_read_each_others_keys() {
    let key = HostKey::generate(&mut SeededEntropy::new(2));
    let folder = folder(&[("ours.pem", &key.to_pem())]);
    let public = openssl(&folder, "pkey -in ours.pem -pubout");
    assert_eq!(HostPublicKey::from_pem(&public), Ok(key.public_key()));
    assert_eq!(public, key.public_key().to_pem());

    openssl(&folder, "genpkey -algorithm ed25519 -out theirs.pem");
    let pem = read(&folder, "theirs.pem");
    let theirs = HostKey::from_pem(&pem).unwrap();
    let public = openssl(&folder, "pkey -in theirs.pem -pubout");
    assert_eq!(HostPublicKey::from_pem(&public), Ok(theirs.public_key()));
    assert_eq!(theirs.to_pem().as_str(), pem);

    openssl(&folder, "genpkey -algorithm X25519 -out other.pem");
    assert!(HostKey::from_pem(&read(&folder, "other.pem")).is_err());
}

#[test]
#[ignore = "needs openssl"]
fn openssl_made_roots_can_issue_here() {
    let folder = folder(&[]);
    openssl(&folder, "genpkey -algorithm ed25519 -out root.key");
    openssl(
        &folder,
        "req -x509 -new -key root.key -out root.pem -days 3650 -subj /C=DE/O=Contoso/CN=Root \
         -addext keyUsage=critical,keyCertSign,cRLSign",
    );
    let (root, key) = (read(&folder, "root.pem"), read(&folder, "root.key"));
    let authority = Authority::from_pem(&root, &key).unwrap();
    // Made just now by a clock that these tests do not read: use the middle of the root's life.
    let now = authority.not_after().saturating_sub(5 * YEAR);
    let host = HostKey::generate(&mut SeededEntropy::new(2));
    let request = HostCertificateRequest {
        name: HOST,
        scope: SCOPE,
        validity: YEAR,
    };
    let mut entropy = SeededEntropy::new(3);
    let certificate = authority
        .certify(host.public_key(), request, &mut entropy, now)
        .unwrap();
    fs::write(folder.path().join("host.pem"), certificate.to_pem()).unwrap();
    let at = now.as_millis() / 1000;
    openssl(
        &folder,
        &format!("verify -x509_strict -attime {at} -CAfile root.pem host.pem"),
    );
    let identity = HostIdentity::from_pem(&host.to_pem(), &certificate.to_pem()).unwrap();
    let verifier = verifier(&root);
    assert!(verifier.verify_chain(identity.chain(), now).is_ok());
}

#[test]
#[ignore = "needs openssl"]
fn openssl_made_roots_whose_names_cannot_be_repeated_are_refused() {
    let folder = folder(&[]);
    openssl(&folder, "genpkey -algorithm ed25519 -out root.key");
    let key = read(&folder, "root.key");
    for name in ["/OU=One/OU=Two/CN=Root", "/DC=example/CN=Root"] {
        openssl(
            &folder,
            &format!("req -x509 -new -key root.key -out root.pem -subj {name}"),
        );
        let error = Authority::from_pem(&read(&folder, "root.pem"), &key).unwrap_err();
        assert_eq!(error, IssueError::RootName, "{name}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_agrees_on_a_chain_with_issuers_between() {
    let root = Node::root(|_| {});
    let one = root.authority("One", |params| {
        params.use_authority_key_identifier_extension = true;
    });
    let host = one.host(|params| params.use_authority_key_identifier_extension = true);
    let folder = folder(&[
        ("root.pem", &root.pem()),
        ("one.pem", &one.pem()),
        ("host.pem", &host.pem()),
    ]);
    let at = NOW.as_millis() / 1000;
    openssl(
        &folder,
        &format!("verify -x509_strict -attime {at} -CAfile root.pem -untrusted one.pem host.pem"),
    );
    let chain = [&host.der, &one.der];
    assert!(verifier(&root.pem()).verify_chain(&chain, NOW).is_ok());
}
