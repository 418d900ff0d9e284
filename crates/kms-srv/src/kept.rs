use crate::{DomainName, SrvRecord, kept_for};
use alloc::{collections::BTreeMap, vec::Vec};
use kms_core::Tick;

/// The most names whose records are kept.
pub const MAX_KEPT_NAMES: usize = 20;

/// Record sets that are used again until their time is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptSets {
    // INVARIANT: at most `MAX_KEPT_NAMES`, none empty.
    sets: BTreeMap<DomainName, KeptSet>,
}

#[derive(Clone, Debug)]
struct KeptSet {
    records: Vec<SrvRecord>,
    until: Tick,
}

impl KeptSets {
    /// Keeps the records of a name for as long as their TTL says. Of too many names the one goes
    /// whose time is over first.
    pub(crate) fn insert(
        &mut self,
        name: DomainName,
        records: Vec<SrvRecord>,
        ttl: u32,
        now: Tick,
    ) {
        if self.sets.len() >= MAX_KEPT_NAMES && !self.sets.contains_key(&name) {
            let first = self.sets.iter().min_by_key(|(_, set)| set.until);
            if let Some(name) = first.map(|(name, _)| name.clone()) {
                self.sets.remove(&name);
            }
        }
        let until = now.saturating_add(kept_for(ttl));
        self.sets.insert(name, KeptSet { records, until });
    }

    /// The records of a name, while their time is not over.
    pub(crate) fn get(&self, name: &DomainName, now: Tick) -> Option<&[SrvRecord]> {
        let set = self.sets.get(name)?;
        (now < set.until).then_some(&*set.records)
    }

    /// The records of a name, however old.
    pub(crate) fn records(&self, name: &DomainName) -> &[SrvRecord] {
        self.sets.get(name).map_or(&[], |set| &set.records)
    }

    pub(crate) fn remove(&mut self, name: &DomainName) {
        self.sets.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    fn set(n: u16) -> Vec<SrvRecord> {
        vec![SrvRecord::new(n, 0, 1688, "kms1.a".parse().unwrap())]
    }

    #[test]
    fn a_set_is_kept_until_its_ttl_is_over_and_a_new_one_replaces_it() {
        let (name, at) = ("_vlmcs._tcp.a".parse().unwrap(), Tick::from_millis);
        let mut kept = KeptSets::default();
        kept.insert(name, set(1), 100, at(1000));
        let name = "_VLMCS._tcp.A".parse().unwrap();
        assert_eq!(kept.get(&name, at(100_999)), Some(&set(1)[..]));
        assert_eq!(kept.get(&name, at(101_000)), None);
        kept.insert(name.clone(), set(2), 0, at(200_000));
        assert_eq!(kept.get(&name, at(259_999)), Some(&set(2)[..]));
        assert_eq!(kept.get(&name, at(260_000)), None);
        kept.remove(&name);
        assert_eq!(kept.get(&name, at(200_000)), None);
    }

    #[test]
    fn limit_20_names_are_kept_and_the_one_that_ends_first_makes_room() {
        let name = |n: u32| -> DomainName { format!("_vlmcs._tcp.d{n}").parse().unwrap() };
        let mut kept = KeptSets::default();
        for n in 0..20 {
            kept.insert(name(n), set(1), 1000 - n, Tick::ZERO);
        }
        assert!((0..20).all(|n| kept.get(&name(n), Tick::ZERO).is_some()));
        kept.insert(name(3), set(2), 1000, Tick::ZERO);
        assert!((0..20).all(|n| kept.get(&name(n), Tick::ZERO).is_some()));
        kept.insert(name(20), set(1), 100, Tick::ZERO);
        let gone: Vec<u32> = (0..=20)
            .filter(|n| kept.get(&name(*n), Tick::ZERO).is_none())
            .collect();
        assert_eq!(gone, [19]);
        assert_eq!(kept.sets.len(), MAX_KEPT_NAMES);
    }
}
