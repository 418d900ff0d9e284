use crate::Admission;
use core::time::Duration;
use kms_core::Tick;

/// What an administrator may choose about the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    // INVARIANT: at least MIN_RETENTION. In the unit of ticks, as each request adds it to one.
    retention_millis: u64,
    count_virtual_machines: bool,
    admission: Admission,
    // INVARIANT: every machine counts: virtual ones do, and the admission is `Compat`. Asked for each request.
    counts_everyone: bool,
}

impl Config {
    /// How long a machine counts after its last request, unless configured: 30 days.
    pub const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    /// The shortest retention, the resolution of [`Tick`]: with none at all a count
    /// could not include the machine that asks.
    pub const MIN_RETENTION: Duration = Duration::from_millis(1);

    /// How long a machine counts after its last request.
    #[must_use]
    pub const fn retention(&self) -> Duration {
        Duration::from_millis(self.retention_millis)
    }

    /// Whether requests of virtual machines count.
    #[must_use]
    pub const fn count_virtual_machines(&self) -> bool {
        self.count_virtual_machines
    }

    /// Whose machines count.
    #[must_use]
    pub const fn admission(&self) -> Admission {
        self.admission
    }

    /// Sets how long a machine counts after its last request. Parts below a millisecond are
    /// dropped, and less than [`MIN_RETENTION`](Self::MIN_RETENTION) is taken as that.
    #[must_use]
    pub fn with_retention(self, retention: Duration) -> Self {
        let retention = retention.max(Self::MIN_RETENTION);
        Self {
            retention_millis: u64::try_from(retention.as_millis()).unwrap_or(u64::MAX),
            ..self
        }
    }

    /// Sets whether requests of virtual machines count. Hosts before Windows Server 2008 SP2
    /// ignored them.
    #[must_use]
    pub const fn with_count_virtual_machines(self, count_virtual_machines: bool) -> Self {
        Self {
            count_virtual_machines,
            ..self
        }
        .settled()
    }

    /// Sets whose machines count. Under `Guarded` a table keeps more about each machine, and looks
    /// it up in a tree.
    #[must_use]
    pub const fn with_admission(self, admission: Admission) -> Self {
        Self { admission, ..self }.settled()
    }

    /// Whether every machine counts that asks.
    #[inline]
    pub(crate) const fn counts_everyone(&self) -> bool {
        self.counts_everyone
    }

    const fn settled(self) -> Self {
        Self {
            counts_everyone: self.count_virtual_machines
                && matches!(self.admission, Admission::Compat),
            ..self
        }
    }

    /// When the record of a machine that asks at `tick` is gone.
    pub(crate) const fn expiry(&self, tick: Tick) -> Tick {
        Tick::from_millis(tick.as_millis().saturating_add(self.retention_millis))
    }
}

impl Default for Config {
    /// 30 days, virtual machines count, and so does every machine that asks.
    fn default() -> Self {
        Self {
            retention_millis: 0,
            count_virtual_machines: true,
            admission: Admission::Compat,
            counts_everyone: true,
        }
        .with_retention(Self::DEFAULT_RETENTION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_counts_for_30_days_and_so_does_a_virtual_one_unless_configured() {
        let config = Config::default();
        assert_eq!(config.retention(), Duration::from_secs(2_592_000));
        assert!(config.count_virtual_machines());
        assert!(
            !config
                .with_count_virtual_machines(false)
                .count_virtual_machines()
        );
    }

    #[test]
    fn a_retention_is_whole_milliseconds_and_at_least_one() {
        let of = |retention| Config::default().with_retention(retention).retention();
        assert_eq!(of(Duration::ZERO), Duration::from_millis(1));
        assert_eq!(of(Duration::from_micros(2_999)), Duration::from_millis(2));
        assert_eq!(of(Duration::MAX), Duration::from_millis(u64::MAX));
    }
}
