//! Which test holds which limit; and the limits that belong to neither engine alone.

use crate::common::{alter, bind_of, bound, context, decode, encode, host, one};
use kms_core::{Decode, Encode};
use kms_wire::{
    CertificateChain, CertificateChainError, MAX_ACCEPTED_CONTEXTS, MAX_CERTIFICATES, MAX_CONTEXTS,
    MAX_FRAGMENT, MIN_FRAGMENT_SIZE,
    pdu::{Bind, Body, ContextResult, ProviderReason},
};
use std::{collections::BTreeSet, fs, path::Path};

/// Each public limit with the tests that are at it and one beyond it: file and name.
const TESTS: [(&str, &[(&str, &str)]); 14] = [
    (
        "MAX_FRAGMENT",
        &[
            (
                "server_limits.rs",
                "limit_fragment_5840_whatever_was_negotiated_and_one_beyond",
            ),
            ("server_limits.rs", "limit_fragment_of_a_bind"),
            ("limits.rs", "limit_negotiated_fragment_size_2048_to_5840"),
        ],
    ),
    (
        "MIN_FRAGMENT_SIZE",
        &[("limits.rs", "limit_negotiated_fragment_size_2048_to_5840")],
    ),
    (
        "MUST_RECEIVE_FRAGMENT",
        &[(
            "client_rules.rs",
            "limit_fragment_the_host_must_receive_and_one_below",
        )],
    ),
    (
        "MAX_STUB",
        &[
            (
                "server_limits.rs",
                "limit_reassembled_stub_8192_and_one_beyond",
            ),
            (
                "server_limits.rs",
                "limit_reassembled_stub_holds_for_a_call_that_is_passed_over",
            ),
            (
                "server_limits.rs",
                "limit_fragments_of_a_call_8194_so_that_empty_ones_come_to_an_end",
            ),
        ],
    ),
    (
        "MAX_REQUEST",
        &[("client_rules.rs", "limit_request_and_one_beyond")],
    ),
    (
        "MAX_ANSWER_STUB",
        &[
            ("client_rules.rs", "limit_answer_stub_32_kib_and_one_beyond"),
            (
                "client_rules.rs",
                "limit_answer_fragments_so_that_empty_ones_come_to_an_end",
            ),
        ],
    ),
    (
        "MAX_ANSWER",
        &[("server_limits.rs", "limit_answer_and_one_beyond")],
    ),
    (
        "MAX_CERTIFICATES",
        &[("limits.rs", "limit_certificates_4_and_one_beyond")],
    ),
    (
        "MAX_CONTEXTS",
        &[(
            "server_limits.rs",
            "limit_contexts_16_are_answered_and_17_refused_with_reason_2",
        )],
    ),
    (
        "MAX_TRANSFER_SYNTAXES",
        &[(
            "server_limits.rs",
            "limit_transfer_syntaxes_8_are_answered_and_9_refused_with_reason_2",
        )],
    ),
    (
        "MAX_ACCEPTED_CONTEXTS",
        &[("limits.rs", "limit_accepted_contexts_64_and_one_beyond")],
    ),
    (
        "MAX_BUFFERED_INPUT",
        &[(
            "server_limits.rs",
            "limit_buffered_input_while_a_call_waits_and_one_beyond",
        )],
    ),
    (
        "MAX_PENDING_OUTPUT",
        &[(
            "server_limits.rs",
            "limit_pending_output_stops_reading_until_it_is_fetched",
        )],
    ),
    (
        // No peer reaches it: what is tested is that one who tries does not pass it.
        "MAX_CONNECTION_MEMORY",
        &[
            (
                "server_limits.rs",
                "limit_memory_holds_against_a_client_that_only_sends",
            ),
            ("client_rules.rs", "limit_answer_stub_32_kib_and_one_beyond"),
        ],
    ),
];

/// The names of the public constants in the source of the limits.
fn public_limits(source: &str) -> BTreeSet<&str> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .map(|rest| rest.split(':').next().unwrap())
        .collect()
}

#[test]
fn every_public_limit_has_its_tests() {
    let public = public_limits(include_str!("../../src/limits.rs"));
    let tested: BTreeSet<&str> = TESTS.iter().map(|(limit, _)| *limit).collect();
    assert_eq!(public, tested, "a limit and its tests are named in TESTS");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    for (limit, tests) in TESTS {
        assert!(!tests.is_empty(), "{limit} has no test");
        for (file, test) in tests {
            let source = fs::read_to_string(folder.join(file)).unwrap();
            assert!(test.starts_with("limit_"), "{test}");
            assert!(
                source.contains(&format!("#[test]\nfn {test}() {{\n")),
                "{limit}: {file} has no test {test}"
            );
        }
    }
}

#[test]
fn a_limit_without_a_test_is_seen() {
    let source = "/// A.\npub const NEW: usize = 1;\n\npub(crate) const OWN: usize = 2;\n";
    assert_eq!(public_limits(source), BTreeSet::from(["NEW"]));
}

#[test]
fn limit_negotiated_fragment_size_2048_to_5840() {
    for (proposed, negotiated) in [
        (MIN_FRAGMENT_SIZE - 1, MIN_FRAGMENT_SIZE),
        (MIN_FRAGMENT_SIZE, MIN_FRAGMENT_SIZE),
        (MIN_FRAGMENT_SIZE + 8, MIN_FRAGMENT_SIZE + 8),
        (MAX_FRAGMENT - 8, MAX_FRAGMENT - 8),
        (MAX_FRAGMENT, MAX_FRAGMENT),
        (MAX_FRAGMENT + 1, MAX_FRAGMENT),
    ] {
        let bind = Bind {
            max_transmit_fragment: proposed,
            max_receive_fragment: proposed,
            ..bind_of(vec![context(0)])
        };
        let mut host = host();
        host.handle_input(&encode(1, bind));
        let pdu = one(&mut host);
        let Body::BindAck(ack) = decode(&pdu).body else {
            panic!("{proposed}: no bind_ack")
        };
        assert_eq!(
            (ack.max_transmit_fragment, ack.max_receive_fragment),
            (negotiated, negotiated),
            "{proposed}"
        );
    }
    assert_eq!((MIN_FRAGMENT_SIZE, MAX_FRAGMENT), (2048, 5840));
}

#[test]
fn limit_certificates_4_and_one_beyond() {
    assert_eq!(MAX_CERTIFICATES, 4);
    let four: [&[u8]; 4] = [&[1; 300], &[2], &[3; 700], &[4; 255]];
    let chain = CertificateChain::new(&four).unwrap();
    let mut bytes = chain.to_vec();
    assert_eq!(CertificateChain::decode_all(&bytes), Ok(chain));

    let five = [&four[..], &[&[5]]].concat();
    assert_eq!(
        CertificateChain::new(&five),
        Err(CertificateChainError::Count(5))
    );
    bytes[0] = 5;
    bytes.extend([1, 0, 5]);
    let error = CertificateChain::decode_all(&bytes).unwrap_err();
    assert_eq!(
        (error.field(), error.offset()),
        ("number of certificates", 0)
    );
}

#[test]
fn limit_accepted_contexts_64_and_one_beyond() {
    assert_eq!(MAX_ACCEPTED_CONTEXTS, 64);
    // Context 0 is that of the bind.
    let mut host = bound();
    let rest: Vec<u16> = (1..64).collect();
    let mut propose = |ids: &[u16]| {
        host.handle_input(&alter(2, ids.iter().copied().map(context).collect()));
        match decode(&one(&mut host)).body {
            Body::AlterContextResponse(response) => response.0.results,
            other => panic!("{other:?}"),
        }
    };
    for ids in rest.chunks(MAX_CONTEXTS) {
        assert_eq!(propose(ids), vec![ContextResult::ACCEPTED; ids.len()]);
    }
    let beyond = ContextResult::rejected(ProviderReason::LOCAL_LIMIT_EXCEEDED);
    // Those that stand can be proposed again.
    assert_eq!(
        propose(&[1000, 63, 0, 64]),
        [
            beyond,
            ContextResult::ACCEPTED,
            ContextResult::ACCEPTED,
            beyond
        ]
    );
}
