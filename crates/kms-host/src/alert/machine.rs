use super::Alerts;
use core::time::Duration;
use kms_core::{MachineName, Tick, Timestamp};
use kms_count::{Record, Source};

/// A machine that the host knows.
#[derive(Debug)]
pub(super) struct Machine {
    /// The first request since it counts, and the last.
    first: Timestamp,
    last: Timestamp,
    counts: bool,
    // By both kinds of addresses: a machine that has both uses either.
    v4: Option<Contact>,
    v6: Option<Contact>,
    // The latest; `None` when it is known from before a restart only.
    name: Option<MachineName>,
    // INVARIANT: other names than that, the latest last, one less than Alerts::NAMES at most.
    earlier: Vec<MachineName>,
}

#[derive(Clone, Copy, Debug)]
struct Contact {
    source: Source,
    at: Tick,
}

/// What is odd about a request of a machine that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    TwoSources([Source; 2]),
    SeveralNames,
}

impl Machine {
    pub(super) const fn new(at: Timestamp) -> Self {
        Self {
            first: at,
            last: at,
            counts: false,
            v4: None,
            v6: None,
            name: None,
            earlier: Vec::new(),
        }
    }

    pub(super) fn known(record: &Record) -> Self {
        Self {
            first: record.first_request,
            last: record.last_request,
            ..Self::new(record.last_request)
        }
    }

    pub(super) fn counting(record: &Record) -> Self {
        Self {
            counts: true,
            ..Self::known(record)
        }
    }

    /// Its names, the latest at the end.
    pub(super) fn names(&self) -> Vec<MachineName> {
        self.earlier.iter().chain(&self.name).copied().collect()
    }

    /// It asked, from there and by this name.
    ///
    /// A name that changes once and stays is a machine that was renamed, and a source that changes
    /// is one that was carried elsewhere. It is odd when a name comes back or a third comes, or when
    /// there are two sources, or a new name from another source, within `short`.
    pub(super) fn asked(
        &mut self,
        source: Option<Source>,
        name: MachineName,
        short: Duration,
        now: Tick,
    ) -> Option<Odd> {
        let moved = source.and_then(|source| self.moved(source, short, now));
        let Some(before) = self.name.replace(name) else {
            return moved.map(Odd::TwoSources);
        };
        if is_same(before, name) {
            return moved.map(Odd::TwoSources);
        }
        let came_back = self.earlier.iter().position(|&known| is_same(known, name));
        if let Some(index) = came_back {
            self.earlier.remove(index);
        }
        if self.earlier.len() + 1 >= Alerts::NAMES {
            self.earlier.remove(0);
        }
        self.earlier.push(before);
        (came_back.is_some() || self.earlier.len() > 1 || moved.is_some())
            .then_some(Odd::SeveralNames)
    }

    /// It counts from now on, or still.
    pub(super) const fn counted(&mut self, at: Timestamp) {
        if !self.counts {
            self.counts = true;
            self.first = at;
        }
        self.last = at;
    }

    /// It counts no more; whether it was established.
    pub(super) fn dropped(&mut self, established_after: Duration) -> bool {
        self.counts = false;
        self.first.distance(self.last) >= established_after
    }

    fn moved(&mut self, source: Source, short: Duration, now: Tick) -> Option<[Source; 2]> {
        let contact = if source.address().is_ipv4() {
            &mut self.v4
        } else {
            &mut self.v6
        };
        let before = contact.replace(Contact { source, at: now })?;
        (before.source != source && now.saturating_since(before.at) <= short)
            .then_some([before.source, source])
    }
}

fn is_same(one: MachineName, other: MachineName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_of_what_is_remembered_of_a_machine() {
        assert!(size_of::<Machine>() <= 184, "{}", size_of::<Machine>());
        let mut machine = Machine::new(Timestamp::EPOCH);
        for number in 0..1000 {
            let name = format!("ws-{number}").parse().unwrap();
            machine.asked(None, name, Duration::ZERO, Tick::ZERO);
        }
        assert_eq!(machine.names().len(), Alerts::NAMES);
        assert!(machine.earlier.capacity() <= Alerts::NAMES);
    }
}
