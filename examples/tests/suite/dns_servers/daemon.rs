//! Server processes with a log, that end with who started them.

use super::dig;
use crate::support::LONG;
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{
    fs::{self, File},
    io,
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tokio::time::{self, MissedTickBehavior};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often another port is tried, when somebody takes the free one first.
const PORTS: usize = 5;
/// How much of a log is worth reading.
const LAST_LINES: usize = 100;

/// A server that is killed by its process id when this goes.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    fn start(mut command: Command, log: &Path, package: &str) -> Self {
        let out = File::create(log).unwrap();
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {program:?}: {error}; apt-get install {package}")
            });
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// The end of what it logged.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn found_port_taken(&self) -> bool {
        let log = self.log().to_ascii_lowercase();
        log.contains("address in use") || log.contains("address already in use")
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}:\n{}", self.child.id(), self.log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a process that is gone. Waiting makes sure that its ports are free again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server is to listen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Listen {
    /// On a free port of 127.0.0.1.
    AnyPort,
    /// Here and nowhere else.
    At(SocketAddr),
}

/// Starts what `make` configures for an address, in `folder`, and waits until it answers for `zone` with
/// the serial number that `make` was given, so that nobody else on that port is taken for it.
pub(crate) async fn start(
    listen: Listen,
    folder: &Path,
    package: &str,
    zone: &str,
    mut make: impl FnMut(SocketAddr, u32) -> Command,
) -> (SocketAddr, Daemon) {
    let mut log = String::new();
    for _ in 0..PORTS {
        let address = match listen {
            Listen::At(address) => address,
            Listen::AnyPort => free_port([127, 0, 0, 1].into()).unwrap(),
        };
        let serial = next_serial();
        let command = make(address, serial);
        let mut daemon = Daemon::start(command, &folder.join("log"), package);
        if answers(&mut daemon, address, zone, Some(serial)).await {
            return (address, daemon);
        }
        log = daemon.log();
        assert!(daemon.found_port_taken(), "{package}: {log}");
    }
    panic!("{package}: {PORTS} ports were taken; its last log:\n{log}");
}

/// As [`start`], for a server whose answers carry another's serial number.
pub(crate) async fn start_resolver(
    folder: &Path,
    package: &str,
    zone: &str,
    mut make: impl FnMut(SocketAddr) -> Command,
) -> (SocketAddr, Daemon) {
    let mut log = String::new();
    for _ in 0..PORTS {
        let address = free_port([127, 0, 0, 1].into()).unwrap();
        let mut daemon = Daemon::start(make(address), &folder.join("log"), package);
        if answers(&mut daemon, address, zone, None).await {
            return (address, daemon);
        }
        log = daemon.log();
        assert!(daemon.found_port_taken(), "{package}: {log}");
    }
    panic!("{package}: {PORTS} ports were taken; its last log:\n{log}");
}

/// Whether it answers, or ends or fails before that.
async fn answers(
    daemon: &mut Daemon,
    address: SocketAddr,
    zone: &str,
    serial: Option<u32>,
) -> bool {
    let ready = async {
        let mut ticks = time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if daemon.has_ended() || daemon.found_port_taken() {
                return false;
            }
            let found = dig::serial(address, zone).await;
            if found.is_some() && (serial.is_none() || found == serial) {
                return true;
            }
        }
    };
    match time::timeout(LONG, ready).await {
        Ok(ready) => ready,
        Err(_) => panic!("no SOA of {zone} from {address}: {}", daemon.log()),
    }
}

/// Waits until the server at `address` has this zone.
pub(crate) async fn wait_for_zone(address: SocketAddr, zone: &str) {
    let ready = async {
        let mut ticks = time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if dig::serial(address, zone).await.is_some() {
                return;
            }
        }
    };
    let waited = time::timeout(LONG, ready).await;
    assert!(waited.is_ok(), "no SOA of {zone} from {address}");
}

/// A port that is free for UDP and TCP now.
pub(crate) fn free_port(ip: IpAddr) -> io::Result<SocketAddr> {
    let mut last = None;
    for _ in 0..PORTS {
        let udp = UdpSocket::bind((ip, 0))?;
        let address = udp.local_addr()?;
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// A loopback address that no other test and no other run of them uses.
pub(crate) fn own_loopback() -> IpAddr {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let count = LAST.fetch_add(1, Ordering::Relaxed) % 62;
    let last = 64 * u32::from(high % 4) + count + 1;
    Ipv4Addr::new(127, 53, low, u8::try_from(last).unwrap()).into()
}

/// A serial number that no other server of this machine has.
fn next_serial() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let count = LAST.fetch_add(1, Ordering::Relaxed);
    1_000 * (std::process::id() % 1_000_000) + count % 1_000 + 1
}
