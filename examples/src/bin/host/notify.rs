//! What the service manager is told (sd_notify). Without one, nothing is sent.

use core::time::Duration;
use sd_notify::NotifyState;

/// The host serves. Whoever told this must have installed its signal handlers before: a signal may
/// follow at once.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read anew; [`ready`] must follow.
pub(crate) fn reloading() {
    // The time lets the service manager tell this reload from an earlier one.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The host ends.
pub(crate) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// What `systemctl status` shows.
pub(crate) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The host is alive.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] must be told, if it must: twice in the time after which the service manager
/// would give the host up.
pub(crate) fn alive_every() -> Option<Duration> {
    sd_notify::watchdog_enabled()
        .map(|patience| patience / 2)
        .filter(|every| !every.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
