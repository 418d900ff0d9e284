//! The hosts of the network.

use super::{CERTIFIED, Failure, LOOPBACK, World, new_authority};
use crate::report::{EventRow, HostRow};
use core::net::SocketAddr;
use examples::authority_folder::{self, HostRequest};
use kms_core::{LicenseStatus, Timestamp};
use kms_host::{HostConfig, HostEvent, HostService, MemoryStore, Publisher, Server};
use kms_service::{OsEntropy, SystemClock};
use kms_testkit::clock::ManualClock;
use kms_trust::Authority;
use std::{collections::BTreeMap, fs, sync::Arc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// In the lab every machine has the same address, and asks more often than one machine does.
const ALL_CLIENTS_AT_ONE_ADDRESS: &str = "
[[limits.source]]
network = \"127.0.0.0/8\"
connections = 10000
new_connections_per_second = 100000
new_connections_burst = 100000
requests_per_minute = 1000000
requests_burst = 1000000
";

/// An activation host.
pub(crate) struct LabHost {
    pub(crate) name: String,
    host_key: String,
    address: SocketAddr,
    config: HostConfig,
    service: Arc<HostService<MemoryStore, ManualClock>>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

/// What a scenario says about a host.
#[derive(Clone, Copy)]
pub(crate) struct HostPlan<'a> {
    /// Its full name.
    pub(crate) name: &'a str,
    /// Its host key.
    pub(crate) host_key: &'a str,
    /// Its publish list; empty publishes nothing.
    pub(crate) domains: &'a [&'a str],
    /// Minutes that clients which are not activated wait (`slmgr /sai`).
    pub(crate) activation_interval: u32,
}

impl World {
    /// Certifies a host, starts it and publishes it.
    pub(crate) async fn add_host(&mut self, plan: HostPlan<'_>) -> Result<(), Failure> {
        let host = self.make_host(plan, &self.authority).await?;
        self.hosts.push(host);
        Ok(())
    }

    /// Starts a host that another authority certified, which no machine trusts.
    pub(crate) async fn add_rogue(&mut self, plan: HostPlan<'_>) -> Result<SocketAddr, Failure> {
        let authority = new_authority(self.folder.path(), "rogue-ca", self.started.wall)?;
        let host = self.make_host(plan, &authority).await?;
        let address = host.address;
        self.hosts.push(host);
        Ok(address)
    }

    /// Stops a host: its port is closed, its SRV record stays, as after a crash.
    pub(crate) async fn stop_host(&mut self, name: &str) -> Result<(), Failure> {
        self.host_mut(name)?.stop().await
    }

    /// Starts a host again on its port, with an empty count.
    pub(crate) async fn start_host(&mut self, name: &str) -> Result<(), Failure> {
        let clock = self.clock.clone();
        let host = self.host_mut(name)?;
        let service = HostService::new(&host.config, MemoryStore, clock, &mut OsEntropy)?;
        host.service = Arc::new(service);
        host.serve(Server::bind(&[host.address])?);
        host.publish().await
    }

    /// The host of that name.
    pub(crate) fn host(&self, name: &str) -> Result<&LabHost, Failure> {
        let found = self.hosts.iter().find(|host| host.name == name);
        found.ok_or_else(|| format!("no host {name}").into())
    }

    fn host_mut(&mut self, name: &str) -> Result<&mut LabHost, Failure> {
        let found = self.hosts.iter_mut().find(|host| host.name == name);
        found.ok_or_else(|| format!("no host {name}").into())
    }

    async fn make_host(
        &self,
        plan: HostPlan<'_>,
        authority: &Authority,
    ) -> Result<LabHost, Failure> {
        self.progress
            .set_message(format!("starting host {}", plan.name));
        let identity = self.folder.path().join(plan.name);
        let request = HostRequest {
            host_key: plan.host_key,
            name: plan.name,
            validity: CERTIFIED,
        };
        authority_folder::certify(
            authority,
            &self.catalogue,
            request,
            &identity,
            &mut OsEntropy,
            self.started.wall,
        )
        .map_err(|error| error.to_string())?;
        let listener = Server::bind(&[(LOOPBACK, 0).into()])?;
        let address = *listener
            .local_addresses()
            .first()
            .ok_or("the system gave no port to listen on")?;
        // The documents' hosts count every machine and have no alerts, and all machines of the lab have
        // one address.
        let mut text = format!(
            "listen = \"{address}\"\nidentity = \"{}\"\nactivation_interval = {}\n\
             [admission]\npolicy = \"compat\"\nalerts.enabled = false\n",
            plan.name, plan.activation_interval
        );
        if !plan.domains.is_empty() {
            text += &format!(
                "[dns]\nserver = \"{}\"\nkey_file = \"tsig.key\"\ndomains = {:?}\n",
                self.dns.address(),
                plan.domains
            );
        }
        text += ALL_CLIENTS_AT_ONE_ADDRESS;
        let path = self.folder.path().join(format!("{}.toml", plan.name));
        fs::write(&path, text)?;
        let config = HostConfig::load(&path)?;
        let service = Arc::new(HostService::new(
            &config,
            MemoryStore,
            self.clock.clone(),
            &mut OsEntropy,
        )?);
        let mut host = LabHost {
            name: plan.name.to_owned(),
            host_key: plan.host_key.to_owned(),
            address,
            config,
            service,
            running: None,
        };
        host.serve(listener);
        host.publish().await?;
        Ok(host)
    }
}

impl LabHost {
    /// The Windows count, or that of the first family that asked; -1 if none did.
    pub(crate) fn count(&self) -> i64 {
        self.service
            .families()
            .first()
            .map_or(-1, |family| family.count)
    }

    /// The most machines that the first family keeps.
    pub(crate) fn capacity(&self) -> u32 {
        self.service
            .families()
            .first()
            .map_or(0, |family| family.capacity)
    }

    /// Failed requests.
    pub(crate) fn failed(&self) -> u64 {
        self.service.counters().failed()
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Closes its port and waits until it has.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            task.await?;
        }
        Ok(())
    }

    fn serve(&mut self, server: Server) {
        let (service, limits) = (Arc::clone(&self.service), self.config.limits.clone());
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            server.run(service, limits, &mut OsEntropy, stopping).await;
        });
        self.running = Some((stop, task));
    }

    async fn publish(&self) -> Result<(), Failure> {
        let Some(dns) = &self.config.dns else {
            return Ok(());
        };
        let publisher = Publisher::new(dns, &[self.address], Some(&self.name))?;
        // Signed updates carry the time, which must be that of the DNS server: the real one.
        for event in publisher.publish(&SystemClock, &mut OsEntropy).await {
            if let HostEvent::PublishFailed { code, domain } = &event {
                return Err(format!("{} cannot publish in {domain}: {code}", self.name).into());
            }
            self.service.record(event);
        }
        Ok(())
    }

    pub(super) fn events(&self) -> impl Iterator<Item = (Timestamp, EventRow)> {
        self.service
            .events()
            .to_vec()
            .into_iter()
            .map(|(time, event)| {
                let (id, text) = (event.id(), event.to_string());
                (
                    time,
                    EventRow {
                        time: time.to_string(),
                        source: self.name.clone(),
                        id,
                        text,
                    },
                )
            })
    }

    pub(super) fn row(&self) -> HostRow {
        let (families, counters) = (self.service.families(), self.service.counters());
        let by_status = LicenseStatus::ALL
            .into_iter()
            .map(|status| (status.text(), counters.with_status(status)));
        HostRow {
            name: self.name.clone(),
            address: self.address.to_string(),
            host_key: self.host_key.clone(),
            running: self.is_running(),
            counts: families.iter().map(|f| (f.name.clone(), f.count)).collect(),
            capacities: families
                .iter()
                .map(|f| (f.name.clone(), f.capacity))
                .collect(),
            requests: counters.total(),
            failed: counters.failed(),
            by_license_status: by_status.collect::<BTreeMap<_, _>>(),
        }
    }
}
