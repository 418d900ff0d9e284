//! A copy of a store, made while a host writes it.

use super::{
    OpenError,
    check::{self, Contents},
    error::Fault,
    place, schema, wal,
};
use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Copies the store at `path`, as of one moment, to the new file `to`, also while a host writes it.
///
/// The copy is one file of mode 0600. It is durable, and was read back as a whole, when this
/// returns; to use it, stop the host and put it in the store's place. Until then it has the name
/// with `.part` behind it.
///
/// # Errors
/// When there is a file named `to` already, or the copy cannot be made, or is not whole.
pub fn backup(path: &Path, to: &Path) -> Result<Contents, OpenError> {
    let path = place::resolve(path)?;
    place::look_for_store(&path)?;
    wal::verify_unless_in_use(&path)?;
    let fault = |fault: Fault| fault.at(&path, "read it");
    let source = schema::connect_to_read(&path).map_err(fault)?;
    schema::require_version(&path, schema::version(&source).map_err(fault)?)?;
    copy(&source, &path, to, check::contents)
}

/// Copies a store to the new file `to`, and puts it there when `verify` found it whole.
pub(super) fn copy<T>(
    source: &Connection,
    path: &Path,
    to: &Path,
    verify: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, OpenError> {
    if to.symlink_metadata().is_ok() {
        return Err(exists(to));
    }
    let part = place::beside(to, ".part");
    schema::remove(&part)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .map_err(OpenError::io(&part, "make it"))?;
    let result = fill(source, path, &part, verify).and_then(|verified| {
        File::open(&part)
            .and_then(|file| file.sync_all())
            .map_err(OpenError::io(&part, "sync it"))?;
        name(&part, to)?;
        schema::sync_folder(to)?;
        Ok(verified)
    });
    if result.is_err() {
        // What stopped the copy is told; a leftover is removed by the next.
        let _ = fs::remove_file(&part);
    }
    result
}

fn fill<T>(
    source: &Connection,
    path: &Path,
    part: &Path,
    verify: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, OpenError> {
    let fault = |fault: Fault| fault.at(part, "write the copy");
    let mut target = Connection::open(part).map_err(|error| fault(error.into()))?;
    let copied = Backup::new(source, &mut target)
        // All pages at once: the source is read as of one moment, and nothing begins again.
        .and_then(|backup| backup.step(-1))
        .map_err(|error| Fault::from(error).at(path, "copy it"))?;
    if copied != StepResult::Done {
        return Err(OpenError::Database {
            path: path.to_owned(),
            doing: "copy it",
            reason: "another process holds it; try again".to_owned(),
        });
    }
    // One file is easier to carry: the log comes back when a host opens it.
    target
        .pragma_update(None, "journal_mode", "DELETE")
        .map_err(|error| fault(error.into()))?;
    let verified = verify(&target).map_err(fault)?;
    target.close().map_err(|(_, error)| fault(error.into()))?;
    Ok(verified)
}

/// Gives the copy its name, unless somebody else has taken that.
fn name(part: &Path, to: &Path) -> Result<(), OpenError> {
    match fs::hard_link(part, to) {
        Ok(()) => fs::remove_file(part).map_err(OpenError::io(part, "remove its first name")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists(to)),
        // A filesystem without links.
        Err(_) if to.symlink_metadata().is_err() => {
            fs::rename(part, to).map_err(OpenError::io(to, "give the copy its name"))
        }
        Err(_) => Err(exists(to)),
    }
}

fn exists(to: &Path) -> OpenError {
    OpenError::Exists {
        path: to.to_owned(),
    }
}
