//! Bringing an older store up to date: a copy first, then one transaction.

use super::{OpenError, backup, check, error::Fault, place, schema};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// What to tell whoever only reads.
pub(super) const REMEDY: &str = "start the host once with this program, which brings it up to date";

/// What to tell whoever has a store from before all migrations.
const TOO_OLD: &str = "it is older than any that this program can bring up to date";

/// A step from one version of the tables to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// The version before; the one after is one more.
    pub(super) from: u32,
    /// What to do.
    pub(super) statements: &'static str,
}

/// The steps to [`schema::VERSION`].
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        from: 1,
        // Each request had its client's row written with it.
        statements: "ALTER TABLE totals ADD COLUMN clients_sequence INTEGER NOT NULL DEFAULT 0; \
                     UPDATE totals SET clients_sequence = sequence; \
                     ALTER TABLE events ADD COLUMN source BLOB;",
    },
    Migration {
        from: 2,
        // Whatever was published before is what the primary shows of this host.
        statements: "CREATE TABLE published (\
                         domain TEXT NOT NULL, \
                         place INTEGER NOT NULL, \
                         registration TEXT NOT NULL, \
                         PRIMARY KEY (domain, place)\
                     ) STRICT, WITHOUT ROWID;",
    },
];

/// Brings the store at `path` to the version `wanted`, and says which copy of it was made before.
pub(super) fn up_to_date(
    connection: &Connection,
    path: &Path,
    migrations: &[Migration],
    wanted: u32,
) -> Result<Option<PathBuf>, OpenError> {
    let fault = |fault: Fault| fault.at(path, "bring it up to date");
    let found = schema::version(connection).map_err(fault)?;
    if found > wanted {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: wanted,
        });
    }
    let too_old = || OpenError::Older {
        path: path.to_owned(),
        found,
        wanted,
        remedy: TOO_OLD,
    };
    let steps = (found..wanted)
        .map(|version| migrations.iter().find(|step| step.from == version))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(too_old)?;
    if steps.is_empty() {
        return Ok(None);
    }
    schema::quick_check(connection).map_err(fault)?;
    let copy = free_name(path, found);
    backup::copy(connection, path, &copy, check::integrity)?;
    tracing::info!(
        path = %path.display(), from = found, to = wanted, copy = %copy.display(),
        "the store is brought up to date; a copy of it as it was is kept"
    );
    apply(connection, &steps, wanted).map_err(fault)?;
    Ok(Some(copy))
}

fn apply(connection: &Connection, steps: &[&Migration], wanted: u32) -> Result<(), Fault> {
    // Ends without a commit when a step fails, and everything is as it was.
    let transaction = connection.unchecked_transaction()?;
    for step in steps {
        transaction.execute_batch(step.statements)?;
    }
    transaction.pragma_update(None, "user_version", wanted)?;
    transaction.commit()?;
    Ok(())
}

/// A name for the copy that nothing has: an earlier copy stays.
fn free_name(path: &Path, version: u32) -> PathBuf {
    let first = place::beside(path, &format!(".version-{version}"));
    core::iter::once(first)
        .chain((2..u32::MAX).map(|n| place::beside(path, &format!(".version-{version}-{n}"))))
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or_else(|| place::beside(path, ".version"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A store as the made-up version 0 had it: without the clients' table, and with something in it.
    fn version_0(folder: &Path) -> PathBuf {
        let path = folder.join("host.db");
        schema::create(&path).unwrap();
        let connection = schema::connect(&path).unwrap();
        connection
            .execute_batch(
                "BEGIN; DROP TABLE clients; PRAGMA user_version = 0; \
                 INSERT INTO settings VALUES ('port', 1689); COMMIT",
            )
            .unwrap();
        path
    }

    const TO_1: Migration = Migration {
        from: 0,
        statements: "CREATE TABLE clients (cmid BLOB PRIMARY KEY); \
                     UPDATE settings SET value = value + 1;",
    };

    fn port(connection: &Connection) -> u32 {
        let query = "SELECT value FROM settings WHERE name = 'port'";
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_store_is_brought_up_to_date_and_a_copy_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = version_0(folder.path());
        for copy in ["host.db.version-0", "host.db.version-0-2"] {
            let connection = schema::connect(&path).unwrap();
            let made = up_to_date(&connection, &path, &[TO_1], 1).unwrap();
            assert_eq!(made, Some(folder.path().join(copy)));
            assert_eq!(schema::version(&connection).unwrap(), 1);
            assert_eq!(port(&connection), 1690);
            assert_eq!(up_to_date(&connection, &path, &[TO_1], 1).unwrap(), None);
            let copy = Connection::open(folder.path().join(copy)).unwrap();
            assert_eq!((schema::version(&copy).unwrap(), port(&copy)), (0, 1689));
            drop((connection, copy));
            for old in ["host.db", "host.db-wal", "host.db-shm"] {
                let _ = fs::remove_file(folder.path().join(old));
            }
            version_0(folder.path());
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_store_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = version_0(folder.path());
        let broken = Migration {
            from: 1,
            statements: "UPDATE settings SET value = 0; DROP TABLE none;",
        };
        let connection = schema::connect(&path).unwrap();
        let error = up_to_date(&connection, &path, &[TO_1, broken], 2).unwrap_err();
        assert!(error.to_string().contains("no such table"), "{error}");
        assert_eq!(schema::version(&connection).unwrap(), 0);
        assert_eq!(port(&connection), 1689);
        assert!(connection.prepare("SELECT * FROM clients").is_err());
    }

    #[test]
    fn a_store_without_a_way_to_the_present_is_refused_with_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = version_0(folder.path());
        let connection = schema::connect(&path).unwrap();
        for migrations in [&[][..], &[Migration { from: 1, ..TO_1 }]] {
            let error = up_to_date(&connection, &path, migrations, 2).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("version 0") && text.contains(TOO_OLD),
                "{text}"
            );
        }
        connection.pragma_update(None, "user_version", 9).unwrap();
        let error = up_to_date(&connection, &path, &[TO_1], 1).unwrap_err();
        assert!(matches!(
            error,
            OpenError::Newer {
                found: 9,
                known: 1,
                ..
            }
        ));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no copy");
    }
}
