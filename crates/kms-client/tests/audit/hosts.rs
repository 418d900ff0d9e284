//! What is wrong with hosts: their names, addresses, ports and certificates.

use super::{
    DAY, Network, closed_port, codes,
    common::{Answer, FakeHost, authority, identity},
    dns::{address, alias, srv},
    only, shown,
};
use core::{net::SocketAddr, time::Duration};
use hickory_resolver::proto::{op::ResponseCode, rr::RecordType};
use kms_client::audit::Probe;
use kms_core::StatusCode;
use tokio::{io::AsyncWriteExt, net::TcpListener};

#[tokio::test]
async fn a_name_without_an_address_is_told_with_what_dns_says() {
    let mut network = Network::new();
    network.sound(11).await;
    network
        .zone
        .records
        .push(srv((0, 0), 1688, "gone.contoso.test"));
    let report = network.audit().await;
    assert_eq!(shown(&report), ["name-unresolved gone.contoso.test:1688"]);
    let found = only(&report, "name-unresolved");
    assert_eq!(found.status, Some(StatusCode::DNS_NAME_ERROR));
    assert!(found.remedy.contains("remove its SRV record"));

    // An alias that leads nowhere is told as both.
    let dangling = alias("gone.contoso.test", "nowhere.contoso.test");
    network.zone.records.push(dangling);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["alias", "name-unresolved"]);
}

#[tokio::test]
async fn a_family_that_cannot_be_looked_up_is_told_though_the_other_can() {
    let mut network = Network::new();
    network.sound(11).await;
    let key = ("host-11.contoso.test".to_owned(), RecordType::AAAA);
    network.zone.codes.insert(key, ResponseCode::ServFail);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["family-unresolved"]);
    assert!(only(&report, "family-unresolved").problem.contains("AAAA"));
    assert!(report.hosts[0].is_usable());
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_not_tried() {
    let mut network = Network::new();
    network.sound(11).await;
    let link_local = address("host-11.contoso.test", "169.254.7.7");
    network.zone.records.push(link_local);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["unusable-address"]);
    let found = only(&report, "unusable-address");
    assert!(
        found.problem.contains("169.254.7.7: it is a link-local"),
        "{found:?}"
    );

    network.config.allow_loopback = false;
    let report = network.audit().await;
    assert_eq!(codes(&report), ["all-down", "no-usable-address"]);
    let probes = report.hosts[0].addresses.iter();
    assert!(probes.clone().count() == 2);
    assert!(
        probes
            .map(|address| &address.probe)
            .all(|probe| matches!(probe, Probe::Skipped(_)))
    );
}

#[tokio::test]
async fn nothing_at_the_port_is_a_stale_record_and_a_domain_of_such_is_down() {
    let mut network = Network::new();
    let (_taken, closed) = closed_port();
    network.publish(11, closed);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["all-down", "no-answer"]);
    let found = only(&report, "no-answer");
    assert_eq!(found.status, Some(StatusCode::RPC_SERVER_UNAVAILABLE));
    assert_eq!(found.addresses, [closed]);
    assert!(found.problem.contains(&closed.to_string()), "{found:?}");

    // One that works is enough for the domain.
    network.sound(12).await;
    let report = network.audit().await;
    assert_eq!(codes(&report), ["no-answer"]);
}

/// A peer that does this to each connection.
async fn peer(bytes: &'static [u8], stays: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(bytes).await;
            if stays {
                kept.push(stream);
            }
        }
    });
    at
}

#[tokio::test]
async fn what_answers_and_is_no_activation_host_is_told_with_what_it_did() {
    for (bytes, wanted) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "header"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "header"),
        (b"", "the connection"),
    ] {
        let mut network = Network::new();
        let at = peer(bytes, false).await;
        network.publish(11, at);
        let report = network.audit().await;
        assert_eq!(codes(&report), ["all-down", "not-rpc"]);
        let found = only(&report, "not-rpc");
        assert!(found.problem.contains(wanted), "{found:?}");
        assert_eq!(found.addresses, [at]);
    }
}

#[tokio::test]
async fn a_host_that_is_silent_is_left_after_its_time() {
    let mut network = Network::new();
    let at = peer(b"", true).await;
    network.publish(11, at);
    network.config.host_timeout = Duration::from_secs(1);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["all-down", "not-rpc"]);
    let found = only(&report, "not-rpc");
    assert!(found.problem.contains("no answer within 1 s"), "{found:?}");
}

#[tokio::test]
async fn a_host_that_answers_at_one_of_its_addresses_only_is_told() {
    let mut network = Network::new();
    network.sound(11).await;
    let second = address("host-11.contoso.test", "127.0.0.2");
    network.zone.records.push(second);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["some-addresses-down"]);
    let found = only(&report, "some-addresses-down");
    assert!(found.addresses[0].to_string().starts_with("127.0.0.2:"));
    assert!(found.problem.contains("127.0.0.1:"), "{found:?}");
}

#[tokio::test]
async fn activate_clients_0xc004f041_a_host_that_is_not_activated_says_so() {
    let mut network = Network::new();
    let not_activated = StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED;
    let host = network
        .host(11, &["windows"])
        .showing(move |_, _| Answer::Refused(not_activated));
    let at = host.listen("127.0.0.1").await;
    network.publish(11, at);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["all-down", "not-activated"]);
    let found = only(&report, "not-activated");
    assert_eq!(found.status, Some(not_activated));
    assert_eq!(found.remedy, not_activated.info().unwrap().remedy);
}

#[tokio::test]
async fn certificates_that_clients_do_not_believe_are_told_with_the_reason() {
    type Showing = fn(FakeHost) -> FakeHost;
    let stranger = || {
        let validity = Duration::from_secs(3600);
        let identity = identity(&authority(2), 11, &["windows"], validity);
        FakeHost::new(identity, 25, &Network::new().clock)
    };
    let same: Showing = |host| host;
    let garbage: Showing = |host| host.showing(|_, _| Answer::Bytes(vec![1, 4, 0, 1, 2, 3, 4]));
    let empty: Showing = |host| host.showing(|_, _| Answer::Bytes(Vec::new()));
    let busy: Showing = |host| host.showing(|_, _| Answer::TooBusy);
    for (host, showing, code, wanted) in [
        (
            stranger(),
            same,
            "certificate-invalid",
            "not signed by its issuer",
        ),
        (stranger(), garbage, "certificate-invalid", "not an X.509"),
        (stranger(), empty, "certificate-invalid", "cannot be read"),
        (stranger(), busy, "no-certificate", "busy"),
    ] {
        let mut network = Network::new();
        let at = showing(host).listen("127.0.0.1").await;
        network.publish(11, at);
        let report = network.audit().await;
        assert_eq!(codes(&report), ["all-down", code]);
        let found = only(&report, code);
        assert!(found.problem.contains(wanted), "{found:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_warned_of_30_days_before_its_end_and_then_is_an_error() {
    let mut network = Network::new();
    let identity = identity(&network.authority, 11, &["windows"], 31 * DAY);
    let host = FakeHost::new(identity, 25, &network.clock);
    let at = host.listen("127.0.0.1").await;
    network.publish(11, at);
    assert_eq!(codes(&network.audit().await), [""; 0]);
    network.clock.advance(DAY + Duration::from_secs(1));
    let report = network.audit().await;
    assert_eq!(codes(&report), ["certificate-expires"]);
    let found = only(&report, "certificate-expires");
    assert!(found.problem.contains("in 29 days"), "{found:?}");
    network.clock.advance(31 * DAY);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["all-down", "certificate-expired"]);
}

#[tokio::test]
async fn a_certificate_in_another_name_is_told() {
    let mut network = Network::new();
    let host = network.host(11, &["windows"]);
    let at = host.listen("127.0.0.1").await;
    network.publish(12, at);
    let report = network.audit().await;
    assert_eq!(codes(&report), ["certificate-name"]);
    let found = only(&report, "certificate-name");
    assert!(found.problem.contains("\"host-11\""), "{found:?}");
    assert!(report.hosts[0].is_usable(), "clients do not compare names");
}

#[tokio::test]
async fn a_domain_whose_hosts_cover_no_common_key_group_is_told() {
    let mut network = Network::new();
    for (seed, scope) in [(11, ["windows", "office"]), (12, ["office", "suite"])] {
        let at = network.host(seed, &scope).listen("127.0.0.1").await;
        network.publish(seed, at);
    }
    assert_eq!(codes(&network.audit().await), [""; 0]);
    let at = network.host(13, &["suite"]).listen("127.0.0.1").await;
    network.publish(13, at);
    let report = network.audit().await;
    assert_eq!(shown(&report), ["no-common-group contoso.test"]);
    let found = only(&report, "no-common-group");
    assert!(
        found.problem.contains("covers office, windows; "),
        "{found:?}"
    );
}
