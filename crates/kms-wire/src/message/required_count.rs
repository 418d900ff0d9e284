use core::fmt;

/// How many machines a client says its product needs (the documents' N): 1 to 1,000,000.
///
/// It is advice: a host takes thresholds and capacities from its own catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequiredCount(u32);

/// A number that is no required count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a required count of {0}: allowed are 1 to 1000000")]
pub struct RequiredCountError(pub u32);

impl RequiredCount {
    /// The lowest.
    pub const MIN: u32 = 1;
    /// The highest.
    pub const MAX: u32 = 1_000_000;

    /// The count of this many machines.
    ///
    /// # Errors
    /// When it is not from [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
    pub const fn new(count: u32) -> Result<Self, RequiredCountError> {
        if count < Self::MIN || count > Self::MAX {
            Err(RequiredCountError(count))
        } else {
            Ok(Self(count))
        }
    }

    /// The number of machines.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RequiredCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_required_count_at_both_ends_and_beyond() {
        for count in [1, 5, 25, 1_000_000] {
            assert_eq!(RequiredCount::new(count).unwrap().value(), count);
        }
        for count in [0, 1_000_001, u32::MAX] {
            assert_eq!(RequiredCount::new(count), Err(RequiredCountError(count)));
        }
    }
}
