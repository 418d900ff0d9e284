//! What [`Admission::Guarded`](crate::Admission) has to know of a family beyond its records.
//!
//! It stands beside the records, so that a host that admits everyone neither holds nor touches it.
//! There is one entry for each record, so the family's capacity is its limit too.

use crate::{
    Guarded, Record, Request, Source, compact::CompactRecord, recency::RecencyList,
    request::Change, seeds::Seeds,
};
use alloc::collections::BTreeMap;
use core::num::NonZeroU64;
use kms_core::{Cmid, Threshold, Tick, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Guard {
    // INVARIANT: one for each record of the family, and no other.
    machines: BTreeMap<Cmid, Machine>,
    // INVARIANT: the machines that are not established, by their last request.
    newcomers: BTreeMap<Place, Cmid>,
    // INVARIANT: how many of the machines came from each source; none is 0.
    sources: BTreeMap<Source, u32>,
    requests: u64,
}

#[derive(Debug)]
struct Machine {
    first_request: Timestamp,
    source: Option<Source>,
    // INVARIANT: its key among the newcomers; `None` once it is established.
    newcomer: Option<Place>,
}

/// The number of a machine's last request among all of the family.
type Place = NonZeroU64;

/// What the family allows at the time of a request.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) guarded: Guarded,
    pub(crate) threshold: Threshold,
}

impl Guard {
    /// Takes note of a request of a machine that may or may not have a record in `records`, and
    /// keeps, adds or drops records as the policy says.
    pub(crate) fn record(
        &mut self,
        records: &mut RecencyList,
        request: &Request,
        at: Timestamp,
        expires: Tick,
        allowed: Allowed,
        seeds: &Seeds,
    ) -> (Change, Option<Cmid>) {
        let record = CompactRecord {
            cmid: request.cmid,
            last_request: at,
        };
        let hash = seeds.hash(record.cmid);
        if records.renew(hash, record, expires) {
            self.renewed(record, allowed.guarded);
            return (Change::Renewed, None);
        }
        let quota = request
            .quota
            .unwrap_or_else(|| allowed.guarded.quota().of(allowed.threshold));
        if request
            .source
            .is_some_and(|source| self.machines_of(source) >= quota)
        {
            return (Change::OverQuota, None);
        }
        let dropped = if records.len() >= allowed.threshold.capacity() {
            let Some((_, &oldest)) = self.newcomers.first_key_value() else {
                return (Change::Full, None);
            };
            records.remove(seeds.hash(oldest), oldest, seeds);
            self.forget(oldest);
            Some(oldest)
        } else {
            None
        };
        records.add(hash, record, expires, seeds);
        let record = Record {
            cmid: record.cmid,
            last_request: at,
            first_request: at,
            source: request.source,
        };
        self.add(&record, allowed.guarded);
        (Change::New, dropped)
    }

    /// Adds a machine whose record was added as the newest.
    pub(crate) fn add(&mut self, record: &Record, guarded: Guarded) {
        let mut machine = Machine {
            first_request: record.first_request,
            source: record.source,
            newcomer: None,
        };
        if !machine.is_established(record.last_request, guarded) {
            machine.newcomer = self.next_place();
        }
        if let Some(place) = machine.newcomer {
            self.newcomers.insert(place, record.cmid);
        }
        if let Some(source) = machine.source {
            *self.sources.entry(source).or_default() += 1;
        }
        self.machines.insert(record.cmid, machine);
    }

    /// Forgets a machine whose record is gone.
    pub(crate) fn forget(&mut self, cmid: Cmid) {
        let Some(machine) = self.machines.remove(&cmid) else {
            return;
        };
        if let Some(place) = machine.newcomer {
            self.newcomers.remove(&place);
        }
        if let Some(source) = machine.source
            && let Some(machines) = self.sources.get_mut(&source)
        {
            *machines -= 1;
            if *machines == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// A record with what is known of its machine.
    pub(crate) fn complete(&self, record: CompactRecord) -> Record {
        let machine = self.machines.get(&record.cmid);
        Record {
            first_request: machine.map_or(record.last_request, |machine| machine.first_request),
            source: machine.and_then(|machine| machine.source),
            ..Record::from(record)
        }
    }

    fn machines_of(&self, source: Source) -> u32 {
        self.sources.get(&source).copied().unwrap_or_default()
    }

    fn renewed(&mut self, record: CompactRecord, guarded: Guarded) {
        let place = self.next_place();
        let Some(machine) = self.machines.get_mut(&record.cmid) else {
            return;
        };
        if let Some(place) = machine.newcomer.take() {
            self.newcomers.remove(&place);
        }
        if !machine.is_established(record.last_request, guarded) {
            machine.newcomer = place;
        }
        if let Some(place) = machine.newcomer {
            self.newcomers.insert(place, record.cmid);
        }
    }

    fn next_place(&mut self) -> Option<Place> {
        self.requests = self.requests.saturating_add(1);
        Place::new(self.requests)
    }
}

impl Machine {
    /// By the calendar clock alone, so that a table and what a store made of its records say the same.
    fn is_established(&self, last_request: Timestamp, guarded: Guarded) -> bool {
        self.first_request.distance(last_request) >= guarded.established_after()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use kms_core::{CountedId, LicenseStatus, SeededEntropy};

    #[test]
    fn limit_guard_holds_no_more_machines_and_sources_than_the_family_has_records() {
        let mut entropy = SeededEntropy::new(4);
        let seeds = Seeds::new(&mut entropy);
        let (mut guard, mut records) = (Guard::default(), RecencyList::new());
        let allowed = Allowed {
            guarded: Guarded::default(),
            threshold: Threshold::new(25).unwrap(),
        };
        for number in 0..20_000_u32 {
            let request = Request {
                counted_id: CountedId::new(Cmid::random(&mut entropy).as_uuid()),
                cmid: Cmid::random(&mut entropy),
                threshold: allowed.threshold,
                license_status: LicenseStatus::OobGrace,
                virtual_machine: false,
                source: Some(Source::of(Ipv4Addr::from_bits(number).into())),
                quota: None,
            };
            let expires = Tick::from_millis(number.into());
            let at = Timestamp::EPOCH;
            guard.record(&mut records, &request, at, expires, allowed, &seeds);
            let held = usize::try_from(records.len()).unwrap();
            assert!(held <= 50);
            assert_eq!(guard.machines.len(), held);
            assert_eq!(guard.newcomers.len(), held);
            assert_eq!(guard.sources.len(), held);
        }
        records.expire(Tick::from_millis(1 << 40), &seeds, |cmid| {
            guard.forget(cmid)
        });
        assert!(
            guard.machines.is_empty() && guard.newcomers.is_empty() && guard.sources.is_empty()
        );
    }
}
