//! The choice among the hosts that DNS offers.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::{criterion, entropy};
use core::hint::black_box;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kms_core::Entropy;
use kms_srv::{SelectionRule, SrvRecord, order};

const SIZES: [u16; 3] = [4, 16, 256];

/// Priority and weight of the hosts in KMS and MAK Activation Scenarios, Table 5, in an order that
/// must be changed.
const TABLE_5: [(u16, u16); 4] = [(90, 25), (10, 75), (90, 75), (10, 25)];

/// The default of all hosts.
const ZERO: [(u16, u16); 4] = [(0, 0); 4];

fn order_table_5(c: &mut Criterion) {
    orders(c, "srv/order_table_5", TABLE_5);
}

fn order_zero_weights(c: &mut Criterion) {
    orders(c, "srv/order_zero_weights", ZERO);
}

fn orders(c: &mut Criterion, name: &str, plan: [(u16, u16); 4]) {
    let mut group = c.benchmark_group(name);
    for size in SIZES {
        group.throughput(Throughput::Elements(size.into()));
        let records = || plan.into_iter().cycle().zip(0..size);
        // Enough that the clock is not what is measured, and few enough for the fastest cache.
        let batch = BatchSize::NumIterations(1024 / u64::from(size));

        let answer: Vec<SrvRecord> = records()
            .map(|(plan, number)| record(plan, number))
            .collect();
        let mut random = entropy();
        group.bench_function(format!("order/{size}"), |b| {
            b.iter_batched_ref(
                || answer.clone(),
                |records| order(records, SelectionRule::Rfc2782, &mut random),
                batch,
            );
        });

        let answer: Vec<Bare> = records().map(|(plan, number)| bare(plan, number)).collect();
        let mut random = entropy();
        group.bench_function(format!("limit-sort-and-draw/{size}"), |b| {
            b.iter_batched_ref(
                || answer.clone(),
                |records| {
                    black_box(&mut *records).copy_from_slice(black_box(&answer));
                    records.sort_unstable_by_key(|record| record.priority);
                    for record in records {
                        black_box(record.rest[0] ^ random.next_u64());
                    }
                },
                batch,
            );
        });
    }
    group.finish();
}

fn record((priority, weight): (u16, u16), number: u16) -> SrvRecord {
    let name = format!("kms-{number}.east.contoso.com");
    SrvRecord::new(priority, weight, 1688, name.parse().unwrap())
}

/// As large as a record, with nothing to allocate.
#[derive(Clone, Copy)]
struct Bare {
    priority: u16,
    rest: [u64; 2],
}

const _: () = assert!(size_of::<Bare>() == size_of::<SrvRecord>());

fn bare((priority, weight): (u16, u16), number: u16) -> Bare {
    Bare {
        priority,
        rest: [number.into(), weight.into()],
    }
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = order_table_5, order_zero_weights
}
criterion_main!(benches);
