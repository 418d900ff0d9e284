//! The table against a plain model, written from the documents: a vector for each family, searched
//! from end to end.

use crate::support::{cmid, days, threshold};
use core::time::Duration;
use kms_core::{Cmid, CountedId, LicenseStatus, Now, SeededEntropy, Tick, Timestamp};
use kms_count::{Change, CmidTable, Config, Recorded, Request, Snapshot};
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::collections::BTreeMap;
use uuid::Uuid;

const RETENTION_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
enum Step {
    Ask(Request),
    Fail(Option<CountedId>, Option<LicenseStatus>),
    /// Both clocks go on; then each is set by so many milliseconds.
    Pass {
        time: Duration,
        tick: i64,
        wall: i64,
    },
    /// To so many milliseconds before the next expiry, if there is one.
    GoBefore(u64),
    Timeout,
    /// The process starts again, after so many milliseconds of the calendar clock.
    Restart {
        away: i64,
        tick: u64,
        count_virtual_machines: bool,
    },
}

#[derive(Clone, Debug)]
struct Machine {
    cmid: Cmid,
    wall: i64,
    /// By `Model::clock`, which a restart sets anew: an `i64` reaches before its beginning.
    asked: i64,
}

#[derive(Clone, Debug, Default)]
struct Numbers {
    total: u64,
    failed: u64,
    by_status: [u64; 7],
}

impl Numbers {
    fn add(&mut self, failed: bool, status: Option<LicenseStatus>) {
        self.total += 1;
        self.failed += u64::from(failed);
        if let Some(status) = status {
            self.by_status[status.number() as usize] += 1;
        }
    }

    fn assert_eq(&self, counters: &kms_count::Counters) {
        let shown = (counters.total(), counters.failed(), counters.by_status());
        assert_eq!(shown, (self.total, self.failed, self.by_status));
    }
}

#[derive(Clone, Debug)]
struct ModelFamily {
    highest: u32,
    numbers: Numbers,
    /// Oldest to newest.
    machines: Vec<Machine>,
}

#[derive(Clone, Debug)]
struct Model {
    count_virtual_machines: bool,
    /// What the clocks show.
    tick: i64,
    wall: i64,
    /// The latest tick that the table was told.
    clock: i64,
    numbers: Numbers,
    families: BTreeMap<CountedId, ModelFamily>,
    /// What the last request or timeout gave.
    recorded: Option<Recorded>,
    expired: usize,
}

impl Model {
    fn now(&self) -> Now {
        Now::new(
            Tick::from_millis(self.tick.unsigned_abs()),
            Timestamp::from_millis(self.wall),
        )
    }

    fn expire(&mut self) {
        self.clock = self.clock.max(self.tick);
        self.expired = 0;
        for family in self.families.values_mut() {
            let before = family.machines.len();
            let clock = self.clock;
            family
                .machines
                .retain(|machine| clock - machine.asked < RETENTION_MILLIS);
            self.expired += before - family.machines.len();
        }
    }

    fn next_expiry(&self) -> Option<i64> {
        self.families
            .values()
            .flat_map(|family| &family.machines)
            .map(|machine| machine.asked + RETENTION_MILLIS)
            .min()
    }

    fn ask(&mut self, request: &Request) {
        self.expire();
        self.numbers.add(false, Some(request.license_status));
        let family = self
            .families
            .entry(request.counted_id)
            .or_insert_with(|| ModelFamily {
                highest: 0,
                numbers: Numbers::default(),
                machines: Vec::new(),
            });
        family.numbers.add(false, Some(request.license_status));
        family.highest = family.highest.max(request.threshold.machines());
        let mut dropped = None;
        let change = if request.virtual_machine && !self.count_virtual_machines {
            Change::NotCounted
        } else {
            let known = family
                .machines
                .iter()
                .position(|machine| machine.cmid == request.cmid);
            if let Some(at) = known {
                family.machines.remove(at);
            }
            family.machines.push(Machine {
                cmid: request.cmid,
                wall: self.wall,
                asked: self.clock,
            });
            if family.machines.len() > 2 * family.highest as usize {
                dropped = Some(family.machines.remove(0).cmid);
            }
            if known.is_some() {
                Change::Renewed
            } else {
                Change::New
            }
        };
        self.recorded = Some(Recorded {
            count: u32::try_from(family.machines.len()).unwrap(),
            change,
            dropped,
            expired: self.expired,
        });
    }

    fn restart(&mut self) {
        self.clock = self.tick;
        for family in self.families.values_mut() {
            let mut youngest = i64::MAX;
            for machine in &mut family.machines {
                youngest = youngest.min((self.wall - machine.wall).max(0));
                machine.asked = self.clock - youngest;
            }
        }
        self.expire();
    }
}

fn counted_id(number: u128) -> CountedId {
    CountedId::new(Uuid::from_u128(number))
}

fn request() -> impl Strategy<Value = Request> {
    // Few machines, so that they come again; small thresholds, so that families fill.
    let thresholds = select(vec![1_u32, 2, 2, 3, 3, 5, 25]);
    let families = select(vec![1_u128, 1, 1, 2, 3]);
    (0..14_u32, families, thresholds, 0..7_usize, any::<bool>()).prop_map(
        |(machine, family, machines, status, virtual_machine)| Request {
            counted_id: counted_id(family),
            cmid: cmid(machine),
            threshold: threshold(machines),
            license_status: LicenseStatus::ALL[status],
            virtual_machine,
            source: None,
            quota: None,
        },
    )
}

fn setting() -> impl Strategy<Value = i64> {
    let day = RETENTION_MILLIS / 30;
    prop_oneof![
        6 => Just(0),
        1 => -1..=1_i64,
        1 => -2 * day..=2 * day,
        1 => select(vec![-400 * day, -31 * day, 31 * day, 400 * day]),
    ]
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        any::<bool>()
            .prop_map(|count_virtual_machines| Self {
                count_virtual_machines,
                tick: 1_000,
                wall: 1_700_000_000_000,
                clock: 1_000,
                numbers: Numbers::default(),
                families: BTreeMap::new(),
                recorded: None,
                expired: 0,
            })
            .boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        let time = prop_oneof![
            (0..3_u64).prop_map(Duration::from_millis),
            (0..12_u64).prop_map(days),
        ];
        let status = select(LicenseStatus::ALL.to_vec());
        prop_oneof![
            12 => request().prop_map(Step::Ask),
            1 => (proptest::option::of((1..5_u128).prop_map(counted_id)), proptest::option::of(status))
                .prop_map(|(family, status)| Step::Fail(family, status)),
            4 => (time, setting(), setting()).prop_map(|(time, tick, wall)| Step::Pass { time, tick, wall }),
            2 => (0..3_u64).prop_map(Step::GoBefore),
            2 => Just(Step::Timeout),
            1 => (setting(), select(vec![0, 5, 1 << 40]), any::<bool>()).prop_map(
                |(away, tick, count_virtual_machines)| Step::Restart { away, tick, count_virtual_machines }
            ),
        ]
        .boxed()
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        match step {
            Step::Ask(request) => model.ask(request),
            Step::Fail(family, status) => {
                model.numbers.add(true, *status);
                if let Some(family) = family.and_then(|family| model.families.get_mut(&family)) {
                    family.numbers.add(true, *status);
                }
            }
            &Step::Pass { time, tick, wall } => {
                let time = i64::try_from(time.as_millis()).unwrap();
                model.tick = (model.tick + time + tick).max(0);
                model.wall += time + wall;
            }
            &Step::GoBefore(millis) => {
                if let Some(expiry) = model.next_expiry() {
                    let tick = (expiry - millis as i64).max(model.tick);
                    model.wall += tick - model.tick;
                    model.tick = tick;
                }
            }
            Step::Timeout => model.expire(),
            &Step::Restart {
                away,
                tick,
                count_virtual_machines,
            } => {
                model.wall += away;
                model.tick = tick as i64;
                model.count_virtual_machines = count_virtual_machines;
                model.restart();
            }
        }
        model
    }
}

struct Table(CmidTable);

impl Table {
    fn new(model: &Model, snapshot: &Snapshot) -> Self {
        let config = Config::default().with_count_virtual_machines(model.count_virtual_machines);
        let mut entropy = SeededEntropy::new(model.wall.unsigned_abs());
        Self(CmidTable::restore(config, snapshot, &mut entropy, model.now()).unwrap())
    }
}

impl StateMachineTest for Table {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        Self::new(model, &Snapshot::default())
    }

    fn apply(mut table: Self, model: &Model, step: Step) -> Self {
        match step {
            Step::Ask(request) => {
                let recorded = table.0.record(&request, model.now());
                assert_eq!(Some(recorded), model.recorded);
            }
            Step::Fail(family, status) => table.0.record_failure(family, status),
            Step::Pass { .. } | Step::GoBefore(_) => {}
            Step::Timeout => assert_eq!(table.0.handle_timeout(model.now()), model.expired),
            Step::Restart { .. } => table = Self::new(model, &table.0.snapshot()),
        }
        table
    }

    fn check_invariants(Self(table): &Self, model: &Model) {
        let timeout = table.poll_timeout().map(|tick| tick.as_millis() as i64);
        assert_eq!(timeout, model.next_expiry());
        model.numbers.assert_eq(table.counters());
        assert_eq!(table.families().count(), model.families.len());
        let mut count = 0;
        for (family, (counted_id, expected)) in table.families().zip(&model.families) {
            assert_eq!(family.counted_id(), *counted_id);
            assert_eq!(family.threshold().machines(), expected.highest);
            assert_eq!(family.capacity(), 2 * expected.highest);
            assert_eq!(family.count() as usize, expected.machines.len());
            expected.numbers.assert_eq(family.counters());
            let machines = family
                .records()
                .map(|record| (record.cmid, record.last_request.as_millis()));
            let expected = expected
                .machines
                .iter()
                .map(|machine| (machine.cmid, machine.wall));
            assert!(machines.eq(expected));
            count += i64::from(family.count());
        }
        let shown = if model.families.is_empty() { -1 } else { count };
        assert_eq!(table.shown_count(), shown);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_table_does_what_a_vector_searched_from_end_to_end_does(sequential 1..150 => Table);
}
