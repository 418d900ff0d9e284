//! Serving, until the last answer.

use crate::{
    diary::{Diary, SettingsWatch},
    notify,
    publishing::Publishing,
    reload,
};
use core::{fmt::Write as _, future::pending, net::SocketAddr, time::Duration};
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::{Clock as _, Timestamp};
use kms_host::{
    HostConfig, HostService, HttpServer, PublisherError, Server, StoreHealth, StoredSettings,
    store::sqlite::{HostState, RunningHost},
};
use kms_service::{OsEntropy, SystemClock};
use kms_trust::HostIdentity;
use std::{path::PathBuf, sync::Arc};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How often the status line for the service manager is made anew.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// The signals that a host obeys, from their installation on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn install() -> Result<Self, Ended> {
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
pub(crate) struct Running<S> {
    path: PathBuf,
    config: HostConfig,
    settings: SettingsWatch,
    // As it was started: what is set later is obeyed at the next start.
    low_priority: bool,
    service: Arc<HostService<S, SystemClock>>,
    publishing: Publishing<S>,
    started: Timestamp,
    addresses: Vec<SocketAddr>,
    // What the commands beside the host can read of it.
    written: Option<RunningHost>,
}

impl<S: Diary> Running<S> {
    /// A host that was configured by the file at `path` and listens on `addresses`.
    pub(crate) fn new(
        path: PathBuf,
        config: HostConfig,
        service: Arc<HostService<S, SystemClock>>,
        settings: SettingsWatch,
        low_priority: bool,
        addresses: Vec<SocketAddr>,
    ) -> Self {
        Self {
            path,
            config,
            settings,
            low_priority,
            publishing: Publishing::new(Arc::clone(&service), addresses.clone()),
            service,
            started: SystemClock.now().wall,
            addresses,
            written: None,
        }
    }

    /// Serves until it is told to stop, and then finishes the calls that are open.
    pub(crate) async fn serve(
        &mut self,
        server: Server,
        metrics: Option<HttpServer>,
        signals: &mut Signals,
    ) -> Result<u8, Ended> {
        let stop = CancellationToken::new();
        if let Some(metrics) = metrics {
            tokio::spawn(metrics.run(Arc::clone(&self.service), stop.clone()));
        }
        let mut serving = {
            let (service, limits, stop) = (
                Arc::clone(&self.service),
                self.config.limits.clone(),
                stop.clone(),
            );
            tokio::spawn(async move { server.run(service, limits, &mut OsEntropy, stop).await })
        };
        // Whoever asks beside a host that is ready must not be told of the one before.
        if let Some(kept) = self.written_anew(None) {
            kept.await;
        }
        let name = self.name();
        for address in &self.addresses {
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
        self.write(Some(HostState::Stopping));
        stop.cancel();
        tokio::select! {
            () = signals.stop() => {}
            _ = serving => {}
        }
        self.write(Some(HostState::Stopped));
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
                () = self.settings.changed() => self.obey(),
                () = self.publishing.done() => self.write(None),
                () = tick(&mut status) => {
                    self.write(None);
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

    /// Does what administrators set.
    fn obey(&mut self) {
        let stored = self.settings.current();
        self.service.apply(&stored);
        // The other settings are no reason to read the key anew.
        if wants_publishing(&stored) != self.publishing.is_on()
            && let Err(error) = self.publish(&stored)
        {
            tracing::error!(%error, "it cannot be published as was set");
        }
        tracing::info!(?stored, "settings changed");
        self.write(None);
        notify::status(&self.status());
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
        let stored = self.settings.current();
        self.service.apply(&stored);
        let later = reload::wants_restart(&self.config, &config);
        // What a restart would change is kept as it is in force, so that the next reload tells again.
        self.config.identity = config.identity;
        self.config.dns = config.dns;
        if let Err(error) = self.publish(&stored) {
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
        self.write(None);
    }

    /// Publishes as the configuration and the administrator say.
    pub(crate) fn publish(&mut self, stored: &StoredSettings) -> Result<(), PublisherError> {
        let dns = self.config.dns.as_ref();
        let wanted = dns.filter(|_| wants_publishing(stored));
        let certified = self.service.identity().is_some();
        if wanted.is_some() && !certified {
            tracing::warn!(
                "the host is published when it is certified: until then it refuses who finds it"
            );
        }
        self.publishing.set(wanted.filter(|_| certified))
    }

    /// Writes down for others what the host does, if that changed.
    fn write(&mut self, ending: Option<HostState>) {
        drop(self.written_anew(ending));
    }

    /// The same; the future ends when it is kept.
    fn written_anew(
        &mut self,
        ending: Option<HostState>,
    ) -> Option<impl Future<Output = ()> + Send> {
        let serving = if self.service.is_activated() {
            HostState::Serving
        } else {
            HostState::NotActivated
        };
        let host = RunningHost {
            pid: std::process::id(),
            started: self.started,
            name: self.name(),
            addresses: self.addresses.clone(),
            state: ending.unwrap_or(serving),
            low_priority: self.low_priority,
            dns_publishing: self.publishing.is_on(),
            published: self.publishing.results(),
        };
        if self.written.as_ref() == Some(&host) {
            return None;
        }
        self.written = Some(host.clone());
        Some(self.service.store().write(host))
    }

    fn name(&self) -> String {
        let identity = self.service.identity();
        let name = identity.as_deref().map(HostIdentity::name);
        name.unwrap_or("not activated").to_owned()
    }

    /// The host in one line, for people.
    fn status(&self) -> String {
        let mut status = match self.service.store().health() {
            StoreHealth::Failed { reason } => format!("Every client is refused: {reason}"),
            _ if self.service.is_activated() => "Serving".to_owned(),
            _ => "Not activated: every client is refused".to_owned(),
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

/// Whether a host publishes itself that is configured to.
fn wants_publishing(stored: &StoredSettings) -> bool {
    stored.dns_publishing.unwrap_or(true)
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
