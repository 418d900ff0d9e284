//! The table of answers to updates against a host's publisher, over sockets.

use crate::update::{Case, DOMAIN, HOST, KEY, NOW, SECRET, cases};
use core::net::SocketAddr;
use kms_core::{Now, SeededEntropy, StatusCode, Tick};
use kms_host::{HostConfig, HostEvent, Publisher};
use kms_testkit::{
    clock::ManualClock,
    dns::fake::{Counts, FakeDns},
};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::{fs, path::Path};
use tokio::time::{Duration, timeout};

/// Longer than one update may take.
const LONG: Duration = Duration::from_secs(60);

fn publisher(folder: &Path, server: SocketAddr) -> Publisher {
    let text = format!(
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n\
         [dns]\nserver = \"{server}\"\nkey_file = \"kms.key\"\n\
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

/// What the host's event says, and how often the server was asked.
async fn publish(case: &'static Case, folder: &Path) -> (StatusCode, Counts) {
    let server = FakeDns::start(case.tcp, |asked| case.does.acts(asked));
    let server = server.await.unwrap();
    let publisher = publisher(folder, server.address());
    let clock = ManualClock::new(Now::new(Tick::ZERO, NOW));
    let mut entropy = SeededEntropy::new(5);
    let events = timeout(LONG, publisher.publish(&clock, &mut entropy)).await;
    let code = match &events.unwrap()[..] {
        [HostEvent::Published { .. }] => StatusCode::OK,
        [HostEvent::PublishFailed { code, .. }] => *code,
        other => panic!("{}: {other:?}", case.name),
    };
    (code, server.counts())
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn every_answer_leads_to_event_12294_or_12293_with_its_code() {
    let folder = key_folder();
    let mut wrong = Vec::new();
    let mut run = 0;
    for case in cases() {
        run += 1;
        let (code, counts) = publish(case, folder.path()).await;
        if code != case.code {
            wrong.push(format!("{}: {code}, and not {}", case.name, case.code));
        }
        if counts.messages() > 1 || counts.connections > 1 {
            wrong.push(format!("{}: {counts:?}", case.name));
        }
    }
    println!("{run} answers against the publisher");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
