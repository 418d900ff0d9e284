//! `host publish` and `host withdraw`, and the host that publishes itself.

mod changes;
mod dry_run;
mod manual;
mod once;
mod shown;
mod withdraw;

use crate::support::{Folder, HOST, RunningHost};
use data_encoding::BASE64;
use kms_testkit::dns::{DnsConfig, DnsServer, RecordData, RecordType, TsigSecret, Zone};
use std::net::TcpListener;

const SECRET: [u8; 32] = [7; 32];

/// A primary of contoso.test and fabrikam.test.
async fn dns() -> DnsServer {
    DnsServer::start(DnsConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        zones: vec![Zone::new("contoso.test"), Zone::new("fabrikam.test")],
        tsig: Some(TsigSecret {
            name: "kms-hosts".to_owned(),
            secret: SECRET.to_vec(),
        }),
    })
    .await
    .unwrap()
}

/// A host named kms1.contoso.test, with the key that the server knows.
async fn folder() -> Folder {
    let folder = Folder::with_host().await;
    write_key(&folder, &SECRET);
    folder
}

fn write_key(folder: &Folder, secret: &[u8]) {
    folder.write(
        "tsig.key",
        &format!(
            "key \"kms-hosts\" {{\n  algorithm hmac-sha256;\n  secret \"{}\";\n}};\n",
            BASE64.encode(secret)
        ),
    );
    folder.set_mode("tsig.key", 0o600);
}

/// Writes `host.toml`: listening on `port`, publishing in `domains`, a list in TOML, and with these
/// lines at the end of `[dns]`.
fn configure(folder: &Folder, dns: &DnsServer, port: u16, domains: &str, lines: &str) {
    folder.write(
        "host.toml",
        &format!(
            "listen = \"127.0.0.1:{port}\"\nidentity = \"kms1\"\n[dns]\nserver = \"{}\"\n\
             key_file = \"tsig.key\"\naddresses = [\"192.0.2.10\"]\ndomains = {domains}\n{lines}",
            dns.address()
        ),
    );
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

async fn host(folder: &Folder, arguments: &str) -> crate::support::Outcome {
    folder
        .run(HOST, &format!("--config host.toml {arguments}"))
        .await
}

/// The SRV records of a domain, as `priority weight port target`, in order.
async fn srv(dns: &DnsServer, domain: &str) -> Vec<String> {
    let name = format!("_vlmcs._tcp.{domain}");
    let records = dns.records(&name, RecordType::Srv).await.unwrap();
    let mut texts: Vec<String> = records
        .into_iter()
        .map(|record| match record.data {
            RecordData::Srv {
                priority,
                weight,
                port,
                target,
            } => format!("{priority} {weight} {port} {target}"),
            other => panic!("{other:?}"),
        })
        .collect();
    texts.sort();
    texts
}

/// The IPv4 addresses of a name.
async fn a(dns: &DnsServer, name: &str) -> Vec<String> {
    let records = dns.records(name, RecordType::A).await.unwrap();
    records
        .into_iter()
        .map(|record| match record.data {
            RecordData::A(address) => address.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Waits until the host has published itself so many times more.
async fn published(host: &mut RunningHost, times: usize) {
    for _ in 0..times {
        host.logs("id=12294").await;
    }
}
