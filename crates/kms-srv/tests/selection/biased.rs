//! The tests of the tests: samplers that are nearly right, and are found out.

use super::{
    DRAWS, LEAST_CHANCE, Sampler, chance, count, exact::orders, host, long, of_one_priority,
    rfc_2782, uniform,
};
use kms_core::{Entropy, SeededEntropy};
use kms_srv::SrvRecord;

/// Far below what bad luck with a seed could explain.
const FOUND_OUT: f64 = 1e-6;

/// Enough to find out those of 256 hosts.
const FEW_DRAWS: u32 = DRAWS / 10;

fn below(count: usize, entropy: &mut SeededEntropy) -> usize {
    usize::try_from(entropy.below(u64::try_from(count).unwrap())).unwrap()
}

fn shuffle(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    for at in 0..records.len() {
        let pick = at + below(records.len() - at, entropy);
        records.swap(at, pick);
    }
}

/// RFC 2782 word for word, with these choices open: how the records are laid out, and which numbers
/// may be drawn.
fn word_for_word(
    records: &mut [SrvRecord],
    entropy: &mut SeededEntropy,
    lay_out: impl Fn(&mut [SrvRecord], &mut SeededEntropy),
    lowest_number: u64,
) {
    for taken in 0..records.len() {
        let rest = &mut records[taken..];
        lay_out(rest, entropy);
        let sum: u64 = rest.iter().map(|record| u64::from(record.weight)).sum();
        let lowest = lowest_number.min(sum);
        let number = lowest + entropy.below(sum + 1 - lowest);
        let mut running_sum = 0;
        let reached = rest.iter().position(|record| {
            running_sum += u64::from(record.weight);
            running_sum >= number
        });
        // The others keep their order.
        rest[..=reached.unwrap()].rotate_right(1);
    }
}

fn weightless_first(records: &mut [SrvRecord]) {
    records.sort_by_key(|record| record.weight != 0);
}

fn right(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    let lay_out = |records: &mut [SrvRecord], entropy: &mut SeededEntropy| {
        shuffle(records, entropy);
        weightless_first(records);
    };
    word_for_word(records, entropy, lay_out, 0);
}

/// The number 0 always falls to the record that came first.
fn not_shuffled(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    word_for_word(records, entropy, |records, _| weightless_first(records), 0);
}

/// The number 0 always falls to the lightest record.
fn laid_out_by_weight(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    let lay_out = |records: &mut [SrvRecord], _: &mut SeededEntropy| {
        records.sort_by_key(|record| record.weight);
    };
    word_for_word(records, entropy, lay_out, 0);
}

/// By weight alone: the sum is not inclusive.
fn without_the_number_0(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    let lay_out = |records: &mut [SrvRecord], entropy: &mut SeededEntropy| {
        shuffle(records, entropy);
        weightless_first(records);
    };
    word_for_word(records, entropy, lay_out, 1);
}

/// Who comes first is right, and nothing after it.
fn only_the_first_by_weight(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    rfc_2782(records, entropy);
    if let Some((_, rest)) = records.split_first_mut() {
        shuffle(rest, entropy);
    }
}

/// The weights in a right order, and among hosts of one weight those first that came first.
fn alike_hosts_as_they_came(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    rfc_2782(records, entropy);
    for at in 0..records.len() {
        let weight = records[at].weight;
        let same = (at..records.len()).filter(|&other| records[other].weight == weight);
        if let Some(first) = same.min_by_key(|&other| host(&records[other])) {
            records.swap(at, first);
        }
    }
}

/// Each place is exchanged with any place, not only with those that are left.
fn shuffled_carelessly(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    for at in 0..records.len() {
        let pick = below(records.len(), entropy);
        records.swap(at, pick);
    }
}

/// Positions by the remainder of six random bits.
fn shuffled_by_remainders(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    for at in 0..records.len() {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let pick = at + usize::from(byte[0] & 63) % (records.len() - at);
        records.swap(at, pick);
    }
}

fn chance_of(weights: &[u16], sampler: impl Sampler) -> f64 {
    let hosts = of_one_priority(weights);
    chance(&count(&hosts, 71, sampler), &orders(&hosts))
}

fn assert_found_out(weights: &[u16], sampler: impl Sampler) {
    let chance = chance_of(weights, sampler);
    assert!(chance < FOUND_OUT, "{weights:?}: {chance}");
}

#[test]
fn the_text_word_for_word_passes() {
    for weights in [&[75, 25][..], &[1, 2, 3, 4], &[0, 1, 3, 6], &[0, 0, 0]] {
        let chance = chance_of(weights, right);
        assert!(chance > LEAST_CHANCE, "{weights:?}: {chance}");
    }
}

#[test]
fn an_order_that_is_not_shuffled_is_found_out() {
    for weights in [&[0, 0][..], &[0, 0, 0, 0], &[50, 50, 50], &[0, 5, 0, 5]] {
        assert_found_out(weights, not_shuffled);
    }
}

#[test]
fn a_layout_by_weight_is_found_out() {
    for weights in [&[75, 25][..], &[1, 2, 3, 4]] {
        assert_found_out(weights, laid_out_by_weight);
    }
}

#[test]
fn a_sum_that_is_not_inclusive_is_found_out() {
    for weights in [&[75, 25][..], &[1, 2, 3, 4], &[0, 1, 3, 6], &[0, 5, 0, 5]] {
        assert_found_out(weights, without_the_number_0);
    }
}

#[test]
fn an_order_that_is_right_only_at_its_first_place_is_found_out() {
    for weights in [&[1, 2, 3][..], &[75, 25, 25], &[0, 1, 3, 6]] {
        assert_found_out(weights, only_the_first_by_weight);
    }
}

#[test]
fn hosts_of_one_weight_that_are_told_apart_are_found_out() {
    for weights in [&[0, 0, 0][..], &[75, 75, 25], &[0, 5, 0, 5]] {
        assert_found_out(weights, alike_hosts_as_they_came);
    }
}

#[test]
fn careless_shuffles_are_found_out() {
    for hosts in [3, 4, 5] {
        let weightless = vec![(0, 0); hosts];
        let of = |counts| chance(&counts, &uniform(hosts));
        assert!(of(count(&weightless, 72, shuffled_carelessly)) < FOUND_OUT);
        assert!(of(count(&weightless, 73, shuffled_by_remainders)) < FOUND_OUT);
    }
}

#[test]
fn in_256_hosts_two_of_one_weight_that_are_told_apart_are_found_out() {
    let in_turn = |records: &mut [SrvRecord], entropy: &mut SeededEntropy| {
        rfc_2782(records, entropy);
        let place = |wanted| records.iter().position(|record| host(record) == wanted);
        if let (Some(first), Some(last)) = (place(0), place(255))
            && first > last
        {
            records.swap(first, last);
        }
    };
    assert!(long::chance(&[(256, 0)], FEW_DRAWS, 74, in_turn) < FOUND_OUT);
}

#[test]
fn in_256_hosts_a_sum_that_is_not_inclusive_is_found_out() {
    // Quicker than word for word: of a right order, those of weight 0 are moved behind all others.
    let by_weight_alone = |records: &mut [SrvRecord], entropy: &mut SeededEntropy| {
        rfc_2782(records, entropy);
        records.sort_by_key(|record| record.weight == 0);
    };
    let classes = [(64, 0), (100, 1), (60, 3), (32, 10)];
    assert!(long::chance(&classes, FEW_DRAWS, 75, by_weight_alone) < FOUND_OUT);
}
