//! Where the host's log goes: to the journal with its fields, where there is one, else to standard
//! error.

use examples::{
    cli::{self, Ended},
    sysexits,
};
use std::{
    fs::File,
    io,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
};
use tracing_journald::{Layer as Journal, Priority, PriorityMappings};
use tracing_subscriber::{
    Layer as _, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Begins to log.
///
/// # Errors
/// When `RUST_LOG` is set and is no filter.
pub(crate) fn init() -> Result<(), Ended> {
    let filter = cli::log_filter(LevelFilter::INFO)
        .map_err(|ended| ended.with_code(sysexits::CONFIGURATION))?;
    let registry = tracing_subscriber::registry();
    match journal() {
        Some(journal) => registry.with(journal.with_filter(filter)).init(),
        None => registry.with(cli::log_lines().with_filter(filter)).init(),
    }
    Ok(())
}

/// The journal, if it is what reads standard error.
fn journal() -> Option<Journal> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, inode) = stream.split_once(':')?;
    // Inherited by whatever a service starts, and wrong as soon as its output is sent elsewhere.
    let stderr = io::stderr().as_fd().try_clone_to_owned().ok()?;
    let stderr = File::from(stderr).metadata().ok()?;
    if device.parse() != Ok(stderr.dev()) || inode.parse() != Ok(stderr.ino()) {
        return None;
    }
    // Without its socket, standard error still reaches the journal, as lines.
    let journal = Journal::new().ok()?;
    Some(
        journal
            .with_field_prefix(Some("KMS".to_owned()))
            .with_syslog_identifier("kms-host".to_owned())
            .with_priority_mappings(priorities()),
    )
}

/// As syslog means them, so that `journalctl --priority=warning` shows the warnings and above.
fn priorities() -> PriorityMappings {
    PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    }
}
