//! Selection by RFC 2782, held against the exact probabilities of every order that its text implies.
#![allow(clippy::unwrap_used, reason = "tests")]

use kms_core::SeededEntropy;
use kms_srv::{SelectionRule, SrvRecord, order};
use std::collections::BTreeMap;

const DRAWS: u32 = 100_000;

/// The 99.9 % points of the chi-square distribution: a right sampler exceeds them once in a thousand
/// seeds, and the seeds are fixed.
fn critical(degrees: usize) -> f64 {
    // Wilson and Hilferty's approximation, which is below a percent off here.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let k = degrees as f64;
    let t = 2.0 / (9.0 * k);
    k * (1.0 - t + 3.0902 * t.sqrt()).powi(3)
}

fn records(hosts: &[(u16, u16)]) -> Vec<SrvRecord> {
    (0..)
        .zip(hosts)
        .map(|(n, &(priority, weight))| {
            let target = format!("kms{n}.contoso.com").parse().unwrap();
            SrvRecord::new(priority, weight, 1688 + n, target)
        })
        .collect()
}

/// An order of hosts, each by its place in the list it came from.
type Order = Vec<usize>;

fn draw(records: &[SrvRecord], rule: SelectionRule, entropy: &mut SeededEntropy) -> Order {
    let mut drawn = records.to_vec();
    order(&mut drawn, rule, entropy);
    let place = |record: &SrvRecord| usize::from(record.port - 1688);
    drawn.iter().map(place).collect()
}

fn count(records: &[SrvRecord], rule: SelectionRule, seed: u64) -> BTreeMap<Order, u32> {
    let mut entropy = SeededEntropy::new(seed);
    let mut counts = BTreeMap::new();
    for _ in 0..DRAWS {
        *counts.entry(draw(records, rule, &mut entropy)).or_default() += 1;
    }
    counts
}

fn permutations(items: &[usize]) -> Vec<Order> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        for tail in permutations(&rest) {
            all.push([vec![first], tail].concat());
        }
    }
    all
}

/// RFC 2782's text, followed to the letter: over all ways to lay the records out, those of weight 0
/// first, and all numbers from 0 to the sum inclusive.
fn exact(weights: &[u16]) -> BTreeMap<Order, f64> {
    fn follow(
        weights: &[u16],
        laid_out: &[usize],
        taken: &Order,
        probability: f64,
        exact: &mut BTreeMap<Order, f64>,
    ) {
        if laid_out.is_empty() {
            *exact.entry(taken.clone()).or_default() += probability;
            return;
        }
        let sum: u32 = laid_out.iter().map(|&host| u32::from(weights[host])).sum();
        let mut numbers_for = vec![0_u32; laid_out.len()];
        for number in 0..=sum {
            let mut running_sum = 0;
            let reached = laid_out.iter().position(|&host| {
                running_sum += u32::from(weights[host]);
                running_sum >= number
            });
            numbers_for[reached.unwrap()] += 1;
        }
        for (at, numbers) in numbers_for.into_iter().enumerate() {
            if numbers > 0 {
                let mut rest = laid_out.to_vec();
                let host = rest.remove(at);
                let taken = [taken.clone(), vec![host]].concat();
                let probability = probability * f64::from(numbers) / f64::from(sum + 1);
                follow(weights, &rest, &taken, probability, exact);
            }
        }
    }
    let layouts = permutations(&(0..weights.len()).collect::<Order>());
    let mut exact = BTreeMap::new();
    for layout in &layouts {
        let mut layout = layout.clone();
        layout.sort_by_key(|&host| weights[host] != 0);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let probability = 1.0 / layouts.len() as f64;
        follow(weights, &layout, &vec![], probability, &mut exact);
    }
    exact
}

fn assert_fits<K: Ord + core::fmt::Debug>(
    counts: &BTreeMap<K, u32>,
    exact: &BTreeMap<K, f64>,
    what: &str,
) {
    assert!(counts.keys().all(|key| exact.contains_key(key)), "{what}");
    let mut chi_square = 0.0;
    for (key, probability) in exact {
        let expected = probability * f64::from(DRAWS);
        assert!(expected > 5.0, "{what}: {key:?} is too rare for the test");
        let found = f64::from(counts.get(key).copied().unwrap_or(0));
        chi_square += (found - expected).powi(2) / expected;
    }
    let critical = critical(exact.len() - 1);
    assert!(
        chi_square < critical,
        "{what}: chi-square {chi_square} above {critical}"
    );
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

#[test]
fn rfc_2782_every_order_and_every_place_have_the_probabilities_of_its_text() {
    let cases: [&[u16]; 7] = [
        &[75, 25],
        &[0, 0],
        &[0, 0, 0, 0],
        &[0, 1, 3, 6],
        &[1, 2, 3, 4],
        &[0, 5, 0, 5],
        &[1, 1, 1],
    ];
    for (seed, weights) in (1..).zip(cases) {
        let hosts: Vec<(u16, u16)> = weights.iter().map(|&weight| (7, weight)).collect();
        let counts = count(&records(&hosts), SelectionRule::Rfc2782, seed);
        let exact = exact(weights);
        assert_fits(&counts, &exact, &format!("{weights:?}"));
        for place in 0..weights.len() {
            let what = format!("{weights:?}, place {place}");
            assert_fits(&marginal(&counts, place), &marginal(&exact, place), &what);
        }
    }
}

#[test]
fn rfc_2782_a_long_record_set_is_chosen_from_by_weight_too() {
    // Too long to enumerate the orders of; but who comes first can be said of any length.
    let weights: Vec<u16> = (1..=18).collect();
    let hosts: Vec<(u16, u16)> = weights.iter().map(|&weight| (7, weight)).collect();
    let counts = count(&records(&hosts), SelectionRule::Rfc2782, 17);
    let sum: u16 = weights.iter().sum();
    let exact = (0..18)
        .zip(&weights)
        .map(|(host, &weight)| (host, (f64::from(weight) + 1.0 / 18.0) / f64::from(sum + 1)))
        .collect();
    assert_fits(&marginal(&counts, 0), &exact, "18 hosts");
}

#[test]
fn the_exact_probabilities_are_those_worked_out_by_hand() {
    let first = |weights: &[u16]| marginal(&exact(weights), 0);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(near(first(&[75, 25])[&0], 75.5 / 101.0));
    assert!(near(first(&[0, 1, 3, 6])[&0], 1.0 / 11.0));
    assert!(near(first(&[1, 2, 3, 4])[&3], 4.25 / 11.0));
    assert!(near(exact(&[0, 0, 0, 0])[&vec![3, 1, 0, 2]], 1.0 / 24.0));
}

#[test]
fn activate_clients_hosts_of_the_default_weight_are_chosen_at_random() {
    // Some implementations always begin with the record that came first.
    let counts = count(&records(&[(0, 0); 4]), SelectionRule::Rfc2782, 11);
    let quarter = (0..4).map(|host| (host, 0.25)).collect();
    assert_fits(&marginal(&counts, 0), &quarter, "first of four");
}

#[test]
fn lower_priorities_come_first_whatever_the_weights() {
    let records = records(&[(90, 65_535), (10, 0), (90, 0), (10, 1), (0, 0)]);
    for order in count(&records, SelectionRule::Rfc2782, 12).into_keys() {
        let priorities: Vec<u16> = order.iter().map(|&host| records[host].priority).collect();
        assert!(priorities.is_sorted(), "{order:?}");
    }
}

#[test]
fn windows_vista_legacy_clients_ignore_priority_and_weight() {
    let records = records(&[(10, 75), (10, 25), (90, 75), (90, 0)]);
    let counts = count(&records, SelectionRule::Legacy, 13);
    let uniform = permutations(&[0, 1, 2, 3])
        .into_iter()
        .map(|order| (order, 1.0 / 24.0))
        .collect();
    assert_fits(&counts, &uniform, "legacy");
}

#[test]
fn none_one_and_extreme_records_are_ordered_without_harm() {
    for rule in [SelectionRule::Rfc2782, SelectionRule::Legacy] {
        for seed in 14..17 {
            for hosts in [vec![], vec![(65_535, 65_535)], vec![(0, 65_535); 300]] {
                let before = records(&hosts);
                let mut after = before.clone();
                order(&mut after, rule, &mut SeededEntropy::new(seed));
                after.sort_by_key(|record| record.port);
                assert_eq!(after, before);
            }
        }
    }
}
