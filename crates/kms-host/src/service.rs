//! The host service: the engine with its identity, store, clock and event log.

use crate::{
    Activation, Alert, Caller, Decision, Entry, EventLog, Host, HostConfig, HostEvent,
    IdentityFileError, Metrics, Settings, Store, StoreError, StoredSettings, identity,
};
use core::fmt;
use kms_core::{Clock, Encode as _, Entropy, Now, SeededEntropy, StatusCode, Timestamp};
use kms_count::{Counters, RestoreError, Snapshot};
use kms_keys::{Catalogue, CatalogueError};
use kms_service::config::{self, ConfigError};
use kms_trust::HostIdentity;
use kms_wire::{ActivationAnswer, CertificateChain, CertificateChainError};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// A host that can be asked, from any task.
pub struct HostService<S, C> {
    engine: Mutex<Engine>,
    store: S,
    clock: C,
    events: EventLog,
    metrics: Arc<Metrics>,
}

/// What changes together: who is granted something is signed for by the identity that granted it.
struct Engine {
    host: Host,
    configured: Settings,
    identity: Option<Arc<HostIdentity>>,
    // The answer to GetHostCertificate.
    chain: Vec<u8>,
    // For the secrets of tables that are made anew.
    entropy: SeededEntropy,
    // Why the host can answer nobody any more: what the store gave back is no count.
    broken: Option<RestoreError>,
}

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The catalogue file could not be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue breaks a rule.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityFileError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity's certificates do not fit into an answer.
    #[error(
        "the identity's certificate chain cannot be sent: {0}; certify the host with a shorter one"
    )]
    Chain(#[from] CertificateChainError),
    /// What the store holds contradicts itself.
    #[error(
        "what the store holds contradicts itself: {0}; \
         bring back a copy of it, or move it away and begin to count anew"
    )]
    Restore(#[from] RestoreError),
}

/// What a host replies to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has an answer and a refusal"
)]
pub enum HostReply {
    /// The bytes of the answer.
    Answer(Vec<u8>),
    /// A refusal.
    Refused(StatusCode),
    /// The fault that says that the host is too busy, after which the connection is closed: no
    /// genuine client asks so.
    Disconnect,
}

/// A family of products, its count and its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyStatus {
    /// The family's name in the catalogue, or its counted id.
    pub name: String,
    /// Machines that count; -1 before the first valid request ever.
    pub count: i64,
    /// The highest threshold that has been asked for.
    pub threshold: u32,
    /// The most machines that are kept.
    pub capacity: u32,
    /// The family's requests.
    pub counters: Counters,
}

impl<S: Store, C: Clock> HostService<S, C> {
    /// A host as configured.
    ///
    /// # Errors
    /// When the catalogue, the identity or the store cannot be used.
    pub fn new(
        configured: &HostConfig,
        store: S,
        clock: C,
        entropy: &mut impl Entropy,
    ) -> Result<Self, StartError> {
        let catalogue = load_catalogue(configured.catalogue.as_deref())?;
        let Identified {
            identity,
            chain,
            activation,
        } = Identified::load(&configured.identity)?;
        let settings = settings(configured, &StoredSettings::default());
        let count = kms_count::Config::default()
            .with_retention(configured.retention)
            .with_count_virtual_machines(configured.count_virtual_machines)
            .with_admission(configured.admission.admission());
        let (snapshot, now) = (store.load()?, clock.now());
        let mut host = Host::new(
            catalogue, activation, settings, count, &snapshot, entropy, now,
        )?
        .with_admission(configured.admission.clone());
        let alerts = configured.admission.alerts;
        if alerts.enabled {
            let known = store.known_machines(alerts.known_machines)?;
            known.iter().for_each(|record| host.know(record));
        }
        if !host.is_activated(now) {
            not_activated(&configured.identity);
        }
        let engine = Engine {
            host,
            configured: settings,
            identity,
            chain,
            // Not predictable from outside: it starts from a secret and what it gives is never shown.
            entropy: SeededEntropy::new(entropy.next_u64()),
            broken: None,
        };
        let service = Self {
            engine: Mutex::new(engine),
            store,
            clock,
            events: EventLog::new(&configured.limits),
            metrics: Arc::default(),
        };
        service.metrics.started(now.wall);
        Ok(service)
    }

    /// Counts and times in `metrics`, which the store or others may share.
    #[must_use]
    pub fn with_metrics(self, metrics: Arc<Metrics>) -> Self {
        metrics.started(self.clock.now().wall);
        Self { metrics, ..self }
    }

    /// Takes up another certificate and other settings; the rest of the configuration needs a new
    /// process. When the identity cannot be used, everything stays as it was.
    ///
    /// # Errors
    /// When the identity cannot be used.
    pub fn reload(&self, configured: &HostConfig) -> Result<(), StartError> {
        let Identified {
            identity,
            chain,
            activation,
        } = Identified::load(&configured.identity)?;
        let now = self.clock.now();
        let mut engine = self.lock();
        engine.host.set_activation(activation);
        (engine.identity, engine.chain) = (identity, chain);
        engine.configured = settings(configured, &StoredSettings::default());
        let settings = engine.configured;
        engine.host.set_settings(settings);
        if !engine.host.is_activated(now) {
            not_activated(&configured.identity);
        }
        Ok(())
    }

    /// Obeys what an administrator set since the start, where it concerns answers.
    pub fn apply(&self, stored: &StoredSettings) {
        let mut engine = self.lock();
        let settings = overlaid(engine.configured, stored);
        engine.host.set_settings(settings);
    }

    /// Answers RequestActivation. The answer is durable and signed.
    ///
    /// The future may be dropped: the request stays counted, nobody is answered, and its event says
    /// that the time was up (0x800705B4).
    pub async fn request_activation(&self, message: &[u8], caller: &mut Caller) -> HostReply {
        let (now, begun) = (self.clock.now(), Instant::now());
        let (decision, event, alerts, identity, commit) = {
            let mut engine = self.lock();
            if let Some(snapshot) = self.store.take_recovered() {
                engine.begin_again(&snapshot, now);
            }
            if engine.broken.is_some() {
                return HostReply::Refused(StatusCode::BUSY);
            }
            let handled = engine.host.handle_request(message, caller, now);
            let event = handled.entry.event();
            // Handed over under the lock, so that the store sees entries in the table's order.
            let commit = self.store.commit(handled.entry);
            let identity = engine.identity.clone();
            (handled.decision, event, handled.alerts, identity, commit)
        };
        for alert in alerts {
            self.record_at(now.wall, HostEvent::Alert(alert));
        }
        let mut pending = PendingRequest {
            log: &self.events,
            metrics: &self.metrics,
            event,
            time: now.wall,
            begun,
            ended: false,
        };
        let reply = match (decision, &identity) {
            (Decision::Grant(terms), Some(identity)) => match commit.await {
                Ok(()) => {
                    let signature = identity.sign(message, &terms);
                    HostReply::Answer(ActivationAnswer { terms, signature }.to_vec())
                }
                Err(error) => {
                    if self.events.lines().allow() {
                        tracing::error!(%error, "a request was not kept and is not answered");
                    }
                    HostReply::Refused(StatusCode::BUSY)
                }
            },
            (Decision::Grant(_), None) => {
                HostReply::Refused(StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED)
            }
            (Decision::Refuse(code), _) => HostReply::Refused(code),
            (Decision::Disconnect, _) => HostReply::Disconnect,
        };
        pending.end(match &reply {
            HostReply::Answer(_) => StatusCode::OK,
            HostReply::Refused(code) => *code,
            HostReply::Disconnect => StatusCode::BUSY,
        });
        reply
    }

    /// Answers GetHostCertificate: the chain, even when its time is over, so that it can be looked
    /// at; 0xC004F041 when there is none.
    pub fn host_certificate(&self) -> HostReply {
        let engine = self.lock();
        if engine.chain.is_empty() {
            HostReply::Refused(StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED)
        } else {
            HostReply::Answer(engine.chain.clone())
        }
    }

    /// What happened lately.
    pub const fn events(&self) -> &EventLog {
        &self.events
    }

    /// Records an event at the present time, and gives it to the store.
    pub fn record(&self, event: HostEvent) {
        self.record_at(self.clock.now().wall, event);
    }

    fn record_at(&self, at: Timestamp, event: HostEvent) {
        match &event {
            HostEvent::Published { domain } => self.metrics.published(domain, StatusCode::OK, at),
            HostEvent::PublishFailed { code, domain } => self.metrics.published(domain, *code, at),
            HostEvent::Alert(alert) => {
                self.metrics.alert(alert.pattern());
                if let Alert::PublishFight { domain, .. } = alert {
                    self.metrics.gave_up_publishing(domain);
                }
            }
            _ => {}
        }
        let entry = Entry::Event {
            at,
            event: event.clone(),
        };
        // Nobody waits for it; a store that cannot keep it says so itself.
        drop(self.store.commit(entry));
        self.events.record(at, event);
    }

    /// What the host counts and times about itself.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Where the count is kept.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The clock that the host goes by.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The identity that signs, while the host has one.
    pub fn identity(&self) -> Option<Arc<HostIdentity>> {
        self.lock().identity.clone()
    }

    /// Whether the host may answer: it has a certificate that is still valid.
    pub fn is_activated(&self) -> bool {
        let now = self.clock.now();
        self.lock().host.is_activated(now)
    }

    /// The families that have asked, with their counts as of now.
    pub fn families(&self) -> Vec<FamilyStatus> {
        let now = self.clock.now();
        let mut engine = self.lock();
        let host = &mut engine.host;
        host.handle_timeout(now);
        let name = |counted_id| {
            let family = host.catalogue().family(counted_id);
            family.map_or_else(|| counted_id.to_string(), |family| family.name.clone())
        };
        host.families()
            .map(|family| FamilyStatus {
                name: name(family.counted_id()),
                count: family.count().into(),
                threshold: family.threshold().machines(),
                capacity: family.capacity(),
                counters: *family.counters(),
            })
            .collect()
    }

    /// The documented counters over all families.
    pub fn counters(&self) -> Counters {
        *self.lock().host.counters()
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        // The engine does not panic; if it did, refusing to serve for ever would help nobody.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Counts from what a store that was opened anew holds: the table also has machines whose
    /// entries were lost, and an answer must not include those.
    fn begin_again(&mut self, snapshot: &Snapshot, now: Now) {
        self.broken = self
            .host
            .restore(snapshot, &mut self.entropy, now)
            .inspect_err(|error| {
                tracing::error!(
                    %error,
                    "the store was opened anew and what it holds contradicts itself: \
                     nobody is answered; stop the host and repair its store"
                );
            })
            .err();
        if self.broken.is_none() {
            tracing::warn!("the store was opened anew: the count is what it holds");
        }
    }
}

/// A request whose result is not known yet. Dropped before, it tells of that.
struct PendingRequest<'a> {
    log: &'a EventLog,
    metrics: &'a Metrics,
    event: Option<(Timestamp, HostEvent)>,
    time: Timestamp,
    begun: Instant,
    ended: bool,
}

impl PendingRequest<'_> {
    fn end(&mut self, result: StatusCode) {
        if core::mem::replace(&mut self.ended, true) {
            return;
        }
        let mut license_status = None;
        if let Some((time, mut event)) = self.event.take() {
            if let HostEvent::RequestProcessed(processed) = &mut event {
                processed.code = result;
                license_status = Some(processed.license_status);
            }
            self.log.record(time, event);
        }
        self.metrics
            .request(result, license_status, self.time, self.begun.elapsed());
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.end(StatusCode::TIMEOUT);
    }
}

/// An identity folder, read.
struct Identified {
    identity: Option<Arc<HostIdentity>>,
    chain: Vec<u8>,
    activation: Option<Activation>,
}

impl Identified {
    fn load(folder: &Path) -> Result<Self, StartError> {
        let identity = identity::load(folder)?;
        let chain = match &identity {
            Some(identity) => {
                let chain: Vec<&[u8]> = identity.chain().iter().map(Vec::as_slice).collect();
                CertificateChain::new(&chain)?.to_vec()
            }
            None => Vec::new(),
        };
        let activation = identity.as_ref().map(|identity| Activation {
            key_id: identity.key_id(),
            scope: identity.scope().iter().cloned().collect(),
            not_after: identity.not_after(),
        });
        Ok(Self {
            identity: identity.map(Arc::new),
            chain,
            activation,
        })
    }
}

fn not_activated(identity: &Path) {
    tracing::warn!(
        identity = %identity.display(),
        "this host is not activated: it has no valid certificate and refuses everyone"
    );
}

fn settings(configured: &HostConfig, stored: &StoredSettings) -> Settings {
    let configured = Settings {
        activation_interval: configured.activation_interval,
        renewal_interval: configured.renewal_interval,
        clock_tolerance: configured.clock_tolerance,
    };
    overlaid(configured, stored)
}

fn overlaid(configured: Settings, stored: &StoredSettings) -> Settings {
    Settings {
        activation_interval: stored
            .activation_interval
            .unwrap_or(configured.activation_interval),
        renewal_interval: stored
            .renewal_interval
            .unwrap_or(configured.renewal_interval),
        ..configured
    }
}

impl<S: Store, C: Clock> fmt::Debug for HostService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostService")
            .field("identity", &self.identity())
            .finish_non_exhaustive()
    }
}

/// The catalogue in a file, or the built-in one.
///
/// # Errors
/// When the file cannot be read or breaks a rule.
pub fn load_catalogue(path: Option<&Path>) -> Result<Catalogue, StartError> {
    match path {
        Some(path) => Ok(Catalogue::parse(
            &config::read(path)?,
            &path.display().to_string(),
        )?),
        None => Ok(Catalogue::builtin()),
    }
}
