//! What a running host says of itself, for those who ask beside it.

use super::error::Fault;
use core::net::SocketAddr;
use kms_core::{StatusCode, Timestamp};
use kms_srv::DomainName;
use rusqlite::{Connection, OptionalExtension as _, params};

/// What a running host says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that a daemon makes")]
pub struct RunningHost {
    /// Its process.
    pub pid: u32,
    /// When it started, by its calendar clock.
    pub started: Timestamp,
    /// The name in its certificate, or the machine's.
    pub name: String,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// What it is doing.
    pub state: HostState,
    /// Whether its process runs at a low priority.
    pub low_priority: bool,
    /// Whether it publishes itself.
    pub dns_publishing: bool,
    /// How publishing went last, for each domain of its publish list.
    pub published: Vec<PublishResult>,
}

/// What a host is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostState {
    /// It is starting.
    Starting,
    /// It answers.
    Serving,
    /// It has no valid certificate and refuses everyone.
    NotActivated,
    /// It finishes open calls and takes no others.
    Stopping,
    /// It stopped as it was told to.
    Stopped,
}

/// How publishing in a domain went last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that a daemon makes")]
pub struct PublishResult {
    /// The domain.
    pub domain: DomainName,
    /// When, by the host's calendar clock.
    pub at: Timestamp,
    /// With which result.
    pub code: StatusCode,
}

impl HostState {
    const ALL: [Self; 5] = [
        Self::Starting,
        Self::Serving,
        Self::NotActivated,
        Self::Stopping,
        Self::Stopped,
    ];

    /// The state in a few words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::NotActivated => "not activated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.text() == text)
    }
}

impl core::fmt::Display for HostState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.text())
    }
}

pub(super) fn write(connection: &Connection, host: &RunningHost) -> Result<(), Fault> {
    let addresses: Vec<String> = host.addresses.iter().map(SocketAddr::to_string).collect();
    connection.execute(
        "INSERT OR REPLACE INTO host (id, pid, started, name, addresses, state, low_priority, \
         dns_publishing) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        params![
            host.pid,
            host.started.as_millis(),
            host.name,
            addresses.join(" "),
            host.state.text(),
            host.low_priority,
            host.dns_publishing,
        ],
    )?;
    connection.execute("DELETE FROM publishing", [])?;
    let mut insert = connection
        .prepare("INSERT OR REPLACE INTO publishing (domain, time, code) VALUES (?, ?, ?)")?;
    for result in &host.published {
        insert.execute(params![
            result.domain.to_string(),
            result.at.as_millis(),
            result.code.0
        ])?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection) -> Result<Option<RunningHost>, Fault> {
    let wrong = |what: &str, text: &str| Fault::Contents(format!("{text:?} is no {what}"));
    let mut statement = connection.prepare(
        "SELECT pid, started, name, addresses, state, low_priority, dns_publishing FROM host",
    )?;
    let host = statement
        .query_row([], |row| {
            let (addresses, state): (String, String) = (row.get(3)?, row.get(4)?);
            let host = RunningHost {
                pid: row.get(0)?,
                started: Timestamp::from_millis(row.get(1)?),
                name: row.get(2)?,
                addresses: Vec::new(),
                state: HostState::Starting,
                low_priority: row.get(5)?,
                dns_publishing: row.get(6)?,
                published: Vec::new(),
            };
            Ok((host, addresses, state))
        })
        .optional()?;
    let Some((mut host, addresses, state)) = host else {
        return Ok(None);
    };
    host.state = HostState::from_text(&state).ok_or_else(|| wrong("state of a host", &state))?;
    for address in addresses.split_whitespace() {
        let address = address.parse().map_err(|_| wrong("address", address))?;
        host.addresses.push(address);
    }
    let mut statement =
        connection.prepare("SELECT domain, time, code FROM publishing ORDER BY domain")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let domain: String = row.get(0)?;
        host.published.push(PublishResult {
            domain: domain.parse().map_err(|_| wrong("domain", &domain))?,
            at: Timestamp::from_millis(row.get(1)?),
            code: StatusCode(row.get(2)?),
        });
    }
    Ok(Some(host))
}
