//! This host as its files tell of it, whether it runs or not.

use crate::{
    exit::{self, Fault as _},
    sockets,
};
use core::net::SocketAddr;
use examples::{cli::Ended, sysexits};
use kms_host::{
    Durability, HostConfig, Publisher, StoredSettings, identity,
    store::sqlite::{HostSeen, OpenError, StoreReader},
};
use kms_trust::HostIdentity;
use std::path::{Path, PathBuf};

/// What is known of this host without asking the network.
pub(crate) struct Here {
    pub(crate) path: PathBuf,
    pub(crate) config: HostConfig,
    /// The name in the certificate, or why it is not known.
    pub(crate) certified: Result<Option<String>, kms_host::IdentityFileError>,
    /// Where the host listens while it runs, or would listen.
    pub(crate) listening: Vec<SocketAddr>,
    /// What administrators set.
    pub(crate) stored: StoredSettings,
}

impl Here {
    /// From the configuration that the command line names.
    ///
    /// # Errors
    /// When it cannot be used, or the store is there and cannot be read.
    pub(crate) fn read(config: Option<&Path>) -> Result<Self, Ended> {
        let (path, config) = exit::load(config)?;
        let (stored, seen) = match config.store.durability {
            Durability::Commit => look_into(&config.store.path).map_err(exit::with)?,
            _ => (StoredSettings::default(), None),
        };
        Ok(Self::new(path, config, stored, seen))
    }

    /// The same, without what a store tells if it cannot be read: who may read the configuration may
    /// not read everything.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub(crate) fn read_what_can_be(config: Option<&Path>) -> Result<Self, Ended> {
        let (path, config) = exit::load(config)?;
        let (stored, seen) = match config.store.durability {
            Durability::Commit => look_into(&config.store.path).unwrap_or_default(),
            _ => (StoredSettings::default(), None),
        };
        Ok(Self::new(path, config, stored, seen))
    }

    fn new(
        path: PathBuf,
        config: HostConfig,
        stored: StoredSettings,
        seen: Option<HostSeen>,
    ) -> Self {
        let certified = identity::load(&config.identity)
            .map(|identity| identity.as_ref().map(HostIdentity::name).map(str::to_owned));
        let listening = match seen.as_ref().filter(|seen| seen.alive) {
            Some(seen) => seen.host.addresses.clone(),
            None => sockets::with_port(&config.listen, stored.port),
        };
        Self {
            path,
            config,
            certified,
            listening,
            stored,
        }
    }

    /// What publishes this host.
    ///
    /// # Errors
    /// When it is not configured to publish, or cannot be published so.
    pub(crate) fn publisher(&self) -> Result<Publisher, Ended> {
        let path = self.path.display();
        let Some(dns) = &self.config.dns else {
            return Err(Ended::new(
                sysexits::CONFIGURATION,
                format_args!(
                    "{path}: there is no [dns] table, so that nothing is published; \
                     `host publish --manual` shows what to enter by hand"
                ),
            ));
        };
        let certified = match &self.certified {
            Ok(name) => name.as_deref(),
            Err(_) if dns.host_name.is_some() => None,
            Err(error) => return Err(Ended::new(error.exit_code(), error)),
        };
        Publisher::new(dns, &self.listening, certified).map_err(exit::with)
    }
}

fn look_into(path: &Path) -> Result<(StoredSettings, Option<HostSeen>), OpenError> {
    let reader = match StoreReader::open(path) {
        // It is made at the first start.
        Err(OpenError::Missing { .. }) => return Ok(Default::default()),
        opened => opened?,
    };
    Ok((reader.settings()?, reader.host()?))
}
