//! An audit for people: what is published, what stands behind it, and what is wrong.

use super::json::state;
use core::fmt::Write as _;
use examples::cli;
use kms_client::audit::{
    AskFailure, Asked, AuditReport, DomainAudit, Finding, HostAudit, Probe, Severity, UpdateOutcome,
};

pub(super) fn audit(report: &AuditReport) {
    cli::print(records(report));
    if !report.hosts.is_empty() {
        cli::print(hosts(report));
    }
    for line in report.domains.iter().filter_map(update) {
        cli::print(line);
    }
    for finding in &report.findings {
        cli::print(shown(finding));
    }
    cli::print(summary(report));
}

fn records(report: &AuditReport) -> comfy_table::Table {
    let mut table = cli::table([
        "Domain", "Priority", "Weight", "Host", "TTL (s)", "Findings",
    ]);
    for domain in &report.domains {
        let codes = codes(report, |finding| {
            finding.domain.as_ref() == Some(&domain.domain) && finding.host.is_none()
        });
        let name = domain.domain.to_string();
        let none = String::new;
        match &domain.records {
            Err(error) => {
                let host = format!("none: {error}");
                table.add_row([name, none(), none(), host, none(), codes]);
            }
            Ok(records) => {
                for (at, record) in records.iter().enumerate() {
                    let of_host = record.host.as_ref().map(ToString::to_string);
                    let host = match &of_host {
                        Ok(host) => host.clone(),
                        Err(_) => format!("{}:{}", record.target, record.port),
                    };
                    // What is wrong with the domain stands in its first row.
                    let mut all = if at == 0 { codes.clone() } else { none() };
                    if let Ok(host) = &of_host {
                        let of_host = self::codes(report, |finding| {
                            finding.host.as_ref() == Some(host)
                                && finding
                                    .domain
                                    .as_ref()
                                    .is_none_or(|of| *of == domain.domain)
                        });
                        if !all.is_empty() && !of_host.is_empty() {
                            all.push('\n');
                        }
                        all.push_str(&of_host);
                    }
                    table.add_row([
                        if at == 0 { name.clone() } else { none() },
                        record.priority.to_string(),
                        record.weight.to_string(),
                        host,
                        record.ttl.to_string(),
                        all,
                    ]);
                }
            }
        }
    }
    table
}

/// The different codes of some findings, one in a line.
fn codes(report: &AuditReport, is_wanted: impl Fn(&Finding) -> bool) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for finding in report.findings.iter().filter(|finding| is_wanted(finding)) {
        if !codes.contains(&finding.code.as_str()) {
            codes.push(finding.code.as_str());
        }
    }
    codes.join("\n")
}

fn hosts(report: &AuditReport) -> comfy_table::Table {
    let is_asked = report.hosts.iter().any(|host| host.asked.is_some());
    let mut headings = vec![
        "Host",
        "Address",
        "State",
        "Connects in",
        "Certificate",
        "Valid until",
        "Key groups",
    ];
    if is_asked {
        headings.extend(["Clock", "Count", "Licensed"]);
    }
    let mut table = cli::table([""]);
    table.set_header(headings);
    for host in &report.hosts {
        let name = host.host.to_string();
        if host.addresses.is_empty() {
            table.add_row([name.clone(), "none".to_owned()]);
        }
        for (at, address) in host.addresses.iter().enumerate() {
            let time = address.probe.connected();
            let mut row = vec![
                if at == 0 { name.clone() } else { String::new() },
                address.address.ip().to_string(),
                state(&address.probe).to_owned(),
                time.map_or_else(String::new, |time| format!("{} ms", time.as_millis())),
            ];
            row.extend(certificate(host, at));
            if let Some(asked) = &host.asked
                && asked.address == address.address
            {
                row.extend(answer(asked));
            }
            table.add_row(row);
        }
    }
    table
}

/// Name, end and key groups; not said again where it is the one above.
fn certificate(host: &HostAudit, at: usize) -> [String; 3] {
    let of = |at: usize| match &host.addresses.get(at)?.probe {
        Probe::Sound { certificate, .. } => Some(certificate),
        _ => None,
    };
    match (of(at), at.checked_sub(1).and_then(of)) {
        (None, _) => Default::default(),
        (Some(this), Some(above)) if this == above => {
            ["the same".to_owned(), String::new(), String::new()]
        }
        (Some(this), _) => {
            let groups: Vec<&str> = this.groups.iter().map(String::as_str).collect();
            let until = this.not_after.to_string();
            let until = until.split('T').next().unwrap_or(&until);
            [this.name.clone(), until.to_owned(), groups.join("\n")]
        }
    }
}

/// Clock, count, and whether that is enough.
fn answer(asked: &Asked) -> [String; 3] {
    let seconds = |millis: i64| {
        let tenths = millis.unsigned_abs() / 100;
        let sign = match (tenths, millis) {
            (0, _) => "",
            (_, ..0) => "-",
            _ => "+",
        };
        format!("{sign}{}.{} s", tenths / 10, tenths % 10)
    };
    match &asked.result {
        Ok(answer) => [
            seconds(answer.clock_offset),
            format!("{} of {}", answer.count, answer.needed),
            if answer.would_license() { "yes" } else { "no" }.to_owned(),
        ],
        Err(AskFailure::Clock { clock_offset, .. }) => {
            [seconds(*clock_offset), String::new(), "no".to_owned()]
        }
        Err(_) => [String::new(), String::new(), "no".to_owned()],
    }
}

fn update(domain: &DomainAudit) -> Option<String> {
    let trial = domain.update.as_ref()?;
    let place = match (&trial.zone, trial.server) {
        (Some(zone), Some(server)) => format!("zone {zone} at {server}"),
        (Some(zone), None) => format!("zone {zone}"),
        _ => format!("the zone of {}", domain.domain),
    };
    Some(match &trial.outcome {
        UpdateOutcome::Accepted => {
            format!("{}: {place} takes unsigned updates (NOERROR)", domain.name)
        }
        UpdateOutcome::Refused { code } => {
            format!("{}: {place} refuses unsigned updates ({code})", domain.name)
        }
        UpdateOutcome::Changed { code } => {
            format!(
                "{}: {place} changed under a no-op update ({code})",
                domain.name
            )
        }
        UpdateOutcome::Unknown { reason } => {
            format!(
                "{}: whether unsigned updates are taken is not known: {reason}",
                domain.name
            )
        }
        UpdateOutcome::NotTried => format!(
            "{}: no update tried, because the domain does not exist",
            domain.name
        ),
        _ => return None,
    })
}

fn shown(finding: &Finding) -> String {
    let mut text = format!("\n{}: {}", finding.severity(), finding.code);
    let subject = match (&finding.domain, &finding.host) {
        (Some(domain), Some(host)) => format!(": {host} in {domain}"),
        (Some(domain), None) => format!(": {domain}"),
        (None, Some(host)) => format!(": {host}"),
        (None, None) => String::new(),
    };
    text.push_str(&subject);
    // Writing to a string does not fail.
    let _ = write!(text, "\n  {}", finding.problem);
    if let Some(status) = finding.status {
        let _ = write!(text, "\n  clients show: {status}");
    }
    let _ = write!(text, "\n  what to do: {}", finding.remedy);
    text
}

fn summary(report: &AuditReport) -> String {
    let count = |severity: Severity| {
        let findings = report.findings.iter();
        let count = findings
            .filter(|finding| finding.severity() == severity)
            .count();
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {severity}{plural}")
    };
    let of = |count: usize, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    format!(
        "{}{}, {}: {}, {}, {}",
        if report.findings.is_empty() { "" } else { "\n" },
        of(report.domains.len(), "domain"),
        of(report.hosts.len(), "host"),
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note)
    )
}
