//! Publishing in DNS while the host serves: on, off, and anew after a change.

use crate::diary::Diary;
use core::net::SocketAddr;
use kms_core::{Clock as _, StatusCode};
use kms_host::{
    DnsConfig, HostEvent, HostService, PublishedRecords, Publisher, PublisherError,
    PublisherHandle, store::sqlite::PublishResult,
};
use kms_service::{OsEntropy, SystemClock};
use kms_srv::DomainName;
use kms_trust::HostIdentity;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Publishes in the background while `running` holds something; dropping it ends that.
pub(crate) struct Publishing<S> {
    service: Arc<HostService<S, SystemClock>>,
    listening: Vec<SocketAddr>,
    // Also while nothing is published: what was published before is to be replaced later.
    records: Arc<dyn PublishedRecords>,
    running: Option<Running>,
    results: Arc<Results>,
}

/// How publishing went last, in each domain.
#[derive(Default)]
struct Results {
    last: Mutex<Vec<PublishResult>>,
    changed: Notify,
}

struct Running {
    handle: PublisherHandle,
    _stop: DropGuard,
}

impl<S: Diary> Publishing<S> {
    /// Nothing is published yet.
    pub(crate) fn new(
        service: Arc<HostService<S, SystemClock>>,
        listening: Vec<SocketAddr>,
    ) -> Self {
        Self {
            records: S::published_records(&service),
            service,
            listening,
            running: None,
            results: Arc::default(),
        }
    }

    /// Publishes as `dns` says from now on, and replaces at once what differs from what was published;
    /// `None` stops it, and leaves the record in DNS.
    ///
    /// # Errors
    /// When it cannot be published so. What was published before still is.
    pub(crate) fn set(&mut self, dns: Option<&DnsConfig>) -> Result<(), PublisherError> {
        let Some(dns) = dns else {
            self.running = None;
            self.results.retain(|_| false);
            return Ok(());
        };
        let identity = self.service.identity();
        let name = identity.as_deref().map(HostIdentity::name);
        if let Some(running) = &self.running {
            running.handle.change(dns, &self.listening, name)?;
            let host = dns
                .host_name
                .clone()
                .or_else(|| name.and_then(|name| name.parse().ok()));
            let entries = dns
                .domains
                .or_home(host.and_then(|host| home(&host)).as_ref());
            self.results
                .retain(|domain| entries.iter().any(|entry| entry.domain == *domain));
            return Ok(());
        }
        let publisher = Publisher::new(dns, &self.listening, name)?
            .with_records(Arc::clone(&self.records))
            .with_metrics(Arc::clone(self.service.metrics()));
        let stop = CancellationToken::new();
        self.running = Some(Running {
            handle: publisher.handle(),
            _stop: stop.clone().drop_guard(),
        });
        let (service, results) = (Arc::clone(&self.service), Arc::clone(&self.results));
        tokio::spawn(async move {
            let record = |event: HostEvent| {
                results.take(&event);
                service.record(event);
            };
            publisher
                .run(&SystemClock, &mut OsEntropy, record, stop)
                .await;
        });
        Ok(())
    }

    /// Whether the host publishes itself.
    pub(crate) const fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// How it went last.
    pub(crate) fn results(&self) -> Vec<PublishResult> {
        self.results.lock().clone()
    }

    /// Ends when there is a new result.
    pub(crate) async fn done(&self) {
        self.results.changed.notified().await;
    }
}

/// The domain that a host's name lies in.
pub(crate) fn home(host: &DomainName) -> Option<DomainName> {
    let labels: Vec<&str> = host.labels().skip(1).collect();
    labels.join(".").parse().ok()
}

impl Results {
    fn take(&self, event: &HostEvent) {
        let (domain, code) = match event {
            HostEvent::Published { domain } => (domain, StatusCode::OK),
            HostEvent::PublishFailed { code, domain } => (domain, *code),
            _ => return,
        };
        let result = PublishResult {
            domain: domain.clone(),
            at: SystemClock.now().wall,
            code,
        };
        let mut last = self.lock();
        match last.iter_mut().find(|last| last.domain == result.domain) {
            Some(last) => *last = result,
            None => last.push(result),
        }
        drop(last);
        self.changed.notify_one();
    }

    fn retain(&self, wanted: impl Fn(&DomainName) -> bool) {
        self.lock().retain(|result| wanted(&result.domain));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PublishResult>> {
        // Nothing stops halfway while it is held.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
