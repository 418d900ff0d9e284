//! What is told when a store's file cannot be used.

use rusqlite::ErrorCode;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a store's file cannot be opened, read or worked on. The text says which file, what is wrong
/// and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process uses it.
    #[error(
        "{path}: in use by process {}; stop that host first, or name another path",
        pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string())
    )]
    InUse {
        /// The store's file.
        path: PathBuf,
        /// The other process, where it said who it is.
        pid: Option<u32>,
    },
    /// There is none.
    #[error("{path}: there is no store; start the host once, which makes it")]
    Missing {
        /// The store's file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "{path}: a store of version {found}, written by a newer program; this one knows versions up \
         to {known}: use the newer program, or bring back a backup of that time"
    )]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// An older program wrote it, and it has not been brought up to date.
    #[error("{path}: a store of version {found}, but {wanted} is wanted; {remedy}")]
    Older {
        /// The store's file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version wanted.
        wanted: u32,
        /// What to do.
        remedy: &'static str,
    },
    /// It is no longer what was written.
    #[error("{path}: the store is damaged: {detail}; run: host --config FILE repair")]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// It never was a store.
    #[error("{path}: {found}, not the store of a host; name another path, or move it away")]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// It lies where locks and syncs cannot be relied on.
    #[error(
        "{path}: on a network filesystem ({kind}), where locks and syncs cannot be relied on; put \
         the store on a local disk, or set allow_network_filesystem = true in [store]"
    )]
    NetworkFilesystem {
        /// The store's file.
        path: PathBuf,
        /// The filesystem.
        kind: &'static str,
    },
    /// There is a file where a new one was to be made.
    #[error("{path}: there is a file of that name, and it is not overwritten; name another path")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refused something.
    #[error("{path}: cannot {doing}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The database refused something.
    #[error("{path}: cannot {doing}: {reason}")]
    Database {
        /// The store's file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why, and what to do.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }
}

/// What went wrong inside the store, before a path is put to it.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database said so.
    Database(rusqlite::Error),
    /// What it gave is nothing that was written.
    Contents(String),
}

impl Fault {
    /// For whoever opens or reads a file.
    pub(super) fn at(self, path: &Path, doing: &'static str) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Database(error) if is_damage(&error) => OpenError::Damaged {
                path,
                detail: error.to_string(),
            },
            Self::Database(error) => OpenError::Database {
                reason: plain_words(&error),
                path,
                doing,
            },
            Self::Contents(detail) => OpenError::Damaged { path, detail },
        }
    }

    /// For a store that was working and now fails.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Database(error) => plain_words(error),
            Self::Contents(detail) => {
                format!("it is damaged: {detail}; stop the host and run: host --config FILE repair")
            }
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Whether what was read is not what was written, as opposed to a read that failed.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            // Statements never change, so one that is refused lacks a table or a column.
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown
        ),
        Error::SqlInputError { error, .. } => error.code == ErrorCode::Unknown,
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::QueryReturnedNoRows
        | Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// A database's failure in words for an administrator, with what to do.
pub(super) fn plain_words(error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; make room on its filesystem",
        Some(ErrorCode::SystemIoFailure) => {
            "a read, write or sync failed; see the kernel's log, and the filesystem's room and quota"
        }
        Some(ErrorCode::ReadOnly) => {
            "it cannot be written; see its mode and owner, and whether its filesystem is mounted \
             read-only"
        }
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened; see the mode and owner of it and of its folder"
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            "permission denied; run this as the user that the host runs as"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process holds it; see who has it open"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "it is damaged; stop the host and run: host --config FILE repair"
        }
        Some(ErrorCode::OutOfMemory) => "there is no memory left; give the host more",
        _ => return error.to_string(),
    };
    format!("{remedy} ({error})")
}
