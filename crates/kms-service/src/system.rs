//! The operating system's clock and entropy: the only place in this crate that asks for either.

use kms_core::{Clock, Entropy, Now, Tick, Timestamp};

/// The machine's clocks: the wall clock, and on Linux the boot clock, which goes on in suspend.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
        let millis = u64::try_from(boot.tv_nsec / 1_000_000).unwrap_or(0);
        let tick = Tick::from_millis(seconds.saturating_mul(1000).saturating_add(millis));
        Now::new(tick, Timestamp::from(chrono::Utc::now()))
    }
}

/// The operating system's random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        // A machine that cannot give random bytes must not make keys or nonces; there is no way on.
        #[expect(clippy::expect_used, reason = "no safe way on without entropy")]
        getrandom::fill(out).expect("the operating system gives random bytes");
    }
}
