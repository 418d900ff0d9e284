//! Reading who asks: the rows of the clients' table, with what its writer has only gathered yet.

use super::{
    clients::{Change, Changes, Key},
    error::Fault,
    load, reader, source,
};
use core::cmp::Ordering;
use kms_core::{ActivationId, Cmid, LicenseStatus, MachineName, StatusCode, Timestamp};
use kms_count::{Record, Source};
use rusqlite::{Connection, Row};
use uuid::Uuid;

/// A machine with a product that asks this host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The client machine id.
    pub cmid: Cmid,
    /// The machine's name, as it gave it.
    pub machine_name: MachineName,
    /// The product.
    pub activation_id: ActivationId,
    /// When it asked first, by the host's calendar clock.
    pub first_request: Timestamp,
    /// When it asked last.
    pub last_request: Timestamp,
    /// Where it asked from last.
    pub source: Option<Source>,
    /// How often it asked.
    pub requests: u64,
    /// The state of its licence when it asked last.
    pub license_status: LicenseStatus,
    /// The result that it was given last.
    pub code: StatusCode,
    /// Whether it says that it is a virtual machine.
    pub virtual_machine: bool,
}

/// A client machine id that machines of several names use: most often an image that was not
/// generalised.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The client machine id.
    pub cmid: Cmid,
    /// Who uses it, by name and product; at least two names.
    pub clients: Vec<Client>,
}

/// Gives every client to `take`, by client machine id, name and product.
pub(super) fn each(connection: &Connection, mut take: impl FnMut(Client)) -> Result<(), Fault> {
    let after = load::totals(connection)?.clients_sequence;
    let (changes, _) = Changes::read(connection, after, usize::MAX)?;
    let mut changes = changes.into_sorted().peekable();
    let mut statement = connection.prepare(&format!(
        "SELECT {CLIENT_COLUMNS} FROM clients ORDER BY cmid, machine_name, activation_id"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut client = client(row)?;
        while let Some((key, change)) = changes.next_if(|(key, _)| order(key, &client).is_le()) {
            if order(&key, &client).is_eq() {
                renew(&mut client, &change);
            } else {
                take(first(&key, &change)?);
            }
        }
        take(client);
    }
    for (key, change) in changes {
        take(first(&key, &change)?);
    }
    Ok(())
}

fn order(key: &Key, client: &Client) -> Ordering {
    let cmid = key.cmid.cmp(client.cmid.as_uuid().as_bytes());
    cmid.then_with(|| (*key.machine_name).cmp(client.machine_name.as_str()))
        .then_with(|| {
            key.activation_id
                .cmp(client.activation_id.as_uuid().as_bytes())
        })
}

/// A client that has no row yet.
fn first(key: &Key, change: &Change) -> Result<Client, Fault> {
    let mut client = Client {
        cmid: load::cmid(key.cmid)?,
        machine_name: reader::to_machine_name(&key.machine_name)?,
        activation_id: ActivationId::new(Uuid::from_bytes(key.activation_id)),
        first_request: change.first_request,
        last_request: change.last_request,
        source: change.source,
        requests: 0,
        license_status: change.license_status,
        code: change.code,
        virtual_machine: change.virtual_machine,
    };
    renew(&mut client, change);
    Ok(client)
}

fn renew(client: &mut Client, change: &Change) {
    client.last_request = change.last_request;
    client.source = change.source;
    client.requests = client
        .requests
        .saturating_add(change.requests.cast_unsigned());
    client.license_status = change.license_status;
    client.code = change.code;
    client.virtual_machine = change.virtual_machine;
}

/// Those whose last request was at `since` or later.
pub(super) fn clients(
    connection: &Connection,
    since: Option<Timestamp>,
) -> Result<Vec<Client>, Fault> {
    let mut clients = Vec::new();
    each(connection, |client| {
        if since.is_none_or(|since| client.last_request >= since) {
            clients.push(client);
        }
    })?;
    Ok(clients)
}

/// The machines that asked latest, at most `most`, oldest first.
pub(super) fn known(connection: &Connection, most: usize) -> Result<Vec<Record>, Fault> {
    let mut machines: Vec<Record> = Vec::new();
    each(connection, |client| {
        let record = Record {
            cmid: client.cmid,
            first_request: client.first_request,
            last_request: client.last_request,
            source: client.source,
        };
        match machines.last_mut() {
            Some(last) if last.cmid == record.cmid => {
                if last.last_request < record.last_request {
                    *last = record;
                }
            }
            _ => machines.push(record),
        }
    })?;
    machines.sort_by_key(|record| record.last_request);
    let beyond = machines.len().saturating_sub(most);
    machines.drain(..beyond);
    Ok(machines)
}

/// The client machine ids that several names use.
pub(super) fn duplicates(connection: &Connection) -> Result<Vec<Duplicate>, Fault> {
    let mut duplicates: Vec<Duplicate> = Vec::new();
    let mut same: Vec<Client> = Vec::new();
    let mut end = |same: &mut Vec<Client>| {
        if let ([first, ..], [.., last]) = (same.as_slice(), same.as_slice())
            && first.machine_name != last.machine_name
        {
            duplicates.push(Duplicate {
                cmid: first.cmid,
                clients: core::mem::take(same),
            });
        }
        same.clear();
    };
    each(connection, |client| {
        if same.last().is_some_and(|last| last.cmid != client.cmid) {
            end(&mut same);
        }
        same.push(client);
    })?;
    end(&mut same);
    Ok(duplicates)
}

/// A row of [`CLIENT_COLUMNS`].
pub(super) fn client(row: &Row<'_>) -> Result<Client, Fault> {
    Ok(Client {
        cmid: load::cmid(row.get(0)?)?,
        machine_name: reader::machine_name(row, 1)?,
        activation_id: reader::activation_id(row, 2)?,
        first_request: Timestamp::from_millis(row.get(3)?),
        last_request: Timestamp::from_millis(row.get(4)?),
        source: source::read(row, 5)?,
        requests: row.get::<_, i64>(6)?.cast_unsigned(),
        license_status: reader::license_status(row, 7)?,
        code: StatusCode(row.get(8)?),
        virtual_machine: row.get(9)?,
    })
}

/// In the order in which [`client`] takes them.
pub(super) const CLIENT_COLUMNS: &str = "cmid, machine_name, activation_id, first_request, \
    last_request, source, requests, license_status, code, virtual_machine, sequence";
