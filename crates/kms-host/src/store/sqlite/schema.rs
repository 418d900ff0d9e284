//! The tables, and how a connection to them is made.

use super::{OpenError, error::Fault, log, migrate, place};
use core::time::Duration;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The mark of a host's store in the database's header.
pub(super) const APPLICATION_ID: i32 = 0x6b6d_7348;

/// The version of the tables below.
pub(super) const VERSION: u32 = 3;

/// How long a statement waits for another process's short transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Times are milliseconds of the Unix epoch; ids their 16 bytes; sources the 4 bytes of an IPv4
/// address or the 8 of an IPv6 /64; 64-bit counters the signed number of the same bits.
const TABLES: &str = "
CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,
    events_bytes INTEGER NOT NULL,
    clients INTEGER NOT NULL,
    total INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    unlicensed INTEGER NOT NULL,
    licensed INTEGER NOT NULL,
    oob_grace INTEGER NOT NULL,
    oot_grace INTEGER NOT NULL,
    non_genuine_grace INTEGER NOT NULL,
    notification INTEGER NOT NULL,
    extended_grace INTEGER NOT NULL,
    clients_sequence INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE families (
    id INTEGER PRIMARY KEY,
    counted_id BLOB NOT NULL UNIQUE,
    threshold INTEGER NOT NULL,
    total INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    unlicensed INTEGER NOT NULL,
    licensed INTEGER NOT NULL,
    oob_grace INTEGER NOT NULL,
    oot_grace INTEGER NOT NULL,
    non_genuine_grace INTEGER NOT NULL,
    notification INTEGER NOT NULL,
    extended_grace INTEGER NOT NULL
) STRICT;
CREATE TABLE records (
    family INTEGER NOT NULL,
    cmid BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    first_request INTEGER NOT NULL,
    last_request INTEGER NOT NULL,
    source BLOB,
    PRIMARY KEY (family, cmid)
) STRICT, WITHOUT ROWID;
CREATE TABLE clients (
    cmid BLOB NOT NULL,
    machine_name TEXT NOT NULL,
    activation_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    first_request INTEGER NOT NULL,
    last_request INTEGER NOT NULL,
    source BLOB,
    requests INTEGER NOT NULL,
    license_status INTEGER NOT NULL,
    code INTEGER NOT NULL,
    virtual_machine INTEGER NOT NULL,
    PRIMARY KEY (cmid, machine_name, activation_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    id INTEGER NOT NULL,
    code INTEGER,
    required_count INTEGER,
    machine_name TEXT,
    cmid BLOB,
    client_time INTEGER,
    virtual_machine INTEGER,
    license_status INTEGER,
    minutes_remaining INTEGER,
    activation_id BLOB,
    domain TEXT,
    source BLOB
) STRICT;
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE host (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    name TEXT NOT NULL,
    addresses TEXT NOT NULL,
    state TEXT NOT NULL,
    low_priority INTEGER NOT NULL,
    dns_publishing INTEGER NOT NULL
) STRICT;
CREATE TABLE publishing (
    domain TEXT PRIMARY KEY,
    time INTEGER NOT NULL,
    code INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE published (
    domain TEXT NOT NULL,
    place INTEGER NOT NULL,
    registration TEXT NOT NULL,
    PRIMARY KEY (domain, place)
) STRICT, WITHOUT ROWID;
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
";

/// Makes an empty store under another name and then gives it its own, so that there is never half
/// of one.
pub(super) fn create(path: &Path) -> Result<(), OpenError> {
    let new = place::beside(path, ".new");
    create_as(&new)?;
    remove(&place::beside(path, "-wal"))?;
    remove(&place::beside(path, "-shm"))?;
    fs::rename(&new, path).map_err(OpenError::io(path, "give the new store its name"))?;
    sync_folder(path)
}

/// Makes an empty store in the place of what an earlier attempt left there.
pub(super) fn create_as(new: &Path) -> Result<(), OpenError> {
    for left in ["", "-wal", "-shm"] {
        remove(&place::beside(new, left))?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)
        .map_err(OpenError::io(new, "make it"))?;
    write_tables(new).map_err(|fault| fault.at(new, "make the tables"))?;
    File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(OpenError::io(new, "sync it"))
}

pub(super) fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(OpenError::io(
            path,
            "remove what is left of an earlier start",
        )(error)),
        _ => Ok(()),
    }
}

/// Makes the names in the file's folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), OpenError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(OpenError::io(folder, "sync the folder"))
}

fn write_tables(path: &Path) -> Result<(), Fault> {
    let connection = Connection::open_with_flags(path, WRITING)?;
    set_up(&connection)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// A connection that writes.
pub(super) fn connect(path: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(path, WRITING)?;
    set_up(&connection)?;
    // Who writes decides when the log goes into the database; closing must not.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", log::LOG_BYTES)?;
    // A backup is not in this mode.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// The version of the store's tables.
pub(super) fn version(connection: &Connection) -> Result<u32, Fault> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Refuses any version but the present one.
pub(super) fn require_version(path: &Path, found: u32) -> Result<(), OpenError> {
    let path = path.to_owned();
    match found.cmp(&VERSION) {
        core::cmp::Ordering::Equal => Ok(()),
        core::cmp::Ordering::Greater => Err(OpenError::Newer {
            path,
            found,
            known: VERSION,
        }),
        core::cmp::Ordering::Less => Err(OpenError::Older {
            path,
            found,
            wanted: VERSION,
            remedy: migrate::REMEDY,
        }),
    }
}

/// The database's own verdict about its pages and indexes.
pub(super) fn quick_check(connection: &Connection) -> Result<(), Fault> {
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(Fault::Contents(verdict))
    }
}

const WRITING: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Pages that a connection keeps in memory, in KiB.
const CACHE_KIB: i32 = 16 * 1024;
