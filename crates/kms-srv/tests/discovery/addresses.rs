//! Where a host may be: its addresses, and those that are not used.

use super::{Answer, NOW, World, config, found, host, in_order, name, run, unavailable};
use core::net::SocketAddr;
use kms_core::SeededEntropy;
use kms_srv::{
    Action, AddressAnswer, AddressFault, Discovery, DiscoveryConfig, DiscoveryEvent, LookupError,
    SrvRecord, Unusable,
};

fn one_host() -> World {
    let records: Answer = Ok(in_order(&["kms1.a"]));
    World::default().with_domain("a", records)
}

/// Why a discovery skips its one host.
fn skipped(world: &World, config: DiscoveryConfig, cached: Option<&str>) -> Option<Unusable> {
    let entropy = &mut SeededEntropy::new(1);
    let mut discovery = Discovery::new(config, cached.map(host));
    discovery.start(NOW);
    loop {
        let action = discovery.poll_action(entropy).unwrap();
        if let Some(DiscoveryEvent::HostSkipped { reason, .. }) = discovery.poll_event() {
            return Some(reason);
        }
        match action {
            Action::Lookup(name) => {
                let answer = world.lookup(&name);
                let answer = answer.map(|records| kms_srv::LookupAnswer::new(records, 60));
                discovery.handle_lookup(&name, answer, NOW);
            }
            Action::Addresses { name, .. } => {
                discovery.handle_addresses(&name, world.find(&name), NOW);
            }
            Action::Connect { .. } | Action::Exhausted(_) => return None,
        }
    }
}

fn pinned(host: &str) -> DiscoveryConfig {
    DiscoveryConfig {
        pinned: Some(host.parse().unwrap()),
        ..config(&["a"])
    }
}

#[test]
fn a_host_is_connected_to_at_its_port_ipv6_first() {
    let entropy = &mut SeededEntropy::new(1);
    let mut discovery = Discovery::new(config(&[]), Some(host("kms1.a:1700")));
    discovery.start(NOW);
    let find = Action::Addresses {
        name: name("kms1.a"),
        search: false,
    };
    assert_eq!(discovery.poll_action(entropy), Some(find));
    let answer = found(&["192.0.2.7", "127.0.0.1", "2001:db8::7", "192.0.2.7"]);
    discovery.handle_addresses(&name("kms1.a"), answer, NOW);
    let wanted: [SocketAddr; 2] = [
        "[2001:db8::7]:1700".parse().unwrap(),
        "192.0.2.7:1700".parse().unwrap(),
    ];
    assert_eq!(
        discovery.poll_action(entropy),
        Some(Action::Connect {
            host: host("kms1.a:1700"),
            addresses: wanted.to_vec(),
        })
    );
}

#[test]
fn a_pinned_name_is_searched_for_and_a_literal_needs_no_lookup() {
    let entropy = &mut SeededEntropy::new(1);
    let mut discovery = Discovery::new(pinned("kms1"), None);
    discovery.start(NOW);
    let find = Action::Addresses {
        name: name("kms1"),
        search: true,
    };
    assert_eq!(discovery.poll_action(entropy), Some(find));
    for literal in ["192.0.2.7:1700", "[2001:db8::7]:1700", "127.0.0.1:1700"] {
        let mut discovery = Discovery::new(pinned(literal), None);
        discovery.start(NOW);
        assert_eq!(
            discovery.poll_action(entropy),
            Some(Action::Connect {
                host: host(literal),
                addresses: vec![literal.parse().unwrap()],
            })
        );
    }
}

#[test]
fn rfc_2782_a_target_that_is_an_alias_is_skipped_with_its_reason() {
    let alias = Ok(AddressAnswer {
        addresses: vec!["192.0.2.7".parse().unwrap()],
        alias_of: Some(name("other.a")),
    });
    let world = one_host()
        .with_addresses("kms1.a", alias.clone())
        .with_host("kms1.a:1688");
    assert_eq!(
        skipped(&world, config(&["a"]), None),
        Some(Unusable::Alias(name("other.a")))
    );
    assert_eq!(
        run(&world, config(&["a"]), None),
        [
            "look in a".into(),
            "kms1.a:1688 is skipped".into(),
            unavailable()
        ]
    );
    // An administrator may pin one.
    let world = world.with_addresses("kms1", alias).with_host("kms1:1688");
    assert_eq!(run(&world, pinned("kms1"), None), ["kms1:1688 answers"]);
}

#[test]
fn addresses_that_no_record_should_name_are_not_connected_to() {
    use AddressFault::{Broadcast, EmbeddedIpv4, LinkLocal, Loopback, Multicast, Unspecified};
    for (address, fault, pinned_too) in [
        ("0.0.0.0", Unspecified, true),
        ("::", Unspecified, true),
        ("224.0.0.1", Multicast, true),
        ("ff02::1", Multicast, true),
        ("255.255.255.255", Broadcast, false),
        ("169.254.0.1", LinkLocal, false),
        ("fe80::1", LinkLocal, false),
        ("::ffff:192.0.2.7", EmbeddedIpv4, false),
        ("127.0.0.1", Loopback, false),
        ("::1", Loopback, false),
    ] {
        let reason = || Unusable::Address(address.parse().unwrap(), fault);
        let world = one_host()
            .with_addresses("kms1.a", found(&[address]))
            .with_addresses("pinned", found(&[address]));
        let found = skipped(&world, config(&["a"]), None);
        assert_eq!(found, Some(reason()), "{address}");
        let cached = skipped(&world, config(&[]), Some("kms1.a"));
        assert_eq!(cached, Some(reason()), "{address}");
        let of_pinned = pinned_too.then(reason);
        let named = skipped(&world, pinned("pinned"), None);
        assert_eq!(named, of_pinned, "{address}");
        let literal = host_text(address);
        assert_eq!(
            skipped(&world, pinned(&literal), None),
            of_pinned,
            "{address}"
        );
        let literal = skipped(&world, config(&[]), Some(&literal));
        assert_eq!(literal, Some(reason()), "{address}");
        let mut lab = config(&["a"]);
        lab.allow_loopback = true;
        let in_lab = skipped(&world, lab, None);
        assert_eq!(in_lab, (fault != Loopback).then(reason), "{address}");
    }
}

fn host_text(address: &str) -> String {
    if address.contains(':') {
        format!("[{address}]:1688")
    } else {
        format!("{address}:1688")
    }
}

#[test]
fn a_host_whose_lookup_fails_is_passed_over_for_the_next() {
    let failed = |error| one_host().with_addresses("kms1.a", Err(error));
    for error in [
        LookupError::NoSuchName,
        LookupError::NoRecords,
        LookupError::ServerFailure,
        LookupError::Refused,
        LookupError::Timeout,
        LookupError::BadAnswer,
    ] {
        let reason = skipped(&failed(error), config(&["a"]), None).unwrap();
        assert_eq!(reason, Unusable::Lookup(error));
        assert_eq!(reason.status(), error.status());
    }
    let nothing = one_host().with_addresses("kms1.a", found(&[]));
    assert_eq!(
        skipped(&nothing, config(&["a"]), None),
        Some(Unusable::Lookup(LookupError::NoRecords))
    );
    let two = vec![
        SrvRecord::new(0, 0, 1, name("kms1.a")),
        SrvRecord::new(1, 0, 2, name("kms1.a")),
        SrvRecord::new(2, 0, 3, name("kms2.a")),
    ];
    let world = failed(LookupError::NoSuchName)
        .with_domain("a", Ok(two))
        .with_host("kms2.a:3");
    assert_eq!(
        run(&world, config(&["a"]), None),
        [
            "look in a",
            "kms1.a:1 is skipped",
            "kms1.a:2 is skipped",
            "kms2.a:3 answers"
        ]
    );
}
