//! The DNS server, asked and updated over its sockets.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode, UpdateMessage},
    rr::{
        self, DNSClass, Name, RData, TSigner,
        rdata::{
            A, SRV,
            tsig::{TsigAlgorithm, TsigError},
        },
    },
};
use kms_testkit::dns::{
    DnsConfig, DnsError, DnsServer, Record, RecordData, RecordType, TsigSecret, Zone, query,
};
use std::{io, time::SystemTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

const OWNER: &str = "_vlmcs._tcp.contoso.test";
const KEY: &str = "kms-host-key";
const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

fn config() -> DnsConfig {
    DnsConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        zones: vec![Zone::new("contoso.test")],
        tsig: Some(TsigSecret {
            name: KEY.to_owned(),
            secret: SECRET.to_vec(),
        }),
    }
}

fn signer(name: &str, secret: &[u8]) -> TSigner {
    TSigner::new(
        secret.to_vec(),
        TsigAlgorithm::HmacSha256,
        name.parse().unwrap(),
        300,
    )
    .unwrap()
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

fn update() -> Message {
    let mut zone = Query::new();
    zone.set_name(name("contoso.test"))
        .set_query_class(DNSClass::IN)
        .set_query_type(rr::RecordType::SOA);
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.metadata.recursion_desired = false;
    message.add_zone(zone);
    message
}

fn srv(host: &str) -> rr::Record {
    let data = SRV::new(0, 100, 1688, name(host));
    rr::Record::from_rdata(name(OWNER), 3600, RData::SRV(data))
}

fn publish(host: &str, address: Ipv4Addr) -> Message {
    let mut message = update();
    message.add_update(srv(host));
    message.add_update(rr::Record::from_rdata(
        name(host),
        300,
        RData::A(A(address)),
    ));
    message
}

fn published(host: &str) -> Record {
    Record {
        name: OWNER.to_owned(),
        ttl: 3600,
        data: RecordData::Srv {
            priority: 0,
            weight: 100,
            port: 1688,
            target: host.to_owned(),
        },
    }
}

#[derive(Clone, Copy)]
enum Transport {
    Udp,
    Tcp,
}

/// What the server says, whether a signature was verified, and the TSIG error.
async fn send(
    server: &DnsServer,
    mut message: Message,
    signer: Option<&TSigner>,
    transport: Transport,
) -> (ResponseCode, bool, Option<TsigError>) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let verifier = signer.and_then(|signer| message.finalize(signer, now.as_secs()).unwrap());
    let bytes = message.to_vec().unwrap();
    let mut answer = vec![0; 4096];
    let len = match transport {
        Transport::Udp => {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            socket.send_to(&bytes, server.address()).await.unwrap();
            socket.recv(&mut answer).await.unwrap()
        }
        Transport::Tcp => {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            let len = u16::try_from(bytes.len()).unwrap();
            stream.write_u16(len).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            let len = usize::from(stream.read_u16().await.unwrap());
            stream.read_exact(&mut answer[..len]).await.unwrap()
        }
    };
    let parsed = Message::from_vec(&answer[..len]).unwrap();
    assert_eq!(parsed.metadata.id, message.metadata.id);
    let error = parsed.signature().and_then(|tsig| tsig.data.error);
    let verified = verifier.is_some_and(|mut verifier| verifier.verify(&answer[..len]).is_ok());
    (parsed.metadata.response_code, verified, error)
}

async fn srvs(server: &DnsServer) -> Vec<Record> {
    let mut records = server.records(OWNER, RecordType::Srv).await.unwrap();
    records.sort();
    records
}

const DONE: (ResponseCode, bool, Option<TsigError>) = (ResponseCode::NoError, true, None);

#[tokio::test]
async fn a_signed_update_over_either_transport_is_seen_by_a_query() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let server = DnsServer::start(config()).await.unwrap();
        assert_eq!(srvs(&server).await, []);
        let message = publish("kms1.contoso.test", Ipv4Addr::new(10, 0, 0, 7));
        let key = signer(KEY, SECRET);
        assert_eq!(send(&server, message, Some(&key), transport).await, DONE);
        assert_eq!(srvs(&server).await, [published("kms1.contoso.test")]);
        let addresses = server.records("KMS1.contoso.test.", RecordType::A).await;
        assert_eq!(
            addresses.unwrap()[0].data,
            RecordData::A(Ipv4Addr::new(10, 0, 0, 7))
        );
        server.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn updates_without_the_right_signature_are_refused_and_change_nothing() {
    let server = DnsServer::start(config()).await.unwrap();
    let wrong_secret = signer(KEY, b"another secret of that many byte");
    let unknown_key = signer("nobodys-key", SECRET);
    let cases = [
        (None, (ResponseCode::Refused, false, None)),
        (
            Some(&wrong_secret),
            (ResponseCode::NotAuth, false, Some(TsigError::BadSig)),
        ),
        (
            Some(&unknown_key),
            (ResponseCode::NotAuth, false, Some(TsigError::BadKey)),
        ),
    ];
    for (signer, expected) in cases {
        for transport in [Transport::Udp, Transport::Tcp] {
            let message = publish("kms1.contoso.test", Ipv4Addr::LOCALHOST);
            assert_eq!(send(&server, message, signer, transport).await, expected);
        }
    }
    assert_eq!(srvs(&server).await, []);
    let addresses = server.records("kms1.contoso.test", RecordType::A).await;
    assert_eq!(addresses.unwrap(), []);
}

#[tokio::test]
async fn a_server_without_a_key_refuses_every_update() {
    let server = DnsServer::start(DnsConfig {
        tsig: None,
        ..config()
    })
    .await
    .unwrap();
    for signer in [None, Some(&signer(KEY, SECRET))] {
        let message = publish("kms1.contoso.test", Ipv4Addr::LOCALHOST);
        let (code, ..) = send(&server, message, signer, Transport::Udp).await;
        assert_eq!(code, ResponseCode::Refused);
    }
    assert_eq!(srvs(&server).await, []);
}

#[tokio::test]
async fn deleting_one_hosts_record_leaves_the_others() {
    let server = DnsServer::start(config()).await.unwrap();
    let key = signer(KEY, SECRET);
    let hosts = ["kms1.contoso.test", "kms2.contoso.test"];
    for host in hosts {
        let message = publish(host, Ipv4Addr::LOCALHOST);
        assert_eq!(
            send(&server, message, Some(&key), Transport::Udp).await,
            DONE
        );
    }
    assert_eq!(srvs(&server).await, hosts.map(published));

    // RFC 2136 section 2.5.4: class NONE and TTL 0 delete this very record from the set.
    let mut delete = update();
    let mut record = srv(hosts[0]);
    record.ttl = 0;
    record.dns_class = DNSClass::NONE;
    delete.add_update(record);
    assert_eq!(
        send(&server, delete, Some(&key), Transport::Udp).await,
        DONE
    );
    assert_eq!(srvs(&server).await, [published(hosts[1])]);
}

#[tokio::test]
async fn an_update_whose_prerequisite_fails_changes_nothing() {
    let server = DnsServer::start(config()).await.unwrap();
    let mut message = publish("kms1.contoso.test", Ipv4Addr::LOCALHOST);
    // RFC 2136 section 2.4.1: class ANY and no data want the set to exist.
    let mut wanted = rr::Record::update0(name(OWNER), 0, rr::RecordType::SRV);
    wanted.dns_class = DNSClass::ANY;
    message.add_pre_requisite(wanted.into_record_of_rdata());
    let key = signer(KEY, SECRET);
    let (code, verified, _) = send(&server, message, Some(&key), Transport::Udp).await;
    assert_eq!((code, verified), (ResponseCode::NXRRSet, true));
    assert_eq!(srvs(&server).await, []);
}

#[tokio::test]
async fn shutting_down_frees_the_port_even_while_a_connection_is_open() {
    let server = DnsServer::start(config()).await.unwrap();
    let address = server.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    // Once a query over a later connection is answered, the earlier one was accepted.
    srvs(&server).await;
    server.shutdown().await.unwrap();
    drop(UdpSocket::bind(address).await.unwrap());
    drop(TcpListener::bind(address).await.unwrap());
    let again = DnsServer::start(DnsConfig {
        listen: address,
        ..config()
    })
    .await
    .unwrap();
    assert_eq!(again.address(), address);
    assert_eq!(srvs(&again).await, []);
    let ended = open.read(&mut [0; 1]).await;
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
}

#[tokio::test]
async fn records_of_the_configuration_are_served_from_the_start() {
    let by_hand = published("kms1.contoso.test");
    let mut zone = Zone::new("contoso.test.")
        .with_address("kms1.contoso.test", IpAddr::from([10, 0, 0, 7]))
        .with_address(
            "kms1.contoso.test",
            IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 7]),
        );
    zone.records.push(by_hand.clone());
    let server = DnsServer::start(DnsConfig {
        zones: vec![zone, Zone::new("fabrikam.test")],
        ..config()
    })
    .await
    .unwrap();
    assert_eq!(srvs(&server).await, [by_hand]);
    let data = async |record_type| {
        let records = server.records("kms1.contoso.test", record_type).await;
        records.unwrap().remove(0).data
    };
    assert_eq!(
        data(RecordType::A).await,
        RecordData::A(Ipv4Addr::new(10, 0, 0, 7))
    );
    assert_eq!(
        data(RecordType::Aaaa).await,
        RecordData::Aaaa("fd00::7".parse().unwrap())
    );
    let none = server.records("kms1.fabrikam.test", RecordType::A).await;
    assert_eq!(none.unwrap(), []);
}

#[tokio::test]
async fn more_records_than_a_datagram_holds_are_all_returned() {
    let mut zone = Zone::new("contoso.test");
    for n in 0..100 {
        zone.records
            .push(published(&format!("kms{n}.contoso.test")));
    }
    let server = DnsServer::start(DnsConfig {
        zones: vec![zone],
        ..config()
    })
    .await
    .unwrap();
    assert_eq!(srvs(&server).await.len(), 100);
}

#[tokio::test]
async fn a_server_on_the_unspecified_address_is_asked_over_loopback() {
    let server = DnsServer::start(DnsConfig {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..config()
    })
    .await
    .unwrap();
    let itself = server.records("ns.contoso.test", RecordType::A).await;
    assert_eq!(itself.unwrap()[0].data, RecordData::A(Ipv4Addr::LOCALHOST));
}

#[tokio::test]
async fn a_server_that_is_gone_or_does_not_serve_the_zone_is_an_error() {
    let server = DnsServer::start(config()).await.unwrap();
    let refused = server.records("kms1.elsewhere.test", RecordType::A).await;
    assert!(
        matches!(refused, Err(DnsError::Refused { code: 1.., .. })),
        "{refused:?}"
    );
    let address = server.address();
    server.shutdown().await.unwrap();
    let gone = query(address, OWNER, RecordType::Srv).await;
    assert!(
        matches!(&gone, Err(DnsError::NoAnswer { source, .. })
            if source.kind() == io::ErrorKind::ConnectionRefused),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_faulty_configuration_is_named() {
    let with_zones = |zones: Vec<Zone>| DnsConfig { zones, ..config() };
    let cases = [
        (
            with_zones(vec![Zone::new("")]),
            "\"\" is not a domain name: it is empty; the root is written as one dot",
        ),
        (
            with_zones(vec![Zone::new("contoso.test"), Zone::new("CONTOSO.test.")]),
            "zone CONTOSO.test. is listed twice: merge its records into one entry",
        ),
        (
            with_zones(vec![
                Zone::new("contoso.test").with_address("kms1", IpAddr::from([10, 0, 0, 7])),
            ]),
            "record kms1 lies outside zone contoso.test: give it a name below the zone's",
        ),
        (
            DnsConfig {
                tsig: Some(TsigSecret {
                    name: KEY.to_owned(),
                    secret: Vec::new(),
                }),
                ..config()
            },
            "TSIG key kms-host-key cannot be used: its secret is empty",
        ),
    ];
    for (config, message) in cases {
        let error = DnsServer::start(config).await.unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn a_port_taken_for_either_transport_is_an_error() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for listen in [tcp.local_addr().unwrap(), udp.local_addr().unwrap()] {
        let error = DnsServer::start(DnsConfig { listen, ..config() })
            .await
            .unwrap_err();
        assert!(
            matches!(&error, DnsError::Listen { address, source, .. }
                if *address == listen && source.kind() == io::ErrorKind::AddrInUse),
            "{error:?}"
        );
    }
}

#[test]
fn a_secret_is_not_printed() {
    let text = format!("{:?}", config());
    assert!(text.contains(KEY) && !text.contains("97, 32"), "{text}");
}
