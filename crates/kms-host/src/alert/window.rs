use kms_core::Tick;

/// How often something happened in the last so many minutes, counted in twelfths of them: what lies
/// further back than eleven to twelve of these is forgotten.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window<const MINUTES: u64> {
    parts: [u32; PARTS],
    // INVARIANT: the number of the newest part since the beginning of ticks; it stands in `parts` by
    // its remainder.
    newest: u64,
}

const PARTS: usize = 12;

impl<const MINUTES: u64> Window<MINUTES> {
    /// Counts one more now, and says how many there were.
    pub(super) fn add(&mut self, now: Tick) -> u32 {
        self.advance(now);
        if let Some(part) = self.parts.get_mut(index(self.newest)) {
            *part = part.saturating_add(1);
        }
        self.parts
            .iter()
            .fold(0, |sum, part| sum.saturating_add(*part))
    }

    fn advance(&mut self, now: Tick) {
        let part = now.as_millis() / (MINUTES * 60_000 / PARTS as u64);
        if part.saturating_sub(self.newest) >= PARTS as u64 {
            self.parts = [0; PARTS];
            self.newest = part;
        }
        while self.newest < part {
            self.newest += 1;
            if let Some(part) = self.parts.get_mut(index(self.newest)) {
                *part = 0;
            }
        }
    }
}

fn index(part: u64) -> usize {
    usize::try_from(part % PARTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted_for_as_long_as_the_window_and_no_longer() {
        let at = |minute: u64| Tick::from_millis(minute * 60_000);
        let mut window = Window::<60>::default();
        assert_eq!(window.add(at(1000)), 1);
        assert_eq!(window.add(at(1000)), 2);
        assert_eq!(window.add(at(1030)), 3);
        assert_eq!(window.add(at(1054)), 4);
        assert_eq!(window.add(at(1060)), 3);
        assert_eq!(
            window.add(at(1000)),
            4,
            "a clock that steps back stands still"
        );
        assert_eq!(window.add(at(900_000)), 1);
        assert_eq!(window.add(Tick::MAX), 1);
    }
}
