use core::fmt;

/// The activation threshold of a product: how many machines must have asked before it is activated,
/// the asking one included. 25 for the documents' clients, 5 for their servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u32);

/// A number that no activation threshold may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an activation threshold of {0} machines: allowed are 1 to 1000000")]
pub struct ThresholdError(pub u32);

impl Threshold {
    /// The lowest.
    pub const MIN: Self = Self(1);
    /// The highest: what a request can ask for (PROTOCOL section 3).
    pub const MAX: Self = Self(1_000_000);

    /// The threshold at this many machines.
    ///
    /// # Errors
    /// When it is outside [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
    #[inline]
    pub const fn new(machines: u32) -> Result<Self, ThresholdError> {
        if machines < Self::MIN.0 || machines > Self::MAX.0 {
            Err(ThresholdError(machines))
        } else {
            Ok(Self(machines))
        }
    }

    /// The number of machines.
    #[must_use]
    #[inline]
    pub const fn machines(self) -> u32 {
        self.0
    }

    /// How many machines a host keeps for a family in which this is the highest threshold: twice as
    /// many, so that the count does not fall below it as soon as one machine is silent.
    #[must_use]
    pub const fn capacity(self) -> u32 {
        // INVARIANT: at most MAX, so this cannot overflow.
        self.0 * 2
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn thresholds_are_held_to_what_a_request_can_ask_for() {
        for (machines, capacity) in [(1, 2), (5, 10), (25, 50), (1_000_000, 2_000_000)] {
            let threshold = Threshold::new(machines).unwrap();
            assert_eq!(
                (threshold.machines(), threshold.capacity()),
                (machines, capacity)
            );
        }
        for machines in [0, 1_000_001, u32::MAX] {
            assert_eq!(Threshold::new(machines), Err(ThresholdError(machines)));
        }
        assert_eq!(
            Threshold::new(0).unwrap_err().to_string(),
            "an activation threshold of 0 machines: allowed are 1 to 1000000"
        );
    }
}
