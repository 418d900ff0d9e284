//! From what was seen to what is wrong with it. Nothing here looks at anything again.

mod answer;
mod domain;
mod host;
mod publication;

use super::{DomainAudit, Finding, FindingCode, HostAudit};
use core::time::Duration;
use kms_core::{StatusCode, Timestamp};
use kms_srv::PinnedHost;

/// The longest time to live of a record that is not warned of: a host that moves is found again
/// within a day.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a certificate is warned of.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How far a host's clock may be off without a warning.
pub const CLOCK_WARNING: Duration = Duration::from_secs(5 * 60);

/// What is wrong, errors first; in each rank the domains in their order, then the hosts in theirs.
pub(super) fn judge(
    domains: &[DomainAudit],
    hosts: &[HostAudit],
    known: Option<&[PinnedHost]>,
    tolerance: Duration,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for audit in domains {
        domain::judge(audit, hosts, &mut findings);
    }
    for audit in hosts {
        host::judge(audit, tolerance, now, &mut findings);
    }
    publication::conflicts(domains, &mut findings);
    if let Some(known) = known {
        publication::compare(domains, hosts, known, &mut findings);
    }
    findings.sort_by_key(Finding::severity);
    findings
}

fn finding(code: FindingCode, problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        code,
        domain: None,
        host: None,
        addresses: Vec::new(),
        status: None,
        problem: problem.into(),
        remedy: remedy.into(),
    }
}

/// What the documents say is to be done about a code.
fn documented_remedy(status: StatusCode) -> &'static str {
    status.info().map_or("", |info| info.remedy)
}

/// Several things in a sentence, not more of them than somebody reads.
fn list(items: impl IntoIterator<Item = String>) -> String {
    const SHOWN: usize = 8;
    let mut items = items.into_iter();
    let mut text: Vec<String> = items.by_ref().take(SHOWN).collect();
    match items.count() {
        0 => {}
        more => text.push(format!("{more} more")),
    }
    text.join(", ")
}
