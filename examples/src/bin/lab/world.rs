//! A network of one machine: DNS, an authority, hosts, clients, and the clock that they share.

use crate::{
    report::{Attempt, Check, EventRow, HostRow, MachineRow, Moment, Report},
    scenarios::Scenario,
};
use core::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use data_encoding::BASE64;
use examples::authority_folder::{self, HostRequest, ROOT_FILE};
use indicatif::{ProgressBar, ProgressStyle};
use kms_client::{Client, ClientConfig};
use kms_core::{Clock, Entropy, LicenseStatus, Now, SeededEntropy, StatusCode, Tick, Timestamp};
use kms_host::{HostConfig, HostEvent, HostService, MemoryStore, Publisher, Server};
use kms_keys::Catalogue;
use kms_license::Event;
use kms_service::{OsEntropy, SystemClock, private_file};
use kms_testkit::{
    clock::ManualClock,
    dns::{DnsConfig, DnsServer, RecordData, RecordType, TsigSecret, Zone},
};
use kms_trust::Authority;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What ended a run early.
pub(crate) type Failure = Box<dyn core::error::Error + Send + Sync>;

/// Everything that a run has.
pub(crate) struct World {
    // Dropped last: the services' files are in it.
    pub(crate) machines: Vec<Machine>,
    pub(crate) hosts: Vec<LabHost>,
    scenario: Scenario,
    clock: ManualClock,
    started: Now,
    catalogue: Catalogue,
    authority: Authority,
    dns: DnsServer,
    entropy: SeededEntropy,
    progress: ProgressBar,
    attempts: Vec<Attempt>,
    timeline: Vec<Moment>,
    checks: Vec<Check>,
    machine_events: Vec<(Timestamp, EventRow)>,
    folder: tempfile::TempDir,
}

/// A machine with one product.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) client: Client<ManualClock, SeededEntropy>,
    /// Off the network: its timers run, and its attempts reach nobody.
    pub(crate) silent: bool,
    last: Option<Attempt>,
}

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

/// What a scenario says about a machine.
#[derive(Clone, Copy)]
pub(crate) struct MachinePlan<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its product.
    pub(crate) product: &'a str,
    /// Where it looks for hosts.
    pub(crate) domain: &'a str,
    /// A pinned host instead.
    pub(crate) pinned: Option<SocketAddr>,
    /// Whether it keeps to the host that answered last.
    pub(crate) caching: bool,
}

const TSIG_NAME: &str = "lab-hosts";
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Hosts are certified for longer than any scenario runs.
const CERTIFIED: Duration = Duration::from_secs(3 * 365 * 24 * 3600);

impl World {
    /// Starts DNS and the authority.
    pub(crate) async fn start(scenario: Scenario, seed: u64) -> Result<Self, Failure> {
        let progress = ProgressBar::new_spinner();
        progress.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
        progress.enable_steady_tick(Duration::from_millis(200));
        progress.set_message("starting DNS and the authority");
        let folder = folder()?;
        let mut secret = vec![0; 32];
        OsEntropy.fill(&mut secret);
        let key_file = format!(
            "key \"{TSIG_NAME}\" {{\n  algorithm hmac-sha256;\n  secret \"{}\";\n}};\n",
            BASE64.encode(&secret)
        );
        private_file::create(&folder.path().join("tsig.key"), &key_file)?;
        let dns = DnsServer::start(DnsConfig {
            listen: (LOOPBACK, 0).into(),
            zones: scenario
                .domains()
                .iter()
                .map(|&domain| Zone::new(domain))
                .collect(),
            tsig: Some(TsigSecret {
                name: TSIG_NAME.to_owned(),
                secret,
            }),
        })
        .await?;
        // Hosts and machines start at the present, so that certificates made now are valid for them.
        let started = Now::new(Tick::ZERO, SystemClock.now().wall);
        let authority = new_authority(folder.path(), "ca", started.wall)?;
        Ok(Self {
            machines: Vec::new(),
            hosts: Vec::new(),
            scenario,
            clock: ManualClock::new(started),
            started,
            catalogue: Catalogue::builtin(),
            authority,
            dns,
            entropy: SeededEntropy::new(seed),
            progress,
            attempts: Vec::new(),
            timeline: Vec::new(),
            checks: Vec::new(),
            machine_events: Vec::new(),
            folder,
        })
    }

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
        let mut text = format!(
            "listen = \"{address}\"\nidentity = \"{}\"\nactivation_interval = {}\n",
            plan.name, plan.activation_interval
        );
        if !plan.domains.is_empty() {
            text += &format!(
                "[dns]\nserver = \"{}\"\nkey_file = \"tsig.key\"\ndomains = {:?}\n",
                self.dns.address(),
                plan.domains
            );
        }
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

    /// Adds a machine, whose licence begins now; it has not asked yet.
    pub(crate) fn add_machine(&mut self, plan: MachinePlan<'_>) -> Result<usize, Failure> {
        let root = self.folder.path().join("ca").join(ROOT_FILE);
        let mut text = format!(
            "root = {root:?}\nproduct = {:?}\nstate = \"{}.state\"\nmachine_name = \"{}.{}\"\n\
             nameserver = \"{}\"\ndomains = [{:?}]\ncaching = {}\n",
            plan.product,
            plan.name,
            plan.name,
            plan.domain,
            self.dns.address(),
            plan.domain,
            plan.caching
        );
        if let Some(host) = plan.pinned {
            text += &format!("host = \"{host}\"\n");
        }
        let config = ClientConfig::parse(&text, &self.folder.path().join("client.toml"))?;
        let entropy = SeededEntropy::new(self.entropy.next_u64());
        let client = Client::open(&config, self.clock.clone(), entropy)?;
        let name = plan.name.to_owned();
        self.machines.push(Machine {
            name,
            client,
            silent: false,
            last: None,
        });
        Ok(self.machines.len() - 1)
    }

    /// The machine asks for activation now.
    pub(crate) async fn attempt(&mut self, at: usize) -> Result<(), Failure> {
        let (day, time) = (self.day(), self.clock.now().wall.to_string());
        let machine = self.machines.get_mut(at).ok_or("no such machine")?;
        self.progress
            .set_message(format!("day {day:.2}: {} asks", machine.name));
        let report = machine.client.activate().await?;
        let attempt = Attempt {
            day,
            time,
            machine: machine.name.clone(),
            product: machine.client.product().name.clone(),
            threshold: machine.client.product().threshold.machines(),
            host: report
                .host
                .as_ref()
                .or_else(|| report.attempts.last().map(|tried| &tried.host))
                .map(ToString::to_string),
            count: report.count,
            code: report.code().to_string(),
            activated: report.result.is_ok(),
            tried: report.attempts.iter().map(ToString::to_string).collect(),
        };
        machine.last = Some(attempt.clone());
        self.attempts.push(attempt);
        self.collect_events(at);
        Ok(())
    }

    /// Lets time pass: every timer of every machine goes off at its moment.
    pub(crate) async fn pass(&mut self, duration: Duration) -> Result<(), Failure> {
        let end = self.clock.now().tick.saturating_add(duration);
        loop {
            let next = self
                .machines
                .iter()
                .enumerate()
                .filter_map(|(at, machine)| Some((machine.client.poll_timeout()?, at)))
                .min()
                .filter(|&(tick, _)| tick <= end);
            let Some((tick, at)) = next else { break };
            self.clock.advance_to(tick);
            let due = match self.machines.get_mut(at) {
                Some(machine) => machine.client.handle_timeout()? && !machine.silent,
                None => false,
            };
            if due {
                self.attempt(at).await?;
            }
            self.collect_events(at);
        }
        self.clock.advance_to(end);
        Ok(())
    }

    /// Stops a host: its port is closed, its SRV record stays, as after a crash.
    pub(crate) async fn stop_host(&mut self, name: &str) -> Result<(), Failure> {
        let host = self.host_mut(name)?;
        if let Some((stop, task)) = host.running.take() {
            stop.cancel();
            task.await?;
        }
        Ok(())
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

    /// A number below `bound`, from the run's seed.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let drawn = self.entropy.below(u64::try_from(bound).unwrap_or(u64::MAX));
        usize::try_from(drawn).unwrap_or(0)
    }

    /// Attempts so far.
    pub(crate) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Days since the start, by the clock of hosts and machines.
    pub(crate) fn day(&self) -> f64 {
        days(self.clock.now().tick.saturating_since(self.started.tick))
    }

    /// The machines' clock.
    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// How many machines are licensed.
    pub(crate) fn licensed(&self) -> usize {
        let licensed =
            |machine: &&Machine| machine.client.license().status() == LicenseStatus::Licensed;
        self.machines.iter().filter(licensed).count()
    }

    /// Tells what has happened up to now.
    pub(crate) fn tell(&mut self, what: impl fmt::Display) {
        let counts = self
            .hosts
            .iter()
            .filter(|host| host.running.is_some())
            .map(|host| (host.name.clone(), host.count()))
            .collect();
        let moment = Moment {
            day: self.day(),
            time: self.clock.now().wall.to_string(),
            what: what.to_string(),
            counts,
            licensed: self.licensed(),
        };
        self.progress
            .println(format!("day {:6.2}  {}", moment.day, moment.what));
        self.timeline.push(moment);
    }

    /// Notes whether something that the scenario must show was seen.
    pub(crate) fn check(&mut self, what: &str, holds: bool, seen: impl fmt::Display) {
        self.checks.push(Check {
            what: what.to_owned(),
            holds,
            seen: seen.to_string(),
        });
    }

    /// What a DNS lookup of the hosts in a domain gives.
    pub(crate) async fn published(&self, domain: &str) -> Result<usize, Failure> {
        let name = format!("_vlmcs._tcp.{domain}");
        let records = self.dns.records(&name, RecordType::Srv).await?;
        Ok(records
            .iter()
            .filter(|r| matches!(r.data, RecordData::Srv { .. }))
            .count())
    }

    /// Stops everything and reports.
    pub(crate) async fn finish(mut self) -> Report {
        let hosts = self.hosts.iter().map(LabHost::row).collect();
        let mut events = core::mem::take(&mut self.machine_events);
        for host in &mut self.hosts {
            events.extend(host.events());
            if let Some((stop, task)) = host.running.take() {
                stop.cancel();
                // It was asked to end; whether it did so well changes nothing in the report.
                let _ = task.await;
            }
        }
        events.sort_by_key(|(time, _)| *time);
        let machines = self.machines.iter().map(Machine::row).collect();
        self.progress.finish_and_clear();
        // The process ends soon: a DNS server that does not stop cleanly goes with it.
        let _ = self.dns.shutdown().await;
        Report {
            scenario: self.scenario.to_string(),
            document: self.scenario.document(),
            machines,
            hosts,
            timeline: self.timeline,
            checks: self.checks,
            attempts: self.attempts,
            events: events.into_iter().map(|(_, event)| event).collect(),
        }
    }

    fn collect_events(&mut self, at: usize) {
        let Some(machine) = self.machines.get_mut(at) else {
            return;
        };
        let time = self.clock.now().wall;
        while let Some(event) = machine.client.poll_event() {
            let (id, text) = match event {
                Event::RequestSent(data) => (12288, data.to_string()),
                Event::AnswerProcessed(data) => (12289, data.to_string()),
                _ => continue,
            };
            let source = machine.name.clone();
            self.machine_events.push((
                time,
                EventRow {
                    time: time.to_string(),
                    source,
                    id,
                    text,
                },
            ));
        }
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

    fn serve(&mut self, server: Server) {
        let (service, limits) = (Arc::clone(&self.service), self.config.limits);
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

    fn events(&self) -> impl Iterator<Item = (Timestamp, EventRow)> {
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

    fn row(&self) -> HostRow {
        let (families, counters) = (self.service.families(), self.service.counters());
        let by_status = LicenseStatus::ALL
            .into_iter()
            .map(|status| (status.text(), counters.with_status(status)));
        HostRow {
            name: self.name.clone(),
            address: self.address.to_string(),
            host_key: self.host_key.clone(),
            running: self.running.is_some(),
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

impl Machine {
    fn row(&self) -> MachineRow {
        let license = self.client.license();
        MachineRow {
            name: self.name.clone(),
            product: self.client.product().name.clone(),
            host: self.last.as_ref().and_then(|attempt| attempt.host.clone()),
            count: self.last.as_ref().and_then(|attempt| attempt.count),
            status: license.status().text(),
            expires: license.expires().map(|time| time.to_string()),
            code: self.last.as_ref().map_or_else(
                || StatusCode::OK.to_string(),
                |attempt| attempt.code.clone(),
            ),
        }
    }
}

/// Days of a duration, with their fraction.
pub(crate) fn days(duration: Duration) -> f64 {
    duration.as_secs_f64() / 86_400.0
}

fn new_authority(folder: &Path, name: &str, now: Timestamp) -> Result<Authority, Failure> {
    let validity = CERTIFIED + CERTIFIED;
    authority_folder::init(&folder.join(name), name, validity, &mut OsEntropy, now)
        .map_err(|error| error.to_string().into())
}

/// In memory where the system has a place for that: thousands of states are made durable in a run,
/// and here nobody needs them after it.
fn folder() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("kms-lab-");
        builder
    };
    builder()
        .tempdir_in(memory)
        .or_else(|_| builder().tempdir())
}
