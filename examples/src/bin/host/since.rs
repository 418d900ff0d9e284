//! `--since`: a time, a length of time before now, or the sequence of an event.

use chrono::{DateTime, NaiveDate, NaiveTime};
use core::{str::FromStr, time::Duration};
use kms_core::Timestamp;

/// From where on something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// From this moment.
    Time(Timestamp),
    /// From so long before now.
    Ago(Duration),
    /// After this event.
    Sequence(u64),
}

/// A text that says none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotSince;

impl core::fmt::Display for NotSince {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(
            "wanted is a time, as 2026-11-21 or 2026-11-21T14:30:00Z (UTC), a length of time before \
             now, as 90s, 30m, 12h or 7d, or, for events, the sequence of the last one that is known",
        )
    }
}

impl core::error::Error for NotSince {}

impl FromStr for Since {
    type Err = NotSince;

    fn from_str(text: &str) -> Result<Self, NotSince> {
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(sequence));
        }
        if let Some(ago) = duration(text) {
            return Ok(Self::Ago(ago));
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::Time(date.and_time(NaiveTime::MIN).and_utc().into()));
        }
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self::Time(time.to_utc().into()))
            .map_err(|_| NotSince)
    }
}

impl Since {
    /// The moment, where it is one.
    pub(crate) const fn time(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Time(time) => Some(time),
            Self::Ago(ago) => Some(now.saturating_sub(ago)),
            Self::Sequence(_) => None,
        }
    }
}

/// A time that is no sequence, for what has none.
///
/// # Errors
/// When the text says neither a time nor a length of time.
pub(crate) fn time(text: &str) -> Result<Since, NotSince> {
    match text.parse()? {
        Since::Sequence(_) => Err(NotSince),
        since => Ok(since),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_a_length_and_a_sequence_are_told_apart() {
        let noon = Timestamp::from_millis(1_795_262_400_000);
        for (text, since) in [
            ("2026-11-21T12:00:00Z", Since::Time(noon)),
            ("2026-11-21T13:00:00+01:00", Since::Time(noon)),
            (
                "2026-11-21",
                Since::Time(noon.saturating_sub(Duration::from_secs(12 * 3600))),
            ),
            ("90s", Since::Ago(Duration::from_secs(90))),
            ("30m", Since::Ago(Duration::from_secs(1800))),
            ("12h", Since::Ago(Duration::from_secs(43_200))),
            ("7d", Since::Ago(Duration::from_secs(604_800))),
            ("17", Since::Sequence(17)),
        ] {
            assert_eq!(text.parse(), Ok(since), "{text}");
        }
        let day = Since::Ago(Duration::from_secs(86_400));
        let before = noon.saturating_sub(Duration::from_secs(86_400));
        assert_eq!(day.time(noon), Some(before));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "d",
            "-1",
            "7w",
            "12.5h",
            "yesterday",
            "2026-13-01",
            "99999999999999999999d",
            "ä",
        ] {
            assert_eq!(text.parse::<Since>(), Err(NotSince), "{text}");
        }
        assert_eq!(time("17"), Err(NotSince));
        assert!(time("7d").is_ok());
    }
}
