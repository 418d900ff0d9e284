//! The token bucket: so many at once, and so many in a period in the long run.

use core::time::Duration;
use kms_core::Tick;

/// How fast a [`Bucket`] fills, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    // Nanoseconds in which one token comes. INVARIANT: at least 1.
    each: u64,
    // Nanoseconds in which an empty bucket is full again: 0 when nothing may ever be taken.
    whole: u64,
}

impl Rate {
    /// `count` in each `period` in the long run, and `burst` at once. None at all when one of the
    /// two is 0.
    pub(crate) fn new(count: usize, period: Duration, burst: usize) -> Self {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let each = period.checked_div(number(count));
        let whole = each.map(|each| each.max(1).saturating_mul(number(burst)));
        Self {
            each: each.unwrap_or(0).max(1),
            whole: whole.unwrap_or(0),
        }
    }
}

/// One bucket, which is full at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    // When it will be full again, in nanoseconds of the tick's epoch: all that there is to know.
    full_at: u64,
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Tick) -> bool {
        let now = nanos(now);
        let full_at = self.full_at.max(now).saturating_add(rate.each);
        let taken = full_at - now <= rate.whole;
        if taken {
            self.full_at = full_at;
        }
        taken
    }

    /// Whether it is full, as a new one is.
    pub(crate) fn is_full(self, now: Tick) -> bool {
        self.full_at <= nanos(now)
    }
}

const fn nanos(tick: Tick) -> u64 {
    tick.as_millis().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(bucket: &mut Bucket, rate: Rate, at: u64, tries: usize) -> usize {
        (0..tries)
            .filter(|_| bucket.take(rate, Tick::from_millis(at)))
            .count()
    }

    #[test]
    fn a_burst_is_had_at_once_and_then_so_many_in_each_period() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(20, SECOND, 100));
        assert_eq!(taken(&mut bucket, rate, 5000, 200), 100);
        assert_eq!(taken(&mut bucket, rate, 5049, 10), 0);
        assert_eq!(taken(&mut bucket, rate, 5050, 10), 1);
        assert_eq!(taken(&mut bucket, rate, 6050, 200), 20);
        assert!(!bucket.is_full(Tick::from_millis(11_049)));
        assert!(bucket.is_full(Tick::from_millis(11_050)));
        assert_eq!(taken(&mut bucket, rate, 3_600_000, 200), 100);
    }

    #[test]
    fn none_is_none_and_any_number_is_allowed() {
        for none in [Rate::new(0, SECOND, 5), Rate::new(5, SECOND, 0)] {
            assert_eq!(taken(&mut Bucket::default(), none, 1000, 5), 0);
        }
        let all = Rate::new(usize::MAX, Duration::MAX, usize::MAX);
        assert_eq!(taken(&mut Bucket::default(), all, 1000, 5000), 5000);
        let all = Rate::new(usize::MAX, SECOND, usize::MAX);
        assert_eq!(taken(&mut Bucket::default(), all, u64::MAX, 5000), 5000);
    }

    proptest! {
        /// Beside a bucket that is counted in tokens, in parts that are whole numbers.
        #[test]
        fn it_gives_what_a_counted_bucket_gives(
            count in 1_usize..50,
            burst in 1_usize..50,
            steps in prop::collection::vec(0_u64..300, 1..200),
        ) {
            // A period in which a token comes in a whole number of milliseconds.
            let each = 40;
            let rate = Rate::new(count, Duration::from_millis(each * count as u64), burst);
            let (mut bucket, mut now) = (Bucket::default(), 7);
            let most = burst as u64 * each;
            let mut model = most;
            for step in steps {
                now += step;
                model = (model + step).min(most);
                let wanted = model >= each;
                if wanted {
                    model -= each;
                }
                prop_assert_eq!(bucket.take(rate, Tick::from_millis(now)), wanted);
                prop_assert_eq!(bucket.is_full(Tick::from_millis(now)), model == most);
            }
        }
    }
}
