//! Files that hold a private key: made so that only their owner can read them, refused otherwise.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The largest private file that is read, in bytes: a PEM key has a few hundred.
pub const MAX_PRIVATE_FILE: u64 = 64 * 1024;

/// Why a private file was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFileError {
    /// The file could not be opened, read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read or write it.
    #[error(
        "{path}: mode {mode:04o} lets others than its owner at a private key; run: chmod 600 {path}"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else owns it.
    #[error("{path}: owned by user {owner}, not by user {user} who runs this; change its owner")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// It is no file of key size.
    #[error("{path}: not a regular file of at most {MAX_PRIVATE_FILE} bytes")]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a private file of UTF-8 text.
///
/// # Errors
/// When it cannot be read, others than its owner may read or write it, or another user owns it.
pub fn read(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let io = |source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    };
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
        .map_err(io)?;
    // Asked of the open file, so that it cannot be swapped in between.
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() || metadata.len() > MAX_PRIVATE_FILE {
        return Err(PrivateFileError::NotAKeyFile {
            path: path.to_owned(),
        });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(PrivateFileError::Owner {
            path: path.to_owned(),
            owner,
            user,
        });
    }
    let mut text = Zeroizing::new(String::new());
    Read::by_ref(&mut file)
        .take(MAX_PRIVATE_FILE)
        .read_to_string(&mut text)
        .map_err(io)?;
    Ok(text)
}

/// Writes a new private file, durably. A file that is there already is never overwritten.
///
/// # Errors
/// When there is a file of that name, or it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let io = |source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))
        .and_then(|f| f.sync_all())
        .map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_private_file_is_made_for_its_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, "secret").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(read(&path).unwrap().as_str(), "secret");
        assert!(create(&path, "other").is_err(), "an existing key is kept");
        assert_eq!(read(&path).unwrap().as_str(), "secret");
    }

    #[test]
    fn a_key_that_others_may_read_or_write_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, "secret").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o660, 0o666, 0o610, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
            assert!(error.contains("chmod 600"), "{error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(folder.path()),
            Err(PrivateFileError::NotAKeyFile { .. })
        ));
        assert!(matches!(
            read(&folder.path().join("none")),
            Err(PrivateFileError::Io { .. })
        ));
        let (key, link) = (folder.path().join("key"), folder.path().join("link"));
        create(&key, "secret").unwrap();
        std::os::unix::fs::symlink(&key, &link).unwrap();
        assert!(read(&link).is_err(), "a link may be swapped for another");
    }
}
