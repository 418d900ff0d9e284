//! The bad inputs against the engines in memory, and proof that their runner can fail.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

#[path = "bad_inputs/engine.rs"]
mod engine;

use engine::{Engine, Faulty};
use kms_testkit::bad_inputs::{
    Action, Ending, Expected, HostCorpus, Reach, Step, folder, run_host,
};

fn corpus() -> HostCorpus {
    HostCorpus::load(&folder()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_engine_bears_every_bad_input() {
    let report = run_host(&corpus(), &mut Engine::new(), |case| {
        case.transport == Reach::Any
    });
    println!("{} cases against the engine", report.run);
    report
        .result()
        .unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn each_group_has_its_number_of_cases() {
    let corpus = corpus();
    let minimum = [
        ("H header", 40),
        ("B bind", 56),
        ("S ordering", 28),
        ("F fragments", 44),
        ("A authentication", 24),
        ("N payload", 84),
        ("T transport", 44),
    ];
    for (name, least) in minimum {
        let group = corpus.groups.iter().find(|group| group.group == name);
        let cases = group.map_or(0, |group| group.cases.len());
        println!("{name}: {cases} cases");
        assert!(cases >= least, "{name} has {cases} cases of {least}");
    }
}
