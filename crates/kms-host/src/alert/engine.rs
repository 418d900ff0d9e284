use super::{
    Alert,
    bounded::{Bounded, Was},
    family::FamilyWatch,
    machine::{Machine, Odd},
    told::Told,
    window::Window,
};
use crate::AlertConfig;
use core::time::Duration;
use kms_core::{Cmid, CountedId, MachineName, Now, Threshold, Tick};
use kms_count::{Change, Record, Recorded, Request, Snapshot, Source};
use std::collections::BTreeMap;

/// Finds the patterns of [`Alert`] in the requests of a host.
///
/// It is told of each request that was answered, with what became of it, and gives an alert at the
/// request that completes the pattern, once an hour for what it is about. It does no I/O and reads
/// no clock. What it remembers is bounded, whoever asks.
#[derive(Debug)]
pub struct Alerts {
    config: AlertConfig,
    established_after: Duration,
    machines: Bounded<Cmid, Machine>,
    // When machines were last forgotten that may come again.
    forgot: Option<Tick>,
    sources: Bounded<Source, Window<10>>,
    // INVARIANT: at most FAMILIES.
    families: BTreeMap<CountedId, FamilyWatch>,
    told: Told,
}

impl Alerts {
    /// The most sources of the last ten minutes that are told apart.
    pub const SOURCES: usize = 16_384;
    /// The most families that are looked at, the first ones that ask.
    pub const FAMILIES: usize = 4096;
    /// The most names that are known of one machine, the latest.
    pub const NAMES: usize = 4;
    /// The most alerts of one pattern in an hour.
    pub const PER_HOUR: usize = Told::PER_HOUR;

    // How long a host that had to forget machines does not say which are new: whoever still uses it
    // has asked again by then.
    const FORGETFUL: Duration = Duration::from_secs(30 * 24 * 3600);

    /// Knows no machine yet. A machine is established when its first and its last request are
    /// `established_after` apart.
    #[must_use]
    pub fn new(config: AlertConfig, established_after: Duration) -> Self {
        Self {
            config,
            established_after,
            machines: Bounded::new(config.known_machines),
            forgot: None,
            sources: Bounded::new(Self::SOURCES),
            families: BTreeMap::new(),
            told: Told::default(),
        }
    }

    /// Goes by this configuration from now on.
    pub fn configure(&mut self, config: AlertConfig, established_after: Duration) {
        self.machines.set_most(config.known_machines);
        (self.config, self.established_after) = (config, established_after);
    }

    /// Takes the machines of a count for known ones, before any other.
    pub fn know_all(&mut self, snapshot: &Snapshot) {
        for family in &snapshot.families {
            self.family(family.counted_id, family.threshold);
            for record in &family.records {
                self.machines
                    .get_or_insert_with(record.cmid, || Machine::counting(record));
            }
        }
    }

    /// Takes a machine for a known one, although it may not count.
    pub fn know(&mut self, record: &Record) {
        self.machines
            .get_or_insert_with(record.cmid, || Machine::known(record));
    }

    /// Is told of a request that was answered, and what it did.
    pub fn handle_request(
        &mut self,
        request: &Request,
        recorded: &Recorded,
        machine_name: MachineName,
        now: Now,
    ) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if !self.config.enabled {
            return alerts;
        }
        let known = self.machines.len();
        let (machine, was) = self
            .machines
            .get_or_insert_with(request.cmid, || Machine::new(now.wall));
        let short = self.config.two_sources;
        match machine.asked(request.source, machine_name, short, now.tick) {
            Some(Odd::TwoSources(sources)) => alerts.push(Alert::TwoSources {
                cmid: request.cmid,
                machine_name,
                sources,
            }),
            Some(Odd::SeveralNames) => alerts.push(Alert::SeveralNames {
                cmid: request.cmid,
                machine_names: machine.names(),
            }),
            None => {}
        }
        match recorded.change {
            Change::New | Change::Renewed => machine.counted(now.wall),
            Change::OverQuota => alerts.push(Alert::OverQuota {
                source: request.source,
                counted_id: request.counted_id,
                cmid: request.cmid,
                machine_name,
            }),
            Change::NotCounted | Change::Full | Change::TooManyFamilies => {}
        }
        if let Was::New { forgot } = was {
            if forgot {
                self.forgot = Some(now.tick);
            }
            alerts.extend(self.new_from_source(request, machine_name, now.tick));
            alerts.extend(self.new_of_family(request, known, now.tick));
        }
        if recorded.change == Change::New {
            let is_new = was != Was::Known;
            match recorded.dropped {
                Some(cmid) => alerts.extend(self.dropped(request, cmid, now.tick)),
                None => self.risen(request, recorded.count, is_new, now.tick, &mut alerts),
            }
        }
        alerts.retain(|alert| self.told.is_due(alert, now.tick));
        alerts
    }

    /// Is told that a second machine asked on a connection.
    pub fn handle_second_cmid(
        &mut self,
        source: Option<Source>,
        cmids: [Cmid; 2],
        machine_name: MachineName,
        now: Now,
    ) -> Option<Alert> {
        let alert = Alert::SecondCmid {
            source,
            cmids,
            machine_name,
        };
        (self.config.enabled && self.told.is_due(&alert, now.tick)).then_some(alert)
    }

    fn new_from_source(
        &mut self,
        request: &Request,
        machine_name: MachineName,
        now: Tick,
    ) -> Option<Alert> {
        let source = request.source?;
        let (window, _) = self.sources.get_or_insert_with(source, Window::default);
        let machines = window.add(now);
        let allowed = self.config.new_from_source;
        let allowed = allowed.max(request.quota.unwrap_or_default());
        (machines > allowed).then_some(Alert::NewFromSource {
            source,
            machines,
            machine_name,
        })
    }

    fn new_of_family(&mut self, request: &Request, known: usize, now: Tick) -> Option<Alert> {
        let is_forgetful = self
            .forgot
            .is_some_and(|at| now.saturating_since(at) < Self::FORGETFUL);
        let AlertConfig {
            new_of_family,
            new_percent,
            ..
        } = self.config;
        let share = (known as u64).saturating_mul(new_percent.into()) / 100;
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let alert = self
            .family(request.counted_id, request.threshold)?
            .new_machine(new_of_family, share, now);
        alert.filter(|_| !is_forgetful)
    }

    fn dropped(&mut self, request: &Request, cmid: Cmid, now: Tick) -> Option<Alert> {
        let machine = self.machines.get_mut(cmid)?;
        if !machine.dropped(self.established_after) {
            return None;
        }
        let machines = self
            .family(request.counted_id, request.threshold)?
            .established_dropped(now);
        (machines >= self.config.established_dropped).then_some(Alert::EstablishedDropped {
            counted_id: request.counted_id,
            machines,
            cmid,
        })
    }

    fn risen(
        &mut self,
        request: &Request,
        count: u32,
        is_new: bool,
        now: Tick,
        alerts: &mut Vec<Alert>,
    ) {
        // A source with a quota of its own is expected to bring many.
        if request.quota.is_some() {
            return;
        }
        let Some(family) = self.family(request.counted_id, request.threshold) else {
            return;
        };
        alerts.extend(family.risen(count, now));
        if let Some(source) = request.source.filter(|_| is_new) {
            alerts.extend(family.risen_from(source, now));
        }
    }

    fn family(&mut self, counted_id: CountedId, threshold: Threshold) -> Option<&mut FamilyWatch> {
        if self.families.len() >= Self::FAMILIES && !self.families.contains_key(&counted_id) {
            return None;
        }
        let family = self
            .families
            .entry(counted_id)
            .or_insert_with(|| FamilyWatch::new(counted_id, threshold));
        family.raise_threshold(threshold);
        Some(family)
    }
}
