//! Who may depend on whom, and on what, read from the manifests and the resolved graph.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

#[path = "architecture/rules.rs"]
mod rules;

use rules::{
    Edges, Kind, Package, Tree, TreeRule, manifest_violations, tier_violations, tree_rules,
    tree_violations,
};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where products run that embed a crate: what is compiled differs by platform.
const TARGETS: [&str; 3] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-pc-windows-msvc",
    "aarch64-apple-darwin",
];

#[test]
fn no_edge_between_our_packages_is_one_that_the_tiers_forbid() {
    let packages = packages();
    assert!(packages.len() >= 12, "{packages:?}");
    assert_none(&tier_violations(&packages));
}

#[test]
fn every_manifest_is_whole_and_unsafe_code_is_forbidden() {
    let root = read_toml(&workspace().join("Cargo.toml"));
    let unsafe_code = root["workspace"]["lints"]["rust"]["unsafe_code"].as_str();
    assert_none(&manifest_violations(&packages(), unsafe_code));
}

#[test]
fn no_tree_holds_a_package_that_it_must_not() {
    let violations: Vec<String> = tree_rules()
        .iter()
        .flat_map(|rule| tree_violations(rule, &tree(rule)))
        .collect();
    assert_none(&violations);
}

#[test]
fn what_this_crate_is_known_to_hold_is_seen_in_its_tree() {
    let cases = [(Edges::Normal, "aws-lc-sys"), (Edges::NormalAndBuild, "cc")];
    for (edges, name) in cases {
        let rule = TreeRule {
            root: Some("kms-testkit"),
            edges,
            forbidden: &["aws-lc-sys", "cc"],
        };
        let violations = tree_violations(&rule, &tree(&rule));
        assert!(
            violations.iter().any(|text| text.starts_with(name)),
            "{name}: {violations:?}"
        );
    }
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// Every package of the workspace, as its manifest describes it.
fn packages() -> Vec<Package> {
    let text = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(package).collect()
}

fn package(metadata: &Value) -> Package {
    let manifest = Path::new(metadata["manifest_path"].as_str().unwrap());
    let folder = manifest.parent().unwrap();
    let dependency = |dependency: &Value| {
        let kind = match dependency["kind"].as_str() {
            None => Kind::Normal,
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            Some(other) => panic!("unknown kind of dependency {other}"),
        };
        (dependency["name"].as_str().unwrap().to_owned(), kind)
    };
    Package {
        name: metadata["name"].as_str().unwrap().to_owned(),
        dependencies: metadata["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(dependency)
            .collect(),
        is_crate: folder.parent() == Some(&*workspace().join("crates")),
        has_readme: folder.join("README.md").is_file(),
        has_description: metadata["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        has_workspace_lints: read_toml(manifest)
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool)
            == Some(true),
    }
}

fn tree(rule: &TreeRule) -> Tree {
    let edges = match rule.edges {
        Edges::Normal => "normal",
        Edges::NormalAndBuild => "normal,build",
    };
    let mut arguments = vec!["tree", "--prefix=depth", "--format={p}", "--edges", edges];
    // One package at a time: otherwise it would get the features that others turn on.
    match rule.root {
        Some(name) => arguments.extend(["--package", name]),
        None => arguments.push("--workspace"),
    }
    for target in TARGETS {
        arguments.extend(["--target", target]);
    }
    Tree::parse(&cargo(&arguments)).unwrap()
}

/// What cargo prints. It may not touch the lock file, and uses the network only for what is not
/// here yet: in a fresh clone the packages of other platforms are not.
fn cargo(arguments: &[&str]) -> String {
    let run = |network: &str| {
        Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(workspace())
            .args(arguments)
            .args([network, "--color=never"])
            .output()
            .unwrap()
    };
    let mut output = run("--frozen");
    if !output.status.success() {
        output = run("--locked");
    }
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn read_toml(path: &Path) -> toml::Table {
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn workspace() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    crates.parent().unwrap().to_owned()
}
