//! Counters that move with the entries, by the rule of the table that answers.

use super::error::Fault;
use kms_core::LicenseStatus;
use kms_count::Counters;
use rusqlite::Row;

/// The documented counters, as far as the entries so far moved them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    total: u64,
    failed: u64,
    by_status: [u64; LicenseStatus::ALL.len()],
}

/// A tally as the database keeps it: the signed numbers of the same bits.
pub(super) type Columns = [i64; 2 + LicenseStatus::ALL.len()];

impl Tally {
    /// Adds `times` requests. The counters stop together at their end, as [`Counters`] do.
    pub(super) fn add(&mut self, failed: bool, status: Option<LicenseStatus>, times: u64) {
        let times = times.min(u64::MAX - self.total);
        self.total += times;
        if failed {
            self.failed += times;
        }
        if let Some(count) = status.and_then(|status| self.by_status.get_mut(status as usize)) {
            *count += times;
        }
    }

    /// Adds what another tally has.
    pub(super) fn add_all(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        self.failed = self.failed.saturating_add(other.failed);
        for (count, more) in self.by_status.iter_mut().zip(other.by_status) {
            *count = count.saturating_add(more);
        }
    }

    /// Whether nothing of it is more than in `whole`. Counters at their end say nothing.
    pub(super) fn is_within(&self, whole: &Self) -> bool {
        let within = |part: &[u64; 7]| part.iter().zip(&whole.by_status).all(|(a, b)| a <= b);
        whole.total == u64::MAX
            || (self.total <= whole.total && self.failed <= whole.failed && within(&self.by_status))
    }

    pub(super) fn counters(&self) -> Result<Counters, Fault> {
        Counters::new(self.total, self.failed, self.by_status)
            .map_err(|error| Fault::Contents(error.to_string()))
    }

    pub(super) fn columns(&self) -> Columns {
        let [a, b, c, d, e, f, g] = self.by_status;
        [self.total, self.failed, a, b, c, d, e, f, g].map(u64::cast_signed)
    }

    /// The tally in the nine columns from `first` on.
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Self, Fault> {
        let at = |index: usize| row.get(first + index).map(i64::cast_unsigned);
        Ok(Self {
            total: at(0)?,
            failed: at(1)?,
            by_status: [at(2)?, at(3)?, at(4)?, at(5)?, at(6)?, at(7)?, at(8)?],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_stop_together_at_their_end() {
        let mut tally = Tally {
            total: u64::MAX - 2,
            ..Tally::default()
        };
        tally.add(true, Some(LicenseStatus::Notification), 1);
        tally.add(true, None, 5);
        tally.add(false, Some(LicenseStatus::Licensed), 1);
        let counters = tally.counters().unwrap();
        assert_eq!((counters.total(), counters.failed()), (u64::MAX, 2));
        assert_eq!(counters.by_status(), [0, 0, 0, 0, 0, 1, 0]);
    }
}
