//! An audit for scripts. The fields are documented in the help.

use super::is_wrong;
use kms_client::audit::{
    AddressAudit, AskFailure, Asked, AuditReport, CertificateInfo, DomainAudit, Finding, HostAudit,
    Probe, PublishedRecord, Severity, UpdateOutcome, UpdateTrial,
};
use kms_core::StatusCode;
use kms_srv::LookupError;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Audit {
    time: String,
    result: &'static str,
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: Vec<JsonFinding>,
    domains: Vec<Domain>,
    hosts: Vec<Host>,
}

#[derive(Serialize)]
struct JsonFinding {
    severity: &'static str,
    code: &'static str,
    domain: Option<String>,
    host: Option<String>,
    addresses: Vec<String>,
    status: Option<String>,
    symbol: Option<&'static str>,
    problem: String,
    remedy: String,
}

#[derive(Serialize)]
struct Domain {
    domain: String,
    name: String,
    published: usize,
    error: Option<Failed>,
    records: Vec<Record>,
    update: Option<Update>,
}

#[derive(Serialize)]
struct Failed {
    status: String,
    symbol: Option<&'static str>,
    message: String,
}

#[derive(Serialize)]
struct FailedFamily {
    family: &'static str,
    #[serde(flatten)]
    failed: Failed,
}

#[derive(Serialize)]
struct Record {
    priority: u16,
    weight: u16,
    port: u16,
    target: String,
    ttl: u32,
    host: Option<String>,
    unusable: Option<String>,
}

#[derive(Serialize)]
struct Update {
    zone: Option<String>,
    server: Option<String>,
    result: &'static str,
    code: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Host {
    host: String,
    alias_of: Option<String>,
    usable: bool,
    lookup_errors: Vec<FailedFamily>,
    addresses: Vec<Address>,
    asked: Option<JsonAsked>,
}

#[derive(Serialize)]
struct Address {
    address: String,
    state: &'static str,
    connect_ms: Option<u64>,
    reason: Option<String>,
    certificate: Option<Certificate>,
}

#[derive(Serialize)]
struct Certificate {
    name: String,
    groups: Vec<String>,
    not_before: String,
    not_after: String,
    key_id: String,
}

#[derive(Default, Serialize)]
struct JsonAsked {
    address: String,
    result: &'static str,
    count: Option<u32>,
    needed: Option<u32>,
    clock_offset_ms: Option<i64>,
    status: Option<String>,
    symbol: Option<&'static str>,
    reason: Option<String>,
}

pub(super) fn audit(report: &AuditReport) -> Audit {
    let count = |severity| {
        let findings = report.findings.iter();
        findings
            .filter(|finding| finding.severity() == severity)
            .count()
    };
    Audit {
        time: report.time.to_string(),
        result: if is_wrong(report) { "wrong" } else { "ok" },
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        notes: count(Severity::Note),
        findings: report.findings.iter().map(finding).collect(),
        domains: report.domains.iter().map(domain).collect(),
        hosts: report.hosts.iter().map(host).collect(),
    }
}

/// The word for what an address is like.
pub(super) const fn state(probe: &Probe) -> &'static str {
    match probe {
        Probe::Sound { .. } => "sound",
        Probe::Untrusted { expired: true, .. } => "expired",
        Probe::Untrusted { .. } => "untrusted",
        Probe::NoCertificate { .. } => "no-certificate",
        Probe::NotRpc { .. } => "not-rpc",
        Probe::NoAnswer { .. } => "no-answer",
        Probe::NoRoute { .. } => "no-route",
        Probe::Skipped(_) => "skipped",
    }
}

fn finding(finding: &Finding) -> JsonFinding {
    JsonFinding {
        severity: finding.severity().as_str(),
        code: finding.code.as_str(),
        domain: finding.domain.as_ref().map(ToString::to_string),
        host: finding.host.clone(),
        addresses: finding.addresses.iter().map(ToString::to_string).collect(),
        status: finding.status.map(number),
        symbol: finding.status.and_then(symbol),
        problem: finding.problem.clone(),
        remedy: finding.remedy.clone(),
    }
}

fn domain(audit: &DomainAudit) -> Domain {
    Domain {
        domain: audit.domain.to_string(),
        name: audit.name.to_string(),
        published: audit.published,
        error: audit.records.as_ref().err().map(failed),
        records: audit.records.iter().flatten().map(record).collect(),
        update: audit.update.as_ref().map(update),
    }
}

fn record(record: &PublishedRecord) -> Record {
    Record {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        target: record.target.clone(),
        ttl: record.ttl,
        host: record.host.as_ref().ok().map(ToString::to_string),
        unusable: record.host.as_ref().err().map(ToString::to_string),
    }
}

fn update(trial: &UpdateTrial) -> Update {
    let (result, code, reason) = match &trial.outcome {
        UpdateOutcome::Accepted => ("accepted", Some("NOERROR"), None),
        UpdateOutcome::Refused { code } => ("refused", Some(code.as_str()), None),
        UpdateOutcome::Changed { code } => ("changed", Some(code.as_str()), None),
        UpdateOutcome::Unknown { reason } => ("unknown", None, Some(reason.clone())),
        UpdateOutcome::NotTried => ("not-tried", None, None),
        _ => ("unknown", None, None),
    };
    Update {
        zone: trial.zone.as_ref().map(ToString::to_string),
        server: trial.server.map(|server| server.to_string()),
        result,
        code: code.map(str::to_owned),
        reason,
    }
}

fn host(audit: &HostAudit) -> Host {
    Host {
        host: audit.host.to_string(),
        alias_of: audit.alias_of.clone(),
        usable: audit.is_usable(),
        lookup_errors: [
            ("AAAA", audit.v6.as_ref().err()),
            ("A", audit.v4.as_ref().err()),
        ]
        .into_iter()
        .filter_map(|(family, error)| Some((family, error?)))
        // That a name has addresses of one family only is no fault.
        .filter(|(_, error)| **error != LookupError::NoRecords || audit.addresses.is_empty())
        .map(|(family, error)| FailedFamily {
            family,
            failed: failed(error),
        })
        .collect(),
        addresses: audit.addresses.iter().map(address).collect(),
        asked: audit.asked.as_ref().map(asked),
    }
}

fn address(AddressAudit { address, probe, .. }: &AddressAudit) -> Address {
    let (reason, certificate) = match probe {
        Probe::Sound { certificate, .. } => (None, Some(self::certificate(certificate))),
        Probe::Skipped(fault) => (Some(fault.to_string()), None),
        Probe::NoRoute { reason }
        | Probe::NoAnswer { reason }
        | Probe::NotRpc { reason, .. }
        | Probe::NoCertificate { reason, .. }
        | Probe::Untrusted { reason, .. } => (Some(reason.clone()), None),
    };
    Address {
        address: address.to_string(),
        state: state(probe),
        connect_ms: probe
            .connected()
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        reason,
        certificate,
    }
}

fn certificate(certificate: &CertificateInfo) -> Certificate {
    Certificate {
        name: certificate.name.clone(),
        groups: certificate.groups.iter().cloned().collect(),
        not_before: certificate.not_before.to_string(),
        not_after: certificate.not_after.to_string(),
        key_id: certificate.key_id.to_string(),
    }
}

fn asked(asked: &Asked) -> JsonAsked {
    let address = asked.address.to_string();
    let with = |result| JsonAsked {
        address,
        result,
        ..JsonAsked::default()
    };
    match &asked.result {
        Ok(answer) => JsonAsked {
            count: Some(answer.count),
            needed: Some(answer.needed),
            clock_offset_ms: Some(answer.clock_offset),
            ..with(if answer.would_license() {
                "licensed"
            } else {
                "count-too-low"
            })
        },
        Err(AskFailure::Clock { clock_offset, .. }) => JsonAsked {
            clock_offset_ms: Some(*clock_offset),
            status: Some(number(StatusCode::VL_INVALID_TIMESTAMP)),
            symbol: symbol(StatusCode::VL_INVALID_TIMESTAMP),
            ..with("clock")
        },
        Err(AskFailure::NotForProduct { group }) => JsonAsked {
            reason: Some(format!("not certified for key group {group}")),
            ..with("not-for-product")
        },
        Err(AskFailure::Refused { status }) => JsonAsked {
            status: Some(number(*status)),
            symbol: symbol(*status),
            reason: status.info().map(|info| info.meaning.to_owned()),
            ..with("refused")
        },
        Err(AskFailure::Broken { reason }) => JsonAsked {
            reason: Some(reason.clone()),
            ..with("broken")
        },
        Err(_) => with("broken"),
    }
}

fn failed(error: &LookupError) -> Failed {
    Failed {
        status: number(error.status()),
        symbol: symbol(error.status()),
        message: error.to_string(),
    }
}

fn number(code: StatusCode) -> String {
    format!("0x{:08X}", code.0)
}

fn symbol(code: StatusCode) -> Option<&'static str> {
    code.info().map(|info| info.symbol)
}
