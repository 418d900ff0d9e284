use alloc::vec::Vec;
use core::ops::Range;

/// A stub that arrives in fragments, held to a limit.
#[derive(Debug)]
pub(crate) struct Reassembly {
    stub: Vec<u8>,
    limit: usize,
    fragments: usize,
    length: usize,
}

/// Why a fragment cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The stub would be longer than the limit.
    Length,
    /// More fragments than the longest stub has bytes, with an empty one at either end: some of
    /// them must bring nothing.
    Fragments,
}

impl Reassembly {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            stub: Vec::new(),
            limit,
            fragments: 0,
            length: 0,
        }
    }

    /// Starts anew, and keeps the memory if it is not much.
    pub(crate) fn clear(&mut self) {
        self.stub.clear();
        self.stub.shrink_to(crate::limits::RETAINED);
        self.fragments = 0;
        self.length = 0;
    }

    /// Adds a fragment; with `keep` false it is counted and dropped.
    pub(crate) fn add(&mut self, fragment: &[u8], keep: bool) -> Result<(), Overflow> {
        self.length += fragment.len();
        self.fragments += 1;
        if self.length > self.limit {
            return Err(Overflow::Length);
        }
        if self.fragments > self.limit + 2 {
            return Err(Overflow::Fragments);
        }
        if keep {
            self.stub.extend_from_slice(fragment);
        }
        Ok(())
    }

    /// Holds these bytes and nothing else; gives their place.
    pub(crate) fn hold(&mut self, bytes: &[u8]) -> Range<usize> {
        self.clear();
        self.stub.extend_from_slice(bytes);
        0..bytes.len()
    }

    pub(crate) fn stub(&self) -> &[u8] {
        &self.stub
    }

    /// The buffer itself, for a stub that is written here.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.stub
    }

    pub(crate) const fn memory(&self) -> usize {
        self.stub.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_length_is_met_and_not_passed() {
        let mut whole = Reassembly::new(10);
        whole.add(&[1; 6], true).unwrap();
        whole.add(&[2; 4], true).unwrap();
        assert_eq!(whole.stub().len(), 10);
        assert_eq!(whole.add(&[3], true), Err(Overflow::Length));
    }

    #[test]
    fn limit_fragments_is_one_for_each_byte_and_two_more() {
        let mut whole = Reassembly::new(10);
        for _ in 0..12 {
            whole.add(&[], true).unwrap();
        }
        assert_eq!(whole.add(&[], true), Err(Overflow::Fragments));
    }

    #[test]
    fn dropped_fragments_count_and_take_no_memory() {
        let mut whole = Reassembly::new(10);
        whole.add(&[1; 10], false).unwrap();
        assert_eq!((whole.stub().len(), whole.memory()), (0, 0));
        assert_eq!(whole.add(&[1], false), Err(Overflow::Length));
        whole.clear();
        whole.add(&[1; 10], false).unwrap();
    }
}
