//! Where a store's file lies, and what stands there before the database looks at it.

use super::{OpenError, schema};
use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: a store may be made.
    Nothing,
    /// A database with the mark of a host's store.
    Store,
}

/// A file named after the store's, in the same folder.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The path without links, so that everybody locks the same file.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or_else(|| Path::new("."));
            let folder =
                fs::canonicalize(folder).map_err(OpenError::io(folder, "use this folder"))?;
            let name = path.file_name().ok_or_else(|| OpenError::NotAStore {
                path: path.to_owned(),
                found: "no file name",
            })?;
            Ok(folder.join(name))
        }
        Err(error) => Err(OpenError::io(path, "find it")(error)),
    }
}

/// Looks without changing anything: opening a strange database would already write to it.
pub(super) fn look(path: &Path) -> Result<Standing, OpenError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return if fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0) {
                // A new database of that name would take it for its own.
                Err(damaged(
                    path,
                    "the file is missing, but its write-ahead log (-wal) is there",
                ))
            } else {
                Ok(Standing::Nothing)
            };
        }
        Err(error) => return Err(OpenError::io(path, "look at it")(error)),
    };
    let not_a_store = |found| OpenError::NotAStore {
        path: path.to_owned(),
        found,
    };
    if metadata.is_dir() {
        return Err(not_a_store("a folder"));
    }
    if !metadata.is_file() {
        return Err(not_a_store("not a regular file"));
    }
    if metadata.len() == 0 {
        return Err(damaged(path, "the file is empty"));
    }
    let mut header = Vec::new();
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(OpenError::io(path, "read it"))?;
    let mark = header.get(68..72).and_then(<[u8]>::first_chunk);
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(damaged(path, "it does not begin as a database does"));
    }
    match mark {
        None => Err(damaged(path, "it ends within its header")),
        Some(&mark) if u32::from_be_bytes(mark) == schema::APPLICATION_ID.cast_unsigned() => {
            Ok(Standing::Store)
        }
        Some(_) => Err(not_a_store("another program's database")),
    }
}

/// As [`look`], where nothing is an error too.
pub(super) fn look_for_store(path: &Path) -> Result<(), OpenError> {
    match look(path)? {
        Standing::Store => Ok(()),
        Standing::Nothing => Err(OpenError::Missing {
            path: path.to_owned(),
        }),
    }
}

/// Whether the store's file is still there, without opening it: in the process that has the database
/// open, closing the file would take the database's locks away.
pub(super) fn require_file(path: &Path) -> Result<(), OpenError> {
    if path.is_file() {
        Ok(())
    } else {
        Err(OpenError::Missing {
            path: path.to_owned(),
        })
    }
}

/// Refuses a filesystem whose server, and not this machine, keeps locks and syncs.
pub(super) fn refuse_network_filesystem(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().unwrap_or(path);
    let found = rustix::fs::statfs(folder)
        .map_err(|error| OpenError::io(folder, "ask for its filesystem")(error.into()))?;
    // The kernel's numbers have 32 bits, in a field whose width and sign differ by architecture.
    #[expect(clippy::cast_possible_truncation, reason = "as said above")]
    #[allow(
        clippy::cast_sign_loss,
        clippy::allow_attributes,
        reason = "the sign differs by architecture"
    )]
    let number = found.f_type as u32;
    match network_filesystem(number) {
        Some(kind) => Err(OpenError::NetworkFilesystem {
            path: path.to_owned(),
            kind,
        }),
        None => Ok(()),
    }
}

fn damaged(path: &Path, detail: &str) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }
}

/// The network filesystems by the numbers that statfs(2) lists. FUSE does not say what is behind it.
const fn network_filesystem(number: u32) -> Option<&'static str> {
    Some(match number {
        0x0000_6969 => "NFS",
        0x0000_517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x6573_5546 => "FUSE, as sshfs uses it",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0000_564c => "NCP",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x786f_4256 => "a VirtualBox shared folder",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_filesystems_are_known_by_their_numbers_and_local_ones_are_not() {
        for (number, kind) in [(0x6969, "NFS"), (0xfe53_4d42, "SMB"), (0xff53_4d42, "SMB")] {
            assert_eq!(network_filesystem(number), Some(kind));
        }
        // ext4, XFS, Btrfs, ZFS, tmpfs, overlay.
        for number in [
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0x2fc1_2fc1,
            0x0102_1994,
            0x794c_7630,
        ] {
            assert_eq!(network_filesystem(number), None);
        }
    }
}
