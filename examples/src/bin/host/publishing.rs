//! Publishing in DNS while the host serves: on, off, and anew after a change.

use core::net::SocketAddr;
use kms_host::{DnsConfig, HostService, Publisher, PublisherError, Store};
use kms_service::{OsEntropy, SystemClock};
use kms_trust::HostIdentity;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Publishes in the background while `running` holds something; dropping it ends that.
pub(crate) struct Publishing<S> {
    service: Arc<HostService<S, SystemClock>>,
    listening: Vec<SocketAddr>,
    running: Option<Running>,
}

struct Running {
    // What was published from, to see a change.
    dns: DnsConfig,
    name: Option<String>,
    _stop: DropGuard,
}

impl<S: Store> Publishing<S> {
    /// Nothing is published yet.
    pub(crate) const fn new(
        service: Arc<HostService<S, SystemClock>>,
        listening: Vec<SocketAddr>,
    ) -> Self {
        Self {
            service,
            listening,
            running: None,
        }
    }

    /// Publishes as `dns` says from now on, at once if that is a change; `None` stops it, and leaves
    /// the record in DNS.
    ///
    /// # Errors
    /// When it cannot be published so. What was published before still is.
    pub(crate) fn set(&mut self, dns: Option<&DnsConfig>) -> Result<(), PublisherError> {
        let Some(dns) = dns else {
            self.running = None;
            return Ok(());
        };
        let identity = self.service.identity();
        let name = identity.as_deref().map(HostIdentity::name);
        let same = |running: &Running| running.dns == *dns && running.name.as_deref() == name;
        if self.running.as_ref().is_some_and(same) {
            return Ok(());
        }
        let publisher = Publisher::new(dns, &self.listening, name)?;
        let stop = CancellationToken::new();
        self.running = Some(Running {
            dns: dns.clone(),
            name: name.map(str::to_owned),
            _stop: stop.clone().drop_guard(),
        });
        let service = Arc::clone(&self.service);
        tokio::spawn(async move {
            let record = |event| service.record(event);
            publisher
                .run(&SystemClock, &mut OsEntropy, record, stop)
                .await;
        });
        Ok(())
    }
}
