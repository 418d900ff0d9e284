//! The identity folder: each fault names the file and the remedy.

use crate::fixture::{Fixture, host_key, private};
use kms_core::SeededEntropy;
use kms_host::{
    MemoryStore,
    identity::{self, CHAIN_FILE, KEY_FILE, MAX_CHAIN_FILE},
};
use kms_trust::HostKey;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

fn error(fixture: &Fixture) -> String {
    let error = fixture.start("", MemoryStore).unwrap_err().to_string();
    let pem = host_key().to_pem();
    let secret = pem.lines().nth(1).unwrap();
    assert!(!error.contains(secret), "{error}");
    error
}

fn assert_told(fixture: &Fixture, file: &str, wanted: &[&str]) {
    let error = error(fixture);
    let path = fixture.identity().join(file);
    assert!(
        error.starts_with(&format!("{}: ", path.display())),
        "{error}"
    );
    for wanted in wanted {
        assert!(error.contains(wanted), "{wanted:?} in {error}");
    }
}

#[test]
fn a_missing_key_is_told_with_the_remedy() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.identity().join(KEY_FILE)).unwrap();
    assert_told(&fixture, KEY_FILE, &["no such file", "authority certify"]);
    fs::remove_dir_all(fixture.identity()).unwrap();
    assert_told(&fixture, KEY_FILE, &["no such file", "identity"]);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.identity().join(KEY_FILE);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_told(&fixture, KEY_FILE, &["mode 0644", "chmod 600"]);
}

#[test]
fn a_key_that_is_none_is_refused() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.identity().join(KEY_FILE)).unwrap();
    private(&fixture.identity(), KEY_FILE, "garbage");
    assert_told(&fixture, KEY_FILE, &["certify the host again"]);
}

#[test]
fn the_chain_of_another_key_is_refused() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.identity().join(KEY_FILE)).unwrap();
    let other = HostKey::generate(&mut SeededEntropy::new(99)).to_pem();
    private(&fixture.identity(), KEY_FILE, &other);
    assert_told(
        &fixture,
        CHAIN_FILE,
        &["another key", "certify the host again"],
    );
}

#[test]
fn a_chain_that_is_none_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.identity().join(CHAIN_FILE);
    let good = fs::read_to_string(&path).unwrap();
    let (half, _) = good.split_at(good.len() / 2);
    for text in ["", "garbage", half] {
        fs::write(&path, text).unwrap();
        assert_told(&fixture, CHAIN_FILE, &["certify the host again"]);
    }
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_told(&fixture, CHAIN_FILE, &["must be a text"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_told(&fixture, CHAIN_FILE, &["must be a text"]);
}

#[test]
fn limit_chain_file_size() {
    let fixture = Fixture::new();
    let path = fixture.identity().join(CHAIN_FILE);
    let mut text = fs::read_to_string(&path).unwrap();
    let most = usize::try_from(MAX_CHAIN_FILE).unwrap();
    text.push_str(&"\n".repeat(most - text.len()));
    fs::write(&path, &text).unwrap();
    assert!(identity::load(&fixture.identity()).unwrap().is_some());
    text.push('\n');
    fs::write(&path, &text).unwrap();
    assert_told(&fixture, CHAIN_FILE, &["more than 262144 bytes"]);
    // A device has no size beforehand, and no end.
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert_told(&fixture, CHAIN_FILE, &["more than 262144 bytes"]);
}
