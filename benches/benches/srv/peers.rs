//! Other ways to put records into an order, for timing.

use super::{ORDERS, SIZES, Table, domain_crate::Found};
use benches::entropy;
use kms_core::{Entropy, SeededEntropy};
use kms_srv::SrvRecord;

fn below(count: usize, entropy: &mut SeededEntropy) -> usize {
    let bound = u64::try_from(count).unwrap();
    usize::try_from(entropy.below(bound)).unwrap()
}

/// The first record whose running sum reaches `number`, or passes it; the others keep their order.
fn take(records: &mut [SrvRecord], number: u64, reached: impl Fn(u64, u64) -> bool) -> u64 {
    let mut running_sum = 0;
    let at = records.iter().position(|record| {
        running_sum += u64::from(record.weight);
        reached(running_sum, number)
    });
    records[..=at.unwrap()].rotate_right(1);
    records[0].weight.into()
}

fn sum_of(records: &[SrvRecord]) -> u64 {
    records.iter().map(|record| u64::from(record.weight)).sum()
}

/// RFC 2782 as it is written, over one random layout: for which numbers a record is reached does not
/// depend on how the others lie, so that the layout stays random.
pub(super) fn word_for_word(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    records.sort_unstable_by_key(|record| record.priority);
    for group in records.chunk_by_mut(|a, b| a.priority == b.priority) {
        for at in (1..group.len()).rev() {
            group.swap(at, below(at + 1, entropy));
        }
        let mut weightless = 0;
        for at in 0..group.len() {
            if group[at].weight == 0 {
                group.swap(at, weightless);
                weightless += 1;
            }
        }
        let mut sum = sum_of(group);
        for taken in 0..group.len() {
            let number = entropy.below(sum + 1);
            sum -= take(&mut group[taken..], number, |sum, number| sum >= number);
        }
    }
}

/// What the `net` package of Go does: by priority and weight, then in each priority a number below the
/// sum, and the record whose running sum passes it moves to the front. Without weights nothing is
/// drawn, so that the default weights always give the same order.
pub(super) fn go_net(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    records.sort_unstable_by_key(|record| (record.priority, record.weight));
    for group in records.chunk_by_mut(|a, b| a.priority == b.priority) {
        let mut sum = sum_of(group);
        for taken in 0..group.len().saturating_sub(1) {
            if sum == 0 {
                break;
            }
            let number = entropy.below(sum);
            sum -= take(&mut group[taken..], number, |sum, number| sum > number);
        }
    }
}

/// A sort by priority and a random key each, exponentially distributed with the weight as its rate.
/// The shares are those of the weights, without RFC 2782's number 0.
pub(super) fn exponential_keys(records: &mut [SrvRecord], entropy: &mut SeededEntropy) {
    records.sort_by_cached_key(|record| {
        let random = entropy.next_u64() >> 11;
        let key = match record.weight {
            0 => random,
            weight => {
                #[expect(clippy::cast_precision_loss, reason = "it has 53 bits")]
                let uniform = (random as f64 + 0.5) / 9_007_199_254_740_992.0;
                // Positive numbers sort as their bits do.
                (-uniform.ln() / f64::from(weight)).to_bits()
            }
        };
        (record.priority, record.weight == 0, key)
    });
}

/// All of them put all records into an order by priority.
pub(super) fn check(table: &Table) {
    for size in SIZES {
        let answer = table.records(size);
        let mut sorted = answer.clone();
        sorted.sort();
        for (name, orders) in ORDERS {
            let mut records = answer.clone();
            orders(&mut records, &mut entropy());
            assert!(records.is_sorted_by_key(|record| record.priority), "{name}");
            records.sort();
            assert_eq!(records, sorted, "{name}");
        }
        let mut found = Found::new(table, size);
        found.order();
        let priorities = found.priorities();
        assert!(priorities.is_sorted(), "domain");
        assert_eq!(priorities.len(), usize::from(size), "domain");
    }
}
