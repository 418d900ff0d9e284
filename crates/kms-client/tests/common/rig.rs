//! An engine that is joined to hosts and DNS in memory.

use super::{FakeHost, NOW, authority, identity};
use core::time::Duration;
use kms_client::{Action, Engine, Report, Subject};
use kms_core::{Clock, SeededEntropy, StatusCode, Threshold};
use kms_license::{Event, License, Policy};
use kms_srv::{
    AddressAnswer, Discovery, DiscoveryConfig, HostAddress, LookupAnswer, LookupError, SrvRecord,
};
use kms_testkit::clock::ManualClock;
use kms_trust::{Authority, Oids, TrustAnchors, VerifiedAnswer, Verifier};
use std::collections::BTreeMap;

pub const GROUP: &str = "suite/2026";
pub const THRESHOLD: u32 = 5;
pub const PRODUCT: &str = "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6";

/// What is behind an address.
#[derive(Clone)]
pub enum Behaviour {
    Host(FakeHost),
    /// It sends these bytes whatever it hears, and closes the connection.
    Bytes(Vec<u8>),
}

/// What may be done to bytes on their way.
pub type Wire = dyn FnMut(&mut Vec<u8>);

pub struct Rig {
    pub engine: Engine,
    pub clock: ManualClock,
    pub entropy: SeededEntropy,
    pub authority: Authority,
    pub hosts: BTreeMap<String, Behaviour>,
    pub dns: BTreeMap<String, Result<LookupAnswer, LookupError>>,
    /// Hosts whose addresses are not one in 192.0.2.0/24.
    pub addresses: BTreeMap<String, Result<AddressAnswer, LookupError>>,
    /// What the engine asked to be done, in words.
    pub actions: Vec<String>,
    /// What becomes of the bytes that hosts send.
    pub wire: Box<Wire>,
    /// In pieces of how many bytes they come.
    pub piece: usize,
}

impl Rig {
    /// A product in its initial grace, that looks for hosts as `config` says.
    pub fn new(config: DiscoveryConfig) -> Self {
        let clock = ManualClock::new(NOW);
        let authority = authority(1);
        let mut entropy = SeededEntropy::new(2);
        let policy = Policy {
            threshold: Threshold::new(THRESHOLD).unwrap(),
            ..Policy::default()
        };
        let activation_id = PRODUCT.parse().unwrap();
        let mut license =
            License::<VerifiedAnswer>::new(policy, activation_id, &mut entropy, clock.now());
        license.install_key(clock.now());
        while license.poll_event().is_some() {}
        let subject = Subject {
            application_id: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
            activation_id,
            counted_id: "0f0e0d0c-0b0a-4909-8807-060504030201".parse().unwrap(),
            group_id: GROUP.to_owned(),
            machine_name: "ws-17.contoso.example".parse().unwrap(),
            virtual_machine: false,
        };
        let anchors = TrustAnchors::from_pem(authority.root_pem()).unwrap();
        let verifier = Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE);
        let discovery = Discovery::new(config, None);
        Self {
            engine: Engine::new(subject, license, discovery, verifier),
            clock,
            entropy,
            authority,
            hosts: BTreeMap::new(),
            dns: BTreeMap::new(),
            addresses: BTreeMap::new(),
            actions: Vec::new(),
            wire: Box::new(|_| {}),
            piece: usize::MAX,
        }
    }

    /// A product whose hosts DNS names in `contoso.com`.
    pub fn discovering() -> Self {
        Self::new(DiscoveryConfig {
            suffixes: vec!["contoso.com".parse().unwrap()],
            ..DiscoveryConfig::default()
        })
    }

    /// A product with the one host `kms1:1688`.
    pub fn pinned(host: impl FnOnce(&Self) -> FakeHost) -> Self {
        let mut rig = Self::new(DiscoveryConfig {
            pinned: Some("kms1".parse().unwrap()),
            ..DiscoveryConfig::default()
        });
        let host = host(&rig);
        rig.hosts
            .insert("kms1:1688".to_owned(), Behaviour::Host(host));
        rig
    }

    /// A host that this rig's authority certified for the product, with a count that suffices.
    pub fn honest(&self, seed: u64) -> FakeHost {
        let identity = identity(&self.authority, seed, &[GROUP], Duration::from_secs(86_400));
        FakeHost::new(identity, THRESHOLD, &self.clock)
    }

    /// Publishes hosts in a domain, each of a lower priority than the one before.
    pub fn publish(&mut self, domain: &str, hosts: &[&str]) {
        let record = |(priority, host): (u16, &&str)| {
            SrvRecord::new(priority, 0, 1688, host.parse().unwrap())
        };
        let records = (0..).zip(hosts).map(record).collect();
        self.dns.insert(
            format!("_vlmcs._tcp.{domain}"),
            Ok(LookupAnswer::new(records, 3600)),
        );
    }

    /// Puts something behind an address.
    pub fn host(&mut self, address: &str, behaviour: Behaviour) {
        self.hosts.insert(address.to_owned(), behaviour);
    }

    /// Begins an attempt whose first host is found without asking for its records.
    pub fn start(&mut self) -> HostAddress {
        let now = self.clock.now();
        self.engine.start(now, &mut self.entropy);
        loop {
            match self.engine.poll_action(now, &mut self.entropy) {
                Some(Action::Addresses { name, .. }) => {
                    let answer = AddressAnswer::new(vec!["192.0.2.7".parse().unwrap()]);
                    self.engine.handle_addresses(&name, Ok(answer), now);
                }
                Some(Action::Connect { host, .. }) => return host,
                action => panic!("no host is to be asked: {action:?}"),
            }
        }
    }

    /// One whole attempt.
    pub fn attempt(&mut self) -> Report {
        self.actions.clear();
        self.engine.start(self.clock.now(), &mut self.entropy);
        while let Some(action) = self.engine.poll_action(self.clock.now(), &mut self.entropy) {
            match action {
                Action::Lookup(name) => {
                    self.actions.push(format!("lookup {name}"));
                    let answer = self.dns.get(name.as_str()).cloned();
                    let answer = answer.unwrap_or(Err(LookupError::NoSuchName));
                    self.engine.handle_lookup(&name, answer, self.clock.now());
                }
                Action::Addresses { name, .. } => {
                    let found = AddressAnswer::new(vec!["192.0.2.7".parse().unwrap()]);
                    let answer = self.addresses.get(name.as_str()).cloned();
                    let answer = answer.unwrap_or(Ok(found));
                    self.engine
                        .handle_addresses(&name, answer, self.clock.now());
                }
                Action::Connect { host, .. } => {
                    self.actions.push(format!("connect {host}"));
                    self.connect(&host);
                }
            }
        }
        let report = self.engine.poll_report().unwrap();
        assert!(
            self.engine.poll_report().is_none(),
            "a report is given once"
        );
        assert!(!self.engine.is_exchanging());
        report
    }

    fn connect(&mut self, host: &HostAddress) {
        let Some(behaviour) = self.hosts.get(&host.to_string()).cloned() else {
            return self.fail(host, "connection refused");
        };
        let now = self.clock.now();
        self.engine.handle_connected(host, now, &mut self.entropy);
        let mut connection = FakeHost::connection();
        while let Some(bytes) = self.engine.poll_transmit().map(<[u8]>::to_vec) {
            let mut answer = match &behaviour {
                Behaviour::Host(host) => host.turn(&mut connection, &bytes),
                Behaviour::Bytes(bytes) => bytes.clone(),
            };
            (self.wire)(&mut answer);
            for piece in answer.chunks(self.piece) {
                let now = self.clock.now();
                self.engine.handle_input(piece, now, &mut self.entropy);
            }
        }
        if self.engine.is_exchanging() {
            self.fail(host, "end of connection");
        }
    }

    fn fail(&mut self, host: &HostAddress, reason: &str) {
        let code = StatusCode::RPC_SERVER_UNAVAILABLE;
        let now = self.clock.now();
        self.engine
            .handle_failure(host, code, reason, now, &mut self.entropy);
    }

    /// The events that wait, but for what is due.
    pub fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.engine.license_mut().poll_event() {
            if !matches!(event, Event::SaveDue | Event::AttemptDue) {
                events.push(event);
            }
        }
        events
    }

    /// The documented records among them, as text.
    pub fn records(&mut self) -> Vec<String> {
        let record = |event: Event| match event {
            Event::RequestSent(record) => Some(format!("12288 {record}")),
            Event::AnswerProcessed(record) => Some(format!("12289 {record}")),
            _ => None,
        };
        self.events().into_iter().filter_map(record).collect()
    }
}
