//! The keys that the servers know.

use data_encoding::BASE64;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// A key by its name, algorithm and secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) secret: [u8; 32],
}

/// The key of the hosts, which may publish.
pub(crate) const HOSTS: Key = key("kms-hosts", "hmac-sha256", 1);
/// The same rights, signed otherwise.
pub(crate) const HOSTS_384: Key = key("kms-hosts-384", "hmac-sha384", 2);
/// The same rights, signed otherwise.
pub(crate) const HOSTS_512: Key = key("kms-hosts-512", "hmac-sha512", 3);
/// A key that the server knows and that may change nothing.
pub(crate) const WITHOUT_RIGHTS: Key = key("somebody", "hmac-sha256", 4);
/// A key that no server knows.
pub(crate) const UNKNOWN: Key = key("nobody", "hmac-sha256", 5);
/// The key of the hosts, with a letter wrong.
pub(crate) const WRONG_SECRET: Key = key("kms-hosts", "hmac-sha256", 6);

/// Those that may publish.
pub(crate) const WITH_RIGHTS: [Key; 3] = [HOSTS, HOSTS_384, HOSTS_512];
/// Those that the servers know.
pub(crate) const KNOWN: [Key; 4] = [HOSTS, HOSTS_384, HOSTS_512, WITHOUT_RIGHTS];

const fn key(name: &'static str, algorithm: &'static str, byte: u8) -> Key {
    Key {
        name,
        algorithm,
        secret: [byte; 32],
    }
}

impl Key {
    /// The secret as the servers' files have it.
    pub(crate) fn base64(&self) -> String {
        BASE64.encode(&self.secret)
    }

    /// In BIND's form.
    pub(crate) fn text(&self) -> String {
        let secret = self.base64();
        format!(
            "key \"{}\" {{\n\talgorithm {};\n\tsecret \"{secret}\";\n}};\n",
            self.name, self.algorithm
        )
    }

    /// Writes it into a file that only its owner may read.
    pub(crate) fn write(&self, path: &Path) {
        write(path, &self.text());
    }
}

/// Writes a key file that only its owner may read.
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}
