//! Running a load: threads, each with its share of the connections.

use crate::{
    link::{Failure, Link, Target},
    machines::{Machine, Machines},
    pace::{Budget, Pace},
    processor,
    tally::{Outcome, Summary, Tally},
    verify::Checker,
};
use core::time::Duration;
use kms_core::{Clock as _, Decode as _, Encode as _, Entropy as _, SeededEntropy, Writer};
use kms_service::{OsEntropy, SystemClock};
use kms_wire::{ActivationAnswer, Operation};
use rustix::time::{ClockId, clock_gettime};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

/// A load.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) target: Target,
    /// Whether connections are kept for many requests, else there is a new one for each.
    pub(crate) kept: bool,
    /// Requests under way at once, at most.
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    /// The processor that the first thread is held to, the next one for the next, and so on.
    pub(crate) first_processor: Option<usize>,
    /// Whether the threads never sleep, so that the server does not pay for waking them.
    pub(crate) spin: bool,
    /// Requests a second of the open loop; `None` for the closed one.
    pub(crate) rate: Option<f64>,
    pub(crate) duration: Option<Duration>,
    pub(crate) requests: Option<u64>,
    /// How long a request may take.
    pub(crate) timeout: Duration,
    pub(crate) machines: Machines,
    pub(crate) checker: Option<Arc<Checker>>,
}

/// How far a load is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) elapsed: Duration,
    pub(crate) answered: u64,
    pub(crate) unanswered: u64,
}

/// One thread's part, seen by its connections and by who shows progress.
struct Part {
    load: Arc<Load>,
    budget: Arc<Budget>,
    tally: Mutex<Tally>,
}

impl Load {
    /// Runs it to its end, and tells how far it is once a second.
    ///
    /// # Errors
    /// When a thread or a timer cannot be had.
    pub(crate) fn run(self, mut progress: impl FnMut(Progress)) -> io::Result<Summary> {
        let budget = Arc::new(Budget::new(self.requests));
        let load = Arc::new(self);
        let begun = Instant::now();
        let end = load.duration.map(|duration| begun + duration);
        let mut threads = Vec::new();
        for number in 0..load.threads {
            let part = Arc::new(Part {
                load: Arc::clone(&load),
                budget: Arc::clone(&budget),
                tally: Mutex::new(tally()?),
            });
            let seed = OsEntropy.next_u64();
            let thread = {
                let part = Arc::clone(&part);
                thread::Builder::new().spawn(move || part.run(number, end, seed))?
            };
            threads.push((part, thread));
        }
        let mut next = begun + SECOND;
        while threads.iter().any(|(_, thread)| !thread.is_finished()) {
            thread::sleep(LOOK);
            if Instant::now() < next {
                continue;
            }
            next += SECOND;
            let (mut answered, mut unanswered) = (0, 0);
            for (part, _) in &threads {
                let tally = part.tally();
                answered += tally.answered();
                unanswered += tally.unanswered();
            }
            progress(Progress {
                elapsed: begun.elapsed(),
                answered,
                unanswered,
            });
        }
        let (mut all, mut used, mut last) = (tally()?, Duration::ZERO, begun);
        for (part, thread) in threads {
            let died = |_| io::Error::other("a thread of the load generator panicked");
            let ended = thread.join().map_err(died)??;
            used += ended.used;
            last = last.max(ended.at);
            all.add(&part.tally());
        }
        Ok(all.summary(last - begun, used))
    }
}

/// How a thread ended.
struct Ended {
    at: Instant,
    /// The processor time that it used.
    used: Duration,
}

impl Part {
    fn run(self: Arc<Self>, number: usize, end: Option<Instant>, seed: u64) -> io::Result<Ended> {
        if let Some(first) = self.load.first_processor {
            processor::hold(first + number, 1)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.serve(number, end, seed))?;
        let at = Instant::now();
        let used = clock_gettime(ClockId::ThreadCPUTime);
        Ok(Ended {
            at,
            used: Duration::try_from(used).unwrap_or_default(),
        })
    }

    async fn serve(
        self: Arc<Self>,
        number: usize,
        end: Option<Instant>,
        seed: u64,
    ) -> io::Result<()> {
        let threads = self.load.threads;
        let pace = match self.load.rate {
            None => Pace::closed(end),
            Some(rate) => Pace::open(end, interval(rate, threads))?,
        };
        let pace = Arc::new(pace);
        let mut tasks = tokio::task::JoinSet::new();
        for connection in (number..self.load.connections).step_by(threads.max(1)) {
            let mut entropy = SeededEntropy::new(seed);
            // Far apart, so that no two connections draw the same numbers.
            let start = SeededEntropy::new(entropy.next_u64() ^ count(connection));
            let (part, pace) = (Arc::clone(&self), Arc::clone(&pace));
            tasks.spawn(async move { part.connection(&pace, start).await });
        }
        let spinning = self.load.spin.then(|| tokio::spawn(spin()));
        let not_begun = pace.keep(&self.budget).await?;
        self.tally().record_not_begun(not_begun);
        while tasks.join_next().await.is_some() {}
        if let Some(spinning) = spinning {
            spinning.abort();
        }
        Ok(())
    }

    /// One request after the other.
    async fn connection(&self, pace: &Pace, mut entropy: SeededEntropy) {
        let mut asker = Asker {
            load: &self.load,
            kept: None,
            message: Vec::new(),
            answer: Vec::new(),
        };
        while let Some(begin) = pace.next().await {
            let Some(number) = self.budget.take() else {
                return;
            };
            let asked = asker.ask(number, &mut entropy);
            let outcome = match tokio::time::timeout(self.load.timeout, asked).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(failure)) => Outcome::Failed(failure),
                Err(_) => Outcome::Failed(Failure("no reply in time".into())),
            };
            let took = begin.elapsed();
            let failed = matches!(outcome, Outcome::Failed(_));
            self.tally().record(outcome, took);
            if failed {
                asker.kept = None;
                if self.load.rate.is_none() {
                    // A host that is not there fails at once, and asking it as fast is no load.
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's state, with buffers that are used again.
struct Asker<'a> {
    load: &'a Load,
    kept: Option<(Link, Machine)>,
    message: Vec<u8>,
    answer: Vec<u8>,
}

impl Asker<'_> {
    async fn ask(&mut self, number: u64, entropy: &mut SeededEntropy) -> Result<Outcome, Failure> {
        let machines = &self.load.machines;
        let (mut link, machine) = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let machine = machines.next(entropy);
                let machine = machine.ok_or_else(|| Failure("a machine has no name".into()))?;
                let link = Link::open(&self.load.target, machine.number).await?;
                (link, machine)
            }
        };
        let now = SystemClock.now().wall;
        let request = machines.request(&machine, now, entropy);
        self.message.clear();
        request.encode(&mut Writer::new(&mut self.message));
        let operation = Operation::RequestActivation {
            message: &self.message,
        };
        let reply = link.call(operation, &mut self.answer).await?;
        let outcome = match Outcome::of(reply) {
            Some(outcome) => outcome,
            None => self.judge(number, &request),
        };
        if self.load.kept && !matches!(outcome, Outcome::Fault(_)) {
            self.kept = Some((link, machine));
        }
        Ok(outcome)
    }

    /// Whether the answer is one to this request.
    fn judge(&self, number: u64, request: &kms_wire::ActivationRequest) -> Outcome {
        let answer = match ActivationAnswer::decode_all(&self.answer) {
            Ok(answer) => answer,
            Err(error) => return Outcome::Invalid(Failure(error.to_string())),
        };
        if answer.terms.cmid != request.cmid {
            return Outcome::Invalid(Failure("the answer is for another machine".into()));
        }
        let count = answer.terms.count;
        if count == 0 {
            return Outcome::Invalid(Failure("the machine that asked does not count".into()));
        }
        let checker = self.load.checker.as_deref();
        let checker = checker.filter(|checker| checker.wants(number));
        let Some(checker) = checker else {
            return Outcome::Answered {
                count,
                verified: false,
            };
        };
        let now = SystemClock.now().wall;
        match checker.check(request, &self.message, &answer, now) {
            Ok(()) => Outcome::Answered {
                count,
                verified: true,
            },
            Err(failure) => Outcome::Invalid(failure),
        }
    }
}

/// Keeps its thread awake: after each turn the runtime looks for what has happened, and does not wait.
async fn spin() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Between two requests of one of so many threads, so that all together make `rate` a second.
fn interval(rate: f64, threads: usize) -> Duration {
    let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
    let seconds = f64::from(threads) / rate;
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(Duration::MAX)
        .clamp(Duration::from_nanos(1), SLOWEST)
}

fn tally() -> io::Result<Tally> {
    Tally::new().ok_or_else(|| io::Error::other("no histogram can be made"))
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

const SECOND: Duration = Duration::from_secs(1);
/// How often the threads are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// After a failure in the closed loop.
const REST: Duration = Duration::from_millis(10);
/// Between two requests, at most.
const SLOWEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_together_make_the_rate() {
        assert_eq!(interval(1_000.0, 1), Duration::from_millis(1));
        assert_eq!(interval(1_000.0, 4), Duration::from_millis(4));
    }

    #[test]
    fn limit_rates_that_no_timer_has() {
        assert_eq!(interval(1e12, 1), Duration::from_nanos(1));
        assert_eq!(interval(1e-12, 1), SLOWEST);
    }
}
