//! Bringing an older store up to date: a copy first, then one transaction.

/// What to tell whoever only reads.
pub(super) const REMEDY: &str = "start the host once with this program, which brings it up to date";
