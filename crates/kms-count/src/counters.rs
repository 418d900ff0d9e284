use kms_core::LicenseStatus;

/// The documented "cumulative requests received from clients". They only grow, restarts included,
/// and stop together when the total reaches the end of its 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    // INVARIANT: failed <= total, and by_status adds up to at most total.
    total: u64,
    failed: u64,
    by_status: [u64; LicenseStatus::ALL.len()],
}

/// Numbers that cannot be the counters of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountersError {
    /// More failed than there were.
    #[error("{failed} failed requests of {total} in total: the total includes the failed ones")]
    Failed {
        /// The failed requests.
        failed: u64,
        /// All requests.
        total: u64,
    },
    /// More requests with a licence status than there were.
    #[error(
        "{with_status} requests with a licence status of {total} in total: each request has at most one"
    )]
    ByStatus {
        /// The requests with a licence status, added up.
        with_status: u128,
        /// All requests.
        total: u64,
    },
}

impl Counters {
    pub(crate) const ZERO: Self = Self {
        total: 0,
        failed: 0,
        by_status: [0; LicenseStatus::ALL.len()],
    };

    /// Counters with these values, as [`total`](Self::total), [`failed`](Self::failed) and
    /// [`by_status`](Self::by_status) gave them.
    ///
    /// # Errors
    /// When the failed requests, or those with a licence status, are more than the total.
    pub fn new(
        total: u64,
        failed: u64,
        by_status: [u64; LicenseStatus::ALL.len()],
    ) -> Result<Self, CountersError> {
        let with_status = by_status.iter().map(|&count| u128::from(count)).sum();
        if failed > total {
            Err(CountersError::Failed { failed, total })
        } else if with_status > u128::from(total) {
            Err(CountersError::ByStatus { with_status, total })
        } else {
            Ok(Self {
                total,
                failed,
                by_status,
            })
        }
    }

    /// All requests, the failed ones included, also those that could not be understood.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The requests that were refused, for example for a product that the host's key does not cover.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// The requests of clients whose licence was in this state.
    #[must_use]
    pub fn with_status(&self, status: LicenseStatus) -> u64 {
        self.by_status
            .get(status as usize)
            .copied()
            .unwrap_or_default()
    }

    /// The requests by the state of the client's licence, in the order of [`LicenseStatus::ALL`].
    #[must_use]
    pub const fn by_status(&self) -> [u64; LicenseStatus::ALL.len()] {
        self.by_status
    }

    /// Adds a request that was answered.
    pub(crate) fn add_answered(&mut self, status: LicenseStatus) {
        self.add(false, Some(status));
    }

    /// Adds a request that was refused.
    pub(crate) fn add_failed(&mut self, status: Option<LicenseStatus>) {
        self.add(true, status);
    }

    fn add(&mut self, failed: bool, status: Option<LicenseStatus>) {
        let Some(total) = self.total.checked_add(1) else {
            return;
        };
        // INVARIANT: nothing below exceeds the total, so it cannot overflow either.
        self.total = total;
        self.failed += u64::from(failed);
        if let Some(count) = status.and_then(|status| self.by_status.get_mut(status as usize)) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_total_includes_the_failed_and_each_of_the_seven_states_has_a_counter() {
        let mut counters = Counters::default();
        for (status, times) in LicenseStatus::ALL.into_iter().zip(1..) {
            for _ in 0..times {
                counters.add_answered(status);
            }
        }
        counters.add_failed(Some(LicenseStatus::Notification));
        counters.add_failed(None);
        assert_eq!(counters.total(), 28 + 2);
        assert_eq!(counters.failed(), 2);
        assert_eq!(counters.by_status(), [1, 2, 3, 4, 5, 7, 7]);
        assert_eq!(counters.with_status(LicenseStatus::OotGrace), 4);
        let again = Counters::new(counters.total(), counters.failed(), counters.by_status());
        assert_eq!(again, Ok(counters));
    }

    #[test]
    fn counters_that_contradict_each_other_are_refused() {
        let error = Counters::new(2, 3, [0; 7]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "3 failed requests of 2 in total: the total includes the failed ones"
        );
        let error = Counters::new(2, 0, [1, 1, 1, 0, 0, 0, 0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "3 requests with a licence status of 2 in total: each request has at most one"
        );
        assert!(Counters::new(u64::MAX, 0, [u64::MAX; 7]).is_err());
    }

    #[test]
    fn counters_stop_at_their_end() {
        let mut counters = Counters::new(u64::MAX, 0, [0; 7]).unwrap();
        counters.add_failed(Some(LicenseStatus::Licensed));
        assert_eq!(Counters::new(u64::MAX, 0, [0; 7]), Ok(counters));
    }
}
