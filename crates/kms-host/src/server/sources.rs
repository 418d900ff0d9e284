//! What each source may hold and ask.

use crate::{
    Limits, Refusal, SourceLimits,
    bucket::{Bucket, Rate},
};
use core::{cmp::Reverse, time::Duration};
use kms_core::Tick;
use kms_count::Source;
use schnellru::{ByLength, LruMap};
use std::{collections::HashMap, hash::RandomState};

/// How many sources without a connection are remembered: those that were here last.
pub(super) const REMEMBERED: u32 = 16_384;

/// The sources that have connections, and those that have had some a short while ago.
#[derive(Debug)]
pub(super) struct Sources {
    everyone: Allowance,
    // INVARIANT: the smallest networks come first.
    networks: Vec<(crate::Network, Allowance)>,
    // INVARIANT: each has a connection, so there are never more than connections.
    present: HashMap<Source, Present>,
    // INVARIANT: no bucket of these was full when its source left; none is present.
    absent: LruMap<Source, Buckets, ByLength, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Allowance {
    connections: usize,
    new_connections: Rate,
    requests: Rate,
}

#[derive(Debug)]
struct Present {
    allowance: Allowance,
    connections: usize,
    buckets: Buckets,
}

#[derive(Clone, Copy, Debug, Default)]
struct Buckets {
    new_connections: Bucket,
    requests: Bucket,
}

impl Sources {
    pub(super) fn new(limits: &Limits) -> Self {
        let everyone = Allowance::new(limits, None);
        let mut networks: Vec<_> = limits
            .sources
            .iter()
            .map(|source| (source.network, Allowance::new(limits, Some(source))))
            .collect();
        networks.sort_by_key(|(network, _)| Reverse(network.length()));
        Self {
            everyone,
            networks,
            present: HashMap::new(),
            absent: LruMap::with_hasher(ByLength::new(REMEMBERED), RandomState::new()),
        }
    }

    /// Takes a connection of a source, to be given back with [`leave`](Self::leave).
    ///
    /// # Errors
    /// When the source has as many as it may, or makes them too often. That is not counted.
    pub(super) fn enter(&mut self, source: Source, now: Tick) -> Result<(), Refusal> {
        if let Some(present) = self.present.get_mut(&source) {
            return present.enter(now);
        }
        let mut present = Present {
            allowance: self.allowance(source),
            connections: 0,
            buckets: self.absent.remove(&source).unwrap_or_default(),
        };
        let entered = present.enter(now);
        if entered.is_ok() {
            self.present.insert(source, present);
        } else {
            self.remember(source, present.buckets, now);
        }
        entered
    }

    /// Whether a source that is present may ask now. It counts when it may.
    pub(super) fn ask(&mut self, source: Source, now: Tick) -> bool {
        self.present.get_mut(&source).is_some_and(|present| {
            let rate = present.allowance.requests;
            present.buckets.requests.take(rate, now)
        })
    }

    /// Gives back a connection.
    pub(super) fn leave(&mut self, source: Source, now: Tick) {
        let Some(present) = self.present.get_mut(&source) else {
            return;
        };
        present.connections = present.connections.saturating_sub(1);
        if present.connections == 0 {
            let buckets = present.buckets;
            self.present.remove(&source);
            self.remember(source, buckets, now);
        }
    }

    /// Keeps what a source that left has used up, at the cost of the one that left first.
    fn remember(&mut self, source: Source, buckets: Buckets, now: Tick) {
        if !(buckets.new_connections.is_full(now) && buckets.requests.is_full(now)) {
            self.absent.insert(source, buckets);
        }
    }

    fn allowance(&self, source: Source) -> Allowance {
        let own = self
            .networks
            .iter()
            .find(|(network, _)| network.contains(source));
        own.map_or(self.everyone, |(_, allowance)| *allowance)
    }
}

impl Present {
    fn enter(&mut self, now: Tick) -> Result<(), Refusal> {
        if self.connections >= self.allowance.connections {
            return Err(Refusal::ConnectionsPerSource);
        }
        let rate = self.allowance.new_connections;
        if !self.buckets.new_connections.take(rate, now) {
            return Err(Refusal::ConnectionRate);
        }
        self.connections += 1;
        Ok(())
    }
}

impl Allowance {
    fn new(limits: &Limits, source: Option<&SourceLimits>) -> Self {
        let own = |get: fn(&SourceLimits) -> Option<usize>, everyones: usize| {
            source.and_then(get).unwrap_or(everyones)
        };
        Self {
            connections: own(|source| source.connections, limits.connections_per_source),
            new_connections: Rate::new(
                own(
                    |source| source.new_connections_per_second,
                    limits.new_connections_per_second,
                ),
                Duration::from_secs(1),
                own(
                    |source| source.new_connections_burst,
                    limits.new_connections_burst,
                ),
            ),
            requests: Rate::new(
                own(
                    |source| source.requests_per_minute,
                    limits.requests_per_minute,
                ),
                Duration::from_secs(60),
                own(|source| source.requests_burst, limits.requests_burst),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    fn source(number: u32) -> Source {
        Source::of(Ipv4Addr::from_bits(0x0A00_0000 + number).into())
    }

    fn at(millis: u64) -> Tick {
        Tick::from_millis(millis)
    }

    fn asked(sources: &mut Sources, who: Source, now: Tick, tries: usize) -> usize {
        (0..tries).filter(|_| sources.ask(who, now)).count()
    }

    #[test]
    fn limit_connections_per_source_is_met_and_not_passed() {
        let mut sources = Sources::new(&Limits::default());
        for _ in 0..64 {
            sources.enter(source(1), at(0)).unwrap();
        }
        let beyond = sources.enter(source(1), at(0));
        assert_eq!(beyond, Err(Refusal::ConnectionsPerSource));
        sources.enter(source(2), at(0)).unwrap();
        sources.leave(source(1), at(0));
        sources.enter(source(1), at(0)).unwrap();
    }

    #[test]
    fn limit_new_connections_is_met_and_not_passed() {
        let mut sources = Sources::new(&Limits::default());
        for _ in 0..100 {
            sources.enter(source(1), at(0)).unwrap();
            sources.leave(source(1), at(0));
        }
        for now in [0, 49] {
            let beyond = sources.enter(source(1), at(now));
            assert_eq!(beyond, Err(Refusal::ConnectionRate));
        }
        sources.enter(source(2), at(49)).unwrap();
        sources.enter(source(1), at(50)).unwrap();
    }

    #[test]
    fn limit_requests_is_met_and_not_passed_whatever_connections_are_used() {
        let mut sources = Sources::new(&Limits::default());
        sources.enter(source(1), at(0)).unwrap();
        assert_eq!(asked(&mut sources, source(1), at(0), 400), 400);
        sources.enter(source(1), at(0)).unwrap();
        assert_eq!(asked(&mut sources, source(1), at(0), 400), 200);
        sources.leave(source(1), at(0));
        sources.leave(source(1), at(0));
        sources.enter(source(1), at(499)).unwrap();
        assert_eq!(asked(&mut sources, source(1), at(499), 2), 0);
        assert_eq!(asked(&mut sources, source(1), at(500), 2), 1);
        assert_eq!(asked(&mut sources, source(1), at(60_500), 200), 120);
    }

    #[test]
    fn limit_source_of_the_smallest_network_counts_for_each_source_in_it() {
        let mut limits = Limits::default();
        let mut network = |text: &str, connections| {
            let mut own = SourceLimits::new(text.parse().unwrap());
            own.connections = Some(connections);
            limits.sources.push(own);
        };
        network("10.0.0.0/8", 2);
        network("10.0.1.0/24", 3);
        network("127.0.0.0/8", 4);
        let mut sources = Sources::new(&limits);
        let mut most = |text: &str| {
            let source = text.parse().unwrap();
            (0..100)
                .filter(|_| sources.enter(source, at(0)).is_ok())
                .count()
        };
        assert_eq!(most("10.9.9.9"), 2);
        assert_eq!(most("10.9.9.8"), 2, "each source has its own");
        assert_eq!(most("10.0.1.7"), 3);
        assert_eq!(most("127.0.0.1"), 4);
        assert_eq!(most("192.0.2.1"), 64);
        assert_eq!(most("2001:db8::1"), 64);
        assert_eq!(most("2001:db8::2"), 0, "of the same /64");
    }

    #[test]
    fn limit_remembered_sources_drops_the_one_that_left_first() {
        let limits = Limits {
            requests_burst: 2,
            ..Limits::default()
        };
        let mut sources = Sources::new(&limits);
        let mut visit = |number| {
            sources.enter(source(number), at(0)).unwrap();
            let asked = asked(&mut sources, source(number), at(0), 3);
            sources.leave(source(number), at(0));
            (asked, sources.absent.len(), sources.present.len())
        };
        for number in 0..REMEMBERED {
            assert_eq!(visit(number).0, 2);
        }
        assert_eq!(visit(0), (0, REMEMBERED as usize, 0), "it is remembered");
        assert_eq!(visit(REMEMBERED), (2, REMEMBERED as usize, 0));
        assert_eq!(visit(0).0, 0);
        assert_eq!(visit(1).0, 2, "it was the one that had left first");
    }

    #[test]
    fn a_source_that_has_used_nothing_up_is_not_remembered() {
        let mut sources = Sources::new(&Limits::default());
        sources.enter(source(1), at(0)).unwrap();
        sources.leave(source(1), at(50));
        assert_eq!((sources.absent.len(), sources.present.len()), (0, 0));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enter(u32),
        Ask(u32),
        Leave(u32),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..3_u32).prop_map(Step::Enter),
            (0..3_u32).prop_map(Step::Ask),
            (0..3_u32).prop_map(Step::Leave),
            (0..200_u64).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 1..300)
    }

    proptest! {
        /// Beside buckets that are never forgotten.
        #[test]
        fn it_decides_as_a_model_does_that_forgets_nothing(steps in steps()) {
            let limits = Limits {
                connections_per_source: 3,
                new_connections_per_second: 10,
                new_connections_burst: 4,
                requests_per_minute: 600,
                requests_burst: 5,
                ..Limits::default()
            };
            let rate = |burst| Rate::new(10, Duration::from_secs(1), burst);
            let mut sources = Sources::new(&limits);
            let mut model = [(0, Bucket::default(), Bucket::default()); 3];
            let mut now = at(0);
            for step in steps {
                match step {
                    Step::Wait(millis) => now = now.saturating_add(Duration::from_millis(millis)),
                    Step::Enter(number) => {
                        let (open, connects, _) = &mut model[number as usize];
                        let wanted = if *open == 3 {
                            Err(Refusal::ConnectionsPerSource)
                        } else if connects.take(rate(4), now) {
                            *open += 1;
                            Ok(())
                        } else {
                            Err(Refusal::ConnectionRate)
                        };
                        prop_assert_eq!(sources.enter(source(number), now), wanted);
                    }
                    Step::Ask(number) => {
                        let (open, _, requests) = &mut model[number as usize];
                        let wanted = *open > 0 && requests.take(rate(5), now);
                        prop_assert_eq!(sources.ask(source(number), now), wanted);
                    }
                    Step::Leave(number) => {
                        let (open, _, _) = &mut model[number as usize];
                        if *open > 0 {
                            *open -= 1;
                            sources.leave(source(number), now);
                        }
                    }
                }
                let present = model.iter().filter(|(open, ..)| *open > 0).count();
                prop_assert_eq!(sources.present.len(), present);
            }
        }
    }
}
