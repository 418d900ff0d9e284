//! What an administrator set on a running host, as rows of a name and a number.

use super::{OpenError, error::Fault, place, schema, wal};
use crate::StoredSettings;
use kms_core::{ActivationInterval, RenewalInterval};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;

const ACTIVATION_INTERVAL: &str = "activation_interval";
const RENEWAL_INTERVAL: &str = "renewal_interval";
const PORT: &str = "port";
const DNS_PUBLISHING: &str = "dns_publishing";
const LOW_PRIORITY: &str = "low_priority";

/// Changes the stored settings, beside a running host or without one, and gives what they are now.
///
/// `change` is given the present settings. The change is durable when this returns; a running host
/// is not told of it.
///
/// # Errors
/// When there is no store at `path`, it cannot be written, or is not of this program's version.
pub fn set(
    path: &Path,
    change: impl FnOnce(&mut StoredSettings),
) -> Result<StoredSettings, OpenError> {
    let path = place::resolve(path)?;
    place::look_for_store(&path)?;
    wal::verify_unless_in_use(&path)?;
    let fault = |fault: Fault| fault.at(&path, "change the settings");
    let mut connection = schema::connect(&path).map_err(fault)?;
    schema::require_version(&path, schema::version(&connection).map_err(fault)?)?;
    change_in(&mut connection, change).map_err(fault)
}

fn change_in(
    connection: &mut Connection,
    change: impl FnOnce(&mut StoredSettings),
) -> Result<StoredSettings, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut settings = read(&transaction)?;
    change(&mut settings);
    write(&transaction, &settings)?;
    transaction.commit()?;
    Ok(settings)
}

pub(super) fn write(connection: &Connection, settings: &StoredSettings) -> Result<(), Fault> {
    connection.execute("DELETE FROM settings", [])?;
    let rows: [(&str, Option<u32>); 5] = [
        (
            ACTIVATION_INTERVAL,
            settings
                .activation_interval
                .map(ActivationInterval::minutes),
        ),
        (
            RENEWAL_INTERVAL,
            settings.renewal_interval.map(RenewalInterval::minutes),
        ),
        (PORT, settings.port.map(u32::from)),
        (DNS_PUBLISHING, settings.dns_publishing.map(u32::from)),
        (LOW_PRIORITY, settings.low_priority.map(u32::from)),
    ];
    let mut insert = connection.prepare("INSERT INTO settings (name, value) VALUES (?, ?)")?;
    for (name, value) in rows {
        if let Some(value) = value {
            insert.execute(params![name, value])?;
        }
    }
    Ok(())
}

pub(super) fn read(connection: &Connection) -> Result<StoredSettings, Fault> {
    let mut settings = StoredSettings::default();
    let mut statement = connection.prepare("SELECT name, value FROM settings")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, value): (String, u32) = (row.get(0)?, row.get(1)?);
        let wrong = || Fault::Contents(format!("the setting {name} is {value}"));
        match name.as_str() {
            ACTIVATION_INTERVAL => {
                let interval = ActivationInterval::from_minutes(value).map_err(|_| wrong())?;
                settings.activation_interval = Some(interval);
            }
            RENEWAL_INTERVAL => {
                let interval = RenewalInterval::from_minutes(value).map_err(|_| wrong())?;
                settings.renewal_interval = Some(interval);
            }
            PORT => settings.port = Some(u16::try_from(value).map_err(|_| wrong())?),
            DNS_PUBLISHING => settings.dns_publishing = Some(switch(value).ok_or_else(wrong)?),
            LOW_PRIORITY => settings.low_priority = Some(switch(value).ok_or_else(wrong)?),
            _ => return Err(Fault::Contents(format!("there is no setting {name:?}"))),
        }
    }
    Ok(settings)
}

const fn switch(value: u32) -> Option<bool> {
    match value {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
