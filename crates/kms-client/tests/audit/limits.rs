//! The bounds of one audit.

use super::{
    Network, codes,
    dns::{address, srv},
    only,
};
use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use kms_client::audit::{AuditError, MAX_DOMAINS, MAX_PROBED_AT_ONCE, audit};
use kms_core::SeededEntropy;
use kms_trust::{Oids, TrustAnchors, Verifier};
use std::sync::Arc;
use tokio::{io::AsyncReadExt, net::TcpListener};

#[tokio::test]
async fn limit_64_domains_of_one_audit() {
    let mut network = Network::new();
    let _server = network.serve().await;
    let domain = |n: usize| format!("d{n}.contoso.test").parse().unwrap();
    network.config.domains = (0..MAX_DOMAINS).map(domain).collect();
    // One that is listed twice is one.
    network
        .config
        .domains
        .push("D0.contoso.test.".parse().unwrap());
    let report = network.audit_with(None).await;
    assert_eq!(report.domains.len(), 64);
    let order: Vec<String> = report
        .domains
        .iter()
        .map(|audited| audited.domain.to_string())
        .collect();
    let wanted: Vec<String> = (0..64).map(|n| format!("d{n}.contoso.test")).collect();
    assert_eq!(order, wanted);

    network.config.domains.push(domain(MAX_DOMAINS));
    let anchors = TrustAnchors::from_pem(network.authority.root_pem()).unwrap();
    let verifier = Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE);
    let mut entropy = SeededEntropy::new(1);
    let clock = network.clock.clone();
    let refused = audit(&network.config, verifier, None, clock, &mut entropy, |_| {}).await;
    assert!(matches!(refused, Err(AuditError::TooManyDomains(65))));
}

#[tokio::test]
async fn limit_32_records_of_a_domain_are_looked_at() {
    let mut network = Network::new();
    network.sound(11).await;
    for n in 0..40 {
        let target = format!("gone-{n}.contoso.test");
        network.zone.records.push(srv((100 - n, 0), 1688, &target));
    }
    let report = network.audit().await;
    let domain = &report.domains[0];
    assert_eq!(domain.published, 41);
    let records = domain.records.as_ref().unwrap();
    assert_eq!(records.len(), 32);
    assert_eq!((records[0].priority, records[31].priority), (0, 91));
    assert_eq!(report.hosts.len(), 32);
    let found = only(&report, "too-many-records");
    assert!(found.problem.contains("41 records"), "{found:?}");
}

#[tokio::test]
async fn limit_16_addresses_of_a_host_are_looked_at() {
    let mut network = Network::new();
    let at = network.host(11, &["windows"]).listen("127.0.0.1").await;
    network.publish(11, at);
    for n in 2..=20 {
        let more = address("host-11.contoso.test", &format!("127.0.0.{n}"));
        network.zone.records.push(more);
    }
    network
        .zone
        .records
        .push(address("host-11.contoso.test", "::1"));
    let report = network.audit().await;
    assert_eq!(
        codes(&report),
        ["too-many-addresses", "some-addresses-down"]
    );
    let host = &report.hosts[0];
    assert_eq!(host.addresses.len(), 16);
    assert!(host.addresses[0].address.is_ipv6());
    assert_eq!(host.v4.as_ref().unwrap().len(), 20);
}

#[tokio::test]
async fn limit_8_hosts_are_looked_at_at_one_time() {
    let mut network = Network::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    // A host is looked at for as long as it says nothing.
    tokio::spawn(async move {
        let open = Arc::new(AtomicUsize::new(0));
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = Arc::clone(&open);
            tokio::spawn(async move {
                let _ = stream.read_to_end(&mut Vec::new()).await;
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    for seed in 0..2 * u64::try_from(MAX_PROBED_AT_ONCE).unwrap() {
        network.publish(seed, at);
    }
    network.config.host_timeout = Duration::from_secs(1);
    let report = network.audit().await;
    assert_eq!(report.hosts.len(), 2 * MAX_PROBED_AT_ONCE);
    assert_eq!(most.load(Ordering::SeqCst), MAX_PROBED_AT_ONCE);
}
