//! The alerts: each pattern at the request that completes it, and what is like it but harmless.

use crate::fixture::{DAY, HOUR, START};
use core::{net::Ipv4Addr, time::Duration};
use kms_core::{Cmid, CountedId, LicenseStatus, MachineName, Now, SeededEntropy, Threshold};
use kms_count::{Admission, CmidTable, Config, Guarded, Request, Source};
use kms_host::{Alert, AlertConfig, Alerts};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const NONE: [u16; 0] = [];

/// A count with its alerts, and the clock of both.
pub(crate) struct World {
    pub(crate) table: CmidTable,
    pub(crate) alerts: Alerts,
    pub(crate) now: Now,
}

/// A request and the name that it gives.
#[derive(Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) request: Request,
    pub(crate) name: MachineName,
}

impl World {
    pub(crate) fn new(admission: Admission) -> Self {
        let config = Config::default().with_admission(admission);
        Self {
            table: CmidTable::new(config, &mut SeededEntropy::new(1)),
            alerts: Alerts::new(AlertConfig::default(), HOUR),
            now: START,
        }
    }

    fn guarded() -> Self {
        Self::new(Admission::Guarded(Guarded::default()))
    }

    fn compat() -> Self {
        Self::new(Admission::Compat)
    }

    pub(crate) fn ask(&mut self, asking: Asking) -> (u32, Vec<Alert>) {
        let recorded = self.table.record(&asking.request, self.now);
        let alerts = self
            .alerts
            .handle_request(&asking.request, &recorded, asking.name, self.now);
        (recorded.count, alerts)
    }

    fn alerts(&mut self, asking: Asking) -> Vec<Alert> {
        self.ask(asking).1
    }

    /// The numbers of the alerts of these requests, one after the other with `pause` between them.
    fn ids(&mut self, asking: impl IntoIterator<Item = Asking>, pause: Duration) -> Vec<u16> {
        let mut ids = Vec::new();
        for asking in asking {
            ids.extend(self.alerts(asking).iter().map(Alert::id));
            self.pass(pause);
        }
        ids
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// Machines 0 to `machines` ask twice, each from its own source, over two days.
    fn establish(&mut self, machines: u32) {
        for _ in 0..2 {
            self.ids((0..machines).map(|number| client(number, number)), SECOND);
            self.pass(DAY);
        }
    }
}

pub(crate) fn family(number: u128) -> CountedId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&number.to_be_bytes());
    format!("{:032x}", u128::from_be_bytes(bytes))
        .parse()
        .unwrap()
}

pub(crate) fn cmid(number: u32) -> Cmid {
    Cmid::random(&mut SeededEntropy::new(u64::from(number)))
}

pub(crate) fn source(number: u32) -> Source {
    Source::of(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
}

fn v6(number: u32) -> Source {
    format!("2001:db8:0:{number:x}::1").parse().unwrap()
}

/// A machine of a product with a threshold of 25 that asks from a source.
pub(crate) fn client(machine: u32, from: u32) -> Asking {
    Asking {
        request: Request {
            counted_id: family(1),
            cmid: cmid(machine),
            threshold: Threshold::new(25).unwrap(),
            license_status: LicenseStatus::OobGrace,
            virtual_machine: false,
            source: Some(source(from)),
            quota: None,
        },
        name: name(&format!("ws-{machine}")),
    }
}

fn name(text: &str) -> MachineName {
    text.parse().unwrap()
}

fn named(text: &str, asking: Asking) -> Asking {
    Asking {
        name: name(text),
        ..asking
    }
}

fn with_quota(quota: u32, asking: Asking) -> Asking {
    Asking {
        request: Request {
            quota: Some(quota),
            ..asking.request
        },
        ..asking
    }
}

#[test]
fn p1_more_than_ten_new_machines_of_a_source_in_ten_minutes() {
    let mut world = World::compat();
    for number in 1..=10 {
        assert_eq!(world.alerts(client(number, 1)), []);
        world.pass(45 * SECOND);
    }
    let alert = Alert::NewFromSource {
        source: source(1),
        machines: 11,
        machine_name: name("ws-11"),
    };
    assert_eq!((alert.id(), alert.pattern()), (20001, "new_from_source"));
    assert_eq!(world.alerts(client(11, 1)), [alert]);

    let mut world = World::compat();
    let slowly = (0..20).map(|number| client(number, 1));
    assert!(!world.ids(slowly, 2 * MINUTE).contains(&20001));
    let known = (0..20).map(|number| client(number, 1));
    assert!(!world.ids(known, SECOND).contains(&20001), "not new");
}

#[test]
fn a_source_may_bring_as_many_new_machines_as_its_own_quota_has() {
    let mut world = World::guarded();
    let site = |range: core::ops::Range<u32>| range.map(|number| with_quota(40, client(number, 1)));
    assert_eq!(world.ids(site(0..40), SECOND), NONE);
    assert_eq!(world.ids(site(40..41), SECOND), [20009, 20001]);
}

#[test]
fn p2_a_threshold_that_is_reached_within_an_hour() {
    let mut world = World::guarded();
    let attack = (1..25).map(|number| client(number, number));
    assert_eq!(world.ids(attack, MINUTE), NONE);
    let alert = Alert::ReachedAtOnce {
        counted_id: family(1),
        count: 25,
        machines: 25,
    };
    assert_eq!(world.alerts(client(25, 25)), [alert]);

    let mut world = World::guarded();
    let deployment = (1..=40).map(|number| client(number, number));
    assert_eq!(world.ids(deployment, 5 * MINUTE), NONE);
}

#[test]
fn p3_more_new_machines_of_a_family_in_a_day_than_twice_the_threshold() {
    let mut world = World::guarded();
    world.establish(20);
    world.pass(DAY);
    let flood = (100..150).map(|number| client(number, number));
    assert_eq!(world.ids(flood, MINUTE), NONE);
    let alert = Alert::NewOfFamily {
        counted_id: family(1),
        machines: 51,
        allowed: 50,
    };
    assert_eq!(world.alerts(client(150, 150)), [alert]);
}

#[test]
fn a_large_fleet_may_bring_a_fifth_of_itself_in_a_day() {
    let mut world = World::guarded();
    world.ids((0..1000).map(|number| client(number, number)), SECOND);
    world.pass(2 * DAY);
    let imaging = (1000..1200).map(|number| client(number, number));
    assert_eq!(world.ids(imaging, MINUTE), NONE);
    let more = (1200..1300).map(|number| client(number, number));
    assert_eq!(world.ids(more, MINUTE), [20002]);
}

#[test]
fn five_established_machines_that_have_to_leave_in_an_hour() {
    let mut world = World::compat();
    world.establish(50);
    assert_eq!(world.ids((100..104).map(|n| client(n, n)), MINUTE), NONE);
    let alert = Alert::EstablishedDropped {
        counted_id: family(1),
        machines: 5,
        cmid: cmid(4),
    };
    assert_eq!(world.alerts(client(104, 104)), [alert]);

    let mut world = World::compat();
    world.establish(50);
    let slowly = (100..120).map(|number| client(number, number));
    assert_eq!(world.ids(slowly, 15 * MINUTE), NONE);
    // Those that came once were never established.
    let mut world = World::compat();
    world.ids((0..50).map(|number| client(number, number)), 15 * MINUTE);
    let ids = world.ids((100..120).map(|number| client(number, number)), MINUTE);
    assert!(!ids.contains(&20003));
}

#[test]
fn machines_known_from_before_a_restart_are_not_new_and_are_established() {
    let mut before = World::guarded();
    before.establish(50);
    let mut world = World::compat();
    world.now = before.now;
    let snapshot = before.table.snapshot();
    let config = Config::default();
    let mut entropy = SeededEntropy::new(2);
    world.table = CmidTable::restore(config, &snapshot, &mut entropy, world.now).unwrap();
    world.alerts.know_all(&snapshot);
    let again = (0..50).map(|number| client(number, 1));
    assert_eq!(world.ids(again, SECOND), NONE);
    let flood = (100..105).map(|number| client(number, number));
    assert_eq!(world.ids(flood, SECOND), [20003]);
}

#[test]
fn a_count_that_rises_by_machines_of_few_sources() {
    let mut world = World::guarded();
    let attack = (0..12).map(|number| client(number, number / 5));
    assert_eq!(world.ids(attack, 20 * MINUTE), NONE);
    let alert = Alert::FewSources {
        counted_id: family(1),
        machines: 13,
        sources: 3,
    };
    assert_eq!(world.alerts(client(12, 2)), [alert]);

    let mut world = World::guarded();
    let own_quota = (0..30).map(|number| with_quota(200, client(number, number / 10)));
    assert_eq!(world.ids(own_quota, 20 * MINUTE), NONE);
    let mut world = World::guarded();
    let many_sources = (0..30).map(|number| client(number, number / 2));
    assert_eq!(world.ids(many_sources, 20 * MINUTE), NONE);
}

#[test]
fn p6_a_machine_that_asks_from_two_sources_in_an_hour() {
    let mut world = World::guarded();
    // Whoever knows the id keeps it alive every two hours; the machine itself asks once a week.
    let stolen = (0..20).map(|_| client(1, 66));
    assert_eq!(world.ids(stolen, 2 * HOUR), NONE);
    world.now.tick = world.now.tick.saturating_add(HOUR / 2);
    let ids = world.ids([client(1, 1), client(1, 66)], HOUR / 2);
    assert_eq!(ids, [20005]);

    let mut world = World::guarded();
    world.alerts(client(1, 1));
    world.pass(HOUR);
    let alert = Alert::TwoSources {
        cmid: cmid(1),
        machine_name: name("ws-1"),
        sources: [source(1), source(2)],
    };
    assert_eq!(world.alerts(client(1, 2)), [alert]);
}

#[test]
fn a_machine_that_is_carried_elsewhere_or_has_both_kinds_of_addresses_is_no_pattern() {
    let mut world = World::guarded();
    let carried = (0..10).map(|number| client(1, number));
    assert_eq!(world.ids(carried, HOUR + SECOND), NONE);
    let both = (0..10).map(|number| {
        let mut asking = client(2, 2);
        if number % 2 == 1 {
            asking.request.source = Some(v6(2));
        }
        asking
    });
    assert_eq!(world.ids(both, SECOND), NONE);
}

#[test]
fn p7_copies_of_an_image_that_was_not_generalised_are_told_by_their_names() {
    let copy = |number: u32| named(&format!("copy-{number}"), client(1, number));
    // Two that ask within an hour.
    let mut world = World::guarded();
    assert_eq!(world.alerts(copy(1)), []);
    let names = vec![name("copy-1"), name("copy-2")];
    let alert = Alert::SeveralNames {
        cmid: cmid(1),
        machine_names: names,
    };
    assert_eq!(world.alerts(copy(2)), [alert]);
    // Two that ask once a week: when the first comes again.
    let mut world = World::guarded();
    let weekly = [copy(1), copy(2), copy(1)];
    assert_eq!(world.ids(weekly, 3 * DAY), [20006]);
    // Three.
    let mut world = World::guarded();
    assert_eq!(world.ids([copy(1), copy(2), copy(3)], 3 * DAY), [20006]);
    // 200, told once an hour.
    let mut world = World::guarded();
    assert_eq!(world.ids((0..200).map(copy), MINUTE), [20006; 4]);
}

#[test]
fn a_machine_that_is_renamed_is_no_pattern() {
    let mut world = World::guarded();
    let renamed = [
        named("MININT-7", client(1, 1)),
        named("ws-17", client(1, 1)),
        named("WS-17", client(1, 1)),
        named("ws-17", client(1, 2)),
    ];
    assert_eq!(world.ids(renamed, 2 * HOUR), NONE);
}

#[test]
fn a_machine_beyond_the_quota_of_its_source() {
    let mut world = World::guarded();
    assert_eq!(world.ids((0..5).map(|n| client(n, 1)), 2 * HOUR), NONE);
    let alert = Alert::OverQuota {
        source: Some(source(1)),
        counted_id: family(1),
        cmid: cmid(5),
        machine_name: name("ws-5"),
    };
    assert_eq!(world.alerts(client(5, 1)), [alert]);
}

#[test]
fn an_alert_is_given_once_an_hour_for_what_it_is_about() {
    let mut world = World::guarded();
    world.ids((0..5).map(|number| client(number, 1)), 2 * HOUR);
    world.ids((10..15).map(|number| client(number, 2)), 2 * HOUR);
    let beyond = || [client(5, 1), client(15, 2), client(6, 1), client(16, 2)];
    assert_eq!(world.ids(beyond(), SECOND), [20009, 20009]);
    world.pass(HOUR - 5 * SECOND);
    assert_eq!(world.ids(beyond(), Duration::ZERO), NONE);
    world.pass(2 * SECOND);
    assert_eq!(world.ids(beyond(), Duration::ZERO), [20009, 20009]);
}

#[test]
fn no_alert_is_given_where_that_is_configured() {
    let mut world = World::guarded();
    let mut config = AlertConfig::default();
    config.enabled = false;
    world.alerts.configure(config, HOUR);
    assert_eq!(world.ids((0..100).map(|n| client(n, 1)), SECOND), NONE);
    let cmids = [cmid(1), cmid(2)];
    let told = world
        .alerts
        .handle_second_cmid(None, cmids, name("ws-2"), world.now);
    assert_eq!(told, None);
}

#[test]
fn limit_alerts_per_hour() {
    let mut world = World::guarded();
    let barred = |number| with_quota(0, client(number, number));
    let most = u32::try_from(Alerts::PER_HOUR).unwrap();
    let flood = (0..most + 50).map(barred);
    let ids = world.ids(flood, Duration::ZERO);
    let of = |id| ids.iter().filter(|&&given| given == id).count();
    assert_eq!(of(20009), Alerts::PER_HOUR);
    assert_eq!(of(20002), 1, "other patterns have their own");
    world.pass(HOUR);
    assert!(world.ids([barred(most + 50)], SECOND).contains(&20009));
}

#[test]
fn limit_names() {
    let mut world = World::guarded();
    let copy = |number| named(&format!("copy-{number}"), client(1, number));
    let names = |alerts: &[Alert]| match alerts {
        [Alert::SeveralNames { machine_names, .. }] => machine_names.clone(),
        other => panic!("{other:?}"),
    };
    world.alerts(copy(0));
    for number in 1..10 {
        let known = names(&world.alerts(copy(number)));
        assert_eq!(known.len(), (number as usize + 1).min(Alerts::NAMES));
        assert_eq!(known.last(), Some(&copy(number).name));
        world.pass(HOUR);
    }
}

#[test]
fn limit_families() {
    let mut world = World::guarded();
    let asking = |of: u32, number: u32| {
        let mut asking = client(number, number);
        asking.request.counted_id = family(of.into());
        asking.request.threshold = Threshold::new(1).unwrap();
        asking
    };
    let most = u32::try_from(Alerts::FAMILIES).unwrap();
    for of in 0..most {
        world.alerts(asking(of, 0));
    }
    let mut flood = |of| {
        let machines = 2000 * of..2000 * of + 1999;
        world.ids(machines.map(|number| asking(of, number)), Duration::ZERO)
    };
    assert!(flood(most - 1).contains(&20002));
    assert!(!flood(most).contains(&20002));
}

#[test]
fn limit_known_machines() {
    let mut world = World::guarded();
    let mut config = AlertConfig::default();
    (config.known_machines, config.new_from_source) = (100, 1000);
    world.alerts.configure(config, HOUR);
    let machines =
        |range: core::ops::Range<u32>| range.map(|number| client(number, 100_000 + number % 50));
    world.ids(machines(0..100), HOUR);
    assert_eq!(world.ids(machines(50..100), SECOND), NONE, "still known");
    // Beyond what it remembers it cannot tell which are new.
    let ids = world.ids(machines(100..400), SECOND);
    assert!(!ids.contains(&20002), "{ids:?}");
}
