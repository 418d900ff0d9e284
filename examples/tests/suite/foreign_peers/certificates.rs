//! Chains and answers of a foreign authority, each with one fault, before the Python client.

use super::tools::Python;
use crate::support::run;
use serde_json::Value;
use std::collections::BTreeMap;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/kms-wire/docs/writing-a-client.md"
);

const BELIEVED: &str = "believed";

/// The cases of `certificates.py` about chains, with what the client says of each.
const CHAINS: [(&str, &str); 35] = [
    ("below the root", BELIEVED),
    ("below three authorities", BELIEVED),
    ("with the root at the end", BELIEVED),
    ("with the group among others", BELIEVED),
    ("without key usage", BELIEVED),
    ("with a further purpose", BELIEVED),
    ("with another extension", BELIEVED),
    ("with a path length that is kept", BELIEVED),
    ("below an authority for hosts", BELIEVED),
    ("expired", "1 (CN=host) is not valid now"),
    ("not valid yet", "1 (CN=host) is not valid now"),
    ("below an expired authority", "2 (CN=old) is not valid now"),
    ("below an expired root", "2 (CN=past) is not valid now"),
    ("below another root", "InvalidSignature"),
    ("below an unknown root", "does not match certificate issuer"),
    ("without an issuer", "does not match certificate issuer"),
    ("in another order", "does not match certificate issuer"),
    ("an authority's", "1 (CN=middle) is not of the right kind"),
    ("below a host", "2 (CN=host) is not of the right kind"),
    (
        "below an authority that may not sign",
        "2 (CN=mute) may not sign",
    ),
    ("that may not sign", "1 (CN=host) may not sign"),
    (
        "with a path length that is not kept",
        "3 (CN=short) has too many below it",
    ),
    ("for servers", "1 (CN=host) is not for activation hosts"),
    ("for no purpose", "1 (CN=host) is not for activation hosts"),
    (
        "below an authority for servers",
        "2 (CN=other) is not for activation hosts",
    ),
    (
        "with a critical extension",
        "1 (CN=host) says what is not understood",
    ),
    (
        "below an authority with a critical extension",
        "2 (CN=strange) says what is not understood",
    ),
    ("without a scope", "ExtensionNotFound"),
    (
        "for another group",
        "not certified for vendor/editor, only for vendor/viewer",
    ),
    (
        "for a group that only begins alike",
        "not certified for vendor/editor",
    ),
    (
        "for a group inside another's name",
        "not certified for vendor/editor",
    ),
    (
        "with a scope of another type",
        "scope of the host's certificate is malformed",
    ),
    (
        "with a scope that is cut short",
        "scope of the host's certificate is malformed",
    ),
    ("with a scope that is not UTF-8", "UnicodeDecodeError"),
    ("with an empty scope", "IndexError"),
];

/// Those about answers, all of which the host signed.
const ANSWERS: [(&str, &str); 13] = [
    ("true", BELIEVED),
    ("of another major version", "another version"),
    ("of another minor version", "another version"),
    ("with a reserved field", "another version"),
    ("with a retry interval of 14", "intervals are impossible"),
    (
        "with a renewal interval of 43201",
        "intervals are impossible",
    ),
    ("for another machine", "another machine"),
    ("from another key", "another key"),
    ("just within the tolerance", BELIEVED),
    ("just beyond the tolerance", "more than 4 hours"),
    ("of a time that cannot be", "more than 4 hours"),
    ("one byte longer", "InvalidSignature"),
    ("empty", "InvalidSignature"),
];

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_believes_only_what_the_certificates_allow() {
    let mut command = Python::with_cryptography().await.script("certificates.py");
    command.arg(CLIENT);
    let seen = run(command).await.exits(0).json();
    assert_each(&seen["chains"], &CHAINS);
    assert_each(&seen["answers"], &ANSWERS);
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_answer_in_the_page_for_other_languages_is_rightly_signed() {
    let mut command = Python::with_cryptography().await.script("page.py");
    command.arg(PAGE);
    run(command).await.exits(0).says(&["verified"]);
}

/// Every case is there, none is unknown, and each says what is wanted.
fn assert_each(seen: &Value, wanted: &[(&str, &str)]) {
    let seen: BTreeMap<&str, &str> = seen
        .as_object()
        .unwrap()
        .iter()
        .map(|(case, said)| (&**case, said.as_str().unwrap()))
        .collect();
    let wanted: BTreeMap<&str, &str> = wanted.iter().copied().collect();
    assert!(seen.keys().eq(wanted.keys()), "{seen:#?}");
    for (case, text) in wanted {
        let said = seen[case];
        let met = if text == BELIEVED {
            said == text
        } else {
            said.contains(text)
        };
        assert!(met, "{case}: {said:?}, where {text:?} is wanted");
    }
}
