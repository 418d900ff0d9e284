use super::{Alert, window::Window};
use core::time::Duration;
use kms_core::{CountedId, Threshold, Tick};
use kms_count::Source;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What happened to a family of products lately.
#[derive(Debug)]
pub(super) struct FamilyWatch {
    counted_id: CountedId,
    threshold: Threshold,
    /// Machines that the host did not know.
    new: Window<1440>,
    /// Established machines that had to leave.
    dropped: Window<60>,
    /// Machines that made the count rise, from sources without a quota of their own.
    risen_in_an_hour: Window<60>,
    /// Those of them that the host did not know.
    risen: Window<1440>,
    // INVARIANT: the sources of these with the last time of each, SOURCES + 1 at most.
    sources: Vec<(Source, Tick)>,
}

impl FamilyWatch {
    /// From so many sources on a count does not rise from few.
    pub(super) const SOURCES: usize = 64;
    /// The count rises from few sources when each brings so many on average.
    const PER_SOURCE: u32 = 3;
    /// The least rise that is looked at.
    const LEAST_RISE: u32 = 5;

    pub(super) fn new(counted_id: CountedId, threshold: Threshold) -> Self {
        Self {
            counted_id,
            threshold,
            new: Window::default(),
            dropped: Window::default(),
            risen_in_an_hour: Window::default(),
            risen: Window::default(),
            sources: Vec::new(),
        }
    }

    pub(super) fn raise_threshold(&mut self, threshold: Threshold) {
        self.threshold = self.threshold.max(threshold);
    }

    /// A machine came that the host did not know; so many more than `times` the threshold and `known`
    /// are an alert.
    pub(super) fn new_machine(&mut self, times: u32, known: u32, now: Tick) -> Option<Alert> {
        let machines = self.new.add(now);
        let allowed = self.threshold.machines().saturating_mul(times).max(known);
        (machines > allowed).then_some(Alert::NewOfFamily {
            counted_id: self.counted_id,
            machines,
            allowed,
        })
    }

    /// An established machine had to leave.
    pub(super) fn established_dropped(&mut self, now: Tick) -> u32 {
        self.dropped.add(now)
    }

    /// The count has risen to `count` by a machine of a source without a quota of its own.
    pub(super) fn risen(&mut self, count: u32, now: Tick) -> Option<Alert> {
        let machines = self.risen_in_an_hour.add(now);
        let threshold = self.threshold.machines();
        let most = threshold - threshold / 5;
        (count == threshold && machines >= most.max(2)).then_some(Alert::ReachedAtOnce {
            counted_id: self.counted_id,
            count,
            machines,
        })
    }

    /// That machine was not known to the host, and came from there.
    pub(super) fn risen_from(&mut self, source: Source, now: Tick) -> Option<Alert> {
        let machines = self.risen.add(now);
        self.sources
            .retain(|&(known, at)| known != source && now.saturating_since(at) < DAY);
        if self.sources.len() <= Self::SOURCES {
            self.sources.push((source, now));
        }
        let sources = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let rise = self.threshold.machines().div_ceil(2).max(Self::LEAST_RISE);
        let is_few = self.sources.len() <= Self::SOURCES
            && sources.saturating_mul(Self::PER_SOURCE) <= machines;
        (machines >= rise && is_few).then_some(Alert::FewSources {
            counted_id: self.counted_id,
            machines,
            sources,
        })
    }
}
