//! What shows when the domains are compared with each other, and with the hosts that are known.

use super::{finding, list};
use crate::audit::{DomainAudit, Finding, FindingCode, HostAudit};
use kms_srv::{HostAddress, PinnedHost};
use std::collections::{BTreeMap, BTreeSet};

type Places = BTreeSet<(u16, u16)>;

/// Hosts that are published differently in different domains, as a plan for sites wants it.
pub(super) fn conflicts(domains: &[DomainAudit], findings: &mut Vec<Finding>) {
    let mut hosts: BTreeMap<&HostAddress, Vec<(&DomainAudit, Places)>> = BTreeMap::new();
    for domain in domains {
        let mut places: BTreeMap<&HostAddress, Places> = BTreeMap::new();
        for record in domain.records.iter().flatten() {
            if let Ok(host) = &record.host {
                let place = (record.priority, record.weight);
                places.entry(host).or_default().insert(place);
            }
        }
        for (host, places) in places {
            hosts.entry(host).or_default().push((domain, places));
        }
    }
    for (host, published) in hosts {
        let all: BTreeSet<&Places> = published.iter().map(|(_, places)| places).collect();
        if all.len() < 2 {
            continue;
        }
        let each = published.iter().map(|(domain, places)| {
            let places = places
                .iter()
                .map(|(priority, weight)| format!("{priority}/{weight}"));
            format!("{} in {}", list(places), domain.domain)
        });
        findings.push(Finding {
            host: Some(host.to_string()),
            ..finding(
                FindingCode::ConflictingDomains,
                format!("its priority and weight are not the same everywhere: {}", list(each)),
                "Nothing, if sites are meant to prefer different hosts; else publish it with the same values in each domain.",
            )
        });
    }
}

/// Published hosts that nobody knows, and known hosts that are not published.
pub(super) fn compare(
    domains: &[DomainAudit],
    hosts: &[HostAudit],
    known: &[PinnedHost],
    findings: &mut Vec<Finding>,
) {
    let is = |known: &PinnedHost, host: &HostAddress| {
        known.host().is_none_or(|name| name == host.host())
            && known.port().is_none_or(|port| port.get() == host.port())
    };
    for audit in hosts {
        if !known.iter().any(|known| is(known, &audit.host)) {
            findings.push(Finding {
                host: Some(audit.host.to_string()),
                ..finding(
                    FindingCode::UnknownHost,
                    "it is published, and is not among the known hosts",
                    "Find out whose it is. A stale or a stranger's record is to be removed: it costs clients time, though no answer of a stranger's host activates them.",
                )
            });
        }
    }
    // Where not all was seen, which other findings say, a host that was not seen may be published.
    let all_seen = domains.iter().all(|audit| match &audit.records {
        Ok(records) => records.len() == audit.published,
        Err(error) => !error.leaves_open(),
    });
    if !all_seen {
        return;
    }
    let mut told = BTreeSet::new();
    for known in known {
        let name = known.to_string();
        if !hosts.iter().any(|audit| is(known, &audit.host)) && told.insert(name.clone()) {
            findings.push(Finding {
                host: Some(name),
                ..finding(
                    FindingCode::NotPublished,
                    "it is known, and is published in none of these domains",
                    "Look at the host's log for event 12293 and its publish list, or create its record by hand; if it is gone, take it from the list of known hosts.",
                )
            });
        }
    }
}
