use core::{fmt, time::Duration};
use kms_core::{ActivationInterval, RenewalInterval, ValidityInterval};

/// How long a grace period lasts, in whole minutes. It may be 0: then there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GracePeriod(u32);

impl GracePeriod {
    /// A period of this many minutes. Any number is allowed: a request can carry it.
    #[must_use]
    pub const fn from_minutes(minutes: u32) -> Self {
        Self(minutes)
    }

    /// In minutes, as the wire and the documents have it.
    #[must_use]
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

impl fmt::Display for GracePeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} minutes", self.0)
    }
}

/// What a product grants its user and when: the periods and counts that drive its licensing state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Initial ("out of box") grace, from installation or rearm.
    pub grace: GracePeriod,
    /// Additional ("out of tolerance") grace, from the end of an activation or a change of hardware.
    pub oot_grace: GracePeriod,
    /// How long an activation lasts without renewal, where a host does not say otherwise.
    pub validity: ValidityInterval,
    /// How often the initial grace can be begun anew.
    pub rearms: u32,
    /// Whether the product reduces its functionality when all grace has run out, instead of
    /// notifying its user. Documented of the first release of Windows Vista only.
    pub reduced_functionality: bool,
    /// How long to wait between attempts while not activated, where no host has said otherwise.
    pub activation_interval: ActivationInterval,
    /// How long to wait between renewals, where no host has said otherwise.
    pub renewal_interval: RenewalInterval,
}

impl Default for Policy {
    /// That of Windows 7: both graces of 30 days, 180 days of validity, 3 rearms, notification,
    /// attempts every 2 hours and renewals every 7 days.
    fn default() -> Self {
        const MONTH: GracePeriod = GracePeriod::from_minutes(30 * 24 * 60);
        Self {
            grace: MONTH,
            oot_grace: MONTH,
            validity: ValidityInterval::default(),
            rearms: 3,
            reduced_functionality: false,
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn grace_is_told_in_minutes() {
        let month = Policy::default().grace;
        assert_eq!(month.duration(), Duration::from_secs(30 * 86_400));
        assert_eq!(month.to_string(), "43200 minutes");
        let longest = GracePeriod::from_minutes(u32::MAX);
        assert_eq!(longest.duration().as_secs(), u64::from(u32::MAX) * 60);
    }
}
