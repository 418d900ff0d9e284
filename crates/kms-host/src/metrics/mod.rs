//! What the host counts and times about itself.

mod exposition;
mod latencies;
mod publishing;
mod refusal;
mod results;

pub use refusal::Refusal;

use core::{
    sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};
use kms_core::{LicenseStatus, StatusCode, Timestamp};
use kms_srv::{DomainName, Seen};
use latencies::Latencies;
use publishing::Publishing;
use results::Results;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a host counts and times about itself since it started, for whoever asks over HTTP.
///
/// Whatever happens for each request or connection is a few additions to atomic numbers, without a
/// lock or an allocation. [`HostService::metrics_text`](crate::HostService::metrics_text) gives all
/// of it in the text form of Prometheus, with what the host knows at that moment.
#[derive(Debug)]
pub struct Metrics {
    started: AtomicI64,
    last_request: AtomicI64,
    results: Results,
    statuses: [AtomicU64; LicenseStatus::ALL.len()],
    malformed: AtomicU64,
    answers: Latencies,
    connections_opened: AtomicU64,
    connections_closed: AtomicU64,
    refusals: [AtomicU64; Refusal::ALL.len()],
    syncs: Latencies,
    synced_entries: AtomicU64,
    store_failures: AtomicU64,
    listening: AtomicUsize,
    duplicate_cmids: AtomicU64,
    // Rare enough for locks.
    alerts: Mutex<BTreeMap<&'static str, u64>>,
    publishing: Mutex<BTreeMap<DomainName, Publishing>>,
}

/// A moment that has not come: no clock shows it.
const NEVER: i64 = i64::MIN;

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: AtomicI64::new(NEVER),
            last_request: AtomicI64::new(NEVER),
            results: Results::default(),
            statuses: Default::default(),
            malformed: AtomicU64::default(),
            answers: Latencies::default(),
            connections_opened: AtomicU64::default(),
            connections_closed: AtomicU64::default(),
            refusals: Default::default(),
            syncs: Latencies::default(),
            synced_entries: AtomicU64::default(),
            store_failures: AtomicU64::default(),
            listening: AtomicUsize::default(),
            duplicate_cmids: AtomicU64::default(),
            alerts: Mutex::default(),
            publishing: Mutex::default(),
        }
    }
}

impl Metrics {
    /// The host began its work. [`HostService`](crate::HostService) says so itself.
    pub fn started(&self, at: Timestamp) {
        self.started.store(at.as_millis(), Relaxed);
    }

    /// The host accepts connections from now on, for as long as what is returned is kept.
    pub fn listening(self: &Arc<Self>) -> Listening {
        self.listening.fetch_add(1, Relaxed);
        Listening(Arc::clone(self))
    }

    /// Whether the host accepts connections.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Relaxed) > 0
    }

    /// A connection was accepted.
    pub fn connection_opened(&self) {
        self.connections_opened.fetch_add(1, Relaxed);
    }

    /// A connection that was accepted has ended.
    pub fn connection_closed(&self) {
        self.connections_closed.fetch_add(1, Relaxed);
    }

    /// A peer was refused.
    pub fn refused(&self, why: Refusal) {
        if let Some(refusals) = self.refusals.get(why as usize) {
            refusals.fetch_add(1, Relaxed);
        }
    }

    /// A request was answered or refused, this long after it had been read. Without a licence status
    /// its message was malformed: it does not make the host any less idle.
    pub fn request(
        &self,
        code: StatusCode,
        license_status: Option<LicenseStatus>,
        at: Timestamp,
        took: Duration,
    ) {
        let status = license_status.and_then(|status| self.statuses.get(status as usize));
        if let Some(requests) = status {
            self.last_request.store(at.as_millis(), Relaxed);
            requests.fetch_add(1, Relaxed);
        } else {
            self.malformed.fetch_add(1, Relaxed);
        }
        // A refusal takes no time worth knowing, and many of them would hide how long answers take.
        if code == StatusCode::OK {
            self.answers.observe(took);
        } else {
            self.results.refused(code);
        }
    }

    /// The store made this many entries durable, which took this long.
    pub fn synced(&self, entries: usize, took: Duration) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.synced_entries.fetch_add(entries, Relaxed);
        self.syncs.observe(took);
    }

    /// The store failed.
    pub fn store_failed(&self) {
        self.store_failures.fetch_add(1, Relaxed);
    }

    /// Publishing in a domain ended so.
    pub fn published(&self, domain: &DomainName, code: StatusCode, at: Timestamp) {
        let mut publishing = lock(&self.publishing);
        let domain = publishing.entry(domain.clone()).or_default();
        domain.attempted(code, at);
    }

    /// The zone's primary was asked for the host's record.
    pub fn looked(&self, domain: &DomainName, seen: Seen) {
        let mut publishing = lock(&self.publishing);
        publishing.entry(domain.clone()).or_default().looked(seen);
    }

    /// The host's record was removed from a domain too often, and publishing there was given up.
    pub fn gave_up_publishing(&self, domain: &DomainName) {
        let mut publishing = lock(&self.publishing);
        let fights = &mut publishing.entry(domain.clone()).or_default().fights;
        *fights = fights.saturating_add(1);
    }

    /// A pattern was seen that someone should look at.
    pub fn alert(&self, pattern: &'static str) {
        let mut alerts = lock(&self.alerts);
        let alerts = alerts.entry(pattern).or_default();
        *alerts = alerts.saturating_add(1);
    }

    /// So many CMIDs are in use under several machine names now, as far as the host knows.
    pub fn set_duplicate_cmids(&self, cmids: u64) {
        self.duplicate_cmids.store(cmids, Relaxed);
    }
}

/// Says for as long as it lives that the host accepts connections.
#[derive(Debug)]
#[must_use = "the host counts as listening only for as long as this is kept"]
pub struct Listening(Arc<Metrics>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A number that a panic elsewhere left behind is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
