//! The families of a table, and which of them has a counted id.

use crate::{Family, seeds::Seeds};
use alloc::vec::Vec;
use hashbrown::HashTable;
use kms_core::CountedId;

#[derive(Debug)]
pub(crate) struct Families {
    families: Vec<Family>,
    // INVARIANT: holds the index of each of them.
    by_id: HashTable<u32>,
    // The index of the family that was asked for last: most hosts have few, and a batch of clients
    // asks for the same.
    latest: usize,
}

impl Families {
    pub(crate) const fn new() -> Self {
        Self {
            families: Vec::new(),
            by_id: HashTable::new(),
            latest: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.families.len()
    }

    /// The families in the order in which they were added, which is that of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Family> {
        self.families.iter()
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&Family> {
        self.families.get(index)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Family> {
        self.families.get_mut(index)
    }

    /// The index of a family.
    pub(crate) fn find(&self, counted_id: CountedId, seeds: &Seeds) -> Option<usize> {
        let is_same = |&index: &u32| self.is_at(index as usize, counted_id);
        let &index = self.by_id.find(seeds.hash_family(counted_id), is_same)?;
        Some(index as usize)
    }

    /// The index of a family, which is looked at first the next time.
    #[inline(always)]
    pub(crate) fn find_again(&mut self, counted_id: CountedId, seeds: &Seeds) -> Option<usize> {
        if !self.is_at(self.latest, counted_id) {
            self.latest = self.find(counted_id, seeds)?;
        }
        Some(self.latest)
    }

    /// Adds a family whose counted id no other here has, and gives its index.
    pub(crate) fn add(&mut self, family: Family, seeds: &Seeds) -> usize {
        let (index, hash) = (self.len(), seeds.hash_family(family.counted_id()));
        self.families.push(family);
        let families = &self.families;
        let hash_at = |&index: &u32| {
            // INVARIANT: each index has its family.
            families
                .get(index as usize)
                .map_or(0, |family| seeds.hash_family(family.counted_id()))
        };
        // INVARIANT: no more families than the table's limit, 65,536.
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        self.by_id.insert_unique(hash, number, hash_at);
        index
    }

    #[inline(always)]
    fn is_at(&self, index: usize, counted_id: CountedId) -> bool {
        self.get(index)
            .is_some_and(|family| family.counted_id() == counted_id)
    }
}
