//! What is wrong with the records themselves.

use super::{
    Network, codes,
    dns::{address, alias, name, record, srv, srv_in},
    only, shown,
};
use hickory_resolver::proto::{
    op::ResponseCode,
    rr::{RData, RecordType, rdata::SRV},
};
use kms_client::audit::{Severity, Unusable};
use kms_core::StatusCode;

const SERVICE: &str = "_vlmcs._tcp.contoso.test";

#[tokio::test]
async fn a_sound_host_is_shown_whole_and_nothing_is_found() {
    let mut network = Network::new();
    let host = network.sound(11).await;
    network.sound(12).await;
    let report = network.audit().await;
    assert_eq!(shown(&report), [""; 0]);
    let domain = &report.domains[0];
    assert_eq!(domain.name.to_string(), SERVICE);
    assert_eq!((domain.published, domain.update.as_ref()), (2, None));
    let record = &domain.records.as_ref().unwrap()[0];
    assert_eq!((record.priority, record.weight, record.ttl), (0, 0, 3600));
    assert_eq!(record.target, "host-11.contoso.test");
    let audited = &report.hosts[0];
    assert!(audited.is_usable() && audited.asked.is_none() && audited.alias_of.is_none());
    let certificate = audited.certificates().next().unwrap();
    assert_eq!(certificate.name, "host-11");
    assert_eq!(certificate.key_id, host.identity.key_id());
    assert!(certificate.groups.contains("windows"));
    assert!(host.requests().is_empty(), "nobody is counted");
}

#[tokio::test]
async fn what_dns_says_of_a_domain_without_records_has_its_documented_code() {
    for (code, finding, status) in [
        (ResponseCode::NXDomain, "no-such-name", 0x8007_232B),
        (ResponseCode::NoError, "no-records", 0x8007_251D),
        (ResponseCode::ServFail, "lookup-failed", 0x8007_232A),
        (ResponseCode::Refused, "lookup-failed", 0x8007_232D),
    ] {
        let mut network = Network::new();
        let key = (SERVICE.to_owned(), RecordType::SRV);
        network.zone.codes.insert(key, code);
        let report = network.audit().await;
        assert_eq!(shown(&report), [format!("{finding} contoso.test")]);
        let found = only(&report, finding);
        assert_eq!(found.status, Some(StatusCode(status)));
        assert_eq!(found.remedy, StatusCode(status).info().unwrap().remedy);
        assert!(report.domains[0].records.is_err() && report.hosts.is_empty());
    }
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn a_dns_server_that_is_silent_is_a_timeout() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut network = Network::new();
    network.config.nameservers = vec![silent.local_addr().unwrap()];
    let report = network.audit_with(None).await;
    let found = only(&report, "lookup-failed");
    assert_eq!(found.status, Some(StatusCode::TIMEOUT));
}

#[tokio::test]
async fn rfc_2782_a_lone_dot_denies_the_service_and_beside_hosts_it_confuses() {
    let mut network = Network::new();
    network.zone.records.push(srv((0, 0), 0, "."));
    let report = network.audit().await;
    assert_eq!(shown(&report), ["service-denied contoso.test"]);
    let found = only(&report, "service-denied");
    assert_eq!(found.status, Some(StatusCode::DNS_NO_RECORDS));

    network.sound(11).await;
    let report = network.audit().await;
    assert_eq!(shown(&report), ["denied-beside-hosts contoso.test"]);
}

#[tokio::test]
async fn records_that_no_client_can_use_are_told_with_their_content() {
    let mut network = Network::new();
    network.sound(11).await;
    for (target, port) in [
        ("host-12.contoso.test", 0),
        ("192.0.2.7", 1688),
        ("localhost", 1688),
        ("-kms\u{7}\u{1b}[31m.contoso.test", 1688),
    ] {
        network.zone.records.push(srv((9, 0), port, target));
    }
    let report = network.audit().await;
    assert_eq!(
        codes(&report),
        [
            "unusable-target",
            "unusable-target",
            "port-zero",
            "unusable-target"
        ]
    );
    let problems: Vec<&str> = report
        .findings
        .iter()
        .map(|finding| finding.problem.as_str())
        .collect();
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("9 0 0 host-12.contoso.test."))
    );
    assert!(
        problems
            .iter()
            .all(|problem| !problem.contains(char::is_control)),
        "{problems:?}"
    );
    let records = report.domains[0].records.as_ref().unwrap();
    let why = |unusable| {
        records
            .iter()
            .filter(|record| record.host == Err(unusable))
            .count()
    };
    assert_eq!(
        [
            Unusable::PortZero,
            Unusable::IpAddress,
            Unusable::Localhost,
            Unusable::NoHostName
        ]
        .map(why),
        [1; 4]
    );
}

#[tokio::test]
async fn duplicate_and_conflicting_records_name_their_host() {
    let mut network = Network::new();
    let host = network.sound(11).await;
    let _ = host;
    let port = port_of(&network);
    let target = "host-11.contoso.test";
    network
        .zone
        .records
        .push(srv((0, 0), port, "HOST-11.contoso.test"));
    let report = network.audit().await;
    assert_eq!(
        shown(&report),
        [format!("duplicate-record {target}:{port}")]
    );
    network.zone.records.push(srv((5, 75), port, target));
    let report = network.audit().await;
    assert_eq!(codes(&report), ["duplicate-record", "conflicting-record"]);
    let found = only(&report, "conflicting-record");
    assert!(
        found.problem.contains("priority 5 and weight 75"),
        "{found:?}"
    );
    assert_eq!(found.domain.as_ref().unwrap().to_string(), "contoso.test");
}

#[tokio::test]
async fn different_values_in_different_domains_are_a_note_as_sites_want_them() {
    let mut network = Network::new();
    network.sound(11).await;
    let port = port_of(&network);
    network.zone.records.push(srv_in(
        "eu.contoso.test",
        (10, 75),
        port,
        "host-11.contoso.test",
    ));
    network
        .config
        .domains
        .push("eu.contoso.test".parse().unwrap());
    let report = network.audit().await;
    assert_eq!(codes(&report), ["conflicting-domains"]);
    let found = only(&report, "conflicting-domains");
    assert_eq!(found.severity(), Severity::Note);
    assert!(
        found.problem.contains("10/75 in eu.contoso.test"),
        "{found:?}"
    );
    assert_eq!(report.hosts.len(), 1, "one host is looked at once");
}

#[tokio::test]
async fn times_to_live_of_more_than_a_day_or_of_nothing_are_told() {
    for (ttl, wanted) in [
        (86_400, None),
        (86_401, Some("long-ttl")),
        (i32::MAX.cast_unsigned(), Some("long-ttl")),
        (0, Some("zero-ttl")),
        // RFC 2181 section 8: it counts as 0.
        (1 << 31, Some("zero-ttl")),
    ] {
        let mut network = Network::new();
        network.sound(11).await;
        for record in &mut network.zone.records {
            record.ttl = ttl;
        }
        let report = network.audit().await;
        let wanted: Vec<&str> = wanted.into_iter().collect();
        assert_eq!(codes(&report), wanted, "{ttl}");
    }
}

#[tokio::test]
async fn the_services_own_name_may_be_an_alias_as_that_of_a_host_may_not() {
    let mut network = Network::new();
    network.sound(11).await;
    network
        .zone
        .records
        .push(alias("_vlmcs._tcp.eu.contoso.test", SERVICE));
    network.config.domains = vec!["eu.contoso.test".parse().unwrap()];
    let report = network.audit().await;
    assert_eq!(shown(&report), [""; 0]);
    assert_eq!(report.domains[0].published, 1);

    let port = port_of(&network);
    network.config.domains = vec!["contoso.test".parse().unwrap()];
    network
        .zone
        .records
        .retain(|record| record.record_type() != RecordType::SRV);
    network
        .zone
        .records
        .push(srv((0, 0), port, "host-11.other.test"));
    network
        .zone
        .records
        .push(alias("host-11.other.test", "host-11.contoso.test"));
    let report = network.audit().await;
    assert_eq!(codes(&report), ["all-down", "alias"]);
    assert!(!report.hosts[0].is_usable());
    assert_eq!(
        report.hosts[0].alias_of.as_deref(),
        Some("host-11.contoso.test")
    );
}

#[tokio::test]
async fn an_alias_that_leads_to_itself_ends() {
    let mut network = Network::new();
    network.zone.records.push(alias(SERVICE, SERVICE));
    network
        .config
        .domains
        .push("b.contoso.test".parse().unwrap());
    for (from, to) in [("a", "b"), ("b", "a")] {
        network.zone.records.push(alias(
            &format!("_vlmcs._tcp.{from}.contoso.test"),
            &format!("_vlmcs._tcp.{to}.contoso.test"),
        ));
    }
    let report = network.audit().await;
    assert_eq!(report.domains.len(), 2);
    assert!(report.domains.iter().all(|domain| domain.records.is_err()));
}

#[tokio::test]
async fn records_of_other_names_in_an_answer_are_left_out() {
    let mut network = Network::new();
    network.sound(11).await;
    let mut zone = network.zone.clone();
    // The server answers about a name that it was not asked for.
    let stray = RData::SRV(SRV::new(0, 0, 1688, name("evil.test")));
    zone.records
        .push(record("_vlmcs._tcp.evil.test", 60, stray));
    zone.records.push(address("evil.test", "127.0.0.1"));
    network.zone = zone;
    let report = network.audit().await;
    assert_eq!(report.hosts.len(), 1);
}

#[tokio::test]
async fn hosts_that_nobody_knows_and_known_ones_that_are_not_published_are_told() {
    let mut network = Network::new();
    network.sound(11).await;
    network.sound(12).await;
    let port = port_of(&network);
    network.config.known = Some(vec![
        "HOST-11.contoso.test".parse().unwrap(),
        format!("host-12.contoso.test:{}", port ^ 1)
            .parse()
            .unwrap(),
        "gone.contoso.test".parse().unwrap(),
    ]);
    let report = network.audit().await;
    let [unknown, other_port, gone] = &report.findings[..] else {
        panic!("{:?}", report.findings)
    };
    assert!(unknown.host.as_ref().unwrap().starts_with("host-12."));
    assert_eq!(
        other_port.host,
        Some(format!("host-12.contoso.test:{}", port ^ 1))
    );
    assert_eq!(gone.host.as_deref(), Some("gone.contoso.test"));
    assert_eq!(
        codes(&report),
        ["unknown-host", "not-published", "not-published"]
    );
}

/// The port of the first host.
fn port_of(network: &Network) -> u16 {
    network
        .zone
        .records
        .iter()
        .find_map(|record| match &record.data {
            RData::SRV(srv) => Some(srv.port),
            _ => None,
        })
        .unwrap()
}
