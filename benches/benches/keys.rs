//! The catalogue of products.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::criterion;
use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use kms_core::ActivationId;
use kms_keys::Catalogue;
use toml::de::DeTable;

/// The text that the built-in catalogue is read from.
const TEXT: &str = include_str!("../../crates/kms-keys/catalogue.toml");

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("keys/parse");
    group.throughput(Throughput::Bytes(u64::try_from(TEXT.len()).unwrap()));
    group.sample_size(20);
    group.bench_function("builtin", |b| b.iter(Catalogue::builtin));
    group.bench_function("limit-toml", |b| {
        b.iter(|| DeTable::parse(black_box(TEXT)));
    });
    group.bench_function("limit-read", |b| {
        b.iter(|| str::from_utf8(black_box(TEXT.as_bytes())));
    });
    group.finish();
}

fn lookup_id(c: &mut Criterion) {
    let catalogue = Catalogue::builtin();
    let ids: Vec<ActivationId> = catalogue
        .products()
        .map(|product| product.activation_id)
        .collect();
    let places: HashMap<ActivationId, usize, FixedState> = ids.iter().copied().zip(0..).collect();

    let mut group = c.benchmark_group("keys/lookup_id");
    group.throughput(Throughput::Elements(1));
    let mut next = ids.iter().cycle();
    group.bench_function("product", |b| {
        b.iter(|| catalogue.product(black_box(*next.next().unwrap())));
    });
    let mut next = ids.iter().cycle();
    group.bench_function("limit-hash-table", |b| {
        b.iter(|| places.get(black_box(next.next().unwrap())));
    });
    group.finish();
}

fn lookup_name(c: &mut Criterion) {
    let catalogue = Catalogue::builtin();
    let names: Vec<&str> = catalogue
        .products()
        .map(|product| product.name.as_str())
        .collect();
    let places: HashMap<&str, usize, FixedState> = names.iter().copied().zip(0..).collect();

    let mut group = c.benchmark_group("keys/lookup_name");
    group.throughput(Throughput::Elements(1));
    let mut next = names.iter().cycle();
    group.bench_function("product_named", |b| {
        b.iter(|| black_box(catalogue.product_named(black_box(next.next().unwrap()))).is_ok());
    });
    let mut next = names.iter().cycle();
    group.bench_function("limit-hash-table", |b| {
        b.iter(|| places.get(black_box(*next.next().unwrap())));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = parse, lookup_id, lookup_name
}
criterion_main!(benches);
