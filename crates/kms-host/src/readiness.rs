use crate::{HostService, Store, StoreHealth};
use core::fmt;
use kms_core::Clock;

/// Whether a host can do its work at a moment, part by part.
///
/// `Display` gives a line for each part that fails, with what to do; `ready` when none does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// The host has a certificate that is still valid.
    pub activated: bool,
    /// Whether the store takes entries.
    pub store: StoreHealth,
    /// The host accepts connections.
    pub listening: bool,
}

impl Readiness {
    /// Whether every part can do its work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts().iter().all(|(_, ready)| *ready)
    }

    /// Each part by its name, and whether it can do its work.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, bool); 3] {
        [
            ("activated", self.activated),
            ("store", self.store == StoreHealth::Working),
            ("listening", self.listening),
        ]
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            return writeln!(f, "ready");
        }
        if !self.activated {
            writeln!(
                f,
                "activated: the host has no valid certificate and refuses everyone: \
                 certify it again with `authority certify`"
            )?;
        }
        if let StoreHealth::Failed { reason } = &self.store {
            writeln!(f, "store: {reason}")?;
        }
        if !self.listening {
            writeln!(
                f,
                "listening: the host accepts no connections: it is starting or stopping"
            )?;
        }
        Ok(())
    }
}

impl<S: Store, C: Clock> HostService<S, C> {
    /// Whether the host can do its work now.
    pub fn readiness(&self) -> Readiness {
        Readiness {
            activated: self.is_activated(),
            store: self.store().health(),
            listening: self.metrics().is_listening(),
        }
    }
}
