use crate::SrvRecord;
use kms_core::Entropy;

/// How a client chooses among the hosts that DNS offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the documents have these two")]
pub enum SelectionRule {
    /// The lowest priority first, by weight among equals (RFC 2782).
    #[default]
    Rfc2782,
    /// Any host with the same chance, whatever its priority and weight: Windows Vista and Windows
    /// Server 2008.
    Legacy,
}

/// Puts records into the order in which they are to be tried, in place and without allocating.
///
/// RFC 2782 lays the records of one priority out in any order, weight 0 first, draws a number from
/// 0 to the sum of their weights *inclusive*, and takes the first record whose running sum reaches it.
/// "Any order" is here a fresh random one for each draw. So hosts of the default weight 0 have equal
/// chances, and while others are there a record of weight 0 still has a small one: one in (sum + 1),
/// shared by all of weight 0. Where shares must be close to the weights, make the weights 10 or more.
pub fn order(
    records: &mut [SrvRecord],
    rule: SelectionRule,
    entropy: &mut (impl Entropy + ?Sized),
) {
    match rule {
        SelectionRule::Legacy => shuffle(records, entropy),
        SelectionRule::Rfc2782 => {
            records.sort_unstable_by_key(|record| record.priority);
            for group in records.chunk_by_mut(|a, b| a.priority == b.priority) {
                order_by_weight(group, entropy);
            }
        }
    }
}

fn shuffle(records: &mut [SrvRecord], entropy: &mut (impl Entropy + ?Sized)) {
    for at in 0..records.len() {
        let pick = at + below(records.len() - at, entropy);
        records.swap(at, pick);
    }
}

fn order_by_weight(records: &mut [SrvRecord], entropy: &mut (impl Entropy + ?Sized)) {
    let mut sum: u64 = records.iter().map(|record| u64::from(record.weight)).sum();
    let mut weightless = records.iter().filter(|record| record.weight == 0).count();
    let mut rest = records;
    while sum > 0 && rest.len() > 1 {
        // The draw of 0 falls to the first record of the random layout, which is each of those that may
        // stand first with the same chance; any other draw falls by weight wherever the records
        // lie. So the layout itself need not be made.
        let pick = match entropy.below(sum + 1) {
            0 if weightless > 0 => nth_weightless(rest, below(weightless, entropy)),
            0 => below(rest.len(), entropy),
            draw => by_running_sum(rest, draw),
        };
        rest.swap(0, pick);
        let Some((taken, tail)) = rest.split_first_mut() else {
            return;
        };
        sum -= u64::from(taken.weight);
        weightless -= usize::from(taken.weight == 0);
        rest = tail;
    }
    shuffle(rest, entropy);
}

/// The record whose running sum reaches `draw`, which is from 1 to the sum of the weights.
fn by_running_sum(records: &[SrvRecord], draw: u64) -> usize {
    // The time of an order goes into this search, and most of it into decisions that a processor
    // cannot foresee. So there is one for each block of records, and none within it.
    const BLOCK: usize = 8;
    let weight = |record: &SrvRecord| u64::from(record.weight);
    let (mut left, mut start) = (draw, 0);
    for block in records.chunks_exact(BLOCK) {
        let sum: u64 = block.iter().map(weight).sum();
        if sum >= left {
            break;
        }
        left -= sum;
        start += BLOCK;
    }
    let mut running_sum = 0;
    let before = records.iter().skip(start).take(BLOCK).map(|record| {
        running_sum += weight(record);
        usize::from(running_sum < left)
    });
    (start + before.sum::<usize>()).min(records.len().saturating_sub(1))
}

fn nth_weightless(records: &[SrvRecord], n: usize) -> usize {
    let mut weightless = records
        .iter()
        .enumerate()
        .filter(|(_, record)| record.weight == 0);
    weightless.nth(n).map_or(0, |(at, _)| at)
}

/// A position below `count`, each equally likely.
fn below(count: usize, entropy: &mut (impl Entropy + ?Sized)) -> usize {
    let bound = u64::try_from(count).unwrap_or(u64::MAX);
    usize::try_from(entropy.below(bound)).unwrap_or(0)
}
