use core::time::Duration;
use kms_core::{Entropy, Tick, ValidityInterval};

/// How long after a failed renewal a change of the network makes an attempt due at once.
pub const NETWORK_WATCH: Duration = Duration::from_secs(15 * 60);

/// At most so long after the last look at both clocks they are looked at again, and a save is due:
/// a crash loses no more of the high-water mark.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(12 * 3600);

/// An attempt that is found to be later than this, as after a suspend, is put off by a random part
/// of it: machines that wake together must not knock together.
pub const RESUME_SPREAD: Duration = Duration::from_secs(10 * 60);

/// The timers of a product with a key, all by the tick.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pub(crate) attempt: Option<Tick>,
    pub(crate) expiry: Option<Tick>,
    pub(crate) hold: Option<Tick>,
    pub(crate) checkpoint: Option<Tick>,
    /// Until when a change of the network counts. Nothing happens when it is over.
    pub(crate) watch_until: Option<Tick>,
    /// The attempt was put off once for being late.
    pub(crate) spread: bool,
}

impl Timers {
    pub(crate) fn next(&self) -> Option<Tick> {
        [self.attempt, self.expiry, self.hold, self.checkpoint]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn arm_attempt(&mut self, at: Tick) {
        self.attempt = Some(at);
        self.spread = false;
    }

    /// An attempt at `at`, unless one is due before.
    pub(crate) fn hasten_attempt(&mut self, at: Tick) {
        if self.attempt.is_none_or(|attempt| at < attempt) {
            self.arm_attempt(at);
        }
    }

    /// Whether the attempt is due at `tick`, which puts it off if it is much too late.
    pub(crate) fn attempt_is_due(&mut self, tick: Tick, entropy: &mut impl Entropy) -> bool {
        let Some(attempt) = self.attempt.filter(|attempt| *attempt <= tick) else {
            return false;
        };
        let late = tick.saturating_since(attempt) > RESUME_SPREAD;
        if late && !self.spread {
            let part = Duration::from_millis(1) + up_to(RESUME_SPREAD, entropy);
            self.attempt = Some(tick.saturating_add(part));
            self.spread = true;
            return false;
        }
        true
    }

    pub(crate) fn checkpoint_is_due(&self, tick: Tick) -> bool {
        self.checkpoint.is_none_or(|checkpoint| checkpoint <= tick)
    }
}

/// The interval and up to a tenth of it.
pub(crate) fn with_jitter(interval: Duration, entropy: &mut impl Entropy) -> Duration {
    interval.saturating_add(up_to(interval / 10, entropy))
}

/// When to renew: every renewal interval, but no later than at half of a validity that is shorter,
/// so that a host's mismatched intervals do not let the licence lapse each time.
pub(crate) fn renewal_delay(renewal: Duration, validity: ValidityInterval) -> Duration {
    const SHORTEST: Duration = Duration::from_secs(15 * 60);
    renewal.min((validity.duration() / 2).max(SHORTEST))
}

fn up_to(most: Duration, entropy: &mut impl Entropy) -> Duration {
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(entropy.below(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{RenewalInterval, SeededEntropy};

    #[test]
    fn jitter_is_never_less_than_the_interval_and_at_most_a_tenth_more() {
        let mut entropy = SeededEntropy::new(1);
        let interval = Duration::from_secs(7200);
        let delays: alloc::vec::Vec<_> = (0..1000)
            .map(|_| with_jitter(interval, &mut entropy))
            .collect();
        let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!(*least >= interval && *least < interval + Duration::from_secs(30));
        assert!(*most <= interval * 11 / 10 && *most > interval + Duration::from_secs(690));
    }

    #[test]
    fn renewal_is_planned_before_a_short_validity_ends() {
        let validity = |minutes| ValidityInterval::from_minutes(minutes).unwrap();
        let week = RenewalInterval::default().duration();
        assert_eq!(renewal_delay(week, ValidityInterval::default()), week);
        assert_eq!(renewal_delay(week, validity(14 * 1440)), week);
        assert_eq!(renewal_delay(week, validity(2 * 1440)).as_secs(), 86_400);
        assert_eq!(renewal_delay(week, validity(1)).as_secs(), 15 * 60);
    }

    #[test]
    fn an_attempt_that_is_much_too_late_is_put_off_once() {
        let mut entropy = SeededEntropy::new(1);
        let hours = |hours: u64| Tick::from_millis(hours * 3_600_000);
        let mut timers = Timers::default();
        assert!(!timers.attempt_is_due(hours(9), &mut entropy));
        timers.arm_attempt(hours(1));
        assert!(!timers.attempt_is_due(hours(9), &mut entropy));
        let put_off = timers.next().unwrap();
        assert!(put_off > hours(9) && put_off <= hours(9).saturating_add(RESUME_SPREAD));
        // A driver that looks once in an hour still gets its attempt.
        assert!(timers.attempt_is_due(hours(10), &mut entropy));
    }
}
