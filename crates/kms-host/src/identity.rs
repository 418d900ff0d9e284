//! The host's key and certificate chain on disk.

use kms_service::private_file::{self, PrivateFileError};
use kms_trust::{HostIdentity, IdentityError};
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The name of the private key in an identity folder.
pub const KEY_FILE: &str = "host.key";
/// The name of the certificate chain in an identity folder.
pub const CHAIN_FILE: &str = "chain.pem";

/// The largest certificate chain that is read, in bytes.
pub const MAX_CHAIN_FILE: u64 = 256 * 1024;

/// Why an identity folder cannot be used. The text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityFileError {
    /// There is no private key.
    #[error(
        "{path}: there is no such file; make the folder with `authority certify`, \
         or name the right one as identity"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key could not be read.
    #[error(transparent)]
    Key(#[from] PrivateFileError),
    /// The chain could not be read.
    #[error("{path}: {source}; it must be a text that this user can read")]
    Chain {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The chain's file is too long.
    #[error(
        "{path}: more than {MAX_CHAIN_FILE} bytes are no certificate chain; \
         certify the host again with `authority certify`"
    )]
    ChainTooLong {
        /// The file.
        path: PathBuf,
    },
    /// Key and chain are no identity.
    #[error("{path}: {source}; certify the host again with `authority certify`")]
    Identity {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong.
        source: IdentityError,
    },
}

/// Reads the identity in a folder that `authority certify` made. `None` when the key is there and
/// no chain: a host that is not certified yet.
///
/// # Errors
/// When the key is missing or others may read it, or key and chain are no identity.
pub fn load(folder: &Path) -> Result<Option<HostIdentity>, IdentityFileError> {
    let (key_path, path) = (folder.join(KEY_FILE), folder.join(CHAIN_FILE));
    let key = private_file::read(&key_path).map_err(|error| match error {
        PrivateFileError::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
            IdentityFileError::NoKey { path }
        }
        other => other.into(),
    })?;
    let mut chain = String::new();
    // Read by the limit and not by the size that the file says it has, which a device does not say.
    let read =
        File::open(&path).and_then(|file| file.take(MAX_CHAIN_FILE + 1).read_to_string(&mut chain));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IdentityFileError::Chain { path, source }),
    }
    if u64::try_from(chain.len()).is_ok_and(|len| len > MAX_CHAIN_FILE) {
        return Err(IdentityFileError::ChainTooLong { path });
    }
    HostIdentity::from_pem(&key, &chain)
        .map(Some)
        .map_err(|source| {
            let path = match source {
                IdentityError::Key(_) => key_path,
                _ => path,
            };
            IdentityFileError::Identity { path, source }
        })
}
