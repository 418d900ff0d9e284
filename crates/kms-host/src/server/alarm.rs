//! A timer that is set again and again.

use core::{future::pending, pin::Pin};
use tokio::time::{Instant, Sleep, sleep_until};

/// Rings once after it was set.
#[derive(Debug)]
pub(super) struct Alarm {
    at: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self {
            at: None,
            sleep: Box::pin(sleep_until(Instant::now())),
        }
    }

    pub(super) const fn is_set(&self) -> bool {
        self.at.is_some()
    }

    /// Sets it, unless it rings before anyway: that costs less than to set it anew each time.
    pub(super) fn set_no_later(&mut self, at: Option<Instant>) {
        if let Some(at) = at
            && self.at.is_none_or(|set| at < set)
        {
            self.sleep.as_mut().reset(at);
            self.at = Some(at);
        }
    }

    /// Waits until it rings; for ever if it is not set.
    pub(super) async fn rings(&mut self) {
        if self.at.is_none() {
            pending::<()>().await;
        }
        self.sleep.as_mut().await;
        self.at = None;
    }
}
