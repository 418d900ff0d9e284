use core::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The upper ends of the buckets in nanoseconds: a signature alone takes some tens of microseconds,
/// a sync from a fraction of a millisecond on flash to tens of them on a disk that turns, and a call
/// 15 seconds at most by default.
const BOUNDS: [u64; 16] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// How long something took, in buckets.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    // The last holds what took longer than every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// All observations at one moment.
#[derive(Debug, PartialEq)]
pub(super) struct Observed {
    /// What all of them took together, in seconds.
    pub(super) sum: f64,
    /// How many there are: as many as in the buckets together.
    pub(super) count: u64,
    /// Each bucket's upper end in seconds, the last one's infinite, and how many are in it alone.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Latencies {
    /// Adds an observation. Their sum holds 584 years.
    pub(super) fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|bound| *bound < nanos);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// What was observed.
    pub(super) fn observed(&self) -> Observed {
        let bounds = BOUNDS.iter().map(|nanos| seconds(*nanos));
        let buckets: Vec<(f64, u64)> = bounds
            .chain([f64::INFINITY])
            .zip(&self.buckets)
            .map(|(bound, bucket)| (bound, bucket.load(Relaxed)))
            .collect();
        Observed {
            sum: seconds(self.nanos.load(Relaxed)),
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_in_the_first_bucket_that_ends_at_it_or_later() {
        let latencies = Latencies::default();
        for nanos in [0, 100_000, 100_001, 10_000_000_000, 10_000_000_001] {
            latencies.observe(Duration::from_nanos(nanos));
        }
        let observed = latencies.observed();
        let filled: Vec<_> = observed.buckets.iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(
            filled,
            [&(0.0001, 2), &(0.00025, 1), &(10.0, 1), &(f64::INFINITY, 1)]
        );
        assert_eq!(observed.count, 5);
        assert!((observed.sum - 20.000_200_002).abs() < 1e-9);
    }

    #[test]
    fn bounds_ascend_and_are_whole_microseconds() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        assert!(BOUNDS.iter().all(|nanos| nanos % 1000 == 0));
    }
}
