//! The comparison for people.

use super::{Report, figures::Mode};
use examples::cli;

/// Prints what was found.
pub(super) fn report(report: &Report) {
    let held = if report.held {
        "held to processors of their own"
    } else {
        "free to move"
    };
    cli::print(format_args!(
        "{} threads of each server and of the load, {held}; medians of {} rounds",
        report.threads, report.rounds
    ));
    cli::print(format_args!(
        "one signature takes {:.2} µs, one sync {:.2} ms",
        report.signature_us, report.sync_ms
    ));
    for mode in [Mode::New, Mode::Kept] {
        table(report, mode);
    }
    let mut table = cli::table(["at half load", "requests/s", "p50 µs", "p99 µs", "max µs"]);
    for half in &report.half_load {
        let latency = half.latency_us;
        table.add_row([
            half.server.name(),
            &format!("{:.0}", half.rate),
            &format!("{:.0}", latency.p50),
            &format!("{:.0}", latency.p99),
            &format!("{:.0}", latency.max),
        ]);
    }
    cli::print(table);
    for bar in &report.bars {
        cli::print(format_args!(
            "{}: {:.3}, wanted {:.2}: {}",
            bar.what,
            bar.found,
            bar.wanted,
            if bar.met { "met" } else { "missed" }
        ));
    }
}

fn table(report: &Report, mode: Mode) {
    let mut table = cli::table([
        mode.name(),
        "requests/s",
        "of bare",
        "server µs",
        "of bare",
        "load µs",
        "p50 µs",
        "p99 µs",
    ]);
    for row in report.rows.iter().filter(|row| row.mode == mode) {
        let sample = row.median;
        table.add_row([
            row.server.name(),
            &format!("{:.0}", sample.rate),
            &format!("{:.3}", row.ratio),
            &format!("{:.1}", sample.server_us),
            &format!("{:.3}", row.time_ratio),
            &format!("{:.1}", sample.generator_us),
            &format!("{:.0}", sample.p50_us),
            &format!("{:.0}", sample.p99_us),
        ]);
    }
    cli::print(table);
    if let Some((_, allowed)) = report.signature_allows.iter().find(|(of, _)| *of == mode) {
        cli::print(format_args!(
            "the signature alone allows {allowed:.3} of the bare server's processor time"
        ));
    }
}
