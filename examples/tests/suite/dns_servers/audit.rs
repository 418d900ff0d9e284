//! What an audit finds out about zones on each server, where a real host is published.

use super::{
    primary::{Kind, OPEN, STATIC, Shared},
    real_host,
    unbound::Unbound,
};
use core::net::SocketAddr;
use kms_client::audit::{AuditConfig, AuditReport, UpdateOutcome, audit, load_verifier};
use kms_service::{OsEntropy, SystemClock};
use kms_trust::Verifier;
use std::path::Path;

super::on_each_server! {
    an_audit_tells_zones_that_anybody_may_change_from_those_that_only_keys_may
    an_audit_of_a_host_that_publishes_itself_finds_nothing_wrong
}

async fn audited(
    root: &Path,
    resolver: SocketAddr,
    server: &Shared,
    domains: &[&str],
) -> AuditReport {
    let mut config = AuditConfig::default();
    config.domains = domains
        .iter()
        .map(|domain| domain.parse().unwrap())
        .collect();
    config.nameservers = vec![resolver];
    config.primary = Some(server.address);
    config.try_update = true;
    config.allow_loopback = true;
    let verifier = load_verifier(root, Verifier::DEFAULT_TOLERANCE).unwrap();
    audit(&config, verifier, None, SystemClock, &mut OsEntropy, |_| {})
        .await
        .unwrap()
}

async fn an_audit_tells_zones_that_anybody_may_change_from_those_that_only_keys_may(
    server: Shared,
) {
    let zone = server.zone();
    let folder = crate::support::Folder::with_host().await;
    let root = folder.path("ca/root.pem");
    let at = [server.address];
    let zones = [zone.as_str(), STATIC, OPEN];
    let resolver = Unbound::start(&zones.map(|zone| (zone, &at[..]))).await;
    let report = audited(&root, resolver.address, &server, &zones).await;
    let refused = UpdateOutcome::Refused {
        code: match server.kind {
            Kind::Bind | Kind::PowerDns => "REFUSED".to_owned(),
            Kind::Knot => "NOTAUTH".to_owned(),
        },
    };
    let outcomes: Vec<_> = report
        .domains
        .iter()
        .map(|domain| domain.update.clone().unwrap().outcome)
        .collect();
    assert_eq!(
        outcomes,
        [refused.clone(), refused, UpdateOutcome::Accepted]
    );
    let unsigned: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.code.as_str() == "unsigned-updates")
        .collect();
    assert_eq!(unsigned.len(), 1, "{:?}", report.findings);
    assert!(server.srv(OPEN).await.is_empty(), "it was a no-op");
}

async fn an_audit_of_a_host_that_publishes_itself_finds_nothing_wrong(server: Shared) {
    let zone = server.zone();
    let resolver = Unbound::start(&[(&zone, &[server.address])]).await;
    let folder = real_host::folder(server.address, &zone).await;
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    let root = folder.path("ca/root.pem");
    let report = audited(&root, resolver.address, &server, &[&zone]).await;
    let [domain] = &report.domains[..] else {
        panic!("{report:?}")
    };
    assert_eq!(domain.published, 1, "{report:?}");
    let wrong: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.code.as_str(), &finding.problem))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    host.stop().await;
}
