//! What must not be in a tracked text: places of one machine, and marks of unfinished work.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use std::{fs, path::Path, process::Command};

/// Put together here, so that this file does not hold what it looks for.
const FORBIDDEN: [(&str, &str); 8] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/Use", "rs/"), "a path of one machine"),
    (concat!("C:\\Use", "rs\\"), "a path of one machine"),
    (concat!("FIX", "ME"), "unfinished"),
    (concat!("TO", "DO"), "unfinished"),
    (concat!("unimpl", "emented!("), "unfinished"),
];

const EXTENSIONS: [&str; 3] = ["rs", "toml", "md"];

#[test]
fn no_tracked_text_holds_a_path_of_one_machine_or_unfinished_work() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut read = 0;
    let mut found = Vec::new();
    for name in tracked(&root) {
        let path = Path::new(&name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        // What is tracked but deleted in the work tree is about to go.
        if extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
            && let Ok(bytes) = fs::read(root.join(path))
        {
            read += 1;
            found.extend(violations(&name, &String::from_utf8_lossy(&bytes)));
        }
    }
    assert!(read >= 30, "only {read} files were read");
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn each_forbidden_text_is_seen_with_its_place() {
    for (text, what) in FORBIDDEN {
        let file = format!("first line\n// see {text}x\n");
        assert_eq!(
            violations("src/lib.rs", &file),
            [format!("src/lib.rs:2: {text} is {what}")]
        );
    }
    assert_eq!(violations("README.md", "net/work, /var/lib\n"), [""; 0]);
}

fn violations(name: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            FORBIDDEN
                .iter()
                .filter(move |(forbidden, _)| line.contains(forbidden))
                .map(move |(forbidden, what)| {
                    format!("{name}:{}: {forbidden} is {what}", index + 1)
                })
        })
        .collect()
}

/// The names that git tracks, from the root of the work tree.
fn tracked(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "a git work tree is needed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).unwrap();
    names.split_terminator('\0').map(str::to_owned).collect()
}
