use core::hash::Hash;
use std::collections::{HashMap, hash_map::Entry};

/// A map of bounded size that forgets what was not asked for lately.
///
/// Two generations, each of half the size: what is asked for moves to the young one, and when that
/// is full it becomes the old one, whose contents are forgotten. So it holds at least the latest half
/// of its size. Peers choose the keys, so the hash is std's, which is keyed; nothing depends on its
/// order.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    // INVARIANT: at least 1; neither generation grows beyond it.
    half: usize,
}

/// What an entry had been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// It was there.
    Known,
    /// It was made.
    New {
        /// Others had to be forgotten for it.
        forgot: bool,
    },
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    /// An empty map that holds at most `most` entries, and at least two.
    pub(super) fn new(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: half(most),
        }
    }

    /// Holds at most `most` entries, and at least two, once so many have been made again.
    pub(super) fn set_most(&mut self, most: usize) {
        self.half = half(most);
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// The entry of this key, if there is one; it gets no younger.
    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        match self.young.get_mut(&key) {
            Some(value) => Some(value),
            None => self.old.get_mut(&key),
        }
    }

    /// The entry of this key, made where there is none.
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> (&mut V, Was) {
        let mut forgot = false;
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            let kept = self.old.remove(&key);
            forgot = !self.old.is_empty();
            self.old = core::mem::take(&mut self.young);
            if let Some(kept) = kept {
                self.old.insert(key, kept);
            }
        }
        match self.young.entry(key) {
            Entry::Occupied(entry) => (entry.into_mut(), Was::Known),
            Entry::Vacant(place) => match self.old.remove(&key) {
                Some(value) => (place.insert(value), Was::Known),
                None => (place.insert(make()), Was::New { forgot }),
            },
        }
    }
}

fn half(most: usize) -> usize {
    (most / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_of_a_bounded_map_it_holds_the_latest_half_and_never_more_than_its_size() {
        let mut map = Bounded::new(100);
        for key in 0..10_000_u32 {
            map.get_or_insert_with(key, || key);
            assert!(map.len() <= 100);
            for recent in key.saturating_sub(49)..=key {
                assert_eq!(map.get_mut(recent), Some(&mut recent.clone()));
            }
        }
        assert_eq!(map.get_mut(9_800), None);
    }

    #[test]
    fn what_is_asked_for_stays_and_nothing_is_forgotten_before_it_is_full() {
        let mut map = Bounded::new(10);
        for key in 1..=10_u32 {
            let (_, was) = map.get_or_insert_with(key, || key);
            assert_eq!(was, Was::New { forgot: false });
        }
        for key in 11..1000 {
            let (value, was) = map.get_or_insert_with(7, || 0);
            assert_eq!((*value, was), (7, Was::Known));
            map.get_or_insert_with(key, || key);
        }
        let forgot = (1000..1010).filter(|&key| {
            let (_, was) = map.get_or_insert_with(key, || key);
            was == Was::New { forgot: true }
        });
        assert_eq!(forgot.count(), 2);
    }
}
