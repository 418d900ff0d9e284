//! The bad inputs against the engines in memory, and proof that their runner can fail.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

#[path = "bad_inputs/client.rs"]
mod client;
#[path = "bad_inputs/engine.rs"]
mod engine;
#[path = "bad_inputs/planted.rs"]
mod planted;

use client::{EngineClient, WireClient};
use engine::Engine;
use kms_testkit::bad_inputs::{
    ClientCorpus, HostCorpus, KNOWN_GAPS, Reach, folder, run_client, run_host,
};
use std::collections::BTreeMap;

fn corpus() -> HostCorpus {
    HostCorpus::load(&folder()).unwrap_or_else(|error| panic!("{error}"))
}

fn client_corpus() -> ClientCorpus {
    ClientCorpus::load(&folder()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_engine_bears_every_bad_input() {
    let report = run_host(&corpus(), &mut Engine::new(), |case| {
        case.transport == Reach::Any
    });
    println!("{} cases against the engine", report.run);
    report
        .result_but_for(&KNOWN_GAPS)
        .unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn the_connection_engine_of_clients_bears_every_hostile_host() {
    let report = run_client(&client_corpus(), WireClient::new);
    println!("{} cases against the client's connection", report.run);
    report
        .result()
        .unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn the_client_engine_bears_every_hostile_host() {
    let report = run_client(&client_corpus(), EngineClient::new);
    println!("{} cases against the client's engine", report.run);
    report
        .result()
        .unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn each_group_has_its_number_of_cases() {
    let corpus = corpus();
    let least = [
        ("A authentication", 24),
        ("B bind", 56),
        ("F fragments", 44),
        ("H header", 40),
        ("N payload", 84),
        ("S ordering", 28),
        ("T transport", 44),
    ];
    let groups = corpus.groups.iter().map(|group| group.group.as_str());
    assert_eq!(groups.collect::<Vec<_>>(), least.map(|(name, _)| name));
    for (group, (name, least)) in corpus.groups.iter().zip(least) {
        println!("{name}: {} cases", group.cases.len());
        assert!(group.cases.len() >= least, "{name}: {least} are wanted");
    }
    let client = client_corpus().cases().count();
    println!("client: {client} cases");
    assert!(client >= 60);
}

#[test]
fn every_input_of_a_case_is_its_own() {
    // The same steps twice would be one case with two names; that of another limit is another.
    let corpus = corpus();
    let mut seen = BTreeMap::new();
    for (_, case) in corpus.cases() {
        let steps = format!("{:?} {:?} {:?}", case.begin, case.steps, case.connection);
        if let Some(other) = seen.insert(steps, &case.name) {
            panic!("{} and {other} are the same", case.name);
        }
    }
}
