//! A run's figures for people.

use crate::tally::{Kind, Summary};
use examples::cli;

/// Prints a run's figures.
pub(crate) fn summary(summary: &Summary) {
    let Summary {
        seconds,
        requests,
        answered,
        answered_per_second,
        verified,
        latency_us: latency,
        ..
    } = summary;
    cli::print(format_args!(
        "{answered} of {requests} requests answered in {seconds:.2} s: {answered_per_second:.0} a second"
    ));
    if *verified > 0 {
        cli::print(format_args!("{verified} answers verified"));
    }
    if let Some((lowest, highest)) = summary.count {
        cli::print(format_args!("count in the answers: {lowest} to {highest}"));
    }
    let mut table = cli::table(["latency", "p50", "p90", "p99", "p99.9", "max"]);
    let figures = [
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p99_9,
        latency.max,
    ];
    let cells = core::iter::once("µs".to_owned())
        .chain(figures.into_iter().map(|micros| format!("{micros:.0}")));
    table.add_row(cells);
    cli::print(table);
    if !summary.unanswered.is_empty() {
        let mut table = cli::table(["not answered", "why", "requests"]);
        for one in &summary.unanswered {
            table.add_row([kind(one.kind), &one.why, &one.requests.to_string()]);
        }
        cli::print(table);
    }
    if summary.not_begun > 0 {
        cli::print(format_args!(
            "{} requests were due and found no connection free: the host is slower than the rate",
            summary.not_begun
        ));
    }
    cli::print(format_args!(
        "the load generator used {:.1} µs of processor time for each request",
        summary.generator_us
    ));
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Refused => "refused",
        Kind::Fault => "fault",
        Kind::Failed => "failed",
        Kind::Invalid => "no valid answer",
    }
}
