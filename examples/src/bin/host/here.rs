//! This host as its files tell of it, whether it runs or not.

use crate::{
    exit::{self, Fault as _},
    sockets,
};
use core::net::SocketAddr;
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_host::{
    DnsConfig, Durability, HostConfig, Publisher, PublisherError, StoredSettings, identity,
    store::sqlite::{HostSeen, OpenError, StoreReader, StoreRecords},
};
use kms_service::private_file;
use kms_srv::TsigKey;
use kms_trust::HostIdentity;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is known of this host without asking the network.
pub(crate) struct Here {
    path: PathBuf,
    pub(crate) config: HostConfig,
    /// The name in the certificate, or why it is not known.
    pub(crate) certified: Result<Option<String>, kms_host::IdentityFileError>,
    /// Where the host listens while it runs, or would listen.
    pub(crate) listening: Vec<SocketAddr>,
    /// What administrators set.
    pub(crate) stored: StoredSettings,
    /// What the host said of itself last, and whether its store is there.
    kept: Option<Kept>,
}

/// A store that can be read.
struct Kept {
    stored: StoredSettings,
    seen: Option<HostSeen>,
}

impl Here {
    /// From the configuration that the command line names.
    ///
    /// # Errors
    /// When it cannot be used, or the store is there and cannot be read.
    pub(crate) fn read(config: Option<&Path>) -> Result<Self, Ended> {
        let (path, config) = exit::load(config)?;
        let kept = look_into_store_of(&config).map_err(exit::with)?;
        Ok(Self::new(path, config, kept))
    }

    /// The same, without what a store tells if it cannot be read: who may read the configuration may
    /// not read everything.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub(crate) fn read_what_can_be(config: Option<&Path>) -> Result<Self, Ended> {
        let (path, config) = exit::load(config)?;
        let kept = look_into_store_of(&config).unwrap_or_default();
        Ok(Self::new(path, config, kept))
    }

    fn new(path: PathBuf, config: HostConfig, kept: Option<Kept>) -> Self {
        let certified = identity::load(&config.identity).map(|identity| {
            let name = identity.as_ref().map(HostIdentity::name);
            name.map(str::to_owned)
        });
        let stored = kept
            .as_ref()
            .map_or_else(Default::default, |kept| kept.stored);
        let seen = kept.as_ref().and_then(|kept| kept.seen.as_ref());
        let listening = match seen.filter(|seen| seen.alive) {
            Some(seen) => seen.host.addresses.clone(),
            None => sockets::with_port(&config.listen, stored.port),
        };
        Self {
            path,
            config,
            certified,
            listening,
            stored,
            kept,
        }
    }

    /// What the host says of itself, while it runs.
    pub(crate) fn running(&self) -> Option<&HostSeen> {
        let seen = self.kept.as_ref()?.seen.as_ref();
        seen.filter(|seen| seen.alive)
    }

    /// Whether the store is there, which it is from the first start on unless none is kept.
    pub(crate) const fn has_store(&self) -> bool {
        self.kept.is_some()
    }

    /// How publishing is configured.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn dns(&self) -> Result<&DnsConfig, Ended> {
        self.config.dns.as_ref().ok_or_else(|| {
            Ended::new(
                sysexits::CONFIGURATION,
                format_args!(
                    "{}: there is no [dns] table, so that nothing is published; `host publish \
                     --manual` shows what to enter by hand",
                    self.path.display()
                ),
            )
        })
    }

    /// What publishes this host. It knows what was published before where a store is kept.
    ///
    /// # Errors
    /// When it is not configured to publish, or cannot be published so.
    pub(crate) fn publisher(&self) -> Result<Publisher, Ended> {
        let dns = self.dns()?;
        let certified = match &self.certified {
            Ok(name) => name.as_deref(),
            Err(_) if dns.host_name.is_some() => None,
            Err(error) => return Err(Ended::new(error.exit_code(), error)),
        };
        if self.listening.iter().all(|address| address.port() == 0) {
            return Err(Ended::new(
                sysexits::CONFIGURATION,
                format_args!(
                    "{}: `listen` leaves the port to the system and the host does not run: start it, \
                     or name the port",
                    self.path.display()
                ),
            ));
        }
        let publisher = Publisher::new(dns, &self.listening, certified).map_err(exit::with)?;
        if self.has_store() {
            let records = StoreRecords::new(&self.config.store.path);
            return Ok(publisher.with_records(Arc::new(records)));
        }
        Ok(publisher)
    }

    /// What an administrator does to keep the host from publishing itself: settings are in the store, which a
    /// host that keeps nothing does not have.
    pub(crate) fn how_to_turn_off(&self) -> String {
        match self.config.store.durability {
            Durability::Memory => "take the [dns] table out of its configuration".to_owned(),
            _ => self.command("set dns-publishing off"),
        }
    }

    /// A command line of this program with this configuration.
    pub(crate) fn command(&self, rest: &str) -> String {
        format!("host --config {} {rest}", self.path.display())
    }
}

/// The key that updates are signed with.
pub(crate) fn key(dns: &DnsConfig) -> Result<TsigKey, PublisherError> {
    let text = private_file::read(&dns.key_file)?;
    TsigKey::from_key_file(&text).map_err(|source| PublisherError::Key {
        path: dns.key_file.clone(),
        source,
    })
}

/// Warnings on standard error: they say more of a failure than its code.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub(crate) fn init_logs() -> Result<(), Ended> {
    let logs = cli::init_logs(tracing::level_filters::LevelFilter::WARN);
    logs.map_err(|ended| ended.with_code(sysexits::CONFIGURATION))
}

/// What a command waits in.
///
/// # Errors
/// When the system has no means for it.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Ended> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Ended::new(sysexits::OS, error))
}

fn look_into_store_of(config: &HostConfig) -> Result<Option<Kept>, OpenError> {
    if config.store.durability != Durability::Commit {
        return Ok(None);
    }
    let reader = match StoreReader::open(&config.store.path) {
        // It is made at the first start.
        Err(OpenError::Missing { .. }) => return Ok(None),
        opened => opened?,
    };
    Ok(Some(Kept {
        stored: reader.settings()?,
        seen: reader.host()?,
    }))
}
