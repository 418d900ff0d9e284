//! What became of the requests, and how long they took.

use crate::link::{Failure, Reply};
use core::time::Duration;
use hdrhistogram::Histogram;
use kms_core::StatusCode;
use kms_wire::pdu::FaultStatus;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer with this count, whose signature was verified or not looked at.
    Answered {
        /// Machines that count.
        count: u32,
        /// Whether the signature was looked at.
        verified: bool,
    },
    /// An answer that is none: too short, for another machine, or not signed as it should be.
    Invalid(Failure),
    /// No answer, and the host said why.
    Refused(StatusCode),
    /// No answer, and the RPC layer said why.
    Fault(FaultStatus),
    /// No answer: not connected, not bound, disconnected, or not in time.
    Failed(Failure),
}

impl Outcome {
    /// What the reply to a call is, where it is no answer.
    pub(crate) const fn of(reply: Reply) -> Option<Self> {
        match reply {
            Reply::Answered => None,
            Reply::Refused(code) => Some(Self::Refused(code)),
            Reply::Fault(status) => Some(Self::Fault(status)),
        }
    }
}

/// All outcomes so far.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    // In nanoseconds, of answered requests.
    latency: Histogram<u64>,
    answered: u64,
    verified: u64,
    count: Option<(u32, u32)>,
    others: BTreeMap<(Kind, String), u64>,
    not_begun: u64,
}

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The host refused it with an HRESULT.
    Refused,
    /// The RPC layer did.
    Fault,
    /// The connection failed, or the time was up.
    Failed,
    /// What came is not an answer to it.
    Invalid,
}

/// How many requests ended so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unanswered {
    pub(crate) kind: Kind,
    /// The code or the text that says why.
    pub(crate) why: String,
    pub(crate) requests: u64,
}

/// Latencies of answered requests, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

/// A run's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) answered_per_second: f64,
    /// Answers whose signature was looked at.
    pub(crate) verified: u64,
    /// From the intended start in the open loop, else from the start, to the whole answer.
    pub(crate) latency_us: Latency,
    /// The lowest and the highest count in an answer.
    pub(crate) count: Option<(u32, u32)>,
    pub(crate) unanswered: Vec<Unanswered>,
    /// Requests of the open loop whose time came, and that found no connection free until the end.
    pub(crate) not_begun: u64,
    /// What the load generator itself needed, in microseconds of processor time for each request.
    pub(crate) generator_us: f64,
}

impl Tally {
    /// None yet. `None` when the bounds of the histogram are none, which does not happen.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            latency: Histogram::new_with_max(LONGEST, 3).ok()?,
            answered: 0,
            verified: 0,
            count: None,
            others: BTreeMap::new(),
            not_begun: 0,
        })
    }

    /// Adds a request that took so long.
    pub(crate) fn record(&mut self, outcome: Outcome, took: Duration) {
        let (kind, why) = match outcome {
            Outcome::Answered { count, verified } => {
                self.answered += 1;
                self.verified += u64::from(verified);
                let (lowest, highest) = self.count.unwrap_or((count, count));
                self.count = Some((lowest.min(count), highest.max(count)));
                let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                self.latency.saturating_record(nanos);
                return;
            }
            Outcome::Invalid(failure) => (Kind::Invalid, failure.0),
            Outcome::Refused(code) => (Kind::Refused, code.to_string()),
            Outcome::Fault(status) => (Kind::Fault, status.to_string()),
            Outcome::Failed(failure) => (Kind::Failed, failure.0),
        };
        self.add_other(kind, why, 1);
    }

    /// Adds requests that were to begin and did not.
    pub(crate) const fn record_not_begun(&mut self, requests: u64) {
        self.not_begun += requests;
    }

    /// Adds all of another tally.
    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so that everything fits.
        let added = self.latency.add(&other.latency);
        debug_assert!(added.is_ok());
        self.answered += other.answered;
        self.verified += other.verified;
        self.not_begun += other.not_begun;
        self.count = match (self.count, other.count) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        for ((kind, why), requests) in &other.others {
            self.add_other(*kind, why.clone(), *requests);
        }
    }

    /// Requests that were answered.
    pub(crate) const fn answered(&self) -> u64 {
        self.answered
    }

    /// Requests that were not.
    pub(crate) fn unanswered(&self) -> u64 {
        self.others.values().sum()
    }

    /// The figures of a run of that length, in which the generator used so much processor time.
    pub(crate) fn summary(&self, elapsed: Duration, generator: Duration) -> Summary {
        let requests = self.answered + self.unanswered();
        let micros = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64() * 1e6;
        let quantile = |quantile| micros(self.latency.value_at_quantile(quantile));
        let each = |total: f64, many: u64| {
            if many == 0 { 0.0 } else { total / as_f64(many) }
        };
        Summary {
            seconds: elapsed.as_secs_f64(),
            requests,
            answered: self.answered,
            answered_per_second: as_f64(self.answered) / elapsed.as_secs_f64().max(1e-9),
            verified: self.verified,
            latency_us: Latency {
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
                p99_9: quantile(0.999),
                max: micros(self.latency.max()),
            },
            count: self.count,
            unanswered: self
                .others
                .iter()
                .map(|((kind, why), &requests)| Unanswered {
                    kind: *kind,
                    why: why.clone(),
                    requests,
                })
                .collect(),
            not_begun: self.not_begun,
            generator_us: each(generator.as_secs_f64() * 1e6, requests),
        }
    }

    fn add_other(&mut self, kind: Kind, why: String, requests: u64) {
        let known = self.others.contains_key(&(kind, why.clone()));
        let why = if known || self.others.len() < MOST_REASONS {
            why
        } else {
            "other reasons".into()
        };
        *self.others.entry((kind, why)).or_default() += requests;
    }
}

/// A number of requests for arithmetic; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody makes more requests than 2^53"
)]
pub(crate) const fn as_f64(many: u64) -> f64 {
    many as f64
}

/// The longest latency that is told from longer ones, in nanoseconds: 10 minutes.
const LONGEST: u64 = 600_000_000_000;

/// Reasons that are told apart; a host may say anything.
const MOST_REASONS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED: Outcome = Outcome::Answered {
        count: 25,
        verified: false,
    };

    fn failed(why: &str) -> Outcome {
        Outcome::Failed(Failure(why.into()))
    }

    fn tally(outcomes: impl IntoIterator<Item = (Outcome, u64)>) -> Tally {
        let mut tally = Tally::new().unwrap();
        for (outcome, micros) in outcomes {
            tally.record(outcome, Duration::from_micros(micros));
        }
        tally
    }

    fn summary(tally: &Tally) -> Summary {
        tally.summary(Duration::from_secs(2), Duration::from_millis(1))
    }

    #[track_caller]
    fn assert_near(found: f64, wanted: f64) {
        assert!((found / wanted - 1.0).abs() < 0.001, "{found}: {wanted}");
    }

    #[test]
    fn quantiles_are_those_of_the_answered_requests_to_three_digits() {
        let mut all = tally((1..=1000).map(|micros| (ANSWERED, micros * 10)));
        all.record(failed("cannot connect"), Duration::from_secs(30));
        let Latency {
            p50,
            p90,
            p99,
            p99_9,
            max,
        } = summary(&all).latency_us;
        assert_near(p50, 5_000.0);
        assert_near(p90, 9_000.0);
        assert_near(p99, 9_900.0);
        assert_near(p99_9, 9_990.0);
        assert_near(max, 10_000.0);
    }

    #[test]
    fn each_reason_is_counted_by_itself() {
        let refused = |code| (Outcome::Refused(code), 1);
        let found = summary(&tally([
            (ANSWERED, 1),
            refused(StatusCode::BUSY),
            refused(StatusCode::INVALID_DATA),
            refused(StatusCode::BUSY),
            (Outcome::Fault(FaultStatus::SERVER_TOO_BUSY), 1),
            (failed("cannot connect: connection refused"), 1),
            (Outcome::Invalid(Failure("not signed".into())), 1),
        ]));
        assert_eq!((found.requests, found.answered), (7, 1));
        let told: Vec<_> = found
            .unanswered
            .iter()
            .map(|one| (one.kind, &*one.why, one.requests))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Kind::Refused,
                    "0x8007000D HRESULT_FROM_WIN32(ERROR_INVALID_DATA)",
                    1
                ),
                (Kind::Refused, &*StatusCode::BUSY.to_string(), 2),
                (Kind::Fault, "0x1c010014 nca_s_server_too_busy", 1),
                (Kind::Failed, "cannot connect: connection refused", 1),
                (Kind::Invalid, "not signed", 1),
            ]
        );
    }

    #[test]
    fn rates_are_of_answered_requests_and_the_generators_time_of_all() {
        let found = summary(&tally([(ANSWERED, 1), (ANSWERED, 1), (failed("no"), 1)]));
        assert_near(found.answered_per_second, 1.0);
        assert_near(found.generator_us, 1_000.0 / 3.0);
        let none = summary(&tally([]));
        assert_eq!((none.requests, none.generator_us), (0, 0.0));
    }

    #[test]
    fn tallies_of_threads_add_up() {
        let answered = |count| Outcome::Answered {
            count,
            verified: count > 30,
        };
        let mut all = tally([(answered(30), 100), (failed("no"), 1)]);
        let mut other = tally([(answered(10), 300), (answered(50), 200), (failed("no"), 1)]);
        other.record_not_begun(7);
        all.add(&other);
        let found = summary(&all);
        assert_eq!((found.answered, found.requests, found.not_begun), (3, 5, 7));
        assert_eq!((found.verified, found.count), (1, Some((10, 50))));
        assert_eq!(found.unanswered.len(), 1);
        assert_near(found.latency_us.p50, 200.0);
        assert_near(found.latency_us.max, 300.0);
    }

    #[test]
    fn limit_reasons_and_the_rest_is_still_counted() {
        let reasons = |many: usize| {
            let found = summary(&tally((0..many).map(|at| (failed(&at.to_string()), 1))));
            assert_eq!(found.requests, u64::try_from(many).unwrap());
            found.unanswered.len()
        };
        assert_eq!(reasons(MOST_REASONS), MOST_REASONS);
        // One place more, for all the others.
        assert_eq!(reasons(MOST_REASONS + 1), MOST_REASONS + 1);
        assert_eq!(reasons(MOST_REASONS * 2), MOST_REASONS + 1);
    }

    #[test]
    fn limit_a_latency_beyond_the_histogram_counts_as_its_longest() {
        let found = summary(&tally([(ANSWERED, 3_600_000_000)]));
        assert!(found.latency_us.max >= 600e6 && found.latency_us.max < 1_200e6);
    }
}
