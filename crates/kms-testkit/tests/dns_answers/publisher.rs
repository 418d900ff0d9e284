//! The table of answers to updates against a host's publisher, over sockets.

use crate::update::{Case, DOMAIN, HOST, KEY, NOW, SECRET, cases};
use core::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};
use kms_core::{Now, SeededEntropy, StatusCode, Tick};
use kms_host::{HostConfig, HostEvent, Publisher};
use kms_testkit::{
    clock::ManualClock,
    dns::fake::{Act, Asked, FakeDns, ForgedMessage, ForgedRecord, Section, wire_name},
};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::{fs, path::Path, sync::Arc};
use tokio::time::{Duration, timeout};

/// Longer than one update may take.
const LONG: Duration = Duration::from_secs(60);
/// More than one publication in one domain takes, to find the zone, look and update.
const MAX_MESSAGES: usize = 24;
const UPDATE: u16 = 5;

fn publisher(folder: &Path, server: SocketAddr, transport: &str) -> Publisher {
    let text = format!(
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n\
         [dns]\nserver = \"{server}\"\nkey_file = \"kms.key\"\ntransport = \"{transport}\"\n\
         host_name = \"{HOST}\"\naddresses = [\"192.0.2.7\"]\ndomains = [\"{DOMAIN}\"]\n"
    );
    let config = HostConfig::parse(&text, &folder.join("host.toml")).unwrap();
    let listening = [SocketAddr::from(([192, 0, 2, 7], 1688))];
    Publisher::new(&config.dns.unwrap(), &listening, None).unwrap()
}

fn key_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let secret = data_encoding::BASE64.encode(SECRET);
    let key = format!("key \"{KEY}\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n");
    let path = folder.path().join("kms.key");
    fs::write(&path, key).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

/// What the server says of zones, and what the case does with updates, which are counted.
fn script(case: &'static Case, updates: &Arc<AtomicUsize>) -> impl Fn(&Asked) -> Vec<Act> + use<> {
    let updates = Arc::clone(updates);
    move |asked| {
        if asked.opcode() == UPDATE {
            updates.fetch_add(1, Ordering::SeqCst);
            return case.does.acts(asked);
        }
        let zone = wire_name(DOMAIN);
        let (section, name) = if asked.name().eq_ignore_ascii_case(&zone) {
            (Section::Answer, asked.name())
        } else {
            (Section::Authority, &zone[..])
        };
        let answer = ForgedMessage::answer_to(asked).with_flipped(0x0480);
        vec![Act::Send(
            answer
                .record(section, &ForgedRecord::soa(name))
                .into_bytes(),
        )]
    }
}

/// What the host's event says, and how many updates the server was sent.
async fn publish(case: &'static Case, folder: &Path, transport: &str) -> (StatusCode, usize) {
    let updates = Arc::default();
    let server = FakeDns::start(case.tcp, script(case, &updates))
        .await
        .unwrap();
    let publisher = publisher(folder, server.address(), transport);
    let clock = ManualClock::new(Now::new(Tick::ZERO, NOW));
    let mut entropy = SeededEntropy::new(5);
    let events = timeout(LONG, publisher.publish(&clock, &mut entropy)).await;
    let code = match &events.unwrap()[..] {
        [HostEvent::Published { .. }] => StatusCode::OK,
        [HostEvent::PublishFailed { code, .. }] => *code,
        other => panic!("{}: {other:?}", case.name),
    };
    assert!(server.counts().messages() <= MAX_MESSAGES, "{}", case.name);
    (code, updates.load(Ordering::SeqCst))
}

async fn every_answer(transport: &str, code: fn(&Case) -> StatusCode, most_updates: usize) {
    let folder = key_folder();
    let mut wrong = Vec::new();
    let mut run = 0;
    for case in cases() {
        run += 1;
        let (found, updates) = publish(case, folder.path(), transport).await;
        let expected = code(case);
        if found != expected || updates > most_updates {
            wrong.push(format!(
                "{}: {found}, and not {expected}; {updates} updates",
                case.name
            ));
        }
    }
    println!("{run} answers against the publisher, transport {transport}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn every_answer_by_tcp_leads_to_event_12294_or_12293_with_its_code() {
    every_answer("tcp", |case| case.code, 1).await;
}

/// Twice by UDP, once by TCP.
#[tokio::test(start_paused = true)]
async fn every_answer_by_udp_or_tcp_leads_to_event_12294_or_12293_with_its_code() {
    every_answer("auto", |case| case.auto, 3).await;
}
