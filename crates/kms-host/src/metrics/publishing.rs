use kms_core::{StatusCode, Timestamp};
use std::collections::BTreeMap;

/// What came of publishing in one domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Publishing {
    /// When it was last tried, and what came of that.
    pub(super) last: Option<(Timestamp, StatusCode)>,
    /// When it last succeeded.
    pub(super) last_success: Option<Timestamp>,
    /// How often each result was had.
    pub(super) attempts: BTreeMap<StatusCode, u64>,
}

impl Publishing {
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
