use core::{num::NonZeroU32, time::Duration};
use kms_core::Threshold;

/// Whose machines count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host must offer each of them to its administrator"
)]
pub enum Admission {
    /// Every machine that asks, as documented. In a full family a newcomer takes the place of the
    /// oldest machine.
    #[default]
    Compat,
    /// So many machines of each source, and no newcomer in the place of an established machine.
    Guarded(Guarded),
}

/// What [`Admission::Guarded`] asks of a machine that is to count.
///
/// It stops accidents and makes attacks visible. It does not stop an attacker who has as many
/// sources as the quota goes into the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarded {
    quota: Quota,
    established_after: Duration,
}

impl Guarded {
    /// How far apart the first and the last request of an established machine are, unless
    /// configured: an hour.
    pub const DEFAULT_ESTABLISHED_AFTER: Duration = Duration::from_secs(60 * 60);

    /// How many machines of one source count in a family. A [`Request`](crate::Request) can bring
    /// another quota.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// How far apart the first and the last request of an established machine are, at least.
    #[must_use]
    pub const fn established_after(&self) -> Duration {
        self.established_after
    }

    /// Sets how many machines of one source count in a family.
    #[must_use]
    pub const fn with_quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    /// Sets how far apart the first and the last request of an established machine are, at least.
    #[must_use]
    pub const fn with_established_after(self, established_after: Duration) -> Self {
        Self {
            established_after,
            ..self
        }
    }
}

impl Default for Guarded {
    /// A fifth of the threshold of each source, and established after an hour.
    fn default() -> Self {
        Self {
            quota: Quota::default(),
            established_after: Self::DEFAULT_ESTABLISHED_AFTER,
        }
    }
}

/// How many machines of one source count in a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host must offer each of them to its administrator"
)]
pub enum Quota {
    /// One of so many parts of the family's highest threshold, rounded up.
    Share(NonZeroU32),
    /// So many machines, whatever the threshold; with 0 nothing counts that has a source.
    Machines(u32),
}

impl Quota {
    /// The quota for a family whose highest threshold is this.
    #[must_use]
    pub const fn of(self, threshold: Threshold) -> u32 {
        match self {
            Self::Share(parts) => threshold.machines().div_ceil(parts.get()),
            Self::Machines(machines) => machines,
        }
    }
}

impl Default for Quota {
    /// A fifth of the threshold.
    fn default() -> Self {
        const FIFTH: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
        Self::Share(FIFTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_quota_is_a_fifth_of_the_threshold_rounded_up() {
        for (threshold, quota) in [
            (1, 1),
            (5, 1),
            (6, 2),
            (25, 5),
            (26, 6),
            (1_000_000, 200_000),
        ] {
            let threshold = Threshold::new(threshold).unwrap();
            assert_eq!(Quota::default().of(threshold), quota);
        }
        assert_eq!(Quota::Machines(0).of(Threshold::new(25).unwrap()), 0);
    }
}
