//! Lying answers against a whole client: what an attempt tries, and the code that it ends with.

use crate::lookup::{HOST, OWNER, empty};
use core::net::SocketAddr;
use kms_client::{Client, ClientConfig};
use kms_core::{Now, SeededEntropy, StatusCode, Tick, Timestamp};
use kms_testkit::{
    clock::ManualClock,
    dns::fake::{Act, Asked, FakeDns, ForgedRecord, TcpManner, wire_name},
};
use kms_trust::Authority;
use std::fs;
use tokio::{
    net::TcpSocket,
    time::{Duration, timeout},
};

const NOW: Now = Now::new(Tick::ZERO, Timestamp::from_millis(1_700_000_000_000));
const LONG: Duration = Duration::from_secs(600);
/// The 20 queries that a discovery may make, each twice by UDP and once by TCP.
const MAX_MESSAGES: usize = 3 * 20;
const QUESTION: [u8; 2] = [0xc0, 12];
const A: u16 = 1;
const SRV: u16 = 33;

struct Case {
    name: &'static str,
    /// What is answered; the port is one that refuses connections.
    does: fn(&Asked, u16) -> Vec<Act>,
    code: StatusCode,
    /// Hosts that were tried, or whose addresses were looked up, without the port.
    tried: &'static [&'static str],
}

fn send(message: kms_testkit::dns::fake::ForgedMessage) -> Vec<Act> {
    vec![Act::Send(message.into_bytes())]
}

/// These targets for the service, and for every name this IPv4 address.
fn targets(asked: &Asked, port: u16, targets: &[&str], address: [u8; 4]) -> Vec<Act> {
    let record = |target: &&str| ForgedRecord::srv(&QUESTION, port, &wire_name(target));
    send(match asked.record_type() {
        SRV => targets.iter().fold(empty(asked), |message, target| {
            message.answer(&record(target))
        }),
        A => empty(asked).answer(&ForgedRecord::new(&QUESTION, A, &address)),
        _ => empty(asked),
    })
}

const UNAVAILABLE: StatusCode = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
const HERE: [u8; 4] = [127, 0, 0, 1];

const CASES: &[Case] = &[
    Case {
        name: "one host that is down",
        does: |asked, port| targets(asked, port, &[HOST], HERE),
        code: UNAVAILABLE,
        tried: &[HOST],
    },
    Case {
        name: "targets that are addresses, localhost or the root beside one host",
        does: |asked, port| {
            let all = ["127.0.0.1", "localhost", "", "a.localhost", HOST];
            targets(asked, port, &all, HERE)
        },
        code: UNAVAILABLE,
        tried: &[HOST],
    },
    Case {
        name: "the service is not available",
        does: |asked, port| targets(asked, port, &[""], HERE),
        code: StatusCode::DNS_NO_RECORDS,
        tried: &[],
    },
    Case {
        name: "an alias of itself",
        does: |asked, _| {
            let alias = ForgedRecord::cname(&QUESTION, &wire_name(OWNER));
            send(empty(asked).answer(&alias))
        },
        code: StatusCode::DNS_BAD_PACKET,
        tried: &[],
    },
    Case {
        name: "never an answer",
        does: |_, _| Vec::new(),
        code: StatusCode::TIMEOUT,
        tried: &[],
    },
    Case {
        name: "wrong ids for ever",
        does: |asked, port| {
            let record = ForgedRecord::srv(&QUESTION, port, &wire_name(HOST));
            let wrong = empty(asked).with_id(asked.id() ^ 1).answer(&record);
            vec![Act::Send(wrong.into_bytes()); 10]
        },
        code: StatusCode::DNS_BAD_PACKET,
        tried: &[],
    },
    Case {
        name: "refused",
        does: |asked, _| send(empty(asked).with_rcode(5)),
        code: StatusCode::DNS_REFUSED,
        tried: &[],
    },
    Case {
        name: "cut for ever",
        does: |asked, _| send(empty(asked).with_flipped(0x0200)),
        code: StatusCode::DNS_BAD_PACKET,
        tried: &[],
    },
];

async fn attempt(server: SocketAddr) -> kms_client::Report {
    let folder = tempfile::tempdir().unwrap();
    let entropy = &mut SeededEntropy::new(1);
    let authority =
        Authority::generate("Root", Authority::DEFAULT_VALIDITY, entropy, NOW.wall).unwrap();
    fs::write(folder.path().join("root.pem"), authority.root_pem()).unwrap();
    let text = format!(
        "root = \"root.pem\"\nproduct = \"Windows 7 Enterprise\"\nstate = \"client.state\"\n\
         machine_name = \"ws-17\"\nnameserver = \"{server}\"\ndomains = [\"contoso.test\"]\n\
         allow_loopback = true\n"
    );
    let config = ClientConfig::parse(&text, &folder.path().join("client.toml")).unwrap();
    let clock = ManualClock::new(NOW);
    let mut client = Client::open(&config, clock, SeededEntropy::new(2)).unwrap();
    timeout(LONG, client.activate()).await.unwrap().unwrap()
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_lied_to_ends_with_the_documented_code() {
    // Taken, so that nobody else gets it, but refusing.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut wrong = Vec::new();
    for case in CASES {
        let script = move |asked: &Asked| (case.does)(asked, port);
        let server = FakeDns::start(TcpManner::Serve, script).await.unwrap();
        let report = attempt(server.address()).await;
        let tried: Vec<String> = report.attempts.iter().map(ToString::to_string).collect();
        let right = tried.len() == case.tried.len()
            && tried
                .iter()
                .zip(case.tried)
                .all(|(tried, host)| tried.starts_with(host));
        let counts = server.counts();
        if report.code() != case.code || !right || counts.messages() > MAX_MESSAGES {
            let (name, code) = (case.name, report.code());
            wrong.push(format!("{name}: {code}, tried {tried:?}, {counts:?}"));
        }
    }
    println!("{} lies to a whole client", CASES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
