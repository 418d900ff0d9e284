use core::{fmt, hash::Hasher};
use foldhash::{SharedSeed, fast::FoldHasher};
use kms_core::{Cmid, Entropy};

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
        let mut hasher = FoldHasher::with_seed(self.hasher, &self.shared);
        hasher.write_u128(cmid.as_uuid().as_u128());
        hasher.finish()
    }
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeds(hidden)")
    }
}
