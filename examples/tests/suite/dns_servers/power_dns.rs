//! PowerDNS with its SQLite back end.

use super::{
    keys::{KNOWN, WITH_RIGHTS},
    primary::{Layout, Updates},
};
use crate::support::command;
use core::net::SocketAddr;
use rusqlite::{Connection, params};
use std::{fs, process::Command};

const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

pub(crate) fn configure(layout: &Layout<'_>) -> Command {
    let folder = layout.folder.display();
    let SocketAddr::V4(address) = layout.address else {
        panic!("an address of IPv4 is wanted");
    };
    let (ip, port) = (address.ip(), address.port());
    fs::write(
        layout.file("pdns.conf"),
        format!(
            "launch=gsqlite3\ngsqlite3-database={folder}/zones.db\nlocal-address={ip}\n\
             local-port={port}\nsocket-dir={folder}\ndnsupdate=yes\nallow-dnsupdate-from=\n\
             allow-axfr-ips=127.0.0.0/8\nreceiver-threads=1\ndistributor-threads=1\n\
             security-poll-suffix=\n{}\n",
            layout.options
        ),
    )
    .unwrap();
    fill(layout);
    let mut server = command("pdns_server");
    server
        .arg(format!("--config-dir={folder}"))
        .args(["--daemon=no", "--guardian=no"]);
    server
}

/// Zones, keys and who may use them, as `pdnsutil load-zone`, `import-tsig-key` and `set-meta` leave them:
/// one run of those for each of many zones would take minutes.
fn fill(layout: &Layout<'_>) {
    let schema = fs::read_to_string(SCHEMA).unwrap_or_else(|error| {
        panic!("cannot read {SCHEMA}: {error}; apt-get install pdns-backend-sqlite3")
    });
    let path = layout.file("zones.db");
    let _ = fs::remove_file(&path);
    let mut database = Connection::open(path).unwrap();
    database.execute_batch(&schema).unwrap();
    let all = database.transaction().unwrap();
    for key in KNOWN {
        all.execute(
            "INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)",
            params![key.name, key.algorithm, key.base64()],
        )
        .unwrap();
    }
    for zone in layout.zones {
        all.execute(
            "INSERT INTO domains (name, type) VALUES (?, 'NATIVE')",
            params![zone.name],
        )
        .unwrap();
        let id = all.last_insert_rowid();
        for line in zone.text(layout.address, layout.serial).lines() {
            let Some(record) = Record::read(line, &zone.name) else {
                continue;
            };
            all.execute(
                "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth) \
                 VALUES (?, ?, ?, ?, 300, 0, 0, 1)",
                params![id, record.name, record.kind, record.content],
            )
            .unwrap();
        }
        if zone.updates != Updates::Nobody {
            // Without the address nobody may update; without the keys everybody at it may.
            let address = ("ALLOW-DNSUPDATE-FROM", "127.0.0.0/8");
            let keys = WITH_RIGHTS
                .iter()
                .filter(|_| zone.updates == Updates::Keys)
                .map(|key| ("TSIG-ALLOW-DNSUPDATE", key.name));
            for (kind, content) in keys.chain([address]) {
                all.execute(
                    "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)",
                    params![id, kind, content],
                )
                .unwrap();
            }
        }
    }
    all.commit().unwrap();
}

/// A record as the back end keeps it: full names without their final dots.
struct Record {
    name: String,
    kind: String,
    content: String,
}

impl Record {
    fn read(line: &str, zone: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (name, "IN", kind) = (fields.next()?, fields.next()?, fields.next()?) else {
            return None;
        };
        let name = match name {
            "@" => zone.to_owned(),
            name => format!("{name}.{zone}"),
        };
        let content: Vec<&str> = fields
            .map(|field| field.strip_suffix('.').unwrap_or(field))
            .collect();
        Some(Self {
            name,
            kind: kind.to_owned(),
            content: content.join(" "),
        })
    }
}
