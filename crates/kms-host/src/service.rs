//! The host service: the engine with its identity, store, clock and event log.

use crate::{
    Activation, Decision, EventLog, Host, HostConfig, HostEvent, IdentityFileError, Settings,
    Store, StoreError, identity,
};
use core::fmt;
use kms_core::{Clock, Encode as _, Entropy, StatusCode, Timestamp};
use kms_count::{Counters, RestoreError};
use kms_keys::{Catalogue, CatalogueError};
use kms_service::config::{self, ConfigError};
use kms_trust::HostIdentity;
use kms_wire::{ActivationAnswer, CertificateChain, CertificateChainError};
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A host that can be asked, from any task.
pub struct HostService<S, C> {
    host: Mutex<Host>,
    identity: Option<HostIdentity>,
    // The answer to GetHostCertificate never changes while the host runs.
    chain: Vec<u8>,
    store: S,
    clock: C,
    events: EventLog,
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
        let identity = identity::load(&configured.identity)?;
        let activation = identity.as_ref().map(|identity| Activation {
            key_id: identity.key_id(),
            scope: identity.scope().iter().cloned().collect(),
            not_after: identity.not_after(),
        });
        let settings = Settings {
            activation_interval: configured.activation_interval,
            renewal_interval: configured.renewal_interval,
            clock_tolerance: configured.clock_tolerance,
        };
        let count = kms_count::Config::default()
            .with_retention(configured.retention)
            .with_count_virtual_machines(configured.count_virtual_machines);
        let (snapshot, now) = (store.load()?, clock.now());
        let host = Host::new(
            catalogue, activation, settings, count, &snapshot, entropy, now,
        )?;
        if !host.is_activated(now) {
            tracing::warn!(
                identity = %configured.identity.display(),
                "this host is not activated: it has no valid certificate and refuses everyone"
            );
        }
        let chain = match &identity {
            Some(identity) => {
                let chain: Vec<&[u8]> = identity.chain().iter().map(Vec::as_slice).collect();
                CertificateChain::new(&chain)?.to_vec()
            }
            None => Vec::new(),
        };
        let (host, events) = (Mutex::new(host), EventLog::default());
        Ok(Self {
            host,
            identity,
            chain,
            store,
            clock,
            events,
        })
    }

    /// Answers RequestActivation. The answer is durable and signed.
    ///
    /// The future may be dropped: the request stays counted, nobody is answered, and its event says
    /// that the time was up (0x800705B4).
    pub async fn request_activation(&self, message: &[u8]) -> HostReply {
        let now = self.clock.now();
        let (decision, event, commit) = {
            let mut host = self.lock();
            let handled = host.handle_request(message, now);
            // Handed over under the lock, so that the store sees entries in the table's order.
            let commit = self.store.commit(handled.entry);
            (handled.decision, handled.event, commit)
        };
        let mut event = PendingEvent {
            log: &self.events,
            time: now.wall,
            event,
        };
        let reply = match (decision, &self.identity) {
            (Decision::Grant(terms), Some(identity)) => match commit.await {
                Ok(()) => {
                    let signature = identity.sign(message, &terms);
                    HostReply::Answer(ActivationAnswer { terms, signature }.to_vec())
                }
                Err(error) => {
                    tracing::error!(%error, "a request was not kept and is not answered");
                    HostReply::Refused(StatusCode::BUSY)
                }
            },
            (Decision::Grant(_), None) => {
                HostReply::Refused(StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED)
            }
            (Decision::Refuse(code), _) => HostReply::Refused(code),
        };
        event.record(match &reply {
            HostReply::Answer(_) => StatusCode::OK,
            HostReply::Refused(code) => *code,
        });
        reply
    }

    /// Answers GetHostCertificate: the chain, even when its time is over, so that it can be looked
    /// at; 0xC004F041 when there is none.
    pub fn host_certificate(&self) -> HostReply {
        if self.chain.is_empty() {
            HostReply::Refused(StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED)
        } else {
            HostReply::Answer(self.chain.clone())
        }
    }

    /// What happened lately.
    pub const fn events(&self) -> &EventLog {
        &self.events
    }

    /// Records an event at the present time.
    pub fn record(&self, event: HostEvent) {
        self.events.record(self.clock.now().wall, event);
    }

    /// The identity that signs, while the host has one.
    pub const fn identity(&self) -> Option<&HostIdentity> {
        self.identity.as_ref()
    }

    /// The families that have asked, with their counts as of now.
    pub fn families(&self) -> Vec<FamilyStatus> {
        let now = self.clock.now();
        let mut host = self.lock();
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
        *self.lock().counters()
    }

    fn lock(&self) -> MutexGuard<'_, Host> {
        // The engine does not panic; if it did, refusing to serve for ever would help nobody.
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event of a request whose result is not known yet. Dropped before, it tells of that.
struct PendingEvent<'a> {
    log: &'a EventLog,
    time: Timestamp,
    event: Option<HostEvent>,
}

impl PendingEvent<'_> {
    fn record(&mut self, result: StatusCode) {
        if let Some(mut event) = self.event.take() {
            if let HostEvent::RequestProcessed(processed) = &mut event {
                processed.code = result;
            }
            self.log.record(self.time, event);
        }
    }
}

impl Drop for PendingEvent<'_> {
    fn drop(&mut self) {
        self.record(StatusCode::TIMEOUT);
    }
}

impl<S, C> fmt::Debug for HostService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostService")
            .field("identity", &self.identity)
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
