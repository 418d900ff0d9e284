//! What is wrong with one host.

use super::{CERTIFICATE_WARNING, answer, documented_remedy, finding, list};
use crate::audit::{
    AddressAudit, CertificateInfo, Finding, FindingCode, HostAudit, Probe, probe::NOT_ACTIVATED,
};
use core::{net::SocketAddr, time::Duration};
use kms_core::{StatusCode, Timestamp};
use kms_srv::{HostName, LookupError, MAX_ADDRESSES};
use std::collections::BTreeMap;

pub(super) fn judge(
    audit: &HostAudit,
    tolerance: Duration,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) {
    let mut found = Vec::new();
    name(audit, &mut found);
    if !audit.addresses.is_empty() {
        reach(audit, &mut found);
        certificates(audit, now, &mut found);
        answer::judge(audit, tolerance, &mut found);
    }
    findings.extend(found.into_iter().map(|finding| Finding {
        host: Some(audit.host.to_string()),
        ..finding
    }));
}

fn name(audit: &HostAudit, found: &mut Vec<Finding>) {
    if let Some(alias) = &audit.alias_of {
        found.push(finding(
            FindingCode::Alias,
            format!("its name is an alias of {alias}, which RFC 2782 forbids for the target of an SRV record"),
            format!("Publish {alias} as the target, or give the name A and AAAA records of its own."),
        ));
    }
    match (&audit.v6, &audit.v4) {
        (Err(v6), Err(v4)) => {
            // The one that leaves open whether there is an address says more.
            let denies = |error: &LookupError| {
                matches!(error, LookupError::NoSuchName | LookupError::NoRecords)
            };
            let error = if denies(v6) { v4 } else { v6 };
            let problem = match error {
                LookupError::NoSuchName => "its name does not exist in DNS".to_owned(),
                LookupError::NoRecords => "its name has no address".to_owned(),
                other => format!("its addresses could not be looked up: {other}"),
            };
            let remedy = if denies(error) {
                "If the host is gone, remove its SRV record; else create its A and AAAA records."
            } else {
                documented_remedy(error.status())
            };
            found.push(Finding {
                status: Some(error.status()),
                ..finding(FindingCode::NameUnresolved, problem, remedy)
            });
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error))
            if !matches!(error, LookupError::NoSuchName | LookupError::NoRecords) =>
        {
            let family = if audit.v6.is_err() {
                "IPv6 (AAAA)"
            } else {
                "IPv4 (A)"
            };
            found.push(Finding {
                status: Some(error.status()),
                ..finding(
                    FindingCode::FamilyUnresolved,
                    format!("its {family} addresses could not be looked up: {error}"),
                    "Let the DNS servers answer for both families, also where a name has no address of one.",
                )
            });
        }
        _ => {}
    }
    let all = audit.v6.as_ref().map_or(0, Vec::len) + audit.v4.as_ref().map_or(0, Vec::len);
    if all > MAX_ADDRESSES {
        found.push(finding(
            FindingCode::TooManyAddresses,
            format!("its name has {all} addresses, and clients try {MAX_ADDRESSES}"),
            "Give each host a name of its own, and remove addresses that it no longer has.",
        ));
    }
}

/// Whether it can be connected to, and is an activation host.
fn reach(audit: &HostAudit, found: &mut Vec<Finding>) {
    let of = |wanted: fn(&Probe) -> bool| -> Vec<&AddressAudit> {
        let addresses = audit.addresses.iter();
        addresses.filter(|address| wanted(&address.probe)).collect()
    };
    let skipped = of(|probe| matches!(probe, Probe::Skipped(_)));
    if skipped.len() == audit.addresses.len() {
        found.push(about(
            &skipped,
            finding(
                FindingCode::NoUsableAddress,
                format!("clients use none of its addresses: {}", each(&skipped)),
                "Give its name the addresses at which clients reach it.",
            ),
        ));
        return;
    }
    if !skipped.is_empty() {
        found.push(about(
            &skipped,
            finding(
                FindingCode::UnusableAddress,
                format!(
                    "among its addresses is one that clients do not use: {}",
                    each(&skipped)
                ),
                "Remove the address records that do not lead to the host.",
            ),
        ));
    }
    let hosts = of(Probe::speaks_rpc);
    let others = of(|probe| matches!(probe, Probe::NotRpc { .. }));
    let silent = of(|probe| matches!(probe, Probe::NoAnswer { .. }));
    let no_route = of(|probe| matches!(probe, Probe::NoRoute { .. }));
    if hosts.is_empty() {
        if others.is_empty() {
            let all: Vec<_> = [silent, no_route].concat();
            found.push(Finding {
                status: Some(StatusCode::RPC_SERVER_UNAVAILABLE),
                ..about(
                    &all,
                    finding(
                        FindingCode::NoAnswer,
                        format!("nothing answers: {}", each(&all)),
                        "If the host is gone, its record is stale: remove it (`host withdraw` with its configuration, or by hand). Else start the host, and open its port from here.",
                    ),
                )
            });
        } else {
            found.push(Finding {
                status: Some(StatusCode::RPC_SERVER_UNAVAILABLE),
                ..about(
                    &others,
                    finding(
                        FindingCode::NotRpc,
                        format!("what answers at its port is no activation host: {}", each(&others)),
                        "Publish the port that the host listens on (1688 unless changed), or stop what else listens there.",
                    ),
                )
            });
        }
        return;
    }
    let down: Vec<_> = [silent, others].concat();
    if !down.is_empty() {
        found.push(about(
            &down,
            finding(
                FindingCode::SomeAddressesDown,
                format!("it answers at {}, but not at all its addresses: {}", addresses(&hosts), each(&down)),
                "Let the host listen on all addresses of its name and open its port there, or remove the address records that do not lead to it.",
            ),
        ));
    }
    if !no_route.is_empty() {
        found.push(about(
            &no_route,
            finding(
                FindingCode::NoRoute,
                format!(
                    "this machine has no way to some of its addresses: {}",
                    each(&no_route)
                ),
                "Nothing, if clients have: run the audit where they are.",
            ),
        ));
    }
}

fn certificates(audit: &HostAudit, now: Timestamp, found: &mut Vec<Finding>) {
    // What several addresses have in common is said once.
    let mut same: BTreeMap<String, (Finding, Vec<SocketAddr>)> = BTreeMap::new();
    let mut add = |address: SocketAddr, finding: Finding| {
        let key = format!("{} {}", finding.code, finding.problem);
        same.entry(key)
            .or_insert((finding, Vec::new()))
            .1
            .push(address);
    };
    for AddressAudit { address, probe } in &audit.addresses {
        match probe {
            Probe::NoCertificate {
                status: Some(NOT_ACTIVATED),
                ..
            } => add(
                *address,
                Finding {
                    status: Some(NOT_ACTIVATED),
                    ..finding(
                        FindingCode::NotActivated,
                        "it says that it is not activated: it has no certificate",
                        documented_remedy(NOT_ACTIVATED),
                    )
                },
            ),
            Probe::NoCertificate { reason, status, .. } => add(
                *address,
                Finding {
                    status: *status,
                    ..finding(
                        FindingCode::NoCertificate,
                        format!("it does not hand out its certificate: {reason}"),
                        "Look at the host's log and limits; try again when it is less busy.",
                    )
                },
            ),
            Probe::Untrusted {
                reason, expired, ..
            } => {
                let (code, remedy) = if *expired {
                    (
                        FindingCode::CertificateExpired,
                        "Have the authority certify the host again, and let the host read the new certificate; check this machine's clock.",
                    )
                } else {
                    (
                        FindingCode::CertificateInvalid,
                        "If the host is not yours, remove its record. Else have it certified by the authority whose root clients pin, or audit with the root of its authority.",
                    )
                };
                let mut finding =
                    finding(code, format!("clients do not believe it: {reason}"), remedy);
                finding.status = Some(StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
                add(*address, finding);
            }
            Probe::Sound { certificate, .. } => {
                let left = certificate.not_after.saturating_since(now);
                if left <= CERTIFICATE_WARNING {
                    let days = left.as_secs() / (24 * 60 * 60);
                    add(
                        *address,
                        finding(
                            FindingCode::CertificateExpires,
                            format!(
                                "its certificate expires in {days} days, at {}",
                                certificate.not_after
                            ),
                            "Have the authority certify the host again, and let the host read the new certificate.",
                        ),
                    );
                }
                if !is_named(audit, certificate) {
                    add(
                        *address,
                        finding(
                            FindingCode::CertificateName,
                            format!("its certificate is that of {:?}", certificate.name),
                            "Find out whether the record or an address leads to another host than meant; else have the host certified in the name that it is published by.",
                        ),
                    );
                }
            }
            Probe::Skipped(_)
            | Probe::NoRoute { .. }
            | Probe::NoAnswer { .. }
            | Probe::NotRpc { .. } => {}
        }
    }
    let mut same: Vec<(Finding, Vec<SocketAddr>)> = same.into_values().collect();
    same.sort_by_key(|(finding, _)| finding.code);
    found.extend(same.into_iter().map(|(finding, addresses)| Finding {
        addresses,
        ..finding
    }));
}

/// Whether the certificate is in the target's name. A common name has at most 64 characters, so the
/// name without its domain will do.
fn is_named(audit: &HostAudit, certificate: &CertificateInfo) -> bool {
    let HostName::Name(target) = audit.host.host() else {
        return false;
    };
    let name = certificate
        .name
        .strip_suffix('.')
        .unwrap_or(&certificate.name);
    let first = target.labels().next().unwrap_or_default();
    name.eq_ignore_ascii_case(target.as_str())
        || (!name.contains('.') && name.eq_ignore_ascii_case(first))
}

fn about(addresses: &[&AddressAudit], finding: Finding) -> Finding {
    let addresses = addresses.iter().map(|address| address.address).collect();
    Finding {
        addresses,
        ..finding
    }
}

fn addresses(addresses: &[&AddressAudit]) -> String {
    list(addresses.iter().map(|address| address.address.to_string()))
}

/// Each address with what is the matter with it.
fn each(addresses: &[&AddressAudit]) -> String {
    list(
        addresses
            .iter()
            .map(|AddressAudit { address, probe }| match probe {
                Probe::Skipped(fault) => format!("{}: {fault}", address.ip()),
                Probe::NoRoute { reason }
                | Probe::NoAnswer { reason }
                | Probe::NotRpc { reason, .. }
                | Probe::NoCertificate { reason, .. }
                | Probe::Untrusted { reason, .. } => format!("{address}: {reason}"),
                Probe::Sound { .. } => address.to_string(),
            }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::KeyId;
    use std::collections::BTreeSet;

    fn audited(probes: Vec<Probe>) -> HostAudit {
        let address = |(n, probe)| AddressAudit {
            address: SocketAddr::from(([192, 0, 2, n], 1688)),
            probe,
        };
        HostAudit {
            host: "kms1.contoso.com".parse().unwrap(),
            alias_of: None,
            v6: Err(LookupError::NoRecords),
            v4: Ok(vec![[192, 0, 2, 1].into()]),
            addresses: (1..).zip(probes).map(address).collect(),
            asked: None,
        }
    }

    fn codes(probes: Vec<Probe>) -> Vec<FindingCode> {
        let mut findings = Vec::new();
        let now = Timestamp::EPOCH;
        judge(&audited(probes), Duration::ZERO, now, &mut findings);
        assert!(findings.iter().all(|finding| finding.host.is_some()));
        findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn an_address_that_this_machine_has_no_way_to_is_a_note_where_another_answers() {
        let no_route = || Probe::NoRoute {
            reason: "network unreachable".to_owned(),
        };
        let sound = Probe::Sound {
            connected: Duration::ZERO,
            certificate: CertificateInfo {
                name: "KMS1.contoso.com.".to_owned(),
                groups: BTreeSet::new(),
                not_before: Timestamp::EPOCH,
                not_after: Timestamp::from_millis(i64::MAX),
                key_id: KeyId([7; 8]),
            },
        };
        assert_eq!(codes(vec![no_route(), sound]), [FindingCode::NoRoute]);
        assert_eq!(codes(vec![no_route()]), [FindingCode::NoAnswer]);
    }
}
