//! Reading beside a running host.

use super::{
    OpenError,
    error::Fault,
    load, lock,
    machines::{self, Client, Duplicate},
    place, published,
    running::{self, RunningHost},
    schema, settings, source, wal,
};
use crate::{Alert, HostEvent, RequestProcessed, StoredSettings};
use kms_core::{ActivationId, LicenseStatus, MachineName, StatusCode, Timestamp};
use kms_count::{Record, Snapshot};
use kms_srv::{DomainName, Registration};
use rusqlite::{Connection, Row, params};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Reads a store, also while a host writes it.
#[derive(Debug)]
pub struct StoreReader {
    path: PathBuf,
    connection: Connection,
}

/// What a host said of itself last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostSeen {
    /// What it said.
    pub host: RunningHost,
    /// Whether that very process still has the store open.
    pub alive: bool,
}

/// Which events are wanted. The default wants the newest 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers make")]
pub struct EventFilter {
    /// Only those after this sequence: then the oldest `limit` of them, to be followed by a
    /// question for those after the last.
    pub after: Option<u64>,
    /// Only those at this time or later, by the host's calendar clock.
    pub since: Option<Timestamp>,
    /// Only those with this documented number.
    pub id: Option<u16>,
    /// The most that are given: the newest, unless `after` is set.
    pub limit: usize,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            after: None,
            since: None,
            id: None,
            limit: 10_000,
        }
    }
}

/// An event as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// Its place in the order of events, which only grows.
    pub sequence: u64,
    /// When, by the host's calendar clock.
    pub time: Timestamp,
    /// What.
    pub event: HostEvent,
}

impl StoreReader {
    /// Opens the store at `path` for reading, from another process than the host's; that one has
    /// [`SqliteStore::reader`](super::SqliteStore::reader).
    ///
    /// # Errors
    /// When there is none, it is damaged or of another version, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let path = place::resolve(path)?;
        place::look_for_store(&path)?;
        wal::verify_unless_in_use(&path)?;
        let fault = |fault: Fault| fault.at(&path, "read it");
        let connection = schema::connect_to_read(&path).map_err(fault)?;
        schema::require_version(&path, schema::version(&connection).map_err(fault)?)?;
        Ok(Self { path, connection })
    }

    /// Opens a store that this process has open for writing. The file must not be opened and closed
    /// by anything but the database here: that would take its locks away, and another process could
    /// think that nobody uses the store.
    pub(super) fn of_this_process(path: &Path) -> Result<Self, OpenError> {
        let connection =
            schema::connect_to_read(path).map_err(|fault| fault.at(path, "read it"))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
        })
    }

    /// The version of the store's tables.
    #[must_use]
    pub const fn store_version(&self) -> u32 {
        schema::VERSION
    }

    /// The count and the counters.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, OpenError> {
        self.read("read the count", load::snapshot)
    }

    /// What the host said of itself last; `None` when none ever did.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn host(&self) -> Result<Option<HostSeen>, OpenError> {
        let host = self.read("read about the running host", running::read)?;
        Ok(host.map(|host| HostSeen {
            alive: lock::holder(&self.path) == Some(host.pid),
            host,
        }))
    }

    /// What an administrator set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn settings(&self) -> Result<StoredSettings, OpenError> {
        self.read("read the settings", settings::read)
    }

    /// What may be in DNS of the host, by domain.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, OpenError> {
        self.read("read what was published", published::read)
    }

    /// Events, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, OpenError> {
        self.read("read the events", |connection| events(connection, filter))
    }

    /// Who asks this host: those whose last request was at `since` or later, by client machine id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn clients(&self, since: Option<Timestamp>) -> Result<Vec<Client>, OpenError> {
        self.read("read the clients", |connection| {
            machines::clients(connection, since)
        })
    }

    /// The machines that asked latest, whether they count or not, at most `most`, by their last
    /// request.
    pub(super) fn known_machines(&self, most: usize) -> Result<Vec<Record>, OpenError> {
        self.read("read the clients", |connection| {
            machines::known(connection, most)
        })
    }

    /// The client machine ids that machines of several names use.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn duplicates(&self) -> Result<Vec<Duplicate>, OpenError> {
        self.read("read the clients", machines::duplicates)
    }

    /// Reads everything as of one moment.
    fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, OpenError> {
        let all = || {
            let transaction = self.connection.unchecked_transaction()?;
            read(&transaction)
        };
        all().map_err(|fault| fault.at(&self.path, doing))
    }
}

fn events(connection: &Connection, filter: &EventFilter) -> Result<Vec<StoredEvent>, Fault> {
    let order = if filter.after.is_some() {
        "ASC"
    } else {
        "DESC"
    };
    let mut statement = connection.prepare(&format!(
        "SELECT {EVENT_COLUMNS} FROM events \
         WHERE sequence > ?1 AND time >= ?2 AND (?3 IS NULL OR id = ?3) \
         ORDER BY sequence {order} LIMIT ?4"
    ))?;
    let mut rows = statement.query(params![
        clamp(filter.after.unwrap_or(0)),
        filter.since.map_or(i64::MIN, Timestamp::as_millis),
        filter.id,
        i64::try_from(filter.limit).unwrap_or(i64::MAX),
    ])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(StoredEvent {
            sequence: row.get::<_, i64>(0)?.cast_unsigned(),
            time: Timestamp::from_millis(row.get(1)?),
            event: event(row)?,
        });
    }
    if filter.after.is_none() {
        events.reverse();
    }
    Ok(events)
}

/// A row of [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row<'_>) -> Result<HostEvent, Fault> {
    let code = |row: &Row<'_>| row.get(3).map(StatusCode);
    let domain = |row: &Row<'_>| {
        let text: String = row.get(12)?;
        text.parse()
            .map_err(|_| Fault::Contents(format!("{text:?} is no domain")))
    };
    Ok(match row.get::<_, u16>(2)? {
        REQUEST_PROCESSED => HostEvent::RequestProcessed(RequestProcessed {
            code: code(row)?,
            required_count: row.get(4)?,
            machine_name: machine_name(row, 5)?,
            cmid: load::cmid(row.get(6)?)?,
            client_time: Timestamp::from_millis(row.get(7)?),
            virtual_machine: row.get(8)?,
            license_status: license_status(row, 9)?,
            minutes_remaining: row.get(10)?,
            activation_id: activation_id(row, 11)?,
        }),
        12291 => HostEvent::StartFailed { code: code(row)? },
        12293 => HostEvent::PublishFailed {
            code: code(row)?,
            domain: domain(row)?,
        },
        12294 => HostEvent::Published {
            domain: domain(row)?,
        },
        id if id >= Alert::FIRST_ID => HostEvent::StoredAlert {
            id,
            data: row.get(12)?,
        },
        id => return Err(Fault::Contents(format!("there is no event {id}"))),
    })
}

/// Whether a row of [`EVENT_COLUMNS`] can be read as a whole.
pub(super) fn check_event(row: &Row<'_>) -> Result<(), Fault> {
    source::read(row, EVENT_SOURCE)?;
    event(row).map(drop)
}

pub(super) fn machine_name(row: &Row<'_>, column: usize) -> Result<MachineName, Fault> {
    to_machine_name(&row.get::<_, String>(column)?)
}

pub(super) fn to_machine_name(text: &str) -> Result<MachineName, Fault> {
    text.parse()
        .map_err(|error| Fault::Contents(format!("{text:?}: {error}")))
}

pub(super) fn activation_id(row: &Row<'_>, column: usize) -> Result<ActivationId, Fault> {
    Ok(ActivationId::new(Uuid::from_bytes(row.get(column)?)))
}

pub(super) fn license_status(row: &Row<'_>, column: usize) -> Result<LicenseStatus, Fault> {
    LicenseStatus::try_from(row.get::<_, u32>(column)?)
        .map_err(|error| Fault::Contents(error.to_string()))
}

fn clamp(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The documented number of the events that tell of clients.
pub(super) const REQUEST_PROCESSED: u16 = 12290;

/// In the order in which [`event`] takes them.
pub(super) const EVENT_COLUMNS: &str = "sequence, time, id, code, required_count, machine_name, \
    cmid, client_time, virtual_machine, license_status, minutes_remaining, activation_id, domain, source";

/// Where a request came from, among [`EVENT_COLUMNS`].
pub(super) const EVENT_SOURCE: usize = 13;
