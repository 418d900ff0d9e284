//! A process that has no file descriptors left.

use crate::{
    fixture::Fixture,
    limits::unlimited,
    log::Lines,
    peer::{DEADLINE, Raw, Running, bind_bytes, soon},
};
use core::net::SocketAddr;
use kms_host::MemoryStore;
use kms_testkit::process::ChildGuard;
use kms_wire::pdu::PduType;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{env, fs::File, process::Command};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where the child below is to connect to, and be told what to do.
const CONTROL: &str = "KMS_HOST_DESCRIPTORS_TEST";

/// The host of the test below, in a process that may open few files. It takes all files or gives
/// some back as it is told, and says when it has.
#[tokio::test]
#[ignore = "the test below runs it in a process of its own"]
async fn a_host_that_the_test_below_runs() {
    let few = Rlimit {
        current: Some(64),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let (lines, _here) = Lines::count();
    let mut control = TcpStream::connect(env::var(CONTROL).unwrap())
        .await
        .unwrap();
    let fixture = Fixture::new();
    let host = Running::with_limits(&fixture, MemoryStore, unlimited(), 1);
    control.write_u16(host.address().port()).await.unwrap();
    let mut taken: Vec<File> = Vec::new();
    while let Ok(keep) = control.read_u8().await {
        taken.extend(core::iter::from_fn(|| File::open("/dev/null").ok()));
        taken.truncate(taken.len().saturating_sub(keep.into()));
        control.write_u32(lines.number()).await.unwrap();
    }
    host.end().await;
}

/// The host above, and how often peers were served by it and not.
struct Child {
    control: TcpStream,
    address: SocketAddr,
    tried: u32,
}

impl Child {
    /// Leaves the host so many descriptors. How many lines it has written to the log until then.
    async fn leave(&mut self, descriptors: u8) -> u32 {
        self.control.write_u8(descriptors).await.unwrap();
        soon(self.control.read_u32()).await.unwrap()
    }

    /// Connects and binds, unless the host turns it away.
    async fn peer(&mut self) -> Option<Raw> {
        self.tried += 1;
        let mut raw = Raw::connect(self.address).await;
        // It may be closed before the bind is out.
        let _ = raw.stream.write_all(&bind_bytes()).await;
        let (kind, _) = soon(raw.try_pdu()).await.ok()?;
        assert_eq!(kind, PduType::BIND_ACK);
        Some(raw)
    }

    /// The same, until it is served.
    async fn served(&mut self) -> Raw {
        soon(async {
            loop {
                if let Some(raw) = self.peer().await {
                    break raw;
                }
            }
        })
        .await
    }
}

#[tokio::test]
async fn a_host_without_descriptors_turns_peers_away_and_serves_again_when_it_has_some() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .env(CONTROL, listener.local_addr().unwrap().to_string())
        .args(["--ignored", "--exact"])
        .arg("descriptors::a_host_that_the_test_below_runs");
    let mut process = ChildGuard::start(command).unwrap();
    let (mut control, _) = soon(listener.accept()).await.unwrap();
    let port = soon(control.read_u16()).await.unwrap();
    let mut child = Child {
        control,
        address: ([127, 0, 0, 1], port).into(),
        tried: 0,
    };
    let first = child.peer().await.expect("there are descriptors yet");

    // Whoever waits for his peer gives way to who comes.
    child.leave(0).await;
    let second = child.served().await;
    assert_eq!(first.closed().await, [0_u8; 0]);
    let third = child.served().await;
    assert_eq!(second.closed().await, [0_u8; 0]);
    // With nobody to give way, nobody is left waiting either.
    drop(third);
    let mut turned_away = 0;
    while turned_away < 3 {
        child.leave(0).await;
        turned_away += u32::from(child.peer().await.is_none());
    }
    // It has rested between one try and the next: there are two at most for each peer.
    let lines = child.leave(20).await;
    assert!(lines <= 2 * child.tried + 5, "{lines} for {}", child.tried);
    let mut served = Vec::new();
    while served.len() < 8 {
        served.extend(child.peer().await);
    }
    drop((child, served));
    let status = process.wait(DEADLINE).await.unwrap();
    assert!(status.success(), "{status}");
}
