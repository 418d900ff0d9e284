use core::{fmt, hash::Hasher};
use foldhash::{SharedSeed, fast::FoldHasher};
use kms_core::{Cmid, CountedId, Entropy};

/// The secret of the index. Clients choose their CMIDs: one who could tell which of them share a
/// bucket could make every lookup slow.
pub(crate) struct Seeds {
    hasher: u64,
    shared: SharedSeed,
}

impl Seeds {
    pub(crate) fn new(entropy: &mut impl Entropy) -> Self {
        Self {
            hasher: entropy.next_u64(),
            shared: SharedSeed::from_u64(entropy.next_u64()),
        }
    }

    #[inline]
    pub(crate) fn hash(&self, cmid: Cmid) -> u64 {
        self.hash_of(cmid.as_uuid().as_u128())
    }

    #[inline]
    pub(crate) fn hash_family(&self, counted_id: CountedId) -> u64 {
        self.hash_of(counted_id.as_uuid().as_u128())
    }

    #[inline]
    fn hash_of(&self, id: u128) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.hasher, &self.shared);
        hasher.write_u128(id);
        hasher.finish()
    }
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeds(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::SeededEntropy;
    use std::{format, vec::Vec};

    #[test]
    fn cmids_that_collide_under_one_seed_do_not_under_another() {
        let mut entropy = SeededEntropy::new(5);
        let (ours, other) = (Seeds::new(&mut entropy), Seeds::new(&mut entropy));
        // The low bits choose the bucket and the high ones the tag that is compared first.
        let collides = |seeds: &Seeds, cmid| seeds.hash(cmid) & 0xff == 0;
        let chosen: Vec<Cmid> = core::iter::repeat_with(|| Cmid::random(&mut entropy))
            .filter(|&cmid| collides(&other, cmid))
            .take(200)
            .collect();
        let left = chosen.iter().filter(|&&cmid| collides(&ours, cmid)).count();
        assert!(left <= 10, "{left} of 200 still collide");
    }

    #[test]
    fn the_seeds_are_not_printed() {
        let seeds = Seeds::new(&mut SeededEntropy::new(6));
        assert_eq!(format!("{seeds:?}"), "Seeds(hidden)");
    }
}
