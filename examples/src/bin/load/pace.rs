//! When requests begin: as soon as the last one is answered, or at their times whatever happens.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::{io, os::fd::OwnedFd, time::Instant};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Semaphore,
};

/// How many requests there may be in all.
#[derive(Debug)]
pub(crate) struct Budget {
    begun: AtomicU64,
    most: u64,
}

impl Budget {
    /// So many; `None` for as many as there is time for.
    pub(crate) fn new(most: Option<u64>) -> Self {
        Self {
            begun: AtomicU64::new(0),
            most: most.unwrap_or(u64::MAX),
        }
    }

    /// The number of the next request, from 0 on, if there may be one.
    pub(crate) fn take(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        (number < self.most).then_some(number)
    }

    /// Whether all of them have begun.
    pub(crate) fn is_spent(&self) -> bool {
        self.begun.load(Ordering::Relaxed) >= self.most
    }
}

/// When the requests of one thread begin.
#[derive(Debug)]
pub(crate) struct Pace {
    end: Option<Instant>,
    open: Option<OpenLoop>,
}

#[derive(Debug)]
struct OpenLoop {
    timer: AsyncFd<OwnedFd>,
    first: Instant,
    interval: Duration,
    // A permit is a request whose time has come and that no connection has taken up.
    due: Semaphore,
    begun: AtomicU64,
}

impl Pace {
    /// Closed loop until `end`: a request begins when its connection is free.
    pub(crate) const fn closed(end: Option<Instant>) -> Self {
        Self { end, open: None }
    }

    /// Open loop until `end`: a request each `interval`, at least one nanosecond, from now on.
    ///
    /// The times are those of a timer of the kernel, since the runtime's own go by milliseconds.
    ///
    /// # Errors
    /// When there is no such timer.
    pub(crate) fn open(end: Option<Instant>, interval: Duration) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let every = Timespec::try_from(interval).map_err(|_| io::ErrorKind::InvalidInput)?;
        let times = Itimerspec {
            it_interval: every,
            it_value: every,
        };
        let first = Instant::now() + interval;
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
        #[expect(
            deprecated,
            reason = "unsound only for a descriptor that may be closed meanwhile, which an owned one is not; \
                      what replaces it is unsafe"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self {
            end,
            open: Some(OpenLoop {
                timer,
                first,
                interval,
                due: Semaphore::new(0),
                begun: AtomicU64::new(0),
            }),
        })
    }

    /// Waits until a request is to begin, and gives the time at which it was to. `None` when no more
    /// is to begin.
    pub(crate) async fn next(&self) -> Option<Instant> {
        let Some(open) = &self.open else {
            let now = Instant::now();
            return self.end.is_none_or(|end| now < end).then_some(now);
        };
        open.due.acquire().await.ok()?.forget();
        let number = open.begun.fetch_add(1, Ordering::Relaxed);
        Some(open.first + Duration::from_nanos(nanos(open.interval).saturating_mul(number)))
    }

    /// Lets requests begin as their times come, until the end or until the budget is spent. Gives how
    /// many were due then and had not begun.
    ///
    /// # Errors
    /// When the timer cannot be read.
    pub(crate) async fn keep(&self, budget: &Budget) -> io::Result<u64> {
        let Some(open) = &self.open else {
            return Ok(0);
        };
        while self.end.is_none_or(|end| Instant::now() < end) && !budget.is_spent() {
            let times = open
                .timer
                .async_io(Interest::READABLE, |timer| {
                    let mut times = [0; 8];
                    rustix::io::read(timer, &mut times)?;
                    #[expect(
                        clippy::host_endian_bytes,
                        reason = "the kernel gives it in the order of this machine"
                    )]
                    Ok(u64::from_ne_bytes(times))
                })
                .await?;
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            open.due
                .add_permits(times.min(Semaphore::MAX_PERMITS - open.due.available_permits()));
        }
        let waiting = if budget.is_spent() {
            0
        } else {
            open.due.available_permits()
        };
        open.due.close();
        Ok(u64::try_from(waiting).unwrap_or(u64::MAX))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(100);

    #[test]
    fn limit_requests_in_all() {
        let budget = Budget::new(Some(2));
        assert_eq!((budget.take(), budget.is_spent()), (Some(0), false));
        assert_eq!((budget.take(), budget.is_spent()), (Some(1), true));
        assert_eq!(budget.take(), None);
        assert!(!Budget::new(None).is_spent());
    }

    #[tokio::test]
    async fn the_closed_loop_begins_at_once_and_not_after_the_end() {
        assert!(Pace::closed(None).next().await.is_some());
        let now = Instant::now();
        assert_eq!(Pace::closed(Some(now)).next().await, None);
        let later = now + Duration::from_secs(3600);
        assert!(Pace::closed(Some(later)).next().await.is_some());
    }

    #[tokio::test]
    async fn the_open_loop_counts_from_the_times_that_were_intended() {
        let (pace, budget) = (Pace::open(None, SHORT).unwrap(), Budget::new(Some(3)));
        let begin = async {
            let mut times = Vec::new();
            for _ in 0..3 {
                times.push(pace.next().await.unwrap());
                budget.take();
            }
            // However late a request begins, the next is not put off.
            assert_eq!(times[1] - times[0], SHORT);
            assert_eq!(times[2] - times[1], SHORT);
            assert!(times[2] <= Instant::now());
        };
        let (kept, ()) = tokio::join!(pace.keep(&budget), begin);
        assert_eq!(kept.unwrap(), 0);
        assert_eq!(pace.next().await, None);
    }

    #[tokio::test]
    async fn requests_that_nobody_takes_up_are_told_of() {
        let end = Instant::now() + SHORT * 20;
        let pace = Pace::open(Some(end), SHORT).unwrap();
        assert!(pace.keep(&Budget::new(None)).await.unwrap() > 0);
        assert_eq!(pace.next().await, None);
    }
}
