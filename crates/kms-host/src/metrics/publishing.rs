use kms_core::{StatusCode, Timestamp};
use kms_srv::Seen;
use std::collections::BTreeMap;

/// What came of publishing in one domain.
#[derive(Clone, Debug)]
pub(super) struct Publishing {
    /// When it was last tried, and what came of that.
    pub(super) last: Option<(Timestamp, StatusCode)>,
    /// When it last succeeded.
    pub(super) last_success: Option<Timestamp>,
    /// How often each result was had.
    pub(super) attempts: BTreeMap<StatusCode, u64>,
    /// Looks for the host's record at the zone's primary, by what was found.
    pub(super) looks: [(&'static str, u64); 3],
    /// How often publishing was given up because the record was removed too often.
    pub(super) fights: u64,
}

impl Default for Publishing {
    fn default() -> Self {
        Self {
            last: None,
            last_success: None,
            attempts: BTreeMap::new(),
            looks: [("present", 0), ("absent", 0), ("unknown", 0)],
            fights: 0,
        }
    }
}

impl Publishing {
    /// Adds a look.
    pub(super) fn looked(&mut self, seen: Seen) {
        let [(_, present), (_, absent), (_, unknown)] = &mut self.looks;
        let looks = match seen {
            Seen::Present => present,
            Seen::Absent => absent,
            Seen::Unknown => unknown,
        };
        *looks = looks.saturating_add(1);
    }

    /// Adds an attempt.
    pub(super) fn attempted(&mut self, code: StatusCode, at: Timestamp) {
        self.last = Some((at, code));
        if code == StatusCode::OK {
            self.last_success = Some(at);
        }
        let attempts = self.attempts.entry(code).or_default();
        *attempts = attempts.saturating_add(1);
    }
}
