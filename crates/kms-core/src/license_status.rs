use core::fmt;

/// The state of a product's licence, with its number on the wire and in the documents'
/// `LicenseStatus` property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the wire protocol fixes the seven states"
)]
#[repr(u8)]
pub enum LicenseStatus {
    /// No usable licence: no key is installed.
    Unlicensed = 0,
    /// Activated.
    Licensed = 1,
    /// Initial ("out of box") grace: installed and not activated yet.
    OobGrace = 2,
    /// Additional ("out of tolerance") grace: the activation ran out or the hardware changed.
    OotGrace = 3,
    /// Grace of an installation that failed genuine validation.
    NonGenuineGrace = 4,
    /// Every grace has run out: the user is told so.
    Notification = 5,
    /// A grace that was extended.
    ExtendedGrace = 6,
}

/// A number that is no licence status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no licence status: allowed are 0 to 6")]
pub struct UnknownLicenseStatus(pub u32);

impl LicenseStatus {
    /// All seven, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Unlicensed,
        Self::Licensed,
        Self::OobGrace,
        Self::OotGrace,
        Self::NonGenuineGrace,
        Self::Notification,
        Self::ExtendedGrace,
    ];

    /// The number.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The text that the documented status display shows.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unlicensed => "Unlicensed",
            Self::Licensed => "Licensed",
            Self::OobGrace => "Initial grace period",
            Self::OotGrace => {
                "Additional grace period (KMS license expired or hardware out of tolerance)"
            }
            Self::NonGenuineGrace => "Non-genuine grace period",
            Self::Notification => "Notification",
            Self::ExtendedGrace => "Extended grace period",
        }
    }
}

impl TryFrom<u32> for LicenseStatus {
    type Error = UnknownLicenseStatus;

    #[inline]
    fn try_from(number: u32) -> Result<Self, UnknownLicenseStatus> {
        usize::try_from(number)
            .ok()
            .and_then(|index| Self::ALL.get(index))
            .copied()
            .ok_or(UnknownLicenseStatus(number))
    }
}

impl fmt::Display for LicenseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_states_map_both_ways() {
        for (number, status) in (0..).zip(LicenseStatus::ALL) {
            assert_eq!(status.number(), number);
            assert_eq!(LicenseStatus::try_from(number), Ok(status));
        }
        assert_eq!(LicenseStatus::try_from(7), Err(UnknownLicenseStatus(7)));
        assert_eq!(
            LicenseStatus::try_from(u32::MAX),
            Err(UnknownLicenseStatus(u32::MAX))
        );
    }
}
