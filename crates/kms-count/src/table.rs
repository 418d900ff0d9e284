use crate::{
    Change, Config, Counters, Family, Recorded, Request, RestoreError, Snapshot,
    families::Families, next_expiry::NextExpiries, seeds::Seeds,
};
use alloc::vec::Vec;
use kms_core::{Cmid, CountedId, Entropy, LicenseStatus, Now, Tick, Timestamp};

/// The activation count of a host: the client machine ids of the last 30 days, by family.
///
/// Each call with a time first removes the records whose time is over, in all families, so that
/// every count is right as of the latest such call. Records are kept by the clock that only moves
/// forward; a tick before the latest one is taken as that. The calendar time is only kept to be
/// shown and to find out the age of a record after a restart.
#[derive(Debug)]
pub struct CmidTable {
    config: Config,
    seeds: Seeds,
    // INVARIANT: the latest tick that any call brought.
    clock: Tick,
    counters: Counters,
    families: Families,
    next_expiries: NextExpiries,
}

impl CmidTable {
    /// The most families that a table holds. Families come from the host's catalogue, which is far
    /// smaller; the limit stands for a host that does not check.
    pub const MAX_FAMILIES: usize = 65_536;

    /// A table to which no machine has come yet. `entropy` seeds the hash of the client machine
    /// ids, which strangers choose.
    #[must_use]
    pub fn new(config: Config, entropy: &mut impl Entropy) -> Self {
        Self {
            config,
            seeds: Seeds::new(entropy),
            clock: Tick::ZERO,
            counters: Counters::ZERO,
            families: Families::new(),
            next_expiries: NextExpiries::new(),
        }
    }

    /// The table that `snapshot` was taken of, or that a store wrote down.
    ///
    /// The age of a record is the calendar time since its last request; none when that lies ahead,
    /// and no more than that of any record before it, so that a clock that was set makes no record
    /// expire early. Records whose time is over are not taken in.
    ///
    /// # Errors
    /// When the snapshot holds too many families or records, or one of them twice.
    pub fn restore(
        config: Config,
        snapshot: &Snapshot,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Self, RestoreError> {
        let families = snapshot.families.len();
        if families > Self::MAX_FAMILIES {
            return Err(RestoreError::TooManyFamilies { families });
        }
        let mut table = Self::new(config, entropy);
        table.counters = snapshot.counters;
        for (index, family) in snapshot.families.iter().enumerate() {
            let counted_id = family.counted_id;
            if table.family(counted_id).is_some() {
                return Err(RestoreError::DuplicateFamily { counted_id, index });
            }
            let family = Family::restore(family, &config, &table.seeds, now)?;
            let index = table.add_family(family);
            let next_expiry = table.families.get(index).and_then(Family::next_expiry);
            table.update_expiry(index, next_expiry);
        }
        table.advance(now.tick);
        Ok(table)
    }

    /// Everything that outlives a restart, as of the latest call with a time.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            counters: self.counters,
            families: self.families().map(Family::snapshot).collect(),
        }
    }

    /// Takes note of a request that is going to be answered, and says with which count.
    ///
    /// The work does not grow with the table, apart from the expiry of other records, once each,
    /// and the growth of memory, which doubles.
    pub fn record(&mut self, request: &Request, now: Now) -> Recorded {
        if self.config.counts_everyone() {
            self.record_as(request, now, |family, _, wall, expires, seeds| {
                family.record(request, wall, expires, seeds)
            })
        } else {
            self.record_admitted(request, now)
        }
    }

    /// Takes note of a request that was understood and then refused: of which family, where that
    /// is known, and with which licence status. A family to which no valid request has come is not
    /// made by one that failed.
    pub fn record_failure(
        &mut self,
        counted_id: Option<CountedId>,
        license_status: Option<LicenseStatus>,
    ) {
        self.counters.add_failed(license_status);
        let index = counted_id.and_then(|counted_id| self.families.find(counted_id, &self.seeds));
        if let Some(family) = index.and_then(|index| self.families.get_mut(index)) {
            family.add_failed(license_status);
        }
    }

    /// Removes the records whose time is over, and says how many they were. Meant for the moment
    /// that [`poll_timeout`](Self::poll_timeout) gave, and harmless at any other.
    pub fn handle_timeout(&mut self, now: Now) -> usize {
        self.advance(now.tick)
    }

    /// When the next record, of any family, is gone: the first moment at which
    /// [`handle_timeout`](Self::handle_timeout) has something to do. `None` when no record will be.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        Some(self.next_expiries.tick()).filter(|&expiry| expiry < Tick::MAX)
    }

    /// What the host was told to do.
    #[must_use]
    pub const fn config(&self) -> Config {
        self.config
    }

    /// The families to which a valid request has come, by ascending counted id.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        let mut families: Vec<&Family> = self.families.iter().collect();
        families.sort_unstable_by_key(|family| family.counted_id());
        families.into_iter()
    }

    /// The family, if a valid request has come to it.
    #[must_use]
    pub fn family(&self, counted_id: CountedId) -> Option<&Family> {
        let index = self.families.find(counted_id, &self.seeds)?;
        self.families.get(index)
    }

    /// The counters over all families and the requests that belong to none.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The "current count" that the documented status display shows for the host: the machines of
    /// all families, and -1 before the first valid request ever.
    #[must_use]
    pub fn shown_count(&self) -> i64 {
        if self.families.len() == 0 {
            -1
        } else {
            self.families
                .iter()
                .map(|family| i64::from(family.count()))
                .sum()
        }
    }

    /// The "current count" that the documented status display shows for a product of a family: its
    /// machines, and -1 before its first valid request ever.
    #[must_use]
    pub fn shown_count_of(&self, counted_id: CountedId) -> i64 {
        self.family(counted_id)
            .map_or(-1, |family| i64::from(family.count()))
    }

    /// Apart, so that a table that counts everyone does not pay for it.
    #[inline(never)]
    fn record_admitted(&mut self, request: &Request, now: Now) -> Recorded {
        self.record_as(request, now, |family, config, wall, expires, seeds| {
            family.record_admitted(request, config, wall, expires, seeds)
        })
    }

    // Into its two callers, each of which then has one way to record only.
    #[inline(always)]
    fn record_as(
        &mut self,
        request: &Request,
        now: Now,
        record: impl FnOnce(&mut Family, &Config, Timestamp, Tick, &Seeds) -> (Change, Option<Cmid>),
    ) -> Recorded {
        let expired = self.advance(now.tick);
        let expires = self.config.expiry(self.clock);
        let index = self.find_or_add_family(request);
        let Some((index, family)) =
            index.and_then(|index| Some((index, self.families.get_mut(index)?)))
        else {
            self.counters.add_failed(Some(request.license_status));
            return Recorded {
                count: 0,
                change: Change::TooManyFamilies,
                dropped: None,
                expired,
            };
        };
        self.counters.add_answered(request.license_status);
        let (change, dropped) = record(family, &self.config, now.wall, expires, &self.seeds);
        let (count, next_expiry) = (family.count(), family.next_expiry());
        self.update_expiry(index, next_expiry);
        // Apart from the others, so that nothing is written for the `dropped` that most have not.
        if change == Change::Renewed {
            return Recorded {
                count,
                change,
                dropped: None,
                expired,
            };
        }
        Recorded {
            count,
            change,
            dropped,
            expired,
        }
    }

    /// Moves the clock on and removes what is over.
    #[inline(always)]
    fn advance(&mut self, tick: Tick) -> usize {
        self.clock = self.clock.max(tick);
        if self.next_expiries.tick() <= self.clock {
            self.expire()
        } else {
            0
        }
    }

    #[cold]
    fn expire(&mut self) -> usize {
        let mut expired = 0;
        while let Some((expiry, index)) = self.next_expiries.next()
            && expiry <= self.clock
            && expiry != Tick::MAX
        {
            let mut next_expiry = None;
            if let Some(family) = self.families.get_mut(index) {
                expired += family.expire(self.clock, &self.seeds);
                next_expiry = family.next_expiry();
            }
            self.update_expiry(index, next_expiry);
        }
        expired
    }

    #[inline(always)]
    fn find_or_add_family(&mut self, request: &Request) -> Option<usize> {
        let found = self.families.find_again(request.counted_id, &self.seeds);
        if found.is_some() || self.families.len() >= Self::MAX_FAMILIES {
            return found;
        }
        Some(self.add_family(Family::new(request.counted_id, request.threshold)))
    }

    #[cold]
    fn add_family(&mut self, family: Family) -> usize {
        self.next_expiries.add_family();
        self.families.add(family, &self.seeds)
    }

    #[inline(always)]
    fn update_expiry(&mut self, index: usize, next_expiry: Option<Tick>) {
        let families = &self.families;
        self.next_expiries.update(index, next_expiry, |index| {
            families.get(index).and_then(Family::next_expiry)
        });
    }
}
