//! A file descriptor kept for the time when there is no other.

use std::fs::File;

/// One open file that does nothing, in whose place a connection can be accepted to be closed: its
/// peer learns at once that there is no room, and need not wait for a time limit of its own.
#[derive(Debug)]
pub(super) struct Spare(Option<File>);

impl Spare {
    pub(super) fn new() -> Self {
        Self(open())
    }

    /// Lets `accept` have one more descriptor, which it gives back.
    pub(super) fn turn_away(&mut self, accept: impl FnOnce()) {
        if self.0.take().is_some() {
            accept();
        }
        // Another thread may have been faster; then it is tried again the next time.
        self.0 = open();
    }
}

fn open() -> Option<File> {
    File::open("/dev/null").ok()
}
