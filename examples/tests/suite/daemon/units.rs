//! The units that systemd is given, by systemd's own judgement.

use crate::support::run;
use std::{path::PathBuf, process::Command};

fn units() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd")
}

#[tokio::test]
#[ignore = "needs systemd-analyze, of the package systemd"]
async fn the_units_are_ones_that_systemd_takes() {
    // A place where the program is, since the units name where it will be.
    let folder = tempfile::tempdir().unwrap();
    for unit in ["kms-host.service", "kms-host.socket"] {
        let text = std::fs::read_to_string(units().join(unit)).unwrap();
        let text = text.replace("/usr/bin/host", crate::support::HOST);
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    let mut verify = Command::new("systemd-analyze");
    verify
        .args(["verify", "--man=no"])
        .arg(folder.path().join("kms-host.service"))
        .arg(folder.path().join("kms-host.socket"));
    let outcome = run(verify).await.exits(0);
    assert!(!outcome.stderr.contains("kms-host"), "{outcome}");
}

#[tokio::test]
#[ignore = "needs systemd-analyze, of the package systemd"]
async fn the_service_is_hardened() {
    let mut security = Command::new("systemd-analyze");
    security
        .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
        .arg(units().join("kms-host.service"));
    let outcome = run(security).await.exits(0);
    let verdict = outcome.stdout.lines().last().unwrap_or_default();
    println!("{verdict}");
}
