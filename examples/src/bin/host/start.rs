//! Starting: from the configuration to a host that listens.

use crate::{
    diary::{Diary, SettingsWatch},
    exit, logs, notify, priority,
    serve::{Running, Signals},
    sockets,
};
use examples::{cli::Ended, sysexits};
use kms_core::{Clock as _, StatusCode};
use kms_host::{
    Durability, Entry, EventLog, HostConfig, HostEvent, HostService, HttpServer, MemoryStore,
    Metrics, SqliteStore, StartError, identity, load_catalogue,
};
use kms_service::{OsEntropy, SystemClock};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) fn serve(config: Option<&Path>) -> Result<u8, Ended> {
    let ended = start(config);
    if let Err(ended) = &ended {
        notify::status(ended.message());
    }
    ended
}

fn start(config: Option<&Path>) -> Result<u8, Ended> {
    // Before any thread begins, because it changes the environment.
    let passed = sockets::passed()?;
    let (path, config) = exit::load(config)?;
    logs::init()?;
    let metrics = Arc::<Metrics>::default();
    let durability = config.store.durability;
    let opened = match durability {
        Durability::Commit => {
            Some(SqliteStore::open(&config.store, Arc::clone(&metrics)).map_err(exit::with)?)
        }
        _ => None,
    };
    let start = Start {
        path,
        config,
        passed,
        metrics,
    };
    match opened {
        Some(store) => start.run(store),
        None => start.run(MemoryStore),
    }
}

/// Everything that a host begins with, beside its store.
struct Start {
    path: PathBuf,
    config: HostConfig,
    passed: Vec<TcpListener>,
    metrics: Arc<Metrics>,
}

impl Start {
    fn run<S: Diary>(self, store: S) -> Result<u8, Ended> {
        if let Some(fault) = unusable(&self.config) {
            // Nothing serves yet that could record it.
            let (at, event) = (SystemClock.now().wall, start_failed(&fault));
            EventLog::default().record(at, event.clone());
            drop(store.commit(Entry::Event { at, event }));
            return Err(exit::with(fault));
        }
        let mut settings = store.watch(Arc::clone(&self.metrics)).map_err(exit::with)?;
        let low_priority = settings.current().low_priority.unwrap_or(false);
        if low_priority && let Err(error) = priority::lower() {
            tracing::warn!(%error, "the low priority that was set cannot be had");
        }
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Ended::new(sysexits::OS, error))?
            .block_on(self.serve(store, settings))
    }

    async fn serve<S: Diary>(self, store: S, mut settings: SettingsWatch) -> Result<u8, Ended> {
        // Before anything else: a signal that comes while the host starts must not kill it halfway.
        let mut signals = Signals::install()?;
        let stored = settings.current();
        let service = HostService::new(&self.config, store, SystemClock, &mut OsEntropy)
            .map_err(exit::with)?
            .with_metrics(self.metrics);
        service.apply(&stored);
        let service = Arc::new(service);
        let bound = sockets::listen(self.passed, &self.config.listen, stored.port);
        let server = bound.inspect_err(|_| {
            service.record(HostEvent::StartFailed {
                code: StatusCode::VL_BINDING_SERVICE_NOT_ENABLED,
            });
        })?;
        let metrics = self
            .config
            .metrics
            .as_ref()
            .map(|of| HttpServer::bind(of.listen));
        let metrics = metrics.transpose().map_err(exit::with)?;
        let addresses = server.local_addresses();
        let mut host = Running::new(
            self.path,
            self.config,
            service,
            settings,
            stored.low_priority.unwrap_or(false),
            addresses,
        );
        host.publish(&stored).map_err(exit::with)?;
        host.serve(server, metrics, &mut signals).await
    }
}

/// What keeps a host with this configuration from starting.
fn unusable(config: &HostConfig) -> Option<StartError> {
    load_catalogue(config.catalogue.as_deref())
        .err()
        .or_else(|| identity::load(&config.identity).err().map(Into::into))
}

const fn start_failed(fault: &StartError) -> HostEvent {
    let code = match fault {
        StartError::Identity(_) => StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED,
        _ => StatusCode::INVALID_DATA,
    };
    HostEvent::StartFailed { code }
}
