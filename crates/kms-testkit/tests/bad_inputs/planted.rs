//! The runners can fail: wrong expectations, faulty hosts and broken files are all seen.

use crate::{
    client::{EngineClient, WireClient},
    client_corpus, corpus,
    engine::{Engine, Faulty},
};
use kms_testkit::bad_inputs::{
    Action, Case, ClientCorpus, CorpusError, Ending, Expected, HostCorpus, KNOWN_GAPS, Outcome,
    Reach, Report, Step, folder, run_client, run_host,
};
use std::{fs, path::Path};

fn run(corpus: &HostCorpus) -> Report {
    run_host(corpus, &mut Engine::new(), |case| {
        case.transport == Reach::Any
    })
}

/// A flood takes long, and shows nothing here that a few bytes do not.
fn is_flood(case: &Case) -> bool {
    let much = |step: &Step| matches!(step, Step::Send { repeat, .. } if *repeat > 200);
    case.steps.iter().any(much)
}

fn is_known_gap(case: &Case) -> bool {
    KNOWN_GAPS
        .iter()
        .any(|gap| gap.ends_with(&format!("/{}", case.name)))
}

/// Every case fails that `change` has changed, and none but those.
fn each_is_caught(change: impl Fn(&mut Case) -> bool) -> Report {
    let mut corpus = corpus();
    let mut changed = Vec::new();
    for group in &mut corpus.groups {
        group
            .cases
            .retain(|case| !is_flood(case) && !is_known_gap(case));
        for case in &mut group.cases {
            if case.transport == Reach::Any && change(case) {
                changed.push(case.name.clone());
            }
        }
    }
    assert!(changed.len() > 20, "{} cases are changed", changed.len());
    let report = run(&corpus);
    let failed = report.failures.iter().map(|failure| {
        let (_, name) = failure.case.split_once('/').unwrap();
        name.to_owned()
    });
    assert_eq!(failed.collect::<Vec<_>>(), changed);
    report
}

/// The same, for the first PDU that a case expects and `change` changes.
fn each_expected_is_caught(change: impl Fn(&mut Expected) -> bool) {
    each_is_caught(|case| {
        case.steps.iter_mut().any(|step| match step {
            Step::Expect { pdu, .. } => change(pdu),
            _ => false,
        })
    });
}

#[test]
fn another_end_of_the_connection_is_caught() {
    let report = each_is_caught(|case| {
        case.connection = match case.connection {
            Ending::Open | Ending::Waiting => Ending::Closed,
            _ => Ending::Open,
        };
        true
    });
    assert!(
        report
            .failures
            .iter()
            .all(|failure| failure.at == Action::Ending)
    );
    each_is_caught(|case| {
        let closed = case.connection == Ending::Closed;
        case.connection = Ending::Waiting;
        closed
    });
}

#[test]
fn another_count_is_caught() {
    let report = each_is_caught(|case| {
        case.count += 1;
        true
    });
    assert!(
        report
            .failures
            .iter()
            .all(|failure| failure.at == Action::Probe)
    );
}

#[test]
fn each_field_of_each_type_of_pdu_is_compared() {
    each_expected_is_caught(|pdu| match pdu {
        Expected::BindAck { call_id, .. }
        | Expected::AlterContextResp { call_id, .. }
        | Expected::Fault { call_id, .. }
        | Expected::Response { call_id, .. }
        | Expected::BindNak {
            call_id: Some(call_id),
            ..
        } => {
            *call_id ^= 1;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::BindAck { minor_version, .. }
        | Expected::AlterContextResp { minor_version, .. }
        | Expected::Fault { minor_version, .. }
        | Expected::Response { minor_version, .. } => {
            *minor_version ^= 1;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::BindAck { results, .. } | Expected::AlterContextResp { results, .. } => {
            results[0].1 ^= 1;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::BindAck { fragment_size, .. }
        | Expected::AlterContextResp { fragment_size, .. } => {
            *fragment_size ^= 8;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::BindAck { multiplexed, .. } => {
            *multiplexed ^= true;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::BindNak { reason, .. } => {
            *reason ^= 1;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::Fault { status, .. } => {
            *status = "1c010014".to_owned();
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::Fault {
            did_not_execute, ..
        } => {
            *did_not_execute ^= true;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::Fault { context_id, .. } | Expected::Response { context_id, .. } => {
            *context_id ^= 1;
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::Response { hresult, .. } => {
            *hresult = "c004f041".to_owned();
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::Response {
            cmid: Some(cmid), ..
        } => {
            *cmid = "99".repeat(16);
            true
        }
        _ => false,
    });
    each_expected_is_caught(|pdu| match pdu {
        Expected::Response {
            certificates,
            cmid: Some(_),
            ..
        } => {
            *certificates = true;
            true
        }
        _ => false,
    });
}

#[test]
fn a_pdu_too_few_and_one_too_many_are_caught() {
    // Of two that are expected the second never comes.
    each_is_caught(|case| match case.steps.last_mut() {
        Some(Step::Expect { times, .. }) => {
            *times += 1;
            true
        }
        _ => false,
    });
    // What came and was not expected is there still.
    each_is_caught(|case| {
        let expects = matches!(case.steps.last(), Some(Step::Expect { .. }));
        if expects {
            case.steps.pop();
        }
        expects
    });
}

#[test]
fn each_faulty_host_is_seen() {
    let corpus = corpus();
    let wanted = |case: &Case| case.transport == Reach::Any && !is_known_gap(case);
    for faulty in [
        Faulty::Silent,
        Faulty::ClosesAlways,
        Faulty::Garbles,
        Faulty::Hoards,
    ] {
        let report = run_host(&corpus, &mut Engine::with(faulty), wanted);
        assert_eq!(report.failures.len(), report.run, "{faulty:?}");
    }
    let report = run_host(&corpus, &mut Engine::with(Faulty::NeverCloses), wanted);
    let closing = corpus
        .cases()
        .filter(|(_, case)| wanted(case) && case.connection == Ending::Closed)
        // A client that ends its side does not wait for the host.
        .filter(|(_, case)| !matches!(case.steps.last(), Some(Step::Finish {})))
        .count();
    assert_eq!(report.failures.len(), closing);
}

#[test]
fn every_other_outcome_of_a_client_is_caught() {
    let outcomes = [
        Outcome::Waiting {},
        Outcome::refused(0xc004_f041),
        Outcome::unanswered("violation"),
        Outcome::unanswered("chain"),
    ];
    for outcome in outcomes {
        // Reasons that are reported with one code cannot be told apart by it.
        let alike = |was: &Outcome| match (was, &outcome) {
            (Outcome::Unanswered { .. }, Outcome::Unanswered { .. }) => true,
            (was, outcome) => was == outcome,
        };
        let mut corpus = client_corpus();
        let mut changed = 0;
        corpus.for_each_case(|case| {
            if !alike(&case.outcome) {
                case.outcome = outcome.clone();
                changed += 1;
            }
        });
        assert!(changed > 20);
        assert_eq!(run_client(&corpus, WireClient::new).failures.len(), changed);
        assert_eq!(
            run_client(&corpus, EngineClient::new).failures.len(),
            changed
        );
    }
    let mut corpus = client_corpus();
    let mut changed = 0;
    corpus.for_each_case(|case| {
        if let Outcome::Accepted(terms) = &mut case.outcome {
            terms.count ^= 1;
            changed += 1;
        }
    });
    assert!(changed > 10);
    assert_eq!(run_client(&corpus, WireClient::new).failures.len(), changed);
    assert_eq!(
        run_client(&corpus, EngineClient::new).failures.len(),
        changed
    );
}

#[test]
fn a_failure_says_what_was_expected_and_what_came() {
    let mut corpus = corpus();
    for group in &mut corpus.groups {
        group.cases.retain(|case| case.name == "bind-rpc-version-4");
    }
    for case in corpus.groups.iter_mut().flat_map(|group| &mut group.cases) {
        if let Some(Step::Expect {
            pdu: Expected::BindNak { reason, .. },
            ..
        }) = case.steps.last_mut()
        {
            *reason = 2;
        }
    }
    let report = run(&corpus);
    assert_eq!(report.run, 1);
    let text = report.result().unwrap_err();
    for part in [
        "1 of 1 cases failed",
        "H/bind-rpc-version-4, step 2",
        "expected bind_nak with reason 2",
        "found type bind_nak",
        "reason 4",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

/// The corpus's own files in another folder, where `change` has changed the text of `file`.
fn changed(file: &str, change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    };
    copy(&folder(), to.path());
    for group in ["host", "client"] {
        fs::create_dir(to.path().join(group)).unwrap();
        copy(&folder().join(group), &to.path().join(group));
    }
    let path = to.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let after = change(&text);
    assert_ne!(text, after);
    fs::write(path, after).unwrap();
    to
}

#[test]
fn a_file_that_breaks_the_form_is_an_error_with_its_name() {
    let replaced = |from: &'static str, to: &'static str| {
        let changed = changed("host/H-header.json", move |text| text.replacen(from, to, 1));
        let Err(error) = HostCorpus::load(changed.path()) else {
            panic!("{to} is taken");
        };
        assert!(error.to_string().contains("H-header.json"), "{error}");
        error
    };
    for (from, to) in [
        ("\"count\": 0", "\"count\": 0, \"counts\": 0"),
        ("\"count\": 0", "\"amount\": 0"),
        ("\"do\": \"send\"", "\"do\": \"push\""),
        ("\"do\": \"send\"", "\"do\": \"send\", \"times\": 2"),
        ("\"do\": \"quiet\"", "\"do\": \"quiet\", \"times\": 2"),
        (
            "\"type\": \"bind_nak\"",
            "\"type\": \"bind_nak\", \"status\": 4",
        ),
        ("\"type\": \"bind_nak\"", "\"type\": \"nak\""),
        ("\"connection\": \"closed\"", "\"connection\": \"shut\""),
        ("\"reason\": 4", "\"reason\": -4"),
        ("\"reason\": 4", "\"reason\": 65536"),
    ] {
        assert!(
            matches!(replaced(from, to), CorpusError::Json { .. }),
            "{to}"
        );
    }
    assert!(matches!(
        replaced("\"format\": 1", "\"format\": 2"),
        CorpusError::Format { found: 2, .. }
    ));
    for (from, to) in [
        ("10000000 #", "1000000 #"),
        ("10000000 #", "{ten} #"),
        ("10000000 #", "1000000g #"),
    ] {
        assert!(
            matches!(replaced(from, to), CorpusError::Bytes { .. }),
            "{to}"
        );
    }
    for (from, to) in [
        (
            "\"name\": \"bind-rpc-version-0\"",
            "\"name\": \"bind-rpc-version-4\"",
        ),
        ("\"name\": \"bind-rpc-version-0\"", "\"name\": \"Bind\""),
        ("only version 5 is spoken.\"", "only version 5 is spoken\""),
        ("\"rule\": \"PROTOCOL 1\"", "\"rule\": \"\""),
    ] {
        assert!(
            matches!(replaced(from, to), CorpusError::Case { .. }),
            "{to}"
        );
    }
    let gone = changed("probe.json", |_| String::new());
    assert!(HostCorpus::load(gone.path()).is_err());
    assert!(matches!(
        HostCorpus::load(Path::new("nowhere")),
        Err(CorpusError::Io { .. })
    ));
}

#[test]
fn a_clients_file_that_breaks_the_form_is_an_error() {
    for (from, to) in [
        (
            "\"do\": \"expect_bind\"",
            "\"do\": \"expect_bind\", \"opnum\": 0",
        ),
        ("\"because\": \"violation\"", "\"reason\": \"violation\""),
        (
            "\"is\": \"waiting\"",
            "\"is\": \"waiting\", \"because\": \"x\"",
        ),
        ("{call}", "{cal}"),
        ("\"name\": \"honest\"", "\"name\": \"ack-twice\""),
    ] {
        let changed = changed("client/connection.json", |text| text.replacen(from, to, 1));
        let error = ClientCorpus::load(changed.path()).unwrap_err();
        assert!(error.to_string().contains("connection.json"), "{error}");
    }
}
