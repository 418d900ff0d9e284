//! How many lines a test writes to the log.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span, subscriber::DefaultGuard};

/// The number of lines at info and above in this thread.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<AtomicU32>);

impl Lines {
    /// Counts until the guards are dropped.
    pub(crate) fn count() -> (Self, (Dispatch, DefaultGuard)) {
        let lines = Self::default();
        let guard = tracing::subscriber::set_default(lines.clone());
        // With one subscriber alone, tracing asks the thread that comes to a line first whether
        // anybody wants it, and remembers that for all threads: another test has none.
        let other = Dispatch::new(lines.clone());
        (lines, (other, guard))
    }

    pub(crate) fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("kms_host")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
