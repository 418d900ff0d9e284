//! The count: nine requests in ten are renewals, one comes from a machine that is new and, all
//! families being full, drops the oldest.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::{criterion, entropy, now};
use core::time::Duration;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use kms_core::{Cmid, CountedId, Entropy, LicenseStatus, Now, SeededEntropy, Threshold, Tick};
use kms_count::{Change, CmidTable, Config, Request};
use std::{hint::black_box, time::Instant};
use uuid::Uuid;

/// Requests between two looks at the clock.
const BATCH: u64 = 8192;

fn record_50(c: &mut Criterion) {
    record(c, "count/record_50", 1, 50);
}

fn record_20_000_by_50(c: &mut Criterion) {
    record(c, "count/record_20000x50", 20_000, 50);
}

fn record_1_000_000(c: &mut Criterion) {
    record(c, "count/record_1000000", 1, 1_000_000);
}

fn record(c: &mut Criterion, name: &str, families: usize, capacity: u32) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));

    // Made when first needed, for who runs but a few of the benches.
    let mut world = None;
    group.bench_function("record", |b| {
        let (fleet, table) = world.get_or_insert_with(|| {
            let fleet = Fleet::new(families, capacity);
            let table = fleet.table();
            (fleet, table)
        });
        let mut now = fleet.now;
        b.iter_custom(|iterations| {
            timed(iterations, |count| {
                let requests = fleet.next_requests(count);
                let begun = Instant::now();
                for request in &requests {
                    now = now.after(MILLISECOND);
                    black_box(table.record(black_box(request), now));
                }
                begun.elapsed()
            })
        });
    });
    drop(world);

    let mut world = None;
    group.bench_function("limit-find-and-store", |b| {
        let (machines, maps) = world.get_or_insert_with(|| {
            let machines = Machines::new(families, capacity);
            let maps = machines.maps();
            (machines, maps)
        });
        let mut tick = Tick::ZERO;
        b.iter_custom(|iterations| {
            timed(iterations, |count| {
                let renewals = machines.next_renewals(count);
                let begun = Instant::now();
                for (family, cmid) in &renewals {
                    tick = tick.saturating_add(MILLISECOND);
                    if let Some(kept) = maps[*family].get_mut(black_box(cmid)) {
                        *kept = tick;
                    }
                }
                begun.elapsed()
            })
        });
    });
    group.finish();
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// The time of `iterations` in batches, without what is done between them.
fn timed(iterations: u64, mut batch: impl FnMut(u64) -> Duration) -> Duration {
    let (mut took, mut left) = (Duration::ZERO, iterations);
    while left > 0 {
        let count = left.min(BATCH);
        took += batch(count);
        left -= count;
    }
    took
}

/// The machines whose records are in the full families of a host.
struct Machines {
    // One more for each family than it can hold: the place of the next new machine.
    live: Vec<Cmid>,
    free: Vec<usize>,
    capacity: usize,
    entropy: SeededEntropy,
}

impl Machines {
    fn new(families: usize, capacity: u32) -> Self {
        let capacity = usize::try_from(capacity).unwrap();
        let mut entropy = entropy();
        let places = (0..families).flat_map(|_| 0..=capacity);
        Self {
            live: places.map(|place| cmid(place, &mut entropy)).collect(),
            free: vec![capacity; families],
            capacity,
            entropy,
        }
    }

    fn any_family(&mut self) -> usize {
        self.below(self.free.len())
    }

    /// A machine of the family, each with the same chance.
    fn any_machine(&mut self, family: usize) -> Cmid {
        let place = self.below(self.capacity);
        let place = if place == self.free[family] {
            self.capacity
        } else {
            place
        };
        self.live[family * (self.capacity + 1) + place]
    }

    /// A machine that is not in the family yet.
    fn new_machine(&mut self, family: usize) -> Cmid {
        let place = self.free[family];
        let cmid = cmid(place, &mut self.entropy);
        self.live[family * (self.capacity + 1) + place] = cmid;
        cmid
    }

    fn drop_machine(&mut self, family: usize, dropped: Cmid) {
        self.free[family] = place(dropped);
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.entropy.below(u64::try_from(bound).unwrap())).unwrap()
    }

    fn next_renewals(&mut self, count: u64) -> Vec<(usize, Cmid)> {
        let renewal = |_| {
            let family = self.any_family();
            (family, self.any_machine(family))
        };
        (0..count).map(renewal).collect()
    }

    fn maps(&self) -> Vec<HashMap<Cmid, Tick, FixedState>> {
        let families = self.live.chunks(self.capacity + 1);
        let records = |machines: &[Cmid]| {
            let records = machines.iter().take(self.capacity);
            records.map(|&cmid| (cmid, Tick::ZERO)).collect()
        };
        families.map(records).collect()
    }
}

/// What a host is asked, one request after the other, and a table a batch ahead of the one that is
/// measured: it tells which machine each new one drops.
struct Fleet {
    machines: Machines,
    scout: CmidTable,
    threshold: Threshold,
    now: Now,
}

impl Fleet {
    fn new(families: usize, capacity: u32) -> Self {
        let mut fleet = Self {
            machines: Machines::new(families, capacity),
            scout: CmidTable::new(Config::default(), &mut entropy()),
            threshold: Threshold::new(capacity / 2).unwrap(),
            now: now(),
        };
        fleet.scout = fleet.table();
        fleet
    }

    /// A table that is full.
    fn table(&self) -> CmidTable {
        let mut table = CmidTable::new(Config::default(), &mut entropy());
        let capacity = self.machines.capacity;
        let families = self.machines.live.chunks(capacity + 1).enumerate();
        for (family, machines) in families {
            for &cmid in machines.iter().take(capacity) {
                let recorded = table.record(&self.request(family, cmid), self.now);
                assert_eq!((recorded.change, recorded.dropped), (Change::New, None));
            }
        }
        table
    }

    fn next_requests(&mut self, count: u64) -> Vec<Request> {
        (0..count).map(|_| self.next_request()).collect()
    }

    fn next_request(&mut self) -> Request {
        let family = self.machines.any_family();
        if self.machines.below(10) > 0 {
            let cmid = self.machines.any_machine(family);
            let request = self.request(family, cmid);
            let recorded = self.scout.record(&request, self.now);
            assert_eq!(recorded.change, Change::Renewed);
            return request;
        }
        let cmid = self.machines.new_machine(family);
        let request = self.request(family, cmid);
        let recorded = self.scout.record(&request, self.now);
        assert_eq!(recorded.change, Change::New);
        self.machines
            .drop_machine(family, recorded.dropped.unwrap());
        request
    }

    fn request(&self, family: usize, cmid: Cmid) -> Request {
        let number = u128::try_from(family).unwrap();
        Request {
            counted_id: CountedId::new(Uuid::from_u128(number << 64 | 0xc0de)),
            cmid,
            threshold: self.threshold,
            license_status: LicenseStatus::Licensed,
            virtual_machine: false,
        }
    }
}

/// A random id whose last four bytes are the machine's place in its family.
fn cmid(place: usize, entropy: &mut SeededEntropy) -> Cmid {
    let random = Cmid::random(entropy).as_uuid().as_u128() >> 32 << 32;
    let place = u128::try_from(place).unwrap();
    Cmid::new(Uuid::from_u128(random | place)).unwrap()
}

fn place(cmid: Cmid) -> usize {
    let place = cmid.as_uuid().as_u128() & u128::from(u32::MAX);
    usize::try_from(place).unwrap()
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = record_50, record_20_000_by_50, record_1_000_000
}
criterion_main!(benches);
