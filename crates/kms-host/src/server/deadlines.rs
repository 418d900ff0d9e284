//! When one connection must have got on.

use crate::Limits;
use kms_core::Tick;

/// The deadlines of what a peer has begun. None of them is moved by bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines {
    // Of what began with the first byte, or the first behind the last answer.
    exchange: Option<Tick>,
    // Of the PDU that has come in part.
    pdu: Option<Tick>,
    // The bytes that were held when it was looked last.
    held: usize,
}

impl Deadlines {
    /// There are bytes: an exchange has begun, if none had. Gives its end.
    pub(super) fn begin(&mut self, limits: &Limits, now: Tick) -> Tick {
        *self
            .exchange
            .get_or_insert_with(|| now.saturating_add(limits.exchange))
    }

    /// A call was answered, which ends its exchange.
    pub(super) const fn answered(&mut self) {
        self.exchange = None;
    }

    /// Everything was handled that can be: `read` bytes came since it was looked last, and `held`
    /// wait for the rest of their PDU.
    pub(super) fn settle(&mut self, limits: &Limits, read: usize, held: usize, now: Tick) {
        if held == 0 {
            self.pdu = None;
        } else {
            self.begin(limits, now);
            // What was taken out of the buffer was whole, so what is left has begun behind it.
            if self.held == 0 || held < self.held + read {
                self.pdu = Some(now.saturating_add(limits.pdu));
            }
        }
        self.held = held;
    }

    /// Whether the peer is in the middle of something.
    pub(super) const fn is_begun(&self) -> bool {
        self.exchange.is_some()
    }

    /// When what has begun must be over.
    pub(super) const fn exchange(&self) -> Option<Tick> {
        self.exchange
    }

    /// When more must have come, if anything has begun.
    pub(super) fn next(&self) -> Option<Tick> {
        match (self.exchange, self.pdu) {
            (Some(exchange), Some(pdu)) => Some(exchange.min(pdu)),
            (one, other) => one.or(other),
        }
    }

    /// When what is written now must have been taken.
    pub(super) fn write(&self, limits: &Limits, now: Tick) -> Tick {
        let write = now.saturating_add(limits.write);
        self.exchange.map_or(write, |exchange| exchange.min(write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Tick {
        Tick::from_millis(millis)
    }

    /// Reads bytes after which so many are held.
    fn read(deadlines: &mut Deadlines, read: usize, held: usize, now: u64) -> Option<Tick> {
        let limits = Limits::default();
        deadlines.begin(&limits, at(now));
        deadlines.settle(&limits, read, held, at(now));
        deadlines.next()
    }

    #[test]
    fn nothing_is_due_before_anything_has_begun_and_after_an_answer() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), None);
        assert_eq!(read(&mut deadlines, 60, 0, 1000), Some(at(16_000)));
        assert!(deadlines.is_begun());
        deadlines.answered();
        deadlines.settle(&Limits::default(), 0, 0, at(2000));
        assert_eq!((deadlines.next(), deadlines.is_begun()), (None, false));
    }

    #[test]
    fn limit_pdu_is_absolute_from_its_first_byte() {
        let mut deadlines = Deadlines::default();
        for now in [1000, 2000, 5999] {
            let held = deadlines.held + 1;
            assert_eq!(read(&mut deadlines, 1, held, now), Some(at(6000)));
        }
        // The rest of it, and the beginning of the next.
        assert_eq!(read(&mut deadlines, 60, 7, 6000), Some(at(11_000)));
        assert_eq!(read(&mut deadlines, 60, 67, 7000), Some(at(11_000)));
    }

    #[test]
    fn limit_exchange_is_absolute_from_its_first_byte() {
        let mut deadlines = Deadlines::default();
        for now in [1000, 5000, 10_000] {
            assert_eq!(read(&mut deadlines, 60, 0, now), Some(at(16_000)));
            assert_eq!(deadlines.exchange(), Some(at(16_000)));
        }
        assert_eq!(read(&mut deadlines, 60, 1, 15_000), Some(at(16_000)));
    }

    #[test]
    fn what_came_with_the_last_call_begins_when_that_is_answered() {
        let mut deadlines = Deadlines::default();
        let limits = Limits::default();
        deadlines.begin(&limits, at(1000));
        deadlines.answered();
        deadlines.settle(&limits, 300, 10, at(4000));
        assert_eq!(deadlines.next(), Some(at(9000)));
        assert_eq!(deadlines.exchange(), Some(at(19_000)));
    }

    #[test]
    fn limit_write_ends_with_the_exchange() {
        let (mut deadlines, limits) = (Deadlines::default(), Limits::default());
        assert_eq!(deadlines.write(&limits, at(1000)), at(6000));
        deadlines.begin(&limits, at(1000));
        assert_eq!(deadlines.write(&limits, at(2000)), at(7000));
        assert_eq!(deadlines.write(&limits, at(14_000)), at(16_000));
    }
}
