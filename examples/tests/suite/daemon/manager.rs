//! What a host tells a service manager, and what it takes from one.

use crate::support::{Folder, HOST, LONG, RunningHost, run, start};
use rustix::process::Signal;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tokio::{net::UnixDatagram, time::timeout};

/// The socket of a service manager.
pub(super) struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    pub(super) fn new(folder: &Folder) -> Self {
        let path = folder.path("notify");
        Self {
            socket: UnixDatagram::bind(&path).unwrap(),
            path,
        }
    }

    /// `host --config host.toml` under this manager.
    pub(super) fn command(&self, folder: &Folder) -> Command {
        let mut command = folder.command(HOST, "--config host.toml");
        command.env("NOTIFY_SOCKET", &self.path);
        command
    }

    /// The next message that has this line, whole.
    pub(super) async fn told(&self, line: &str) -> String {
        let told = async {
            let mut bytes = [0; 4096];
            loop {
                let read = self.socket.recv(&mut bytes).await.unwrap();
                let text = String::from_utf8(bytes[..read].to_vec()).unwrap();
                if text.lines().any(|l| l == line) {
                    return text;
                }
            }
        };
        timeout(LONG, told).await.unwrap()
    }
}

#[tokio::test]
async fn a_host_is_ready_once_its_port_answers_and_tells_when_it_stops() {
    let folder = Folder::with_host().await;
    let manager = Manager::new(&folder);
    let child = start(manager.command(&folder));
    let ready = manager.told("READY=1").await;
    let mut host = RunningHost::listening(child).await;
    TcpStream::connect(host.address).unwrap();
    assert!(
        ready.contains("STATUS=Serving; 0 requests, 0 failed"),
        "{ready}"
    );
    host.signal(Signal::TERM);
    manager.told("STOPPING=1").await;
    assert_eq!(host.child.wait(LONG).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_signal_that_follows_at_once_is_obeyed_and_kills_nothing() {
    let folder = Folder::with_host().await;
    let manager = Manager::new(&folder);
    let mut child = start(manager.command(&folder));
    manager.told("READY=1").await;
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, Signal::HUP).unwrap();
    manager.told("RELOADING=1").await;
    manager.told("READY=1").await;
    child.terminate().unwrap();
    assert_eq!(child.wait(LONG).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_host_that_is_asked_to_says_that_it_is_alive() {
    let folder = Folder::with_host().await;
    let manager = Manager::new(&folder);
    let mut command = manager.command(&folder);
    command.env("WATCHDOG_USEC", "20000");
    let _host = RunningHost::listening(start(command)).await;
    for _ in 0..3 {
        manager.told("WATCHDOG=1").await;
    }
}

#[tokio::test]
async fn a_host_that_does_not_start_tells_why() {
    let folder = Folder::with_host().await;
    fs::remove_file(folder.path("kms1/host.key")).unwrap();
    let manager = Manager::new(&folder);
    run(manager.command(&folder)).await.exits(66);
    let mut bytes = [0; 4096];
    let read = manager.socket.try_recv(&mut bytes).unwrap();
    let told = String::from_utf8_lossy(&bytes[..read]);
    assert!(told.starts_with("STATUS=kms1/host.key: "), "{told}");
}

#[tokio::test]
#[ignore = "needs systemd-socket-activate, of the package systemd"]
async fn a_host_serves_the_sockets_that_it_is_given() {
    let folder = Folder::with_host().await;
    // Not this address, which nobody has.
    folder.write(
        "host.toml",
        "listen = \"192.0.2.1:1688\"\nidentity = \"kms1\"\n",
    );
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let mut command = folder.command(
        "systemd-socket-activate",
        &format!("--listen={address} {HOST} --config host.toml"),
    );
    command.env_remove("LISTEN_FDS");
    let mut child = start(command);
    child
        .wait_for_line(LONG, |line| line.text.contains("Listening on"))
        .await
        .unwrap();
    // The first connection starts the host, which must answer that very connection.
    let first = tokio::spawn(async move { crate::peer::Peer::connect(address).await.map(drop) });
    let host = RunningHost::listening(child).await;
    assert_eq!(host.address, address);
    timeout(LONG, first).await.unwrap().unwrap().unwrap();
    host.stop().await;
}

#[tokio::test]
async fn a_socket_that_does_not_listen_is_refused_with_the_remedy() {
    let folder = Folder::with_host().await;
    // Standard input is passed as the first socket, and is none.
    let mut command = folder.command(HOST, "--config host.toml");
    command
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDS_FIRST_FD", "0");
    run(command)
        .await
        .exits(78)
        .complains(&["LISTEN_FDS: socket 0", "Accept=no"]);
}

#[tokio::test]
async fn a_journal_that_does_not_read_standard_error_gets_nothing() {
    let folder = Folder::with_host().await;
    let mut command = folder.command(HOST, "--config host.toml");
    // As a program sees it that a service starts with its output sent elsewhere.
    command.env("JOURNAL_STREAM", "1:1");
    let mut host = RunningHost::listening(start(command)).await;
    host.signal(Signal::TERM);
    host.logs("stopping").await;
}

#[tokio::test]
#[ignore = "needs to be root where no journal runs, to take its place"]
async fn a_journal_is_given_the_data_of_an_event_as_fields() {
    let socket = Path::new("/run/systemd/journal/socket");
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let journal = UnixDatagram::bind(socket).unwrap();
    let folder = Folder::with_host().await;
    let stderr = fs::File::create(folder.path("stderr")).unwrap();
    let metadata = stderr.metadata().unwrap();
    let manager = Manager::new(&folder);
    let mut command = manager.command(&folder);
    command
        .env(
            "JOURNAL_STREAM",
            format!("{}:{}", metadata.dev(), metadata.ino()),
        )
        .stderr(stderr)
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    manager.told("READY=1").await;
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    let (_, address) = address.trim().rsplit_once(' ').unwrap();
    crate::host_status::asked(address.parse().unwrap()).await;
    let mut message = vec![0; 65_536];
    let event = async {
        loop {
            let read = journal.recv(&mut message).await.unwrap();
            let text = String::from_utf8_lossy(&message[..read]).into_owned();
            if text.contains("KMS_ID") {
                return text;
            }
        }
    };
    let event = timeout(LONG, event).await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(socket).unwrap();
    for field in [
        "KMS_RESULT",
        "KMS_CMID",
        "KMS_MACHINE",
        "ws-17.contoso.test",
    ] {
        assert!(event.contains(field), "{event}");
    }
    assert_eq!(folder.read("stderr"), b"", "the journal has it already");
}
