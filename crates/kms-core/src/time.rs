use chrono::{DateTime, Utc};
use core::{fmt, time::Duration};

/// A moment on a clock that only moves forward, in milliseconds from an epoch that the caller
/// chooses (the start of the process, or of the boot). It must go on while the machine is
/// suspended. All arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// The end of time: a timer set to it never fires.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment this many milliseconds after the epoch.
    #[must_use]
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment and `duration`, whose part below a millisecond is dropped.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A moment by a calendar clock: milliseconds since 1970-01-01T00:00:00Z, as the wire carries it.
/// Such a clock can be set, so it may step back between two readings. All arithmetic saturates.
///
/// Any 64-bit number is a timestamp, also one that no calendar has: a peer may send it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The moment this many milliseconds after the Unix epoch.
    #[must_use]
    #[inline]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    #[inline]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment and `duration`, whose part below a millisecond is dropped.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(millis(duration)))
    }

    /// This moment less `duration`, whose part below a millisecond is dropped.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(millis(duration)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            Duration::ZERO
        } else {
            Duration::from_millis(self.0.abs_diff(earlier.0))
        }
    }

    /// How far two clocks are apart, whichever is ahead.
    #[must_use]
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// In the form of the documented events, as `2006/1/14 2:30`, in UTC.
    #[must_use]
    pub const fn event_form(self) -> EventTime {
        EventTime(self)
    }

    /// The calendar date; `None` for a moment beyond the years that [`chrono`] has.
    #[must_use]
    pub const fn to_date_time(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }
}

/// A [`Timestamp`] that prints in the form of the documented events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime(Timestamp);

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_date_time() {
            Some(date_time) => write!(f, "{}", date_time.format("%Y/%-m/%-d %-H:%M")),
            None => write!(f, "{}", self.0),
        }
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(date_time: DateTime<Utc>) -> Self {
        Self(date_time.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC to the second, or the bare number of milliseconds beyond the calendar.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_date_time() {
            Some(date_time) => write!(f, "{}", date_time.format("%Y-%m-%dT%H:%M:%SZ")),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({} = {self})", self.0)
    }
}

/// The present, by both clocks: what every engine takes instead of asking for the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair that callers make")]
pub struct Now {
    /// By the clock that only moves forward: for timers.
    pub tick: Tick,
    /// By the calendar clock: for what is sent, stored and shown.
    pub wall: Timestamp,
}

impl Now {
    /// The present.
    #[must_use]
    #[inline]
    pub const fn new(tick: Tick, wall: Timestamp) -> Self {
        Self { tick, wall }
    }

    /// The present as it will be after `duration` if nobody sets the clock.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self {
            tick: self.tick.saturating_add(duration),
            wall: self.wall.saturating_add(duration),
        }
    }
}

/// Where a service gets the present from. Engines never hold one: they are told.
pub trait Clock {
    /// The present.
    fn now(&self) -> Now;
}

const fn millis(duration: Duration) -> u64 {
    // The guard makes the cast exact; `try_from` is not const.
    let millis = duration.as_millis();
    if millis > u64::MAX as u128 {
        u64::MAX
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        {
            millis as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Tick::MAX.saturating_add(hour), Tick::MAX);
        assert_eq!(Tick::ZERO.saturating_since(Tick::MAX), Duration::ZERO);
        let (first, last) = (
            Timestamp::from_millis(i64::MIN),
            Timestamp::from_millis(i64::MAX),
        );
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(first.saturating_sub(Duration::MAX), first);
        assert_eq!(first.saturating_since(last), Duration::ZERO);
        assert_eq!(last.distance(first), Duration::from_millis(u64::MAX));
    }

    #[test]
    fn timestamps_print_as_dates_where_there_is_one() {
        let text = Timestamp::from_millis(1_700_000_000_250).to_string();
        assert_eq!(text, "2023-11-14T22:13:20Z");
        assert_eq!(
            Timestamp::from_millis(i64::MAX).to_string(),
            "9223372036854775807 ms"
        );
    }

    #[test]
    fn events_show_the_time_as_documented() {
        let text = Timestamp::from_millis(1_137_205_800_000)
            .event_form()
            .to_string();
        assert_eq!(text, "2006/1/14 2:30");
    }

    #[test]
    fn both_clocks_move_together_after_a_while() {
        let now = Now::new(Tick::from_millis(5), Timestamp::from_millis(-5));
        let later = now.after(Duration::from_millis(10));
        assert_eq!(
            later,
            Now::new(Tick::from_millis(15), Timestamp::from_millis(5))
        );
    }
}
