//! The host's key and certificate chain on disk.

use kms_service::private_file::{self, PrivateFileError};
use kms_trust::{HostIdentity, IdentityError};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The name of the private key in an identity folder.
pub const KEY_FILE: &str = "host.key";
/// The name of the certificate chain in an identity folder.
pub const CHAIN_FILE: &str = "chain.pem";

/// The largest certificate chain that is read, in bytes.
const MAX_CHAIN_FILE: u64 = 256 * 1024;

/// Why an identity folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityFileError {
    /// The private key could not be read.
    #[error(transparent)]
    Key(#[from] PrivateFileError),
    /// The chain could not be read.
    #[error("{path}: {source}")]
    Chain {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Key and chain are no identity.
    #[error("{path}: {source}; certify the host again with `authority certify`")]
    Identity {
        /// The folder.
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
    let key = private_file::read(&folder.join(KEY_FILE))?;
    let path = folder.join(CHAIN_FILE);
    let chain = match read_bounded(&path) {
        Ok(chain) => chain,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IdentityFileError::Chain { path, source }),
    };
    HostIdentity::from_pem(&key, &chain)
        .map(Some)
        .map_err(|source| IdentityFileError::Identity {
            path: folder.to_owned(),
            source,
        })
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let size = fs::metadata(path)?.len();
    if size > MAX_CHAIN_FILE {
        let message = format!("{size} bytes are no certificate chain: at most {MAX_CHAIN_FILE}");
        return Err(io::Error::other(message));
    }
    fs::read_to_string(path)
}
