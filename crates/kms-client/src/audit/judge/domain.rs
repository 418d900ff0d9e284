//! What is wrong with the records of one domain.

use super::{LONGEST_TTL, documented_remedy, finding, list};
use crate::audit::{
    DomainAudit, Finding, FindingCode, HostAudit, PublishedRecord, Unusable, UpdateOutcome,
};
use kms_core::StatusCode;
use kms_srv::{HostAddress, LookupError, MAX_RECORDS};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn judge(audit: &DomainAudit, hosts: &[HostAudit], findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    match &audit.records {
        Err(error) => found.push(lookup(audit, *error)),
        Ok(records) => {
            unusable(audit, records, &mut found);
            repeated(records, &mut found);
            times_to_live(records, &mut found);
            if audit.published > MAX_RECORDS {
                found.push(finding(
                    FindingCode::TooManyRecords,
                    format!(
                        "{} records are published, and clients keep {MAX_RECORDS}: those of the lowest priorities",
                        audit.published
                    ),
                    "Remove the records of hosts that are gone, and publish fewer hosts in this domain.",
                ));
            }
            together(records, hosts, &mut found);
        }
    }
    update(audit, &mut found);
    findings.extend(found.into_iter().map(|finding| Finding {
        domain: Some(audit.domain.clone()),
        ..finding
    }));
}

fn lookup(audit: &DomainAudit, error: LookupError) -> Finding {
    let status = error.status();
    let (code, problem) = match error {
        LookupError::NoSuchName => (
            FindingCode::NoSuchName,
            format!("{} does not exist: no host is published here", audit.name),
        ),
        LookupError::NoRecords => (
            FindingCode::NoRecords,
            format!("{} has no SRV records", audit.name),
        ),
        other => (
            FindingCode::LookupFailed,
            format!("{} could not be looked up: {other}", audit.name),
        ),
    };
    Finding {
        status: Some(status),
        ..finding(code, problem, documented_remedy(status))
    }
}

fn unusable(audit: &DomainAudit, records: &[PublishedRecord], found: &mut Vec<Finding>) {
    let denied = |record: &&PublishedRecord| record.host == Err(Unusable::Denied);
    if records.iter().all(|record| denied(&record)) {
        found.push(Finding {
            status: Some(StatusCode::DNS_NO_RECORDS),
            ..finding(
                FindingCode::ServiceDenied,
                format!(
                    "the target of {} is \".\": it says that there is decidedly no host in this domain, and clients look no further here",
                    audit.name
                ),
                "If clients of this domain shall be activated, publish a host here and remove this record.",
            )
        });
        return;
    }
    if records.iter().any(|record| denied(&record)) {
        found.push(finding(
            FindingCode::DeniedBesideHosts,
            "a record with target \".\", which says that there is no host here, stands beside records of hosts: some clients may believe it",
            "Remove the record with target \".\".",
        ));
    }
    for record in records {
        let (code, remedy) = match record.host {
            Ok(_) | Err(Unusable::Denied) => continue,
            Err(Unusable::PortZero) => (
                FindingCode::PortZero,
                "Remove the record, and publish the host with the port that it listens on (1688 unless changed).",
            ),
            Err(Unusable::IpAddress | Unusable::Localhost | Unusable::NoHostName) => (
                FindingCode::UnusableTarget,
                "Remove the record, and publish the host by its full DNS name.",
            ),
        };
        let problem = match record.host {
            Err(reason) => format!("no client uses the record {}: {reason}", shown(record)),
            Ok(_) => continue,
        };
        found.push(finding(code, problem, remedy));
    }
}

fn repeated(records: &[PublishedRecord], found: &mut Vec<Finding>) {
    let mut times: BTreeMap<&HostAddress, BTreeMap<(u16, u16), usize>> = BTreeMap::new();
    for record in records {
        if let Ok(host) = &record.host {
            let place = (record.priority, record.weight);
            *times.entry(host).or_default().entry(place).or_default() += 1;
        }
    }
    for (host, places) in times {
        for ((priority, weight), count) in &places {
            if *count > 1 {
                found.push(Finding {
                    host: Some(host.to_string()),
                    ..finding(
                        FindingCode::DuplicateRecord,
                        format!("its record with priority {priority} and weight {weight} is there {count} times"),
                        "Remove all but one.",
                    )
                });
            }
        }
        if places.len() > 1 {
            let places = places
                .keys()
                .map(|(priority, weight)| format!("priority {priority} and weight {weight}"));
            found.push(Finding {
                host: Some(host.to_string()),
                ..finding(
                    FindingCode::ConflictingRecord,
                    format!("it is published {} times: with {}", places.len(), list(places)),
                    "Remove the records that are left from an earlier setting, and keep the one that the host publishes now.",
                )
            });
        }
    }
}

fn times_to_live(records: &[PublishedRecord], found: &mut Vec<Finding>) {
    let longest = records.iter().map(|record| record.ttl).max().unwrap_or(0);
    if u64::from(longest) > LONGEST_TTL.as_secs() {
        found.push(finding(
            FindingCode::LongTtl,
            format!("records may be cached for {longest} s, which is more than a day: a host that moves is looked for in the old place for so long"),
            "Give the records a time to live of an hour (3600), as hosts publish them, and never of more than a day.",
        ));
    }
    if records.iter().any(|record| record.ttl == 0) {
        found.push(finding(
            FindingCode::ZeroTtl,
            "records have a time to live of 0: every lookup of every client goes to the zone's servers",
            "Give the records a time to live of an hour (3600), as hosts publish them.",
        ));
    }
}

/// What only shows when the hosts of the domain are seen together.
fn together(records: &[PublishedRecord], hosts: &[HostAudit], found: &mut Vec<Finding>) {
    let named: BTreeSet<&HostAddress> = records
        .iter()
        .filter_map(|record| record.host.as_ref().ok())
        .collect();
    let of_domain: Vec<&HostAudit> = hosts
        .iter()
        .filter(|audit| named.contains(&audit.host))
        .collect();
    let usable: Vec<&HostAudit> = of_domain
        .iter()
        .copied()
        .filter(|audit| audit.is_usable())
        .collect();
    let denied = records
        .iter()
        .all(|record| record.host == Err(Unusable::Denied));
    if usable.is_empty() && !denied {
        found.push(Finding {
            status: Some(StatusCode::VL_BINDING_SERVICE_UNAVAILABLE),
            ..finding(
                FindingCode::AllDown,
                match of_domain.len() {
                    0 => "none of the records names a host that clients could ask".to_owned(),
                    1 => "its one host cannot be used: no client of this domain is activated".to_owned(),
                    more => format!("none of its {more} hosts can be used: no client of this domain is activated"),
                },
                "See to the findings about its hosts; one host that works is enough.",
            )
        });
    }
    let groups = |audit: &'_ HostAudit| -> BTreeSet<String> {
        let certificates = audit.certificates();
        certificates
            .flat_map(|certificate| certificate.groups.iter().cloned())
            .collect()
    };
    let common = usable
        .iter()
        .map(|audit| groups(audit))
        .reduce(|common, groups| common.intersection(&groups).cloned().collect());
    if usable.len() > 1 && common.is_some_and(|common| common.is_empty()) {
        let each = usable
            .iter()
            .map(|audit| format!("{} covers {}", audit.host, list(groups(audit))));
        let each: Vec<String> = each.take(4).collect();
        found.push(finding(
            FindingCode::NoCommonGroup,
            format!(
                "no key group is covered by all its hosts, so each product asks some of them in vain: {}",
                each.join("; ")
            ),
            "Certify the hosts of one domain for the same key groups, or publish them in different domains.",
        ));
    }
}

fn update(audit: &DomainAudit, found: &mut Vec<Finding>) {
    let Some(trial) = &audit.update else {
        return;
    };
    let zone = trial
        .zone
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    let server = trial
        .server
        .map_or_else(String::new, |server| server.to_string());
    found.push(match &trial.outcome {
        UpdateOutcome::Refused { .. } | UpdateOutcome::NotTried => return,
        UpdateOutcome::Accepted => finding(
            FindingCode::UnsignedUpdates,
            format!(
                "zone {zone} took an unsigned update of {} from this machine, at {server}: anybody who can send one can remove every host and publish his own",
                audit.name
            ),
            "Let the zone take signed updates alone: with BIND an update-policy that grants each host's key its own names, in place of allow-update { any; }; with Microsoft DNS dynamic updates \"Secure only\".",
        ),
        UpdateOutcome::Changed { code } => finding(
            FindingCode::UpdateChanged,
            format!(
                "the records of {} at {server} changed while an update that changes nothing was tried ({code})",
                audit.name
            ),
            "Run the audit again. If it shows again, look at the zone and its server: it does what it is not asked to.",
        ),
        UpdateOutcome::Unknown { reason } => finding(
            FindingCode::UpdateUnknown,
            format!("whether unsigned updates are taken is not known: {reason}"),
            "Run the audit where the zone's primary server can be reached over TCP, or name it with --primary.",
        ),
    });
}

/// As in a zone file: `10 75 1688 kms1.contoso.com.`
fn shown(record: &PublishedRecord) -> String {
    let PublishedRecord {
        priority,
        weight,
        port,
        target,
        ..
    } = record;
    format!("{priority} {weight} {port} {target}.")
}
