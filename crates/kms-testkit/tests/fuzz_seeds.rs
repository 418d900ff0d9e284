//! What fuzzing starts from, and what it found, through the oracles in every test run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

use kms_testkit::oracles::{TARGETS, Target};
use std::{
    collections::BTreeSet,
    fs, panic,
    path::{Path, PathBuf},
};

#[test]
fn every_seed_and_every_finding_passes_its_oracle() {
    let mut failed = Vec::new();
    for target in TARGETS {
        let seeds = files(&folder("seeds").join(target.name));
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        // Only on a machine that fuzzes; whoever keeps a finding makes it a seed.
        let findings = files(&folder("artifacts").join(target.name));
        for file in seeds.into_iter().chain(findings) {
            let bytes = fs::read(&file).unwrap();
            if panic::catch_unwind(|| (target.oracle)(&bytes)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_target_has_a_binary_and_seeds_and_nothing_else_has() {
    let names: BTreeSet<String> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(names.len(), TARGETS.len());
    let seeds: BTreeSet<String> = entries(&folder("seeds"))
        .iter()
        .map(|path| file_stem(path))
        .collect();
    assert_eq!(seeds, names);
    let binaries: BTreeSet<String> = files(&folder("fuzz_targets"))
        .iter()
        .map(|path| file_stem(path))
        .collect();
    assert_eq!(binaries, names);
    for name in &names {
        let binary = folder("fuzz_targets").join(name).with_extension("rs");
        let text = fs::read_to_string(binary).unwrap();
        assert!(text.contains(&format!("oracles::{name}(data)")), "{name}");
        let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn the_seeds_made_of_golden_pdus_are_there_as_they_are_made() {
    for Target { name, seeds, .. } in TARGETS {
        for (seed, bytes) in seeds() {
            let file = folder("seeds").join(name).join(&seed);
            let found = fs::read(&file).unwrap_or_default();
            assert_eq!(found, bytes, "{name}/{seed}: run the test write_seeds");
        }
    }
}

#[test]
#[ignore = "writes into the work tree: for when a golden PDU or the form of a seed changes"]
fn write_seeds() {
    for Target { name, seeds, .. } in TARGETS {
        let folder = folder("seeds").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (seed, bytes) in seeds() {
            fs::write(folder.join(seed), bytes).unwrap();
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(name)
}

/// The files in a folder; none when there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = entries(folder);
    files.retain(|path| path.is_file());
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
