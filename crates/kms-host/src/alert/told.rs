use super::{Alert, Subject};
use core::time::Duration;
use kms_core::Tick;
use std::collections::VecDeque;

/// Which alerts were given in the last hour: each at most once for what it is about.
#[derive(Debug, Default)]
pub(super) struct Told {
    by_pattern: [VecDeque<(Tick, Subject)>; PATTERNS],
}

const PATTERNS: usize = 9;
const FIRST: u16 = 20001;
const HOUR: Duration = Duration::from_secs(3600);

impl Told {
    /// The most alerts of one pattern in an hour, whatever they are about.
    pub(super) const PER_HOUR: usize = 100;

    /// Whether this alert is to be given now; it then counts as given.
    pub(super) fn is_due(&mut self, alert: &Alert, now: Tick) -> bool {
        let Some(subject) = alert.subject() else {
            return true;
        };
        let index = usize::from(alert.id().saturating_sub(FIRST));
        let Some(told) = self.by_pattern.get_mut(index) else {
            return false;
        };
        while told
            .front()
            .is_some_and(|&(at, _)| now.saturating_since(at) >= HOUR)
        {
            told.pop_front();
        }
        if told.len() >= Self::PER_HOUR || told.iter().any(|&(_, known)| known == subject) {
            return false;
        }
        told.push_back((now, subject));
        true
    }
}
