//! Where a page's commands run: folders, addresses and ports in place of those in its examples, a BIND that
//! stands ready as a distribution installs it, and a host that is certified.

use super::page::{Step, is_as_told};
use crate::support::{
    CLIENT, Folder, HOST, LONG, RunningHost, command, run, server_command, start,
};
use kms_testkit::process::{ChildGuard, Stream};
use std::{
    env, fs,
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
};

pub(super) struct Place {
    folder: Folder,
    /// What stands in the examples, and what is in its place here.
    ports: [(&'static str, u16); 3],
    named: ChildGuard,
    host: Option<RunningHost>,
}

impl Place {
    pub(super) async fn new() -> Self {
        let folder = Folder::with_host().await;
        for name in ["etc-bind", "var-lib-bind", "etc-kms"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        fs::rename(folder.path("kms1"), folder.path("etc-kms/kms1")).unwrap();
        fs::copy(folder.path("ca/root.pem"), folder.path("etc-kms/root.pem")).unwrap();
        let ports = [
            ("53", free_port()),
            ("953", free_port()),
            ("1688", free_port()),
        ];
        let [(_, dns), (_, control), _] = ports;
        let etc = folder.path("etc-bind").display().to_string();
        let key = format!("rndc-confgen -a -c {etc}/rndc.key");
        run(shell(&key)).await.exits(0);
        folder.write("etc-bind/kms.conf", "");
        folder.write(
            "etc-bind/named.conf",
            &format!(
                "include \"{etc}/rndc.key\"; include \"{etc}/kms.conf\";\n\
                 controls {{ inet 127.0.0.1 port {control} allow {{ 127.0.0.1; }} keys {{ rndc-key; }}; }};\n\
                 options {{ directory \"{etc}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 listen-on port {dns} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
                 recursion no; dnssec-validation no; notify no; }};\n"
            ),
        );
        let mut named = server_command("named");
        named.args(["-g", "-c", &format!("{etc}/named.conf")]);
        let mut named = start(named);
        logs(&mut named, " running").await;
        Self {
            folder,
            ports,
            named,
            host: None,
        }
    }

    /// Text of the page as it is here.
    pub(super) fn here(&self, text: &str) -> String {
        let text = text
            .replace("192.0.2.53", "127.0.0.1")
            .replace("192.0.2.10", "127.0.0.1")
            .replace("client dns-audit", "client dns-audit --allow-loopback");
        // The ports stand alone: not in longer numbers, nor in names.
        let mut here = String::new();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
        for word in text.split_inclusive(|c| !is_part(c)) {
            let number = word.trim_end_matches(|c| !is_part(c));
            let port = self.ports.iter().find(|(port, _)| *port == number);
            match port {
                Some((port, here_port)) => {
                    here += &word.replacen(port, &here_port.to_string(), 1);
                }
                None => here += word,
            }
        }
        let folder = self.folder.path("");
        let folder = folder.to_str().unwrap().trim_end_matches('/');
        here.replace("/etc/bind", &format!("{folder}/etc-bind"))
            .replace("/var/lib/bind", &format!("{folder}/var-lib-bind"))
            .replace("/etc/kms", &format!("{folder}/etc-kms"))
    }

    /// Does one step, and compares what is printed with what the page tells.
    pub(super) async fn follow(&mut self, step: &Step) {
        match step {
            Step::File { path, text } => fs::write(self.here(path), self.here(text)).unwrap(),
            Step::Run {
                command,
                prints,
                code,
            } => {
                let mut shell = shell(&format!("{{ {} ; }} 2>&1", self.here(command)));
                shell.current_dir(self.folder.path(""));
                let outcome = run(shell).await;
                let told: Vec<String> = prints.iter().map(|line| self.here(line)).collect();
                let printed: Vec<&str> = outcome.stdout.lines().collect();
                assert!(
                    outcome.code == Some(*code) && is_as_told(&told, &printed),
                    "{code} is wanted, and:\n{}\n\n{outcome}",
                    told.join("\n")
                );
                if command.contains("reconfig") {
                    logs(&mut self.named, "any newly configured zones are now loaded").await;
                }
            }
            Step::Note(note) => match note.as_str() {
                "the host starts" => {
                    let host = start(self.folder.command(HOST, "--config etc-kms/host.toml"));
                    self.host = Some(RunningHost::listening(host).await);
                }
                "the host is stopped" => self.host.take().unwrap().stop().await,
                other => panic!("the page has a comment that is not known: {other}"),
            },
        }
    }
}

/// A shell that finds the binaries of this workspace first: another `host` asks DNS.
fn shell(script: &str) -> Command {
    let mut folders: Vec<PathBuf> = [HOST, CLIENT]
        .iter()
        .filter_map(|binary| Path::new(binary).parent())
        .map(Path::to_owned)
        .collect();
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    // Where Debian has the daemons.
    folders.push("/usr/sbin".into());
    let mut shell = command("sh");
    shell.env("PATH", env::join_paths(folders).unwrap());
    shell.args(["-c", script]);
    shell
}

async fn logs(named: &mut ChildGuard, text: &str) {
    named
        .wait_for_line(LONG, |line| {
            line.stream == Stream::Stderr && line.text.ends_with(text)
        })
        .await
        .unwrap_or_else(|error| panic!("named does not log {text:?}: {error}"));
}

/// A port that is free for both TCP and UDP.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
}
