use crate::{Policy, RestoreError, SavedState};
use kms_core::{LicenseStatus, StatusCode, Timestamp};

/// The states of the documents that a volume client can be in, each with what it must remember.
/// A key is installed in all but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Unlicensed,
    OobGrace { ends: Timestamp },
    Licensed { expires: Timestamp },
    OotGrace { ends: Timestamp },
    Notification,
}

impl State {
    pub(crate) const fn status(self) -> LicenseStatus {
        match self {
            Self::Unlicensed => LicenseStatus::Unlicensed,
            Self::OobGrace { .. } => LicenseStatus::OobGrace,
            Self::Licensed { .. } => LicenseStatus::Licensed,
            Self::OotGrace { .. } => LicenseStatus::OotGrace,
            Self::Notification => LicenseStatus::Notification,
        }
    }

    pub(crate) const fn reason(self) -> StatusCode {
        match self {
            Self::Unlicensed => StatusCode::PKEY_NOT_INSTALLED,
            Self::OobGrace { .. } => StatusCode::OOB_GRACE_PERIOD,
            Self::Licensed { .. } => StatusCode::OK,
            Self::OotGrace { .. } => StatusCode::OOT_GRACE_PERIOD,
            Self::Notification => StatusCode::GRACE_TIME_EXPIRED,
        }
    }

    pub(crate) const fn expires(self) -> Option<Timestamp> {
        match self {
            Self::OobGrace { ends } | Self::OotGrace { ends } => Some(ends),
            Self::Licensed { expires } => Some(expires),
            Self::Unlicensed | Self::Notification => None,
        }
    }

    pub(crate) const fn has_key(self) -> bool {
        match self {
            Self::Unlicensed => false,
            Self::OobGrace { .. }
            | Self::Licensed { .. }
            | Self::OotGrace { .. }
            | Self::Notification => true,
        }
    }

    /// The state that follows when this one has run out by `time`; `None` while it has not.
    pub(crate) fn after_expiry(self, time: Timestamp, policy: &Policy) -> Option<Self> {
        if self.expires().is_none_or(|expires| time < expires) {
            return None;
        }
        match self {
            // The additional grace runs from the expiry, not from when somebody looked.
            Self::Licensed { expires } => Some(Self::OotGrace {
                ends: expires.saturating_add(policy.oot_grace),
            }),
            Self::OobGrace { .. } | Self::OotGrace { .. } => Some(Self::Notification),
            Self::Unlicensed | Self::Notification => None,
        }
    }

    /// This state with no more time left than its policy gives it from `time` on: a time that was
    /// taken when the clock was ahead would last too long once the clock has been put right.
    pub(crate) fn limited(self, time: Timestamp, policy: &Policy) -> Self {
        match self {
            Self::OobGrace { ends } => Self::OobGrace {
                ends: ends.min(time.saturating_add(policy.grace)),
            },
            Self::Licensed { expires } => Self::Licensed {
                expires: expires.min(time.saturating_add(policy.validity.duration())),
            },
            Self::OotGrace { ends } => Self::OotGrace {
                ends: ends.min(time.saturating_add(policy.oot_grace)),
            },
            Self::Unlicensed | Self::Notification => self,
        }
    }

    pub(crate) fn from_saved(saved: &SavedState) -> Result<Self, RestoreError> {
        let status = saved.status;
        let expires = saved.expires.ok_or(RestoreError::NoExpiry { status });
        let state = match status {
            LicenseStatus::Unlicensed => Self::Unlicensed,
            LicenseStatus::Notification => Self::Notification,
            LicenseStatus::OobGrace => Self::OobGrace { ends: expires? },
            LicenseStatus::Licensed => Self::Licensed { expires: expires? },
            LicenseStatus::OotGrace => Self::OotGrace { ends: expires? },
            LicenseStatus::NonGenuineGrace | LicenseStatus::ExtendedGrace => {
                return Err(RestoreError::UnknownStatus { status });
            }
        };
        if state.expires().is_none() && saved.expires.is_some() {
            return Err(RestoreError::NeedlessExpiry { status });
        }
        let answered = matches!(state, Self::Licensed { .. } | Self::OotGrace { .. });
        if answered && saved.last_answer.is_none() {
            return Err(RestoreError::NoAnswer { status });
        }
        Ok(state)
    }
}
