//! The choice among the hosts that DNS offers: putting an answer's records into the order in which
//! they are tried, beside other ways to do it and the limit.
//!
//! When criterion is done, a table gives the lowest of many short rounds of each, all taken by turns,
//! and its ratio to the limit.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

mod domain_crate;
mod peers;
mod ratios;

use benches::{criterion, entropy};
use core::hint::black_box;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use domain_crate::Found;
use kms_core::{Entropy, SeededEntropy};
use kms_srv::{SelectionRule, SrvRecord, order};

const SIZES: [u16; 3] = [4, 16, 256];

/// Priority and weight of four hosts, repeated for more.
struct Table {
    name: &'static str,
    plan: [(u16, u16); 4],
}

const TABLES: [Table; 2] = [
    // KMS and MAK Activation Scenarios, Table 5, in an order that must be changed.
    Table {
        name: "srv/order_table_5",
        plan: [(90, 25), (10, 75), (90, 75), (10, 25)],
    },
    // The default of all hosts.
    Table {
        name: "srv/order_zero_weights",
        plan: [(0, 0); 4],
    },
];

impl Table {
    fn hosts(&self, size: u16) -> impl Iterator<Item = (u16, u16, u16)> {
        let hosts = self.plan.into_iter().cycle().zip(0..size);
        hosts.map(|((priority, weight), number)| (priority, weight, number))
    }

    fn records(&self, size: u16) -> Vec<SrvRecord> {
        self.hosts(size)
            .map(|(priority, weight, number)| {
                let target = host_name(number).parse().unwrap();
                SrvRecord::new(priority, weight, 1688, target)
            })
            .collect()
    }

    fn bare(&self, size: u16) -> Vec<Bare> {
        self.hosts(size)
            .map(|(priority, weight, number)| Bare {
                priority,
                rest: [number.into(), weight.into()],
            })
            .collect()
    }
}

fn host_name(number: u16) -> String {
    format!("kms-{number}.east.contoso.com")
}

/// Puts records into an order.
type Orders = fn(&mut [SrvRecord], &mut SeededEntropy);

const ORDERS: [(&str, Orders); 4] = [
    ("order", |records, entropy| {
        order(records, SelectionRule::Rfc2782, entropy);
    }),
    ("rfc-word-for-word", peers::word_for_word),
    ("go-net", peers::go_net),
    ("exponential-keys", peers::exponential_keys),
];

/// As large as a record, with nothing to allocate.
#[derive(Clone, Copy)]
struct Bare {
    priority: u16,
    rest: [u64; 2],
}

const _: () = assert!(size_of::<Bare>() == size_of::<SrvRecord>());

fn copy_sort_and_draw(records: &mut [Bare], answer: &[Bare], entropy: &mut SeededEntropy) {
    black_box(&mut *records).copy_from_slice(black_box(answer));
    records.sort_unstable_by_key(|record| record.priority);
    for record in records {
        black_box(record.rest[0] ^ entropy.next_u64());
    }
}

fn measure(c: &mut Criterion, table: &Table) {
    let mut group = c.benchmark_group(table.name);
    for size in SIZES {
        group.throughput(Throughput::Elements(size.into()));
        let answer = table.records(size);
        for (name, orders) in ORDERS {
            let mut entropy = entropy();
            measure_one(&mut group, (name, size), &answer, |records| {
                orders(records, &mut entropy);
            });
        }
        let found = Found::new(table, size);
        measure_one(&mut group, ("domain", size), &found, Found::order);
        let (bare, mut entropy) = (table.bare(size), entropy());
        measure_one(
            &mut group,
            ("limit-sort-and-draw", size),
            &bare,
            |records| {
                copy_sort_and_draw(records, &bare, &mut entropy);
            },
        );
    }
    group.finish();
}

fn measure_one<T: Clone>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    (name, size): (&str, u16),
    answer: &T,
    mut orders: impl FnMut(&mut T),
) {
    group.bench_function(format!("{name}/{size}"), |b| {
        b.iter_batched_ref(|| answer.clone(), &mut orders, batch_size(size));
    });
}

/// Enough that the clock is not what is measured, and few enough for the fastest cache.
fn batch_size(size: u16) -> BatchSize {
    BatchSize::NumIterations(batch(size))
}

fn batch(size: u16) -> u64 {
    1024 / u64::from(size)
}

fn main() {
    for table in &TABLES {
        peers::check(table);
    }
    let mut criterion = criterion().configure_from_args();
    for table in &TABLES {
        measure(&mut criterion, table);
    }
    criterion.final_summary();
    ratios::print_if_wanted();
}
