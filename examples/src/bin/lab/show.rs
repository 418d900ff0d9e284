//! A run as a person wants to see it.

use crate::report::Report;
use examples::cli;
use std::collections::BTreeMap;

/// How many of the newest events are shown.
const EVENTS: usize = 12;

/// Prints the run.
pub(crate) fn report(report: &Report) {
    cli::print(format_args!(
        "\nScenario {}, after \"{}\"",
        report.scenario, report.document
    ));

    heading("Machines");
    let mut table = cli::table(["machine", "product", "host", "count", "state", "expires"]);
    for machine in &report.machines {
        table.add_row([
            machine.name.clone(),
            machine.product.clone(),
            machine.host.clone().unwrap_or_else(|| "none".to_owned()),
            machine
                .count
                .map_or_else(|| "-".to_owned(), |count| count.to_string()),
            if machine.status == "Licensed" {
                machine.status.to_owned()
            } else {
                format!("{}: {}", machine.status, machine.code)
            },
            machine.expires.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    cli::print(table);

    heading("Hosts");
    let mut table = cli::table([
        "host",
        "address",
        "count (held at most)",
        "requests",
        "failed",
        "by licence status",
    ]);
    for host in &report.hosts {
        let counts: Vec<String> = host
            .counts
            .iter()
            .map(|(family, count)| {
                format!(
                    "{family}: {count} ({})",
                    host.capacities.get(family).unwrap_or(&0)
                )
            })
            .collect();
        let statuses: Vec<String> = host
            .by_license_status
            .iter()
            .filter(|&(_, &requests)| requests > 0)
            .map(|(status, requests)| format!("{status}: {requests}"))
            .collect();
        table.add_row([
            if host.running {
                host.name.clone()
            } else {
                format!("{} (stopped)", host.name)
            },
            host.address.clone(),
            counts.join("\n"),
            host.requests.to_string(),
            host.failed.to_string(),
            statuses.join("\n"),
        ]);
    }
    cli::print(table);

    heading("What happened (the clocks of hosts and machines were moved, the days are theirs)");
    for moment in &report.timeline {
        let counts: Vec<String> = moment
            .counts
            .iter()
            .map(|(host, count)| format!("{host} counts {count}"))
            .collect();
        cli::print(format_args!(
            "  day {:6.2}  {}  [{}; {} licensed]",
            moment.day,
            moment.what,
            counts.join(", "),
            moment.licensed
        ));
    }

    events(report);

    heading("What the scenario must show");
    for check in &report.checks {
        let mark = if check.holds { "yes" } else { "NO " };
        cli::print(format_args!("  {mark}  {}: {}", check.what, check.seen));
    }
}

fn events(report: &Report) {
    let mut numbers: BTreeMap<u16, usize> = BTreeMap::new();
    for event in &report.events {
        *numbers.entry(event.id).or_default() += 1;
    }
    let numbers: Vec<String> = numbers
        .iter()
        .map(|(id, times)| format!("{times} of {id} ({})", meaning(*id)))
        .collect();
    heading("Events");
    cli::print(format_args!("  {}", numbers.join(", ")));
    cli::print(format_args!("  the newest {EVENTS}, all with --json:"));
    for event in report.events.iter().rev().take(EVENTS).rev() {
        cli::print(format_args!(
            "  {} {} {}: {}",
            event.time, event.source, event.id, event.text
        ));
    }
}

const fn meaning(id: u16) -> &'static str {
    match id {
        12288 => "request sent",
        12289 => "answer processed",
        12290 => "request processed by a host",
        12293 => "publishing failed",
        12294 => "published",
        _ => "other",
    }
}

fn heading(text: &str) {
    cli::print(format_args!("\n{text}"));
}
