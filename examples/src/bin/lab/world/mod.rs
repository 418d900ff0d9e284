//! A network of one machine: DNS, an authority, hosts, clients, and the clock that they share.

mod host;
mod machine;

pub(crate) use host::{HostPlan, LabHost};
pub(crate) use machine::{Machine, MachinePlan};

use crate::{
    report::{Attempt, Check, EventRow, Moment, Report},
    scenarios::Scenario,
};
use core::{fmt, net::Ipv4Addr, time::Duration};
use data_encoding::BASE64;
use examples::authority_folder;
use indicatif::{ProgressBar, ProgressStyle};
use kms_core::{Clock, Entropy, LicenseStatus, Now, SeededEntropy, Tick, Timestamp};
use kms_keys::Catalogue;
use kms_service::{OsEntropy, SystemClock, private_file};
use kms_testkit::{
    clock::ManualClock,
    dns::{DnsConfig, DnsServer, RecordData, RecordType, TsigSecret, Zone},
};
use kms_trust::Authority;
use std::path::Path;

/// What ended a run early.
pub(crate) type Failure = Box<dyn core::error::Error + Send + Sync>;

/// Everything that a run has.
pub(crate) struct World {
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
    // Dropped last: the services' files are in it.
    folder: tempfile::TempDir,
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
            .filter(|host| host.is_running())
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
            // It was asked to end; whether it did so well changes nothing in the report.
            let _ = host.stop().await;
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
    let prefix = format!("kms-lab-{}-", std::process::id());
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        builder
    };
    builder()
        .tempdir_in(memory)
        .or_else(|_| builder().tempdir())
}
