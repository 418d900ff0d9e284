//! BIND in the core, which takes the hosts' updates, and Unbound in each site, which keeps what it has
//! heard.

use super::network::{CORE_DNS, EAST, Network, Site, WEST};
use crate::support::{Folder, LONG, run, start};
use core::time::Duration;
use data_encoding::BASE64;
use kms_testkit::process::ChildGuard;
use std::{fs, os::unix::fs::PermissionsExt, process::Command};
use tokio::time::{self, MissedTickBehavior};

/// The hosts' key, in the folder.
pub(super) const KEY_FILE: &str = "tsig.key";
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The domain of a site.
pub(super) fn domain(site: &Site) -> String {
    format!("{}.contoso.test", site.name)
}

/// All of them, until this goes.
pub(super) struct NameServers {
    _processes: Vec<ChildGuard>,
}

impl NameServers {
    /// Starts them, and waits until each answers.
    pub(super) async fn start(network: &Network, folder: &Folder) -> Self {
        folder.write(
            KEY_FILE,
            &format!(
                "key \"kms-hosts\" {{\n  algorithm hmac-sha256;\n  secret \"{}\";\n}};\n",
                BASE64.encode(&[7; 32])
            ),
        );
        fs::set_permissions(folder.path(KEY_FILE), fs::Permissions::from_mode(0o600)).unwrap();
        let mut processes = vec![start(bind(network, folder))];
        for site in [&EAST, &WEST] {
            processes.push(start(unbound(network, folder, site)));
        }
        let servers = Self {
            _processes: processes,
        };
        for site in [&EAST, &WEST] {
            for server in site.router() {
                let zone = domain(site);
                let is_there = |found: &[String]| !found.is_empty();
                ask(network, site.name, &server, &zone, "SOA", is_there).await;
            }
        }
        servers
    }
}

fn bind(network: &Network, folder: &Folder) -> Command {
    let directory = folder.path("bind");
    fs::create_dir(&directory).unwrap();
    let [v4, v6] = CORE_DNS;
    let mut text = format!(
        "include \"{}\";\n\
         options {{ directory \"{}\"; pid-file none; session-keyfile none; lock-file none;\n\
         listen-on {{ {v4}; }}; listen-on-v6 {{ {v6}; }};\n\
         recursion no; dnssec-validation no; notify no; }};\n\
         controls {{ }};\n",
        folder.path(KEY_FILE).display(),
        directory.display(),
    );
    for site in [&EAST, &WEST] {
        let zone = domain(site);
        fs::write(
            directory.join(&zone),
            format!(
                "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A {v4}\nns AAAA {v6}\n"
            ),
        )
        .unwrap();
        text += &format!(
            "zone \"{zone}\" {{ type primary; file \"{zone}\"; update-policy {{ \
             grant kms-hosts name _vlmcs._tcp.{zone}. SRV; \
             grant kms-hosts subdomain {zone}. A AAAA; }}; }};\n"
        );
    }
    folder.write("named.conf", &text);
    let mut named = network.command("core", "named");
    named.arg("-g").arg("-c").arg(folder.path("named.conf"));
    named
}

fn unbound(network: &Network, folder: &Folder, site: &Site) -> Command {
    let [v4, v6] = site.router();
    let mut text = format!(
        "server:\n  interface: {v4}\n  interface: {v6}\n  access-control: 0.0.0.0/0 allow\n  \
         access-control: ::/0 allow\n  do-daemonize: no\n  use-syslog: no\n  username: \"\"\n  \
         chroot: \"\"\n  pidfile: \"\"\n  module-config: \"iterator\"\n  \
         local-zone: \"test.\" nodefault\nremote-control:\n  control-enable: no\n"
    );
    for zone in [&EAST, &WEST].map(domain) {
        text += &format!("stub-zone:\n  name: \"{zone}\"\n");
        for server in CORE_DNS {
            text += &format!("  stub-addr: {server}\n");
        }
    }
    let file = format!("unbound-{}.conf", site.name);
    folder.write(&file, &text);
    let mut unbound = network.command(site.name, "unbound");
    unbound.arg("-d").arg("-c").arg(folder.path(&file));
    unbound
}

/// What `dig` finds at a server, sorted, once it is as wanted.
pub(super) async fn ask(
    network: &Network,
    namespace: &str,
    server: &str,
    name: &str,
    kind: &str,
    wanted: impl Fn(&[String]) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    let asking = async {
        let mut ticks = time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut dig = network.command(namespace, "dig");
            let server = format!("@{server}");
            dig.args([&server, name, kind, "+short", "+time=2", "+tries=1"]);
            let outcome = run(dig).await;
            // With no answer it prints a comment, and another code.
            if outcome.code == Some(0) {
                found = outcome.stdout.lines().map(str::to_owned).collect();
                found.sort();
                if wanted(&found) {
                    return;
                }
            }
        }
    };
    let asked = time::timeout(LONG, asking).await;
    assert!(asked.is_ok(), "{name} {kind} from {server}: {found:?}");
    found
}
