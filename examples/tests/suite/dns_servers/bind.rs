//! BIND 9.

use super::{
    daemon::free_port,
    keys::{KNOWN, WITH_RIGHTS},
    primary::{Layout, Primary, Updates, Zone},
};
use crate::support::{Outcome, command, run, server_command};
use core::fmt::Write as _;
use std::{fs, process::Command};

/// A key that `tsig-keygen` makes, with the hosts' rights, and its file.
pub(crate) const GENERATED: &str = "generated.key";

pub(crate) fn configure(layout: &Layout<'_>) -> Command {
    let folder = layout.folder.display();
    let (ip, port) = (layout.address.ip(), layout.address.port());
    let control = free_port(ip).unwrap().port();
    fs::write(layout.file("control"), control.to_string()).unwrap();
    let generated = Command::new("tsig-keygen")
        .args(["-a", "hmac-sha256", GENERATED])
        .output()
        .unwrap_or_else(|error| panic!("cannot start tsig-keygen: {error}; apt-get install bind9"));
    fs::write(layout.file(GENERATED), generated.stdout).unwrap();
    let mut text: String = KNOWN.iter().map(super::keys::Key::text).collect();
    KNOWN[0].write(&layout.file("control.key"));
    write!(
        text,
        "include \"{folder}/{GENERATED}\";\n\
         controls {{ inet {ip} port {control} allow {{ any; }} keys {{ \"{}\"; }}; }};\n\
         options {{\n\
         directory \"{folder}\"; pid-file none; session-keyfile none; lock-file none;\n\
         listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }};\n\
         recursion no; dnssec-validation no; notify no; allow-transfer {{ any; }};\n\
         {}\n}};\n\
         logging {{ channel out {{ stderr; severity info; print-category yes; }};\n\
         category default {{ out; }}; category update {{ out; }}; category update-security {{ out; }}; }};\n",
        KNOWN[0].name, layout.options
    )
    .unwrap();
    for (zone, file) in layout.write_zones() {
        let Zone { name, updates, .. } = zone;
        let policy = match updates {
            Updates::Keys => policy(name),
            Updates::Nobody => String::new(),
            Updates::Anybody => "allow-update { any; }; ".to_owned(),
        };
        let file = file.display();
        writeln!(
            text,
            "zone \"{name}\" {{ type primary; file \"{file}\"; {policy}}};"
        )
        .unwrap();
    }
    let path = layout.file("named.conf");
    fs::write(&path, text).unwrap();
    let mut named = server_command("named");
    named.arg("-g").arg("-c").arg(path);
    named
}

/// What the deployment needs and no more: the service's name in the zone's own domain and in `east`, and addresses of
/// hosts in both.
fn policy(zone: &str) -> String {
    let mut policy = "update-policy {".to_owned();
    for key in WITH_RIGHTS
        .map(|key| key.name)
        .into_iter()
        .chain([GENERATED])
    {
        for domain in [zone, &format!("east.{zone}")] {
            write!(
                policy,
                " grant {key} name _vlmcs._tcp.{domain}. SRV; \
                 grant {key} subdomain hosts.{domain}. A AAAA;"
            )
            .unwrap();
        }
    }
    policy + " }; "
}

/// `rndc` with these arguments.
pub(crate) async fn rndc(primary: &Primary, arguments: &str) -> Outcome {
    let mut rndc = command("rndc");
    rndc.args(["-s", &primary.address.ip().to_string(), "-p"]);
    rndc.arg(fs::read_to_string(primary.file("control")).unwrap());
    rndc.arg("-k").arg(primary.file("control.key"));
    rndc.args(arguments.split_whitespace());
    run(rndc).await
}
