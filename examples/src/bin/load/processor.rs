//! Holding a thread to processors, and what a process has used.

use core::time::Duration;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::{fs, io};

/// Holds the calling thread, and those that it starts, to so many processors from `first` on, counted
/// from 0.
///
/// # Errors
/// When the machine has none of them.
pub(crate) fn hold(first: usize, many: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    for number in (first..first.saturating_add(many)).take_while(|&n| n < CpuSet::MAX_CPU) {
        set.set(number);
    }
    sched_setaffinity(None, &set)
        .map_err(|error| io::Error::other(format!("processor {first}: {error}")))
}

/// The processor time that a process and its threads have used.
///
/// # Errors
/// When there is no such process.
pub(crate) fn used(process: u32) -> io::Result<Duration> {
    let mut used = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that ended meanwhile used next to nothing since it was listed.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let nanos = text.split_whitespace().next().and_then(|n| n.parse().ok());
        used += Duration::from_nanos(nanos.unwrap_or(0));
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_used_the_time_that_it_worked() {
        let this = std::process::id();
        let before = used(this).unwrap();
        // The system adds the time of a thread that works up now and then, not at each look.
        let counted = (0..100_000).any(|_| {
            let work = (0..100_000_u64).fold(0, |sum, n| core::hint::black_box(sum ^ n));
            core::hint::black_box(work);
            used(this).unwrap() > before
        });
        assert!(counted);
        assert!(used(u32::MAX).is_err());
    }

    #[test]
    fn a_processor_that_is_not_there_is_refused() {
        assert!(hold(usize::MAX, 1).is_err());
        assert!(hold(0, 0).is_err());
    }
}
