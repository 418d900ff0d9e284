//! Publishing the host's SRV record by signed dynamic updates.

mod addresses;
mod error;
mod exchange;
mod lookup;
mod plan;
mod records;
mod run;
mod setup;
mod work;
mod zone;

pub use error::PublisherError;
pub use plan::PublishPlan;
pub use records::{Kept, MemoryRecords, PublishedRecords};

use crate::{DnsConfig, HostEvent, Metrics};
use addresses::OwnAddresses;
use core::{
    fmt,
    net::{IpAddr, SocketAddr},
};
use kms_core::{Clock, Entropy, StatusCode};
use kms_srv::{DomainName, Registration};
use run::Run;
use setup::Setup;
use std::{io, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use work::{Domain, Network, Work as _};

/// The port of DNS servers (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

/// Publishes the host in its domains: finds each one's zone and its primary, replaces this host's own
/// older record there, and never touches another's.
pub struct Publisher {
    setup: Arc<watch::Sender<Arc<Setup>>>,
    records: Arc<dyn PublishedRecords>,
    metrics: Arc<Metrics>,
    own_addresses: Arc<OwnAddresses>,
    primary_port: u16,
}

/// Tells a running [`Publisher`] of another configuration.
#[derive(Clone)]
pub struct PublisherHandle {
    setup: Arc<watch::Sender<Arc<Setup>>>,
}

impl Publisher {
    /// A publisher for a host that listens on `listening`, whose certificate names it `certified`.
    /// Of several sockets those are published that [`told`](Self::told) says. What it published it knows until it is dropped.
    ///
    /// # Errors
    /// When the key cannot be read, or name, port or domain are missing or unfit.
    pub fn new(
        dns: &DnsConfig,
        listening: &[SocketAddr],
        certified: Option<&str>,
    ) -> Result<Self, PublisherError> {
        let setup = Setup::new(dns, listening, certified)?;
        Ok(Self {
            setup: Arc::new(watch::Sender::new(Arc::new(setup))),
            records: Arc::new(MemoryRecords::default()),
            metrics: Arc::default(),
            own_addresses: Arc::new(addresses::of_this_machine),
            primary_port: DNS_PORT,
        })
    }

    /// Of the sockets that a host listens on those that others are told of: all at one port, the first that
    /// other machines can reach, and none that they cannot; but where they can reach none, those that this
    /// machine can. `0.0.0.0` and `[::]` among them stand for the machine's own addresses, and port 0
    /// comes only when nothing else does.
    #[must_use]
    pub fn told(listening: &[SocketAddr]) -> Vec<SocketAddr> {
        addresses::told(listening)
    }

    /// The same with a memory of what was published, as a [`HostService`](crate::HostService) with a
    /// store or a [`StoreRecords`](crate::store::sqlite::StoreRecords).
    #[must_use]
    pub fn with_records(self, records: Arc<dyn PublishedRecords>) -> Self {
        Self { records, ..self }
    }

    /// The same with a count of its looks in `metrics`. Its events are counted by whoever records
    /// them.
    #[must_use]
    pub fn with_metrics(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// The same with another source of the machine's addresses, which are published where none are
    /// configured or listened on.
    #[must_use]
    pub fn with_own_addresses(
        self,
        tell: impl Fn() -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        let own_addresses = Arc::new(tell);
        Self {
            own_addresses,
            ..self
        }
    }

    /// The same with another port than 53 of primaries that are found by their zone's SOA record, as
    /// in a laboratory.
    #[must_use]
    pub fn with_primary_port(self, primary_port: u16) -> Self {
        Self {
            primary_port,
            ..self
        }
    }

    /// What tells this publisher of changes while it runs.
    #[must_use]
    pub fn handle(&self) -> PublisherHandle {
        let setup = Arc::clone(&self.setup);
        PublisherHandle { setup }
    }

    /// What is published in each domain, as far as it is known without the network: each domain is
    /// taken for a zone of its own.
    ///
    /// # Errors
    /// When the machine's addresses cannot be read.
    pub fn registrations(&self) -> io::Result<Vec<(DomainName, Registration)>> {
        let setup = self.setup();
        let addresses = setup.addresses.now(&*self.own_addresses)?;
        Ok(setup.registrations(&addresses))
    }

    /// Finds out what [`publish`](Self::publish) would do in each domain, and sends no update.
    ///
    /// # Errors
    /// For each domain: why it cannot be published there, as `publish` tells it.
    pub async fn plan(&self) -> Vec<(DomainName, Result<PublishPlan, StatusCode>)> {
        let setup = self.setup();
        let mut plans = Vec::new();
        for domain in self.domains(&setup) {
            let plan = work::prepare(&setup, self.primary_port, &*self.records, &domain).await;
            plans.push((domain.name, plan));
        }
        plans
    }

    /// Publishes in every domain once; what came of each: 12294, or 12293 with the server's refusal,
    /// with 0x8007232A when it cannot be reached, 0x800705B4 when it did not answer in time,
    /// 0x8007251E when its answer cannot be read or is not signed with the key, what kept the zone or
    /// its primary from being found, 0x8007251D also when the machine has no address, or 0x800700AA
    /// when what is published cannot be kept.
    ///
    /// `clock` must be right to within 5 minutes of the server's, since updates carry the time.
    pub async fn publish(&self, clock: &impl Clock, entropy: &mut impl Entropy) -> Vec<HostEvent> {
        let setup = self.setup();
        let mut network = self.network(clock, entropy);
        let mut events = Vec::new();
        for mut domain in self.domains(&setup) {
            let code = network.publish(&setup, &mut domain).await;
            let domain = domain.name;
            events.push(match code {
                StatusCode::OK => HostEvent::Published { domain },
                code => HostEvent::PublishFailed { code, domain },
            });
        }
        events
    }

    /// Takes this host's records out of every domain of the configuration, and of every domain in which
    /// it was published before; what came of each, as of [`publish`](Self::publish). No documented
    /// event tells of it. A record that is not there is no failure.
    pub async fn withdraw(
        &self,
        clock: &impl Clock,
        entropy: &mut impl Entropy,
    ) -> Vec<(DomainName, StatusCode)> {
        let setup = self.setup();
        let kept = self.records.published();
        let unreadable = kept.is_err();
        let mut kept = kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was published before cannot be read");
            Vec::new()
        });
        let mut network = self.network(clock, entropy);
        let mut results = Vec::new();
        for domain in self.domains(&setup) {
            let known = kept.iter().position(|(name, _)| *name == domain.name);
            let before = known.map(|place| kept.remove(place).1).unwrap_or_default();
            let code = network
                .withdraw_all(&setup, &domain.name, Some(&domain.wanted), &before)
                .await;
            let code = if unreadable && code == StatusCode::OK {
                StatusCode::BUSY
            } else {
                code
            };
            results.push((domain.name, code));
        }
        for (name, before) in kept {
            let code = network.withdraw_all(&setup, &name, None, &before).await;
            results.push((name, code));
        }
        results
    }

    /// Publishes at once, after each change that a [`PublisherHandle`] or the machine's addresses
    /// bring, and as [`PublishSchedule`](kms_srv::PublishSchedule) says for each domain by itself,
    /// until `stop`. The domains are served one after the other.
    pub async fn run(
        self,
        clock: &impl Clock,
        entropy: &mut impl Entropy,
        record: impl Fn(HostEvent),
        stop: CancellationToken,
    ) {
        let tell = |setup: &Setup| setup.addresses.now(&*self.own_addresses);
        let run = Run {
            clock,
            work: self.network(clock, entropy),
            record,
            metrics: &self.metrics,
            addresses: &tell,
        };
        run.run(self.setup.subscribe(), stop).await;
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.borrow())
    }

    fn domains(&self, setup: &Setup) -> Vec<Domain> {
        let addresses = setup.addresses.now(&*self.own_addresses);
        let addresses = addresses.unwrap_or_else(|error| {
            tracing::warn!(%error, "the machine's addresses cannot be read: set dns.addresses");
            Vec::new()
        });
        setup
            .registrations(&addresses)
            .into_iter()
            .map(|(name, wanted)| Domain::new(name, wanted))
            .collect()
    }

    fn network<'a, C, E>(&'a self, clock: &'a C, entropy: &'a mut E) -> Network<'a, C, E> {
        Network {
            records: &*self.records,
            port: self.primary_port,
            clock,
            entropy,
        }
    }
}

impl PublisherHandle {
    /// Publishes by another configuration from now on, or for another port or certificate. Where a
    /// registration differs, or the key or the servers do, that is published at once.
    ///
    /// # Errors
    /// As [`Publisher::new`]; then everything stays as it was.
    pub fn change(
        &self,
        dns: &DnsConfig,
        listening: &[SocketAddr],
        certified: Option<&str>,
    ) -> Result<(), PublisherError> {
        let setup = Setup::new(dns, listening, certified)?;
        self.setup.send_replace(Arc::new(setup));
        Ok(())
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("setup", &self.setup.borrow())
            .field("primary_port", &self.primary_port)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PublisherHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherHandle").finish_non_exhaustive()
    }
}
