//! The table against a plain model, written from the documents: a vector for each family, searched
//! from end to end.

use crate::support::{cmid, days, threshold};
use core::{net::Ipv4Addr, num::NonZeroU32, time::Duration};
use kms_core::{Cmid, CountedId, LicenseStatus, Now, SeededEntropy, Tick, Timestamp};
use kms_count::{
    Admission, Change, CmidTable, Config, Guarded, Quota, Recorded, Request, Snapshot, Source,
};
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
        admission: Admission,
    },
}

#[derive(Clone, Debug)]
struct Machine {
    cmid: Cmid,
    wall: i64,
    first_wall: i64,
    source: Option<Source>,
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

impl ModelFamily {
    /// Finds a place for the machine, or none.
    fn place(
        &mut self,
        request: &Request,
        admission: Admission,
        wall: i64,
        clock: i64,
    ) -> (Change, Option<Cmid>) {
        let mut asking = Machine {
            cmid: request.cmid,
            wall,
            first_wall: wall,
            source: request.source,
            asked: clock,
        };
        let machines = &mut self.machines;
        let known = machines
            .iter()
            .position(|machine| machine.cmid == asking.cmid);
        if let Some(at) = known {
            let known = machines.remove(at);
            (asking.first_wall, asking.source) = (known.first_wall, known.source);
            machines.push(asking);
            return (Change::Renewed, None);
        }
        let is_full = machines.len() == 2 * self.highest as usize;
        let mut leaves = is_full.then_some(0);
        if let Admission::Guarded(guarded) = admission {
            let quota = request.quota.unwrap_or_else(|| match guarded.quota() {
                Quota::Share(parts) => self.highest.div_ceil(parts.get()),
                Quota::Machines(machines) => machines,
            });
            let of_source = machines
                .iter()
                .filter(|machine| machine.source == asking.source)
                .count();
            if asking.source.is_some() && of_source >= quota as usize {
                return (Change::OverQuota, None);
            }
            if is_full {
                let hour = guarded.established_after().as_millis();
                leaves = machines.iter().position(|machine| {
                    u128::from(machine.wall.abs_diff(machine.first_wall)) < hour
                });
                if leaves.is_none() {
                    return (Change::Full, None);
                }
            }
        }
        let dropped = leaves.map(|at| machines.remove(at).cmid);
        machines.push(asking);
        (Change::New, dropped)
    }
}

#[derive(Clone, Debug)]
struct Model {
    count_virtual_machines: bool,
    admission: Admission,
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
        let ignored = request.virtual_machine && !self.count_virtual_machines;
        let (change, dropped) = if ignored {
            (Change::NotCounted, None)
        } else {
            family.place(request, self.admission, self.wall, self.clock)
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
                if self.admission == Admission::Compat {
                    (machine.first_wall, machine.source) = (machine.wall, None);
                }
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
    // One source that would fill every family, and some others.
    let sources = select(vec![
        None,
        Some(1_u32),
        Some(1),
        Some(1),
        Some(2),
        Some(3),
        Some(4),
    ]);
    let quotas = select(vec![
        None,
        None,
        None,
        None,
        None,
        Some(0_u32),
        Some(1),
        Some(3),
    ]);
    let numbers = (0..14_u32, families, thresholds, 0..7_usize);
    (numbers, any::<bool>(), sources, quotas).prop_map(
        |((machine, family, machines, status), virtual_machine, source, quota)| Request {
            counted_id: counted_id(family),
            cmid: cmid(machine),
            threshold: threshold(machines),
            license_status: LicenseStatus::ALL[status],
            virtual_machine,
            source: source.map(|number| Source::of(Ipv4Addr::from_bits(number).into())),
            quota,
        },
    )
}

fn admission() -> impl Strategy<Value = Admission> {
    let fifth = Guarded::default();
    let half = fifth
        .with_quota(Quota::Share(NonZeroU32::new(2).unwrap()))
        .with_established_after(Duration::from_millis(2));
    let two = fifth
        .with_quota(Quota::Machines(2))
        .with_established_after(days(3));
    select(vec![
        Admission::Compat,
        Admission::Compat,
        Admission::Guarded(fifth),
        Admission::Guarded(half),
        Admission::Guarded(two),
    ])
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
        (any::<bool>(), admission())
            .prop_map(|(count_virtual_machines, admission)| Self {
                count_virtual_machines,
                admission,
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
            1 => (setting(), select(vec![0, 5, 1 << 40]), any::<bool>(), admission()).prop_map(
                |(away, tick, count_virtual_machines, admission)| Step::Restart {
                    away, tick, count_virtual_machines, admission,
                }
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
                admission,
            } => {
                model.wall += away;
                model.tick = tick as i64;
                // A table that admits everyone has forgotten what it does not need.
                model.restart();
                model.count_virtual_machines = count_virtual_machines;
                model.admission = admission;
            }
        }
        model
    }
}

struct Table(CmidTable);

impl Table {
    fn new(model: &Model, snapshot: &Snapshot) -> Self {
        let config = Config::default()
            .with_count_virtual_machines(model.count_virtual_machines)
            .with_admission(model.admission);
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
            let machines = family.records().map(|record| {
                let times = (record.last_request, record.first_request);
                (
                    record.cmid,
                    times.0.as_millis(),
                    times.1.as_millis(),
                    record.source,
                )
            });
            let forgets = model.admission == Admission::Compat;
            let expected = expected.machines.iter().map(|machine| {
                let (first, source) = if forgets {
                    (machine.wall, None)
                } else {
                    (machine.first_wall, machine.source)
                };
                (machine.cmid, machine.wall, first, source)
            });
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
