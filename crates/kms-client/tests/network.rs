//! The client over TCP and DNS: finding hosts, failing over, and time limits.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use common::{
    Answer, LONG,
    machine::{DOMAIN, Machine, activate, dns, srv},
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use kms_core::{LicenseStatus, StatusCode};
use kms_license::Event;
use kms_testkit::dns::{Record, RecordData, Zone};
use std::sync::Arc;
use tokio::{
    net::{TcpListener, TcpSocket, UdpSocket},
    sync::Notify,
    time::timeout,
};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A port that is taken, so that no other test gets it, but refuses connections.
fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((V4, 0))).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn discovering(server: SocketAddr) -> Machine {
    Machine::new(format!(
        "nameserver = \"{server}\"\ndomains = [\"{DOMAIN}\"]\nallow_loopback = true\n"
    ))
}

#[tokio::test]
async fn a_host_is_found_by_its_srv_record() {
    let mut machine = Machine::new("");
    let address = machine.honest(11).listen("127.0.0.1").await;
    let mut zone = Zone::new(DOMAIN).with_address("kms1.contoso.test", V4);
    zone.records
        .push(srv(0, "kms1.contoso.test", address.port()));
    let server = dns(zone).await;
    machine.lines = discovering(server.address()).lines;

    let mut client = machine.open().unwrap();
    let report = activate(&mut client).await;
    assert!(report.result.is_ok(), "{report:?}");
    let host = format!("kms1.contoso.test:{}", address.port());
    assert_eq!(report.host.unwrap().to_string(), host);
    assert_eq!(client.license().status(), LicenseStatus::Licensed);
    assert_eq!(client.cached_host().unwrap().to_string(), host);

    let text = |event: &Event| match event {
        Event::RequestSent(record) => record.to_string(),
        Event::AnswerProcessed(record) => record.to_string(),
        Event::StatusChanged { from, to, .. } => format!("{from} -> {to}"),
        other => format!("{other:?}"),
    };
    let events: Vec<String> = core::iter::from_fn(|| client.poll_event())
        .map(|event| text(&event))
        .collect();
    assert_eq!(events[0], "Unlicensed -> Initial grace period");
    assert!(
        events[1].starts_with(&format!("0x0, 0x0, {host}, ")),
        "{events:?}"
    );
    assert_eq!(
        events[2..],
        [
            "0x0, 0x0, 1, 0, 25, 120, 10080, 2023/11/14 22:13",
            "Initial grace period -> Licensed"
        ]
    );

    // A restart keeps the host, which is then asked without a lookup of the service.
    drop(client);
    machine.lines = format!(
        "nameserver = \"{}\"\nallow_loopback = true\n",
        server.address()
    );
    let mut client = machine.open().unwrap();
    assert_eq!(client.cached_host().unwrap().to_string(), host);
    let report = activate(&mut client).await;
    assert_eq!(report.host.unwrap().to_string(), host);
}

#[tokio::test]
async fn when_the_first_host_is_closed_the_next_priority_is_asked() {
    let mut machine = Machine::new("");
    let (_taken, closed) = closed_port();
    let address = machine.honest(11).listen("127.0.0.1").await;
    let mut zone = Zone::new(DOMAIN)
        .with_address("kms1.contoso.test", V4)
        .with_address("kms2.contoso.test", V4);
    zone.records.extend([
        srv(0, "kms1.contoso.test", closed),
        srv(5, "kms3.contoso.test", 1688),
        srv(10, "kms2.contoso.test", address.port()),
    ]);
    let server = dns(zone).await;
    machine.lines = discovering(server.address()).lines;
    let mut client = machine.open().unwrap();
    let report = activate(&mut client).await;
    assert!(report.result.is_ok(), "{report:?}");
    let failed: Vec<String> = report.attempts.iter().map(ToString::to_string).collect();
    assert_eq!(failed.len(), 2);
    assert!(
        failed[0].starts_with(&format!("kms1.contoso.test:{closed}: 0x800706BA "))
            && failed[0].contains(&format!("cannot be connected to: 127.0.0.1:{closed}: ")),
        "{failed:?}"
    );
    assert!(
        failed[1].contains("0x8007232B ") && failed[1].contains("its address is not known"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn the_codes_of_dns_are_the_documented_ones() {
    let mut odd = Zone::new("odd.test");
    odd.records.push(Record {
        name: "_vlmcs._tcp.odd.test".into(),
        ttl: 60,
        data: RecordData::A(Ipv4Addr::LOCALHOST),
    });
    odd.records.push(Record {
        name: "_vlmcs._tcp.denied.odd.test".into(),
        ttl: 60,
        data: RecordData::Srv {
            priority: 0,
            weight: 0,
            port: 0,
            target: ".".into(),
        },
    });
    let server = dns(odd).await;
    for (domain, wanted) in [
        ("none.odd.test", 0x8007_232B),
        ("odd.test", 0x8007_251D),
        ("denied.odd.test", 0x8007_251D),
        // Not a zone of this server.
        ("elsewhere.test", 0x8007_232D),
    ] {
        let machine = Machine::new(format!(
            "nameserver = \"{}\"\ndomains = [\"{domain}\"]\n",
            server.address()
        ));
        let report = activate(&mut machine.open().unwrap()).await;
        assert_eq!(report.code(), StatusCode(wanted), "{domain}");
        assert!(report.attempts.is_empty());
    }
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn a_dns_server_that_is_down_or_silent_is_a_timeout() {
    for is_down in [true, false] {
        let socket = UdpSocket::bind((V4, 0)).await.unwrap();
        let machine = discovering(socket.local_addr().unwrap());
        let _silent = (!is_down).then_some(socket);
        let report = machine.open().unwrap().activate().await.unwrap();
        assert_eq!(report.code(), StatusCode::TIMEOUT);
        assert!(report.attempts.is_empty());
    }
}

#[tokio::test]
async fn hosts_at_addresses_of_both_families_need_no_dns() {
    let machine = Machine::new("");
    for ip in ["127.0.0.1", "::1"] {
        let address = machine.honest(11).listen(ip).await;
        let machine = Machine {
            lines: format!("host = \"{address}\"\nnameserver = \"127.0.0.1:1\"\n"),
            folder: tempfile::tempdir().unwrap(),
            clock: machine.clock.clone(),
            authority: common::authority(1),
        };
        std::fs::write(
            machine.folder.path().join("root.pem"),
            machine.authority.root_pem(),
        )
        .unwrap();
        let report = activate(&mut machine.open().unwrap()).await;
        assert!(report.result.is_ok(), "{report:?}");
        assert_eq!(report.host.unwrap().to_string(), address.to_string());
    }
}

#[tokio::test]
async fn a_name_with_addresses_of_both_families_is_reached_by_whichever_answers() {
    for ip in ["127.0.0.1", "::1"] {
        let mut machine = Machine::new("");
        let address = machine.honest(11).listen(ip).await;
        let mut zone = Zone::new(DOMAIN)
            .with_address("kms1.contoso.test", V4)
            .with_address("kms1.contoso.test", V6);
        zone.records
            .push(srv(0, "kms1.contoso.test", address.port()));
        let server = dns(zone).await;
        machine.lines = discovering(server.address()).lines;
        let report = activate(&mut machine.open().unwrap()).await;
        assert!(report.result.is_ok(), "{ip}: {report:?}");
    }
}

#[tokio::test]
async fn a_silent_host_is_left_after_its_time_for_the_next() {
    let mut machine = Machine::new("");
    let silent = TcpListener::bind((V4, 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let address = machine.honest(11).listen("127.0.0.1").await;
    let mut zone = Zone::new(DOMAIN).with_address("kms1.contoso.test", V4);
    zone.records.extend([
        srv(0, "kms1.contoso.test", port),
        srv(1, "kms1.contoso.test", address.port()),
    ]);
    let server = dns(zone).await;
    machine.lines = discovering(server.address()).lines + "host_timeout = 2\n";
    let report = activate(&mut machine.open().unwrap()).await;
    assert!(report.result.is_ok(), "{report:?}");
    assert_eq!(report.attempts[0].code, StatusCode::TIMEOUT);
    assert_eq!(report.attempts[0].reason, "no answer within 2 s");
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn a_host_that_is_alone_and_silent_is_reported_with_its_own_code() {
    let silent = TcpListener::bind((V4, 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let machine = Machine::new(format!("host = \"{address}\"\n"));
    let mut client = machine.open().unwrap();
    let report = client.activate().await.unwrap();
    assert_eq!(report.code(), StatusCode::VL_BINDING_SERVICE_UNAVAILABLE);
    assert_eq!(report.attempts[0].reason, "no answer within 15 s");
    let record = core::iter::from_fn(|| client.poll_event()).find_map(|event| match event {
        Event::RequestSent(record) => Some(record.to_string()),
        _ => None,
    });
    let record = record.unwrap();
    assert!(
        record.starts_with(&format!("0x800705B4, 0x0, {address}, ")),
        "{record}"
    );
}

#[tokio::test]
async fn a_host_that_closes_the_connection_is_named_with_the_reason() {
    let closing = TcpListener::bind((V4, 0)).await.unwrap();
    let address = closing.local_addr().unwrap();
    tokio::spawn(async move { while closing.accept().await.is_ok() {} });
    let machine = Machine::new(format!("host = \"{address}\"\n"));
    let report = activate(&mut machine.open().unwrap()).await;
    let failed = &report.attempts[0];
    assert_eq!(failed.code, StatusCode::RPC_SERVER_UNAVAILABLE);
    assert!(failed.reason.contains("the connection"), "{failed}");
}

#[tokio::test]
async fn an_attempt_that_is_dropped_is_given_up_and_the_next_is_whole() {
    let mut machine = Machine::new("");
    let address = machine.honest(11).listen("127.0.0.1").await;
    let silent = TcpListener::bind((V4, 0)).await.unwrap();
    machine.lines = format!("host = \"{}\"\n", silent.local_addr().unwrap());
    let mut client = machine.open().unwrap();
    let asked = Arc::new(Notify::new());
    let notify = Arc::clone(&asked);
    let held = tokio::spawn(async move {
        let (stream, _) = silent.accept().await.unwrap();
        stream.readable().await.unwrap();
        notify.notify_one();
        stream
    });
    tokio::select! {
        report = client.activate() => unreachable!("{report:?}"),
        () = asked.notified() => {}
    }
    assert_eq!(client.license().status(), LicenseStatus::OobGrace);
    drop(held);

    // The same client, which is pinned to a host that does not speak; then one that is not.
    machine.lines = format!("host = \"{address}\"\n");
    let mut other = machine.open().unwrap();
    assert!(activate(&mut other).await.result.is_ok());
    let answered = client.license().last_answer();
    assert_eq!(answered, None);
}

#[tokio::test]
async fn an_attempt_can_be_made_in_a_task_of_its_own() {
    let mut machine = Machine::new("");
    let refusing = machine
        .honest(11)
        .answering(|_, _| Answer::Refused(StatusCode::BUSY));
    let address = refusing.listen("127.0.0.1").await;
    machine.lines = format!("host = \"{address}\"\n");
    let mut client = machine.open().unwrap();
    let task = tokio::spawn(async move { client.activate().await.unwrap() });
    let report = timeout(LONG, task).await.unwrap().unwrap();
    assert_eq!(report.attempts[0].code, StatusCode::BUSY);
}

#[test]
fn one_client_serves_several_runtimes_one_after_the_other() {
    let mut machine = Machine::new("");
    let hosts = tokio::runtime::Runtime::new().unwrap();
    let address = hosts.block_on(machine.honest(11).listen("127.0.0.1"));
    let mut zone = Zone::new(DOMAIN).with_address("kms1.contoso.test", V4);
    zone.records
        .push(srv(0, "kms1.contoso.test", address.port()));
    let server = hosts.block_on(dns(zone));
    machine.lines = discovering(server.address()).lines + "caching = false\n";
    let mut client = machine.open().unwrap();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let report = runtime.block_on(activate(&mut client));
        assert!(report.result.is_ok(), "{report:?}");
    }
}
