use crate::Record;
use kms_core::{Cmid, Timestamp};

/// A machine that counts, as every table keeps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompactRecord {
    pub(crate) cmid: Cmid,
    pub(crate) last_request: Timestamp,
}

impl From<CompactRecord> for Record {
    fn from(CompactRecord { cmid, last_request }: CompactRecord) -> Self {
        Self {
            cmid,
            last_request,
            first_request: last_request,
            source: None,
        }
    }
}
