//! Telling of peers that were refused.

use crate::Refusal;
use core::time::Duration;
use kms_core::Tick;

/// How often refused connections are told of, at most.
const TOLD: Duration = Duration::from_secs(10);

/// Tells of refused connections now and then: who is refused can come again at once, and must not
/// fill the log.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    told: Option<Tick>,
    since: u64,
}

impl Refusals {
    /// Counts one; gives how many there were since they were last told of, if it is time to.
    pub(super) fn count(&mut self, now: Tick) -> Option<u64> {
        self.since = self.since.saturating_add(1);
        let due = self
            .told
            .is_none_or(|told| now.saturating_since(told) >= TOLD);
        due.then(|| {
            self.told = Some(now);
            core::mem::take(&mut self.since)
        })
    }
}

/// What to do about such a refusal if the peer is no attacker.
pub(super) const fn remedy(why: Refusal) -> &'static str {
    match why {
        Refusal::ConnectionRate => {
            "too many new connections from one source: closed; if this is a network behind one \
             address, give it a higher new_connections_per_second in a [[limits.source]] table"
        }
        _ => {
            "too many connections from one source: closed; if this is a network behind one address, \
             give it more connections in a [[limits.source]] table"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_of_at_once_and_then_now_and_then() {
        let (mut refusals, at) = (Refusals::default(), Tick::from_millis);
        assert_eq!(refusals.count(at(5)), Some(1));
        for now in [5, 6, 10_004] {
            assert_eq!(refusals.count(at(now)), None);
        }
        assert_eq!(refusals.count(at(10_005)), Some(4));
    }
}
