use alloc::borrow::Cow;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use kms_core::{StatusCode, StatusInfo};

const DOCUMENTED: &[StatusInfo] = StatusCode::documented();

/// What a host says to requests in any case: shown from the start, so that the first of a kind is
/// an increase.
const USUAL: [StatusCode; 7] = [
    StatusCode::OK,
    StatusCode::INVALID_DATA,
    StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED,
    StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH,
    StatusCode::VL_INVALID_TIMESTAMP,
    StatusCode::BUSY,
    StatusCode::TIMEOUT,
];

/// How often each documented status code was the result. Answers are counted with their times.
#[derive(Debug)]
pub(super) struct Results {
    documented: [AtomicU64; DOCUMENTED.len()],
    others: AtomicU64,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            documented: [const { AtomicU64::new(0) }; DOCUMENTED.len()],
            others: AtomicU64::default(),
        }
    }
}

impl Results {
    /// Adds a result other than an answer.
    pub(super) fn refused(&self, code: StatusCode) {
        let at = DOCUMENTED.binary_search_by_key(&code, |info| info.code);
        at.ok()
            .and_then(|at| self.documented.get(at))
            .unwrap_or(&self.others)
            .fetch_add(1, Relaxed);
    }

    /// The results that a host gives in any case, all others that there were, and how often: by
    /// their symbols, in the order of their codes. So many were `answered`.
    pub(super) fn counts(&self, answered: u64) -> impl Iterator<Item = (Cow<'static, str>, u64)> {
        let others = self.others.load(Relaxed);
        DOCUMENTED
            .iter()
            .zip(&self.documented)
            .map(move |(info, count)| match info.code {
                StatusCode::OK => (info.code, answered),
                code => (code, count.load(Relaxed)),
            })
            .filter(|(code, count)| *count > 0 || USUAL.contains(code))
            .map(|(code, count)| (symbol(code), count))
            .chain((others > 0).then_some((Cow::Borrowed("other"), others)))
    }
}

/// A code's documented symbol, or its number where it has none.
pub(super) fn symbol(code: StatusCode) -> Cow<'static, str> {
    match code.info() {
        Some(info) if !info.symbol.is_empty() => Cow::Borrowed(info.symbol),
        _ => Cow::Owned(format!("0x{:08X}", code.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(results: &Results) -> Vec<(String, u64)> {
        let counts = results.counts(1);
        counts.map(|(code, n)| (code.into_owned(), n)).collect()
    }

    #[test]
    fn every_result_is_counted_under_its_own_symbol() {
        let results = Results::default();
        for info in DOCUMENTED {
            results.refused(info.code);
        }
        let counts = counts(&results);
        assert_eq!(counts.len(), DOCUMENTED.len());
        assert!(counts.iter().all(|(_, count)| *count == 1));
        let (mut symbols, all): (Vec<_>, _) = (
            counts.iter().map(|(symbol, _)| symbol).collect(),
            counts.len(),
        );
        symbols.sort();
        symbols.dedup();
        assert_eq!(symbols.len(), all, "two codes under one label");
    }

    #[test]
    fn what_no_document_knows_is_counted_together() {
        let results = Results::default();
        assert_eq!(counts(&results).len(), USUAL.len());
        assert_eq!(counts(&results)[0], ("S_OK".to_owned(), 1));
        assert!(counts(&results)[1..].iter().all(|(_, count)| *count == 0));
        results.refused(StatusCode(0x1234_5678));
        results.refused(StatusCode(0xFFFF_FFFF));
        assert_eq!(counts(&results).last().unwrap(), &("other".to_owned(), 2));
    }
}
