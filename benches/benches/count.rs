//! The count: nine requests in ten are renewals, one comes from a machine that is new and, all
//! families being full, drops the oldest.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::{criterion, entropy, now};
use core::{hint::black_box, time::Duration};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use kms_core::{
    Cmid, CountedId, Entropy, LicenseStatus, Now, SeededEntropy, Threshold, Tick, Timestamp,
};
use kms_count::{Change, CmidTable, Config, Recorded, Request};
use schnellru::{ByLength, LruMap};
use std::time::Instant;
use uuid::Uuid;

/// The fewest requests that are prepared at once, and measured with one look at the clock.
const LEAST_PREPARED: usize = 8192;

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
        let (fleet, host, prepared) = world.get_or_insert_with(|| {
            let mut fleet = Fleet::new(families, capacity);
            let mut host = fleet.full_host();
            // The records' order is then that of requests, no longer that of their making.
            for request in fleet.next_requests() {
                host.record(&request);
            }
            let prepared = Prepared::new(fleet.next_requests());
            (fleet, host, prepared)
        });
        b.iter_custom(|iterations| {
            let prepare = || fleet.next_requests();
            prepared.timed(iterations, prepare, |request| {
                black_box(host.record(black_box(request)));
            })
        });
    });
    drop(world);

    let mut world = None;
    group.bench_function("schnellru", |b| {
        let (fleet, peer, prepared) = world.get_or_insert_with(|| {
            let mut fleet = Fleet::new(families, capacity);
            let mut peer = Peer::new(&fleet.machines);
            for request in fleet.next_requests() {
                peer.record_in(family_of(&request), &request);
            }
            let prepared = Prepared::new(fleet.next_requests());
            (fleet, peer, prepared)
        });
        b.iter_custom(|iterations| {
            let prepare = || fleet.next_requests();
            prepared.timed(iterations, prepare, |request| {
                let request = black_box(request);
                black_box(peer.record_in(family_of(request), request));
            })
        });
    });
    drop(world);

    let mut world = None;
    group.bench_function("schnellru-by-id", |b| {
        let (fleet, peer, prepared) = world.get_or_insert_with(|| {
            let mut fleet = Fleet::new(families, capacity);
            let mut peer = Peer::new(&fleet.machines);
            for request in fleet.next_requests() {
                peer.record(&request);
            }
            let prepared = Prepared::new(fleet.next_requests());
            (fleet, peer, prepared)
        });
        b.iter_custom(|iterations| {
            let prepare = || fleet.next_requests();
            prepared.timed(iterations, prepare, |request| {
                black_box(peer.record(black_box(request)));
            })
        });
    });
    drop(world);

    let mut world = None;
    group.bench_function("limit-find-and-store", |b| {
        let (machines, maps, tick, prepared) = world.get_or_insert_with(|| {
            let mut machines = Machines::new(families, capacity);
            let maps = machines.maps();
            let prepared = Prepared::new(machines.next_renewals());
            (machines, maps, Tick::ZERO, prepared)
        });
        b.iter_custom(|iterations| {
            let prepare = || machines.next_renewals();
            prepared.timed(iterations, prepare, |(family, cmid)| {
                *tick = tick.saturating_add(MILLISECOND);
                if let Some(kept) = maps[*family].get_mut(black_box(cmid)) {
                    *kept = *tick;
                }
            })
        });
    });
    group.finish();
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Inputs made beforehand. Large tables get many at once, since what prepares them drives the table
/// that is measured out of the caches; and the first before anything is measured, since criterion
/// would take the time for the operation's when it chooses how often to repeat that.
struct Prepared<T> {
    inputs: Vec<T>,
    used: usize,
}

impl<T> Prepared<T> {
    const fn new(inputs: Vec<T>) -> Self {
        Self { inputs, used: 0 }
    }

    /// The time of `iterations`, without that of their preparation.
    fn timed(
        &mut self,
        iterations: u64,
        mut prepare: impl FnMut() -> Vec<T>,
        mut run: impl FnMut(&T),
    ) -> Duration {
        let (mut took, mut left) = (Duration::ZERO, usize::try_from(iterations).unwrap());
        while left > 0 {
            if self.used == self.inputs.len() {
                *self = Self::new(prepare());
            }
            let inputs = &self.inputs[self.used..];
            let inputs = &inputs[..left.min(inputs.len())];
            let begun = Instant::now();
            for input in inputs {
                run(input);
            }
            took += begun.elapsed();
            self.used += inputs.len();
            left -= inputs.len();
        }
        took
    }
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

    /// How many inputs to prepare at once.
    fn batch(&self) -> usize {
        LEAST_PREPARED.max(self.free.len() * self.capacity)
    }

    fn next_renewals(&mut self) -> Vec<(usize, Cmid)> {
        let batch = 0..self.batch();
        let renewal = |_| {
            let family = self.any_family();
            (family, self.any_machine(family))
        };
        batch.map(renewal).collect()
    }

    fn maps(&self) -> Vec<HashMap<Cmid, Tick, FixedState>> {
        let families = self.live.chunks(self.capacity + 1);
        let records = |machines: &[Cmid]| {
            let records = machines.iter().take(self.capacity);
            let mut map = HashMap::with_capacity_and_hasher(self.capacity, seeded_hash());
            map.extend(records.map(|&cmid| (cmid, Tick::ZERO)));
            map
        };
        families.map(records).collect()
    }
}

/// What a host is asked, one request after the other, and another host that is asked it before: it
/// tells which machine each new one drops.
struct Fleet {
    machines: Machines,
    scout: Host,
    threshold: Threshold,
}

impl Fleet {
    fn new(families: usize, capacity: u32) -> Self {
        let mut fleet = Self {
            machines: Machines::new(families, capacity),
            scout: Host::new(),
            threshold: Threshold::new(capacity / 2).unwrap(),
        };
        fleet.scout = fleet.full_host();
        fleet
    }

    /// A host that all machines have asked once.
    fn full_host(&self) -> Host {
        let mut host = Host::new();
        let capacity = self.machines.capacity;
        for place in 0..capacity {
            let families = self.machines.live.chunks(capacity + 1);
            for (family, machines) in families.enumerate() {
                let recorded = host.record(&request(family, machines[place], self.threshold));
                assert_eq!((recorded.change, recorded.dropped), (Change::New, None));
            }
        }
        host
    }

    fn next_requests(&mut self) -> Vec<Request> {
        (0..self.machines.batch())
            .map(|_| self.next_request())
            .collect()
    }

    fn next_request(&mut self) -> Request {
        let family = self.machines.any_family();
        if self.machines.below(10) > 0 {
            let cmid = self.machines.any_machine(family);
            let request = request(family, cmid, self.threshold);
            let recorded = self.scout.record(&request);
            assert_eq!(recorded.change, Change::Renewed);
            return request;
        }
        let cmid = self.machines.new_machine(family);
        let request = request(family, cmid, self.threshold);
        let recorded = self.scout.record(&request);
        assert_eq!(recorded.change, Change::New);
        self.machines
            .drop_machine(family, recorded.dropped.unwrap());
        request
    }
}

/// A table and its clock, on which a request comes each millisecond.
struct Host {
    table: CmidTable,
    now: Now,
}

impl Host {
    fn new() -> Self {
        Self {
            table: CmidTable::new(Config::default(), &mut entropy()),
            now: now(),
        }
    }

    fn record(&mut self, request: &Request) -> Recorded {
        self.now = self.now.after(MILLISECOND);
        self.table.record(request, self.now)
    }
}

/// What schnellru needs around it for exact counts and exact recency: less than a table does, which
/// also counts requests by licence status, twice, and knows which of all families expires next.
struct Peer {
    families: Vec<LruMap<Cmid, Kept, ByLength, FixedState>>,
    by_id: HashMap<CountedId, usize, FixedState>,
    now: Now,
}

/// What is kept of a machine.
#[expect(dead_code, reason = "kept to be shown, not to be measured")]
struct Kept {
    expires: Tick,
    last_request: Timestamp,
}

impl Peer {
    /// One that all machines have asked once.
    fn new(machines: &Machines) -> Self {
        let families = machines.free.len();
        let by_id = (0..families).map(|family| (counted_id(family), family));
        let capacity = ByLength::new(u32::try_from(machines.capacity).unwrap());
        let family = |_| LruMap::with_hasher(capacity, seeded_hash());
        let mut peer = Self {
            families: (0..families).map(family).collect(),
            by_id: by_id.collect(),
            now: now(),
        };
        let threshold = Threshold::new(1).unwrap();
        for place in 0..machines.capacity {
            for (family, live) in machines.live.chunks(machines.capacity + 1).enumerate() {
                let (count, _) = peer.record(&request(family, live[place], threshold));
                assert_eq!(count, place + 1);
            }
        }
        peer
    }

    fn record(&mut self, request: &Request) -> (usize, Change) {
        let family = self.by_id[&request.counted_id];
        self.record_in(family, request)
    }

    /// The count, and what became of the machine's record.
    #[inline]
    fn record_in(&mut self, family: usize, request: &Request) -> (usize, Change) {
        self.now = self.now.after(MILLISECOND);
        let family = &mut self.families[family];
        while let Some((_, oldest)) = family.peek_oldest()
            && oldest.expires <= self.now.tick
        {
            family.pop_oldest();
        }
        let kept = Kept {
            expires: self.now.tick.saturating_add(Config::DEFAULT_RETENTION),
            last_request: self.now.wall,
        };
        let change = match family.get(&request.cmid) {
            Some(known) => {
                *known = kept;
                Change::Renewed
            }
            None => {
                family.insert(request.cmid, kept);
                Change::New
            }
        };
        (family.len(), change)
    }
}

fn seeded_hash() -> FixedState {
    FixedState::with_seed(entropy().next_u64())
}

fn request(family: usize, cmid: Cmid, threshold: Threshold) -> Request {
    Request {
        counted_id: counted_id(family),
        cmid,
        threshold,
        license_status: LicenseStatus::Licensed,
        virtual_machine: false,
        source: None,
        quota: None,
    }
}

fn counted_id(family: usize) -> CountedId {
    let number = u128::try_from(family).unwrap();
    CountedId::new(Uuid::from_u128(number << 64 | 0xc0de))
}

/// The number in the id that [`counted_id`] makes.
fn family_of(request: &Request) -> usize {
    usize::try_from(request.counted_id.as_uuid().as_u128() >> 64).unwrap()
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
