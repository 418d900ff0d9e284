//! Running the binaries in a folder of their own, with deadlines.

use core::{fmt, net::SocketAddr, time::Duration};
use kms_testkit::process::{ChildGuard, ProcessError, Stream};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) const AUTHORITY: &str = env!("CARGO_BIN_EXE_authority");
pub(crate) const HOST: &str = env!("CARGO_BIN_EXE_host");
pub(crate) const CLIENT: &str = env!("CARGO_BIN_EXE_client");
pub(crate) const LAB: &str = env!("CARGO_BIN_EXE_lab");
pub(crate) const LOAD: &str = env!("CARGO_BIN_EXE_load");

/// Longer than anything takes, also on a machine with more to do.
pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) const SERVER: &str = "Windows Server 2008 R2 Standard";
pub(crate) const SERVER_B_KEY: &str = "windows/server-b/2008r2";

/// What a binary did.
#[derive(Debug)]
pub(crate) struct Outcome {
    command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nexit code {:?}\n--- stdout\n{}--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}

impl Outcome {
    /// It ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard output has each of these texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stdout.contains(text), "{text:?} is wanted of {self}");
        }
        self
    }

    /// Standard error has each of these texts and standard output nothing.
    #[track_caller]
    pub(crate) fn complains(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is wanted of {self}");
        }
        assert_eq!(self.stdout, "", "{self}");
        self
    }

    /// Standard output, which is one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

/// Runs a binary to its end.
pub(crate) async fn run(command: Command) -> Outcome {
    let shown = format!("{command:?}");
    let mut child = start(command);
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let collected = child
        .wait_for_line(LONG, |line| {
            let text = match line.stream {
                Stream::Stdout => &mut stdout,
                _ => &mut stderr,
            };
            text.push_str(&line.text);
            text.push('\n');
            false
        })
        .await;
    assert!(
        matches!(collected, Err(ProcessError::OutputEnded { .. })),
        "{shown}: {collected:?}"
    );
    Outcome {
        command: shown,
        code: child.wait(LONG).await.unwrap().code(),
        stdout,
        stderr,
    }
}

/// Runs a binary to its end, for tests that have no runtime.
pub(crate) fn run_blocking(command: Command) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(command))
}

pub(crate) fn start(mut command: Command) -> ChildGuard {
    command.stdin(Stdio::null());
    ChildGuard::start(command).unwrap()
}

/// A binary with nothing of this process's environment that changes what it does.
pub(crate) fn command(binary: &str) -> Command {
    let mut command = Command::new(binary);
    command.env_remove("RUST_LOG");
    command
}

/// A server in the words of a command line: one that AppArmor keeps to its own folders, as
/// distributions have it, is started without its profile.
pub(crate) fn server(program: &str) -> Vec<&str> {
    let begins = |path: &str, text: &str| {
        fs::read_to_string(path).is_ok_and(|content| content.starts_with(text))
    };
    // Who is confined himself may not change that.
    if begins("/sys/module/apparmor/parameters/enabled", "Y")
        && begins("/proc/self/attr/current", "unconfined")
    {
        vec!["aa-exec", "-p", "unconfined", "--", program]
    } else {
        vec![program]
    }
}

/// The same to be started here.
pub(crate) fn server_command(program: &str) -> Command {
    let words = server(program);
    let mut started = command(words[0]);
    started.args(&words[1..]);
    started
}

/// A folder in which the binaries run.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With an authority in `ca`, a host with a Server B key in `kms1`, and its `host.toml`. The host
    /// counts every machine, because they all have the address of this one.
    pub(crate) async fn with_host() -> Self {
        let folder = Self::new();
        folder.run(AUTHORITY, "init --dir ca").await.exits(0);
        folder
            .run(
                AUTHORITY,
                "certify --dir ca --host-key windows/server-b/2008r2 --name kms1.contoso.test --out kms1",
            )
            .await
            .exits(0);
        folder.write(
            "host.toml",
            "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n[admission]\npolicy = \"compat\"\n",
        );
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A client of one product that asks `host`, in `<name>.toml`, with a state file of its own.
    pub(crate) fn client(&self, name: &str, product: &str, host: SocketAddr) {
        self.client_with(name, product, &format!("host = \"{host}\"\n"));
    }

    /// As [`client`](Self::client), with these lines instead of a host.
    pub(crate) fn client_with(&self, name: &str, product: &str, lines: &str) {
        self.write(
            &format!("{name}.toml"),
            &format!(
                "root = \"ca/root.pem\"\nproduct = \"{product}\"\nstate = \"{name}.state\"\n{lines}"
            ),
        );
    }

    /// A binary in this folder, with arguments that hold no spaces.
    pub(crate) fn command(&self, binary: &str, arguments: &str) -> Command {
        let mut command = command(binary);
        command
            .current_dir(self.0.path())
            .args(arguments.split_whitespace());
        command
    }

    pub(crate) async fn run(&self, binary: &str, arguments: &str) -> Outcome {
        run(self.command(binary, arguments)).await
    }

    /// `client --config <name>.toml activate`.
    pub(crate) async fn activate(&self, name: &str) -> Outcome {
        self.run(CLIENT, &format!("--config {name}.toml activate"))
            .await
    }

    /// The JSON of `client --config <name>.toml status --json`.
    pub(crate) async fn status(&self, name: &str) -> serde_json::Value {
        self.run(CLIENT, &format!("--config {name}.toml status --json"))
            .await
            .exits(0)
            .json()
    }

    /// `host --config host.toml`, once it listens.
    pub(crate) async fn serve(&self) -> RunningHost {
        self.serve_with("host.toml").await
    }

    /// The same with another configuration.
    pub(crate) async fn serve_with(&self, config: &str) -> RunningHost {
        RunningHost::listening(start(self.command(HOST, &format!("--config {config}")))).await
    }
}

/// A host that serves until it is stopped or dropped.
pub(crate) struct RunningHost {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// What it logged before it listened.
    logged: String,
    pub(crate) child: ChildGuard,
}

impl RunningHost {
    /// A host that was started, once it listens.
    pub(crate) async fn listening(mut child: ChildGuard) -> Self {
        let mut logged = String::new();
        let line = child
            .wait_for_line(LONG, |line| {
                if line.stream == Stream::Stderr {
                    logged.push_str(&line.text);
                }
                line.stream == Stream::Stdout
            })
            .await
            .unwrap();
        let (name, address) = line.text.split_once(": listening on ").unwrap();
        Self {
            name: name.to_owned(),
            address: address.parse().unwrap(),
            logged,
            child,
        }
    }

    /// A host that was seen to listen there.
    pub(crate) fn at(address: SocketAddr, child: ChildGuard) -> Self {
        Self {
            name: String::new(),
            address,
            logged: String::new(),
            child,
        }
    }

    /// Ends it as a power cut does, as far as the process goes.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait(LONG).await.unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Ends it as a service manager does.
    pub(crate) async fn stop(mut self) {
        self.child.terminate().unwrap();
        assert_eq!(self.child.wait(LONG).await.unwrap().code(), Some(0));
    }

    /// Waits until it logs a line with this text; when asked again, for another one.
    pub(crate) async fn logs(&mut self, text: &str) {
        if let Some(place) = self.logged.find(text) {
            self.logged.replace_range(place..place + text.len(), "");
            return;
        }
        self.child
            .wait_for_line(LONG, |line| {
                line.stream == Stream::Stderr && line.text.contains(text)
            })
            .await
            .unwrap();
    }
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
