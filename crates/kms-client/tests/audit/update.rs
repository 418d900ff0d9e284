//! Whether a zone takes unsigned updates, and that trying changes nothing.

use super::{
    Network, codes,
    dns::{Script, record, srv},
    only,
};
use hickory_resolver::proto::{
    op::ResponseCode,
    rr::{DNSClass, RData, RecordType, rdata::SRV},
};
use kms_client::audit::UpdateOutcome;
use std::collections::BTreeSet;

/// A network with a sound host whose zone answers updates with this code.
async fn network(code: ResponseCode) -> Network {
    let mut network = Network::new();
    network.sound(11).await;
    network.zone.update = Some(code);
    network.config.try_update = true;
    network
}

#[tokio::test]
async fn no_update_is_sent_unless_asked_for() {
    let mut network = network(ResponseCode::NoError).await;
    network.config.try_update = false;
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    let report = network.audit_with(None).await;
    assert!(report.domains[0].update.is_none());
    assert!(server.updates.lock().unwrap().is_empty());
    assert_eq!(codes(&report), [""; 0]);
}

#[tokio::test]
async fn rfc_2136_3_4_2_4_what_is_sent_removes_a_record_that_cannot_be_there() {
    let mut network = network(ResponseCode::NoError).await;
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    let report = network.audit_with(None).await;
    assert_eq!(codes(&report), ["unsigned-updates"]);
    let found = only(&report, "unsigned-updates");
    assert!(found.remedy.contains("update-policy"), "{found:?}");
    let trial = report.domains[0].update.as_ref().unwrap();
    assert_eq!(trial.outcome, UpdateOutcome::Accepted);
    assert_eq!(trial.zone.as_ref().unwrap().to_string(), "contoso.test");
    assert_eq!(trial.server, Some(server.address));

    let updates = server.updates.lock().unwrap();
    let [update, second] = &updates[..] else {
        panic!("{updates:?}")
    };
    let [txt] = &second.authorities[..] else {
        panic!("{second:?}")
    };
    assert_eq!((txt.dns_class, txt.ttl), (DNSClass::NONE, 0));
    assert_eq!(txt.record_type(), RecordType::TXT);
    assert!(second.signature().is_none() && second.answers.is_empty());
    assert!(update.signature().is_none());
    assert_eq!(update.queries[0].name().to_ascii(), "contoso.test.");
    assert_eq!(update.queries[0].query_type(), RecordType::SOA);
    assert!(update.answers.is_empty(), "no prerequisites");
    let [removal] = &update.authorities[..] else {
        panic!("{update:?}")
    };
    assert_eq!(removal.dns_class, DNSClass::NONE);
    assert_eq!(
        (removal.ttl, removal.name.to_ascii().as_str()),
        (0, "_vlmcs._tcp.contoso.test.")
    );
    let RData::SRV(SRV { port, target, .. }) = &removal.data else {
        panic!("{removal:?}")
    };
    assert_eq!(*port, 0);
    assert!(target.to_ascii().starts_with("audit-") && target.to_ascii().ends_with(".invalid."));
}

#[tokio::test]
async fn every_trial_has_a_target_of_its_own() {
    let mut network = network(ResponseCode::Refused).await;
    network
        .config
        .domains
        .push("eu.contoso.test".parse().unwrap());
    network
        .zone
        .records
        .push(super::dns::srv_in("eu.contoso.test", (0, 0), 0, "."));
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    network.audit_with(None).await;
    let updates = server.updates.lock().unwrap();
    let targets: BTreeSet<String> = updates
        .iter()
        .map(|update| update.authorities[0].data.to_string())
        .collect();
    assert_eq!((updates.len(), targets.len()), (2, 2));
}

#[tokio::test]
async fn zones_that_refuse_are_as_they_should_be() {
    // BIND, PowerDNS; Knot; NSD.
    for (code, shown) in [
        (ResponseCode::Refused, "REFUSED"),
        (ResponseCode::NotAuth, "NOTAUTH"),
        (ResponseCode::NotImp, "NOTIMP"),
    ] {
        let mut network = network(code).await;
        let server = network.serve().await;
        network.config.primary = Some(server.address);
        let report = network.audit_with(None).await;
        assert_eq!(codes(&report), [""; 0]);
        let trial = report.domains[0].update.as_ref().unwrap();
        let code = shown.to_owned();
        assert_eq!(trial.outcome, UpdateOutcome::Refused { code });
    }
}

#[tokio::test]
async fn a_primary_server_that_cannot_be_asked_leaves_it_unknown() {
    // It fails; it is not there; it is named by the zone and has no address.
    let mut network = network(ResponseCode::ServFail).await;
    let server = network.serve().await;
    let (_taken, closed) = super::closed_port();
    for (primary, wanted) in [
        (Some(server.address), "SERVFAIL"),
        (Some(closed), "cannot be asked"),
        (None, "ns.contoso.test, has no address"),
    ] {
        network.config.primary = primary;
        let report = network.audit_with(None).await;
        assert_eq!(codes(&report), ["update-unknown"]);
        let found = only(&report, "update-unknown");
        assert!(found.problem.contains(wanted), "{found:?}");
    }
}

#[tokio::test]
async fn a_domain_that_does_not_exist_gets_no_update_though_its_parents_zone_is_known() {
    let mut network = network(ResponseCode::NoError).await;
    network.config.domains = vec!["absent.contoso.test".parse().unwrap()];
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    let report = network.audit_with(None).await;
    assert_eq!(codes(&report), ["no-such-name"]);
    let trial = report.domains[0].update.as_ref().unwrap();
    assert_eq!(trial.outcome, UpdateOutcome::NotTried);
    assert!(server.updates.lock().unwrap().is_empty());
}

#[tokio::test]
async fn records_that_change_under_the_trial_are_told() {
    let mut network = network(ResponseCode::NoError).await;
    network.zone.added_by_update = vec![srv((0, 0), 1688, "new.contoso.test")];
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    let report = network.audit_with(None).await;
    assert_eq!(codes(&report), ["update-changed"]);
}

#[tokio::test]
async fn the_zone_is_that_of_the_services_name_where_it_is_one_of_its_own() {
    let mut network = network(ResponseCode::Refused).await;
    let soa = Script::zone("_tcp.contoso.test").records.remove(0);
    network
        .zone
        .records
        .insert(0, record("_tcp.contoso.test", 300, soa.data));
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    let report = network.audit_with(None).await;
    let zone = report.domains[0].update.as_ref().unwrap().zone.clone();
    assert_eq!(zone.unwrap().to_string(), "_tcp.contoso.test");
}

#[tokio::test]
async fn a_server_that_takes_removals_of_absent_srv_records_from_anybody_is_not_open_for_that() {
    // BIND 9.18 with an update-policy.
    let mut network = network(ResponseCode::NoError).await;
    network.zone.refused_updates = Some(RecordType::TXT);
    let server = network.serve().await;
    network.config.primary = Some(server.address);
    let report = network.audit_with(None).await;
    assert_eq!(codes(&report), [""; 0]);
    let code = "REFUSED".to_owned();
    let trial = report.domains[0].update.as_ref().unwrap();
    assert_eq!(trial.outcome, UpdateOutcome::Refused { code });
}
