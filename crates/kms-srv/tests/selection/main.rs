//! Selection by RFC 2782, held against the exact probabilities that its text implies for every place
//! in the order. The seeds are fixed: a test that holds once holds always.
#![allow(clippy::unwrap_used, reason = "tests")]

mod biased;
mod chi_square;
mod exact;
mod long;
mod sequence;

use chi_square::{of_many, p_value};
use exact::{orders, permutations};
use kms_core::SeededEntropy;
use kms_srv::{SelectionRule, SrvRecord, order};
use std::collections::BTreeMap;

const DRAWS: u32 = 1_000_000;

/// A right sampler fails a table once in a thousand seeds.
const LEAST_CHANCE: f64 = 0.001;

/// The port of the first host of a list, which tells the hosts apart.
const FIRST_PORT: u16 = 1688;

fn records(hosts: &[(u16, u16)]) -> Vec<SrvRecord> {
    (FIRST_PORT..)
        .zip(hosts)
        .map(|(port, &(priority, weight))| {
            let target = format!("kms{port}.contoso.com").parse().unwrap();
            SrvRecord::new(priority, weight, port, target)
        })
        .collect()
}

fn of_one_priority(weights: &[u16]) -> Vec<(u16, u16)> {
    weights.iter().map(|&weight| (7, weight)).collect()
}

fn host(record: &SrvRecord) -> usize {
    usize::from(record.port - FIRST_PORT)
}

/// An order of hosts, each by its place in the list it came from.
type Order = Vec<usize>;

/// What puts records into an order.
trait Sampler: Fn(&mut [SrvRecord], &mut SeededEntropy) {}

impl<S: Fn(&mut [SrvRecord], &mut SeededEntropy)> Sampler for S {}

fn rfc_2782(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    order(records, SelectionRule::Rfc2782, entropy);
}

fn legacy(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    order(records, SelectionRule::Legacy, entropy);
}

/// Orders the same list again and again, always from the order in which it came.
fn draw(
    records: &mut [SrvRecord],
    draws: u32,
    seed: u64,
    sampler: impl Sampler,
    mut seen: impl FnMut(&[SrvRecord]),
) {
    let mut entropy = SeededEntropy::new(seed);
    for _ in 0..draws {
        sampler(records, &mut entropy);
        seen(records);
        for at in 0..records.len() {
            while host(&records[at]) != at {
                let place = host(&records[at]);
                records.swap(at, place);
            }
        }
    }
}

/// How often each order of at most 16 hosts was drawn.
fn count(hosts: &[(u16, u16)], seed: u64, sampler: impl Sampler) -> BTreeMap<Order, u32> {
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    draw(&mut records(hosts), DRAWS, seed, sampler, |records| {
        let digits = |number, record| number * 16 + u64::try_from(host(record)).unwrap();
        *counts.entry(records.iter().fold(0, digits)).or_default() += 1;
    });
    let hosts_of = |number: u64| {
        let digits = (0..hosts.len()).rev().map(|at| number >> (4 * at) & 15);
        digits
            .map(|digit| usize::try_from(digit).unwrap())
            .collect()
    };
    counts
        .into_iter()
        .map(|(number, count)| (hosts_of(number), count))
        .collect()
}

/// The chance of a right sampler to stray so far, in whole orders and in who has each place.
fn chance(counts: &BTreeMap<Order, u32>, exact: &BTreeMap<Order, f64>) -> f64 {
    let places = exact.keys().next().map_or(0, Vec::len);
    let orders = chance_of_keys(counts, exact);
    let places =
        (0..places).map(|place| chance_of_keys(&marginal(counts, place), &marginal(exact, place)));
    of_many(places.chain([orders]))
}

fn chance_of_keys<K: Ord>(counts: &BTreeMap<K, u32>, exact: &BTreeMap<K, f64>) -> f64 {
    let mut cells: BTreeMap<&K, (f64, u32)> = BTreeMap::new();
    for (key, &probability) in exact {
        cells.entry(key).or_default().0 = probability;
    }
    for (key, &count) in counts {
        cells.entry(key).or_default().1 = count;
    }
    p_value(cells.into_values())
}

/// What share each host has of one place in the order.
fn marginal<V: Copy + Default + core::ops::AddAssign>(
    orders: &BTreeMap<Order, V>,
    place: usize,
) -> BTreeMap<usize, V> {
    let mut shares: BTreeMap<usize, V> = BTreeMap::new();
    for (order, share) in orders {
        *shares.entry(order[place]).or_default() += *share;
    }
    shares
}

fn uniform(hosts: usize) -> BTreeMap<Order, f64> {
    let orders = permutations(&(0..hosts).collect::<Order>());
    let share = 1.0 / f64::from(u32::try_from(orders.len()).unwrap());
    orders.into_iter().map(|order| (order, share)).collect()
}

#[test]
fn rfc_2782_every_order_and_every_place_have_the_probabilities_of_its_text() {
    let tables: [&[u16]; 12] = [
        &[75, 25],
        &[1, 65_535],
        &[1, 65_535, 1, 65_535],
        &[0, 0],
        &[0, 0, 0, 0],
        &[0, 0, 0, 0, 0],
        &[1, 1, 1],
        &[50, 50, 50, 50],
        &[1, 2, 3, 4],
        &[0, 1, 3, 6],
        &[0, 5, 0, 5],
        &[0, 65_535, 0, 10],
    ];
    for (seed, weights) in (1..).zip(tables) {
        let hosts = of_one_priority(weights);
        let chance = chance(&count(&hosts, seed, rfc_2782), &orders(&hosts));
        assert!(chance > LEAST_CHANCE, "{weights:?}: {chance}");
    }
}

#[test]
fn rfc_2782_each_priority_is_ordered_by_weight_for_itself() {
    for (seed, hosts) in (21..).zip([
        // KMS and MAK Activation Scenarios, Table 5.
        vec![(10, 75), (10, 25), (90, 75), (90, 25)],
        vec![(90, 3), (10, 0), (90, 1), (10, 0), (0, 9)],
        vec![(1, 0), (0, 7), (1, 0), (65_535, 2), (65_535, 0), (1, 0)],
    ]) {
        let chance = chance(&count(&hosts, seed, rfc_2782), &orders(&hosts));
        assert!(chance > LEAST_CHANCE, "{hosts:?}: {chance}");
    }
}

#[test]
fn activate_clients_hosts_of_the_default_weight_are_chosen_at_random() {
    // Some implementations always begin with the record that came first.
    for hosts in 2..=6 {
        let counts = count(&vec![(0, 0); hosts], 31, rfc_2782);
        let chance = chance(&counts, &uniform(hosts));
        assert!(chance > LEAST_CHANCE, "{hosts} hosts: {chance}");
    }
}

#[test]
fn windows_vista_legacy_clients_ignore_priority_and_weight() {
    for (seed, hosts) in (41..).zip([
        vec![(10, 75), (10, 25), (90, 75), (90, 0)],
        vec![(0, 0); 4],
        vec![(0, 65_535), (65_535, 1), (7, 0)],
    ]) {
        let counts = count(&hosts, seed, legacy);
        let chance = chance(&counts, &uniform(hosts.len()));
        assert!(chance > LEAST_CHANCE, "{hosts:?}: {chance}");
    }
}

#[test]
fn lower_priorities_come_first_whatever_the_weights() {
    let hosts = [(90, 65_535), (10, 0), (90, 0), (10, 1), (0, 0)];
    for order in count(&hosts, 51, rfc_2782).into_keys() {
        let priorities: Vec<u16> = order.iter().map(|&host| hosts[host].0).collect();
        assert!(priorities.is_sorted(), "{order:?}");
    }
}

#[test]
fn none_one_and_extreme_records_are_ordered_without_harm() {
    for rule in [SelectionRule::Rfc2782, SelectionRule::Legacy] {
        for seed in 14..17 {
            for hosts in [
                vec![],
                vec![(65_535, 65_535)],
                vec![(0, 65_535); 300],
                vec![(0, 65_535); 4000],
            ] {
                let before = records(&hosts);
                let mut after = before.clone();
                order(&mut after, rule, &mut SeededEntropy::new(seed));
                after.sort_by_key(|record| record.port);
                assert_eq!(after, before);
            }
        }
    }
}
