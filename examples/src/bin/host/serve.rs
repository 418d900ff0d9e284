//! Serving, from the configuration to the last answer.

use crate::{exit, logs, notify, publishing::Publishing, reload, sockets};
use core::{fmt::Write as _, future::pending, net::SocketAddr, time::Duration};
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::StatusCode;
use kms_host::{HostConfig, HostEvent, HostService, MemoryStore, Server, Store, StoredSettings};
use kms_service::{OsEntropy, SystemClock};
use kms_trust::HostIdentity;
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How often the status line for the service manager is made anew.
const STATUS_EVERY: Duration = Duration::from_secs(10);

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
    let host = Start {
        path,
        config,
        passed,
        stored: StoredSettings::default(),
    };
    host.run(MemoryStore)
}

/// Everything that a host begins with.
struct Start {
    path: PathBuf,
    config: HostConfig,
    passed: Vec<TcpListener>,
    stored: StoredSettings,
}

impl Start {
    fn run<S: Store>(self, store: S) -> Result<u8, Ended> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Ended::new(sysexits::OS, error))?
            .block_on(self.serve(store))
    }

    async fn serve<S: Store>(self, store: S) -> Result<u8, Ended> {
        // Before anything else: a signal that comes while the host starts must not kill it halfway.
        let mut signals = Signals::install()?;
        let service = HostService::new(&self.config, store, SystemClock, &mut OsEntropy)
            .map_err(exit::with)?;
        service.apply(&self.stored);
        let service = Arc::new(service);
        let server = sockets::listen(self.passed, &self.config.listen, self.stored.port)
            .inspect_err(|_| {
                service.record(HostEvent::StartFailed {
                    code: StatusCode::VL_BINDING_SERVICE_NOT_ENABLED,
                });
            })?;
        let addresses = server.local_addresses();
        let mut host = Running {
            path: self.path,
            config: self.config,
            stored: self.stored,
            publishing: Publishing::new(Arc::clone(&service), addresses.clone()),
            service,
        };
        host.publish().map_err(exit::with)?;
        host.serve(server, &addresses, &mut signals).await
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> Result<Self, Ended> {
        let install = |kind| signal(kind).map_err(|error| Ended::new(sysexits::OS, error));
        Ok(Self {
            terminate: install(SignalKind::terminate())?,
            interrupt: install(SignalKind::interrupt())?,
            hangup: install(SignalKind::hangup())?,
        })
    }

    /// Ends when the host is told to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A host that serves.
struct Running<S> {
    path: PathBuf,
    config: HostConfig,
    stored: StoredSettings,
    service: Arc<HostService<S, SystemClock>>,
    publishing: Publishing<S>,
}

impl<S: Store> Running<S> {
    async fn serve(
        &mut self,
        server: Server,
        addresses: &[SocketAddr],
        signals: &mut Signals,
    ) -> Result<u8, Ended> {
        let identity = self.service.identity();
        let name = identity
            .as_deref()
            .map_or("not activated", HostIdentity::name);
        let stop = CancellationToken::new();
        let mut serving = {
            let (service, limits, stop) = (
                Arc::clone(&self.service),
                self.config.limits.clone(),
                stop.clone(),
            );
            tokio::spawn(async move { server.run(service, limits, &mut OsEntropy, stop).await })
        };
        for address in addresses {
            cli::print(format_args!("{name}: listening on {address}"));
        }
        notify::ready(&self.status());
        tokio::select! {
            () = self.work(signals) => {}
            ended = &mut serving => {
                let why = ended.map_or_else(|error| error.to_string(), |()| "it ended".to_owned());
                let why = format_args!("the server ended by itself: {why}");
                return Err(Ended::new(sysexits::SOFTWARE, why));
            }
        }
        tracing::info!("stopping: open calls are finished");
        notify::stopping("finishing the calls that are open");
        stop.cancel();
        tokio::select! {
            () = signals.stop() => {}
            _ = serving => {}
        }
        let counters = self.service.counters();
        tracing::info!(
            requests = counters.total(),
            failed = counters.failed(),
            "stopped"
        );
        Ok(cli::DONE)
    }

    /// Does what is to be done beside answering, until the host is told to stop.
    async fn work(&mut self, signals: &mut Signals) {
        let mut status = ticks(Some(STATUS_EVERY));
        let mut alive = ticks(notify::alive_every());
        let mut told = String::new();
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.hangup.recv() => self.reload(),
                () = tick(&mut status) => {
                    let status = self.status();
                    if status != told {
                        notify::status(&status);
                        told = status;
                    }
                }
                () = tick(&mut alive) => {
                    // Asked of the engine, so that a host that is stuck there is not called alive.
                    let _ = self.service.counters();
                    notify::alive();
                }
            }
        }
    }

    /// Takes up what can be taken up of a changed configuration and certificate.
    fn reload(&mut self) {
        notify::reloading();
        match HostConfig::load(&self.path) {
            Ok(config) => self.take_up(config),
            Err(error) => tracing::error!(%error, "not reloaded: everything stays as it was"),
        }
        notify::ready(&self.status());
    }

    fn take_up(&mut self, config: HostConfig) {
        if let Err(error) = self.service.reload(&config) {
            tracing::error!(%error, "not reloaded: everything stays as it was");
            return;
        }
        self.service.apply(&self.stored);
        let later = reload::wants_restart(&self.config, &config);
        // What a restart would change is kept as it is in force, so that the next reload tells again.
        self.config.identity = config.identity;
        self.config.dns = config.dns;
        if let Err(error) = self.publish() {
            tracing::error!(%error, "what is published stays as it was");
        }
        if !later.is_empty() {
            tracing::warn!("changed, and obeyed after a restart: {}", later.join(", "));
        }
        let identity = self.service.identity();
        tracing::info!(
            name = identity.as_deref().map(HostIdentity::name),
            until = identity.as_deref().map(|i| i.not_after().to_string()),
            "reloaded"
        );
    }

    /// Publishes as the configuration and the administrator say.
    fn publish(&mut self) -> Result<(), kms_host::PublisherError> {
        let wanted = self.stored.dns_publishing.unwrap_or(true);
        let dns = self.config.dns.as_ref().filter(|_| wanted);
        self.publishing.set(dns)
    }

    /// The host in one line, for people.
    fn status(&self) -> String {
        let mut status = if self.service.is_activated() {
            "Serving".to_owned()
        } else {
            "Not activated: every client is refused".to_owned()
        };
        for family in self.service.families() {
            let _ = write!(status, "; {} counts {}", family.name, family.count);
        }
        let counters = self.service.counters();
        let (total, failed) = (counters.total(), counters.failed());
        let _ = write!(status, "; {total} requests, {failed} failed");
        status
    }
}

fn ticks(every: Option<Duration>) -> Option<tokio::time::Interval> {
    let mut ticks = interval(every?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}

/// The next tick, or never.
async fn tick(ticks: &mut Option<tokio::time::Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => pending().await,
    }
}
