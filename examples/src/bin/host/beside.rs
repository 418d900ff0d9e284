//! The store of a host, for the commands that are run beside it.

use crate::exit;
use examples::{cli::Ended, sysexits};
use kms_host::{Durability, HostConfig, store::sqlite::StoreReader};
use std::path::Path;

/// The configuration that the command line names, which must keep a store.
///
/// # Errors
/// When there is none, or it keeps none.
pub(crate) fn load(config: Option<&Path>) -> Result<HostConfig, Ended> {
    let (path, config) = exit::load(config)?;
    match config.store.durability {
        Durability::Commit => Ok(config),
        _ => Err(Ended::new(
            sysexits::UNAVAILABLE,
            format_args!(
                "{}: [store] says durability = \"memory\": such a host keeps nothing that could be \
                 read or set beside it; its [metrics] can be",
                path.display()
            ),
        )),
    }
}

/// The store of the host with this configuration.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn open(config: &HostConfig) -> Result<StoreReader, Ended> {
    StoreReader::open(&config.store.path).map_err(exit::with)
}
