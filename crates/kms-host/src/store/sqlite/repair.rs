//! Making a whole store of what can still be read of a damaged one.

use super::{
    OpenError,
    batch::EVENT_BYTES,
    check::{self, Contents},
    clients,
    error::Fault,
    load,
    lock::Lock,
    machines,
    place::{self, beside},
    published, reader, schema, settings, wal,
};
use rusqlite::{Connection, Row, params_from_iter, types::Value};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// The damaged file, which is kept beside the new one, with its log if it has one; `None` when the store was whole and
    /// nothing was done.
    pub kept: Option<PathBuf>,
    /// What the store holds now.
    pub contents: Contents,
    /// What could not be read, one sentence for each table.
    pub lost: Vec<String>,
}

/// Makes a whole store of what can be read of the one at `path`, and keeps the damaged file under
/// another name. A store that is whole stays as it is.
///
/// Counters that are lost or contradict each other begin with what the families' counters add up
/// to; a count that lost machines is lower until they ask again.
///
/// # Errors
/// When a host uses the store, it is not a store or a newer program's, or the system refuses.
pub fn repair(path: &Path) -> Result<Repaired, OpenError> {
    let path = place::resolve(path)?;
    let lock = Lock::take(&path)?;
    // Before the database looks at the log, and forgets what is behind its damage.
    let log = place::look_for_store(&path).and_then(|()| wal::verify(&path));
    let mut lost = Vec::new();
    match (log, check::check(&path)) {
        (Ok(()), Ok(contents)) => {
            return Ok(Repaired {
                kept: None,
                contents,
                lost,
            });
        }
        (Ok(()), Err(OpenError::Damaged { detail, .. })) => {
            lost.push(format!("it was damaged: {detail}"));
        }
        (Err(OpenError::Damaged { detail, .. }), Ok(_) | Err(OpenError::Damaged { .. })) => {
            lost.push(format!("it was damaged: {detail}"));
            lost.push(
                "log: what was changed in the transactions behind the damage is lost; the log is \
                 kept beside the damaged file"
                    .to_owned(),
            );
        }
        (_, Err(other)) | (Err(other), _) => return Err(other),
    }
    let new = beside(&path, ".new");
    schema::create_as(&new)?;
    let contents = salvage(&path, &new, &mut lost).map_err(|fault| fault.at(&new, "fill it"))?;
    let kept = exchange(&path, &new)?;
    drop(lock);
    Ok(Repaired {
        kept: Some(kept),
        contents,
        lost,
    })
}

/// Puts the new store in the place of the damaged one. Whenever this stops, there is one of them.
fn exchange(path: &Path, new: &Path) -> Result<PathBuf, OpenError> {
    let kept = free_name(path);
    match fs::hard_link(path, &kept) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        // A filesystem without links.
        Err(_) => {
            fs::copy(path, &kept).map_err(OpenError::io(&kept, "keep the damaged file"))?;
            File::open(&kept)
                .and_then(|file| file.sync_all())
                .map_err(OpenError::io(&kept, "keep the damaged file"))?;
        }
    }
    // The new store must not find the old one's log.
    match fs::rename(beside(path, "-wal"), beside(&kept, "-wal")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(OpenError::io(path, "keep its write-ahead log")(error));
        }
        _ => {}
    }
    schema::remove(&beside(path, "-shm"))?;
    schema::sync_folder(path)?;
    fs::rename(new, path).map_err(OpenError::io(path, "put the new store there"))?;
    schema::sync_folder(path)?;
    Ok(kept)
}

fn free_name(path: &Path) -> PathBuf {
    (1..u32::MAX)
        .map(|n| beside(path, &format!(".damaged-{n}")))
        .find(|name| {
            name.symlink_metadata().is_err() && beside(name, "-wal").symlink_metadata().is_err()
        })
        .unwrap_or_else(|| beside(path, ".damaged"))
}

/// A table, how its rows are ordered, and what a row must be.
struct Table {
    name: &'static str,
    columns: &'static str,
    order: &'static [&'static str],
    read: fn(&Row<'_>) -> Result<(), Fault>,
}

/// Copies what can be read into the new store, and says what it holds then.
fn salvage(path: &Path, new: &Path, lost: &mut Vec<String>) -> Result<Contents, Fault> {
    let target = schema::connect(new)?;
    match schema::connect_to_read(path) {
        Ok(source) => {
            let transaction = target.unchecked_transaction()?;
            for table in TABLES {
                copy(&source, &transaction, table, lost)?;
            }
            copy_plain(&source, &transaction, lost)?;
            mend(&source, &transaction, lost)?;
            transaction.commit()?;
            clients::catch_up(&target)?;
        }
        Err(_) => lost.push("nothing of it can be read".to_owned()),
    }
    let contents = check::contents(&target)?;
    target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    super::writer::close(target);
    File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(|error| Fault::Contents(error.to_string()))?;
    Ok(contents)
}

/// Copies a table from both ends until the damage, row by row.
fn copy(
    source: &Connection,
    target: &Connection,
    table: &Table,
    lost: &mut Vec<String>,
) -> Result<(), Fault> {
    let Table { name, columns, .. } = table;
    let marks = vec!["?"; columns.split(',').count()].join(", ");
    let mut insert = target.prepare(&format!(
        "INSERT OR IGNORE INTO {name} ({columns}) VALUES ({marks})"
    ))?;
    let (mut rows, mut wrong, mut damage) = (0_u64, 0_u64, None);
    for direction in ["ASC", "DESC"] {
        let order = table.order.join(&format!(" {direction}, "));
        let query = format!("SELECT {columns} FROM {name} ORDER BY {order} {direction}");
        match copy_rows(source, &query, &mut insert, table, (&mut rows, &mut wrong)) {
            Ok(()) => break,
            Err(Broken::Source(error)) => damage = Some(error),
            Err(Broken::Target(fault)) => return Err(fault),
        }
    }
    if let Some(error) = damage {
        lost.push(format!(
            "{name}: {rows} rows were read before and behind the damage, those in between are lost ({error})"
        ));
    } else if wrong > 0 {
        lost.push(format!("{name}: {wrong} rows are nothing that was written"));
    }
    Ok(())
}

/// Which side stopped a copy.
enum Broken {
    Source(rusqlite::Error),
    Target(Fault),
}

fn copy_rows(
    source: &Connection,
    query: &str,
    insert: &mut rusqlite::Statement<'_>,
    table: &Table,
    (rows, wrong): (&mut u64, &mut u64),
) -> Result<(), Broken> {
    let mut statement = source.prepare(query).map_err(Broken::Source)?;
    let columns = statement.column_count();
    let mut read = statement.query([]).map_err(Broken::Source)?;
    while let Some(row) = read.next().map_err(Broken::Source)? {
        if (table.read)(row).is_err() {
            *wrong += 1;
            continue;
        }
        let values = (0..columns)
            .map(|column| row.get(column))
            .collect::<Result<Vec<Value>, _>>()
            .map_err(Broken::Source)?;
        match insert.execute(params_from_iter(values)) {
            Ok(inserted) => *rows += u64::try_from(inserted).unwrap_or_default(),
            // Read well, and yet nothing that the tables allow.
            Err(error) if is_refusal(&error) => *wrong += 1,
            Err(error) => return Err(Broken::Target(error.into())),
        }
    }
    Ok(())
}

fn is_refusal(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TypeMismatch)
    )
}

/// The settings and what was published, which are few and only mean something together. What the last host said of itself
/// is not taken over: the next says it anew.
fn copy_plain(
    source: &Connection,
    target: &Connection,
    lost: &mut Vec<String>,
) -> Result<(), Fault> {
    match settings::read(source) {
        Ok(found) => settings::write(target, &found)?,
        Err(_) => lost.push("settings: they are as the configuration says again".to_owned()),
    }
    match published::read(source) {
        Ok(all) => {
            for (domain, registrations) in all {
                published::write(target, &domain, &registrations)?;
            }
        }
        Err(_) => lost.push(
            "published: an older record of this host in DNS may have to be removed by hand"
                .to_owned(),
        ),
    }
    Ok(())
}

/// Makes the totals and counters agree with what was copied.
fn mend(source: &Connection, target: &Connection, lost: &mut Vec<String>) -> Result<(), Fault> {
    let orphans = target.execute(
        "DELETE FROM records WHERE family NOT IN (SELECT id FROM families)",
        [],
    )?;
    if orphans > 0 {
        lost.push(format!(
            "records: {orphans} belong to families that are lost"
        ));
    }
    let mut sequence: i64 = target.query_row(
        "SELECT max(coalesce((SELECT max(sequence) FROM events), 0), \
         coalesce((SELECT max(sequence) FROM records), 0))",
        [],
        |row| row.get(0),
    )?;
    // From the first event on, the clients that are not as new as their events are made again.
    let mut clients_sequence = 0;
    let families = load::families(target)?;
    let sum = load::sum(&families);
    let tally = match load::totals(source) {
        Ok(totals) => {
            sequence = sequence.max(totals.sequence);
            clients_sequence = totals.clients_sequence;
            totals.tally
        }
        Err(_) => {
            lost.push("totals: the counters are the sums of those of the families".to_owned());
            sum
        }
    };
    let tally = if load::agree(&tally, &families).is_ok() {
        tally
    } else {
        lost.push(
            "totals: they contradicted the families' counters and are now their sums".to_owned(),
        );
        sum
    };
    let [total, failed, a, b, c, d, e, f, g] = tally.columns();
    target.execute(
        "UPDATE totals SET sequence = ?1, clients = (SELECT count(*) FROM clients), \
         events_bytes = (SELECT coalesce(sum(?2 + coalesce(octet_length(machine_name), 0) \
         + coalesce(octet_length(domain), 0)), 0) FROM events), \
         total = ?3, failed = ?4, unlicensed = ?5, licensed = ?6, oob_grace = ?7, oot_grace = ?8, \
         non_genuine_grace = ?9, notification = ?10, extended_grace = ?11, clients_sequence = ?12 \
         WHERE id = 1",
        rusqlite::params![
            sequence,
            EVENT_BYTES,
            total,
            failed,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            clients_sequence
        ],
    )?;
    Ok(())
}

const TABLES: &[Table] = &[
    Table {
        name: "families",
        columns: load::FAMILY_COLUMNS,
        order: &["id"],
        read: |row| load::family(row)?.tally.counters().map(drop),
    },
    Table {
        name: "records",
        columns: load::RECORD_COLUMNS,
        order: &["family", "cmid"],
        read: |row| load::record(row).map(drop),
    },
    Table {
        name: "clients",
        columns: machines::CLIENT_COLUMNS,
        order: &["cmid", "machine_name", "activation_id"],
        read: |row| machines::client(row).map(drop),
    },
    Table {
        name: "events",
        columns: reader::EVENT_COLUMNS,
        order: &["sequence"],
        read: reader::check_event,
    },
];
