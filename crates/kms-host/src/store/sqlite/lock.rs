//! One process at a time: a lock on a file beside the database, which ends with its process.

use super::OpenError;
use core::time::Duration;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
};

/// Held as long as it lives. The file stays, and means nothing without the lock on it.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store at `path`, and writes down which process holds it.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let name = lock_path(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&name)
            .map_err(OpenError::io(&name, "open the lock"))?;
        let mut tries = PROBES_LAST;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Whoever only asks whether the host runs holds the lock for a moment.
                Err(TryLockError::WouldBlock) if tries > 0 => {
                    tries -= 1;
                    thread::sleep(BETWEEN_TRIES);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(OpenError::InUse {
                        path: path.to_owned(),
                        pid: read_pid(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(OpenError::io(&name, "lock it")(source));
                }
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(OpenError::io(&name, "write the process id"))?;
        Ok(Self { _file: file })
    }
}

/// The process that holds the lock of the store at `path`; `None` when none does.
pub(super) fn holder(path: &Path) -> Option<u32> {
    let mut file = File::open(lock_path(path)).ok()?;
    match file.try_lock_shared() {
        Ok(()) => None,
        Err(_) => read_pid(&mut file),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    super::place::beside(path, ".lock")
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

const PROBES_LAST: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
