use core::{fmt, time::Duration};

/// A number of minutes outside the range that an interval may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} of {minutes} minutes: allowed are {min} to {max}")]
pub struct IntervalError {
    name: &'static str,
    minutes: u32,
    min: u32,
    max: u32,
}

macro_rules! interval {
    ($(#[$doc:meta])* $name:ident, $text:literal, $min:literal ..= $max:expr, default $default:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The shortest, in minutes.
            pub const MIN_MINUTES: u32 = $min;
            /// The longest, in minutes.
            pub const MAX_MINUTES: u32 = $max;

            /// An interval of this many minutes.
            ///
            /// # Errors
            /// When it is outside [`MIN_MINUTES`](Self::MIN_MINUTES) to
            /// [`MAX_MINUTES`](Self::MAX_MINUTES).
            #[inline]
            pub const fn from_minutes(minutes: u32) -> Result<Self, IntervalError> {
                if minutes < Self::MIN_MINUTES || minutes > Self::MAX_MINUTES {
                    Err(IntervalError { name: $text, minutes, min: $min, max: $max })
                } else {
                    Ok(Self(minutes))
                }
            }

            /// In minutes, as the wire and the documents have it.
            #[must_use]
            #[inline]
            pub const fn minutes(self) -> u32 {
                self.0
            }

            /// As a duration.
            #[must_use]
            pub const fn duration(self) -> Duration {
                // u32 minutes are at most 2^38 seconds.
                Duration::from_secs(self.0 as u64 * 60)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} minutes", self.0)
            }
        }
    };
}

interval! {
    /// How long a client that is not activated waits between attempts (`slmgr /sai`, default 2 hours).
    ActivationInterval, "activation interval", 15..=43_200, default 120
}

interval! {
    /// How long an activated client waits between renewals (`slmgr /sri`, default 7 days).
    RenewalInterval, "renewal interval", 15..=43_200, default 10_080
}

interval! {
    /// How long an activation lasts without renewal (default 180 days).
    ValidityInterval, "validity interval", 1..=u32::MAX, default 259_200
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn intervals_are_held_to_the_documented_range() {
        for minutes in [15, 120, 43_200] {
            assert_eq!(
                ActivationInterval::from_minutes(minutes).unwrap().minutes(),
                minutes
            );
            assert_eq!(
                RenewalInterval::from_minutes(minutes).unwrap().minutes(),
                minutes
            );
        }
        for minutes in [0, 14, 43_201, u32::MAX] {
            assert!(ActivationInterval::from_minutes(minutes).is_err());
            assert!(RenewalInterval::from_minutes(minutes).is_err());
        }
        assert_eq!(
            RenewalInterval::from_minutes(14).unwrap_err().to_string(),
            "renewal interval of 14 minutes: allowed are 15 to 43200"
        );
        assert!(ValidityInterval::from_minutes(0).is_err());
    }

    #[test]
    fn defaults_are_two_hours_seven_days_and_180_days() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(ActivationInterval::default().duration(), hours(2));
        assert_eq!(RenewalInterval::default().duration(), hours(7 * 24));
        assert_eq!(ValidityInterval::default().duration(), hours(180 * 24));
    }
}
