//! Knot DNS.

use super::{
    keys::{KNOWN, WITH_RIGHTS},
    primary::{Layout, Updates},
};
use crate::support::command;
use core::fmt::Write as _;
use std::{fs, process::Command};

pub(crate) fn configure(layout: &Layout<'_>) -> Command {
    let folder = layout.folder.display();
    let (ip, port) = (layout.address.ip(), layout.address.port());
    let mut text = format!(
        "server:\n  rundir: \"{folder}\"\n  listen: {ip}@{port}\n\
         \x20 udp-workers: 1\n  tcp-workers: 2\n  background-workers: 1\n{}\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n  storage: \"{folder}/db\"\n  journal-db-max-size: 64M\nkey:\n",
        layout.options
    );
    for key in KNOWN {
        let (name, algorithm, secret) = (key.name, key.algorithm, key.base64());
        writeln!(
            text,
            "  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}"
        )
        .unwrap();
    }
    // One rule for both names: Knot wants one that allows the whole update.
    let names: Vec<&str> = WITH_RIGHTS.iter().map(|key| key.name).collect();
    writeln!(
        text,
        "acl:\n  - id: transfer\n    address: 127.0.0.0/8\n    action: transfer\n\
         \x20 - id: anybody\n    address: 127.0.0.0/8\n    action: update\n\
         \x20 - id: hosts\n    key: [{}]\n    action: update\n    update-type: [SRV, A, AAAA]\n\
         \x20   update-owner: name\n    update-owner-match: sub-or-equal\n\
         \x20   update-owner-name: [_vlmcs._tcp, hosts, _vlmcs._tcp.east, hosts.east]\nzone:",
        names.join(", ")
    )
    .unwrap();
    for (zone, file) in layout.write_zones() {
        let acl = match zone.updates {
            Updates::Keys => "[transfer, hosts]",
            Updates::Nobody => "transfer",
            Updates::Anybody => "[transfer, anybody]",
        };
        writeln!(
            text,
            "  - domain: {}\n    file: \"{}\"\n    acl: {acl}\n    zonefile-sync: -1\n\
             \x20   zonefile-load: difference-no-serial\n    journal-content: all\n\
             \x20   journal-max-usage: 1M",
            zone.name,
            file.display()
        )
        .unwrap();
    }
    fs::create_dir_all(layout.file("db")).unwrap();
    let path = layout.file("knot.conf");
    fs::write(&path, text).unwrap();
    let mut knotd = command("knotd");
    knotd.arg("-c").arg(path);
    knotd
}
