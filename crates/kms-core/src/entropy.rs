/// A source of random bytes, handed to engines so that a run can be repeated.
///
/// Whoever makes keys, nonces or client machine ids must hand in the operating system's generator.
pub trait Entropy {
    /// Fills `out` with random bytes.
    fn fill(&mut self, out: &mut [u8]);

    /// A random 64-bit number.
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number below `bound`, each equally likely; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        // Lemire, "Fast Random Integer Generation in an Interval" (2019): the high half of a product,
        // with the few low halves that would favour small numbers drawn again.
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        let low = |product: u128| product & u128::from(u64::MAX);
        if low(product) < u128::from(bound) {
            let unfair = u128::from(bound.wrapping_neg().checked_rem(bound).unwrap_or(0));
            // At most half of all draws are unfair: only a generator that is stuck needs the limit.
            for _ in 0..128 {
                if low(product) >= unfair {
                    break;
                }
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        u64::try_from(product >> 64).unwrap_or(u64::MAX)
    }
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, out: &mut [u8]) {
        (**self).fill(out);
    }

    fn next_u64(&mut self) -> u64 {
        (**self).next_u64()
    }
}

/// A repeatable generator for simulations and tests: the same seed gives the same bytes.
///
/// It is splitmix64 and can be predicted: never for keys, nonces or client machine ids of real machines.
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    state: u64,
}

impl SeededEntropy {
    /// A generator that starts from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }

    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (mut a, mut b) = ([0; 19], [0; 19]);
        SeededEntropy::new(7).fill(&mut a);
        SeededEntropy::new(7).fill(&mut b);
        assert_eq!(a, b);
        SeededEntropy::new(8).fill(&mut b);
        assert_ne!(a, b);
    }

    #[test]
    fn a_stuck_generator_does_not_hang_who_draws() {
        struct Stuck;
        impl Entropy for Stuck {
            fn fill(&mut self, out: &mut [u8]) {
                out.fill(0);
            }
        }
        assert_eq!(Stuck.below(7), 0);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_each_value() {
        let mut entropy = SeededEntropy::new(1);
        assert_eq!(entropy.below(0), 0);
        assert_eq!(entropy.below(1), 0);
        let mut seen = [0_u32; 5];
        for _ in 0..5000 {
            let value = usize::try_from(entropy.below(5)).unwrap();
            seen[value] += 1;
        }
        assert!(
            seen.iter().all(|&count| (850..1150).contains(&count)),
            "{seen:?}"
        );
        assert!(entropy.below(u64::MAX) < u64::MAX);
    }
}
