//! Discovery as the documents tell it, step by step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod addresses;
mod kept;
mod lookups;
mod model;
mod table_5;

use kms_core::{SeededEntropy, StatusCode, Tick};
use kms_srv::{
    Action, AddressAnswer, Discovery, DiscoveryConfig, DiscoveryEvent, DomainName, HostAddress,
    LookupAnswer, LookupError, SrvRecord,
};
use std::collections::{BTreeMap, BTreeSet};

const NOW: Tick = Tick::ZERO;

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn host(text: &str) -> HostAddress {
    text.parse().unwrap()
}

fn config(suffixes: &[&str]) -> DiscoveryConfig {
    DiscoveryConfig {
        suffixes: suffixes.iter().map(|suffix| name(suffix)).collect(),
        ..DiscoveryConfig::default()
    }
}

/// Records of one priority each, so that their order is theirs.
fn in_order(targets: &[&str]) -> Vec<SrvRecord> {
    (0..)
        .zip(targets)
        .map(|(priority, target)| SrvRecord::new(priority, 0, 1688, name(target)))
        .collect()
}

type Answer = Result<Vec<SrvRecord>, LookupError>;
type Addresses = Result<AddressAnswer, LookupError>;

/// The TTL of all records, in seconds.
const TTL: u32 = 3600;

fn found(addresses: &[&str]) -> Addresses {
    let addresses = addresses.iter().map(|ip| ip.parse().unwrap());
    Ok(AddressAnswer::new(addresses.collect()))
}

/// What DNS and the network hold, by which a driver answers the engine.
#[derive(Clone, Debug, Default)]
struct World {
    /// By complete name; a name that is not here does not exist.
    dns: BTreeMap<DomainName, Answer>,
    /// By complete name; a name that is not here has one good address.
    addresses: BTreeMap<DomainName, Addresses>,
    answering: BTreeSet<HostAddress>,
}

impl World {
    fn with_domain(mut self, domain: &str, answer: Answer) -> Self {
        self.dns
            .insert(name(&format!("_vlmcs._tcp.{domain}")), answer);
        self
    }

    fn with_host(mut self, address: &str) -> Self {
        self.answering.insert(host(address));
        self
    }

    fn with_addresses(mut self, host: &str, addresses: Addresses) -> Self {
        self.addresses.insert(name(host), addresses);
        self
    }

    fn lookup(&self, name: &DomainName) -> Answer {
        let missing = || Err(LookupError::NoSuchName);
        self.dns.get(name).cloned().unwrap_or_else(missing)
    }

    fn find(&self, name: &DomainName) -> Addresses {
        let good = || found(&["192.0.2.7"]);
        self.addresses.get(name).cloned().unwrap_or_else(good)
    }

    /// Drives the engine to its end and tells what it did.
    fn run(&self, discovery: &mut Discovery, entropy: &mut SeededEntropy) -> Vec<String> {
        self.run_at(NOW, discovery, entropy)
    }

    fn run_at(
        &self,
        now: Tick,
        discovery: &mut Discovery,
        entropy: &mut SeededEntropy,
    ) -> Vec<String> {
        let mut steps = Vec::new();
        discovery.start(now);
        while let Some(action) = discovery.poll_action(entropy) {
            while let Some(event) = discovery.poll_event() {
                match event {
                    DiscoveryEvent::HostSkipped { host, .. } => {
                        steps.push(format!("{host} is skipped"));
                    }
                    DiscoveryEvent::LookupsUsedUp { .. } => steps.push("used up".to_owned()),
                    DiscoveryEvent::HostsUsedUp { hosts } => steps.push(format!("{hosts} hosts")),
                    _ => {}
                }
            }
            match action {
                Action::Lookup(name) => {
                    let domain = name.as_str().strip_prefix("_vlmcs._tcp.").unwrap();
                    steps.push(format!("look in {domain}"));
                    let answer = self.lookup(&name);
                    let answer = answer.map(|records| LookupAnswer::new(records, TTL));
                    discovery.handle_lookup(&name, answer, now);
                }
                Action::Addresses { name, .. } => {
                    discovery.handle_addresses(&name, self.find(&name), now);
                }
                Action::Connect { host, .. } if self.answering.contains(&host) => {
                    steps.push(format!("{host} answers"));
                    discovery.handle_success(&host);
                }
                Action::Connect { host, .. } => {
                    steps.push(format!("{host} fails"));
                    discovery.handle_failure(&host, now);
                }
                Action::Exhausted(status) => steps.push(format!("{status:?}")),
            }
            assert!(steps.len() < 1000, "it does not end");
        }
        steps
    }
}

fn run(world: &World, config: DiscoveryConfig, cached: Option<&str>) -> Vec<String> {
    let mut discovery = Discovery::new(config, cached.map(host));
    world.run(&mut discovery, &mut SeededEntropy::new(1))
}

fn unavailable() -> String {
    format!("{:?}", StatusCode(0xC004_F074))
}

mod pinned {
    use super::*;

    #[test]
    fn timing_the_narrowest_scope_wins() {
        let world = World::default()
            .with_host("for-id:1688")
            .with_host("for-app:1688")
            .with_host("for-all:1688");
        let mut config = config(&["contoso.com"]);
        config.pinned = Some("for-all".parse().unwrap());
        assert_eq!(run(&world, config.clone(), None), ["for-all:1688 answers"]);
        config.pinned_for_application = Some("for-app".parse().unwrap());
        assert_eq!(run(&world, config.clone(), None), ["for-app:1688 answers"]);
        config.pinned_for_activation_id = Some("for-id".parse().unwrap());
        assert_eq!(run(&world, config, Some("cached")), ["for-id:1688 answers"]);
    }

    #[test]
    fn deploy_kms_a_pinned_host_disables_auto_discovery() {
        let world = World::default()
            .with_domain("contoso.com", Ok(in_order(&["kms1.contoso.com"])))
            .with_host("kms1.contoso.com:1688");
        let mut config = config(&["contoso.com"]);
        config.pinned = Some("other:1700".parse().unwrap());
        let steps = run(&world, config, Some("kms1.contoso.com"));
        assert_eq!(steps, ["other:1700 fails".into(), unavailable()]);
    }

    #[test]
    fn a_pinned_host_is_not_cached() {
        let world = World::default().with_host("other:1688");
        let mut config = config(&[]);
        config.pinned = Some("other".parse().unwrap());
        let mut discovery = Discovery::new(config, Some(host("kms1")));
        world.run(&mut discovery, &mut SeededEntropy::new(1));
        assert_eq!(discovery.cached(), Some(&host("kms1")));
        assert_eq!(discovery.pinned(), Some(&host("other")));
    }

    #[test]
    fn slmgr_skms_a_port_alone_leaves_discovery_on_and_serves_a_wider_scope() {
        let world = World::default()
            .with_domain("contoso.com", Ok(in_order(&["kms1.contoso.com"])))
            .with_host("kms1.contoso.com:1688");
        let mut config = config(&["contoso.com"]);
        config.pinned_for_activation_id = Some(":1700".parse().unwrap());
        assert_eq!(
            run(&world, config.clone(), None),
            ["look in contoso.com", "kms1.contoso.com:1688 answers"]
        );
        config.pinned = Some("other:1701".parse().unwrap());
        let pinned =
            |config: &DiscoveryConfig| Discovery::new(config.clone(), None).pinned().cloned();
        assert_eq!(pinned(&config), Some(host("other:1700")));
        config.pinned_for_activation_id = None;
        assert_eq!(pinned(&config), Some(host("other:1701")));
        config.pinned = Some("other".parse().unwrap());
        config.default_port = 1702.try_into().unwrap();
        assert_eq!(pinned(&config), Some(host("other:1702")));
    }
}

mod cache {
    use super::*;

    fn world() -> World {
        World::default()
            .with_domain(
                "contoso.com",
                Ok(in_order(&["kms1.contoso.com", "kms2.contoso.com"])),
            )
            .with_host("kms2.contoso.com:1688")
    }

    #[test]
    fn activate_clients_the_host_that_answered_is_asked_first_the_next_time() {
        let mut discovery = Discovery::new(config(&["contoso.com"]), None);
        let mut entropy = SeededEntropy::new(1);
        let first = world().run(&mut discovery, &mut entropy);
        assert_eq!(
            first,
            [
                "look in contoso.com",
                "kms1.contoso.com:1688 fails",
                "kms2.contoso.com:1688 answers"
            ]
        );
        assert_eq!(discovery.cached(), Some(&host("kms2.contoso.com")));
        let second = world().run(&mut discovery, &mut entropy);
        assert_eq!(second, ["kms2.contoso.com:1688 answers"]);
    }

    #[test]
    fn activate_clients_a_cached_host_that_fails_leads_to_discovery() {
        let mut discovery = Discovery::new(config(&["contoso.com"]), Some(host("old:1700")));
        let steps = world().run(&mut discovery, &mut SeededEntropy::new(1));
        assert_eq!(steps[..2], ["old:1700 fails", "look in contoso.com"]);
        assert_eq!(discovery.cached(), Some(&host("kms2.contoso.com")));
    }

    #[test]
    fn a_failed_lookup_never_drops_a_cached_host() {
        for error in [
            LookupError::NoSuchName,
            LookupError::NoRecords,
            LookupError::ServerFailure,
            LookupError::Refused,
            LookupError::Timeout,
            LookupError::BadAnswer,
        ] {
            let world = World::default().with_domain("contoso.com", Err(error));
            let mut discovery = Discovery::new(config(&["contoso.com"]), Some(host("old")));
            let steps = world.run(&mut discovery, &mut SeededEntropy::new(1));
            assert_eq!(
                steps,
                [
                    "old:1688 fails".into(),
                    "look in contoso.com".into(),
                    unavailable()
                ]
            );
            assert_eq!(discovery.cached(), Some(&host("old")));
        }
    }

    #[test]
    fn slmgr_ckhc_without_caching_every_attempt_goes_by_dns() {
        let mut config = config(&["contoso.com"]);
        config.caching = false;
        let mut discovery = Discovery::new(config, Some(host("old")));
        let mut entropy = SeededEntropy::new(1);
        for hour in 0..2 {
            assert_eq!(discovery.cached(), None);
            let now = Tick::from_millis(hour * 3_600_000);
            let steps = world().run_at(now, &mut discovery, &mut entropy);
            assert_eq!(steps[0], "look in contoso.com");
        }
    }

    #[test]
    fn a_cached_host_that_failed_is_not_tried_again_when_dns_names_it_too() {
        let steps = run(&world(), config(&["contoso.com"]), Some("kms1.contoso.com"));
        assert_eq!(
            steps,
            [
                "kms1.contoso.com:1688 fails",
                "look in contoso.com",
                "kms2.contoso.com:1688 answers"
            ]
        );
    }
}
