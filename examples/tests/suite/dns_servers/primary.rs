//! One interface to the servers that take updates.

use super::{
    bind,
    daemon::{self, Daemon, Listen},
    dig, knot, power_dns,
};
use core::{
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Weak},
    thread,
};
use tokio::sync::Mutex;

/// The programs that are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bind,
    Knot,
    PowerDns,
}

/// Who may change a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Updates {
    /// The hosts' keys: the service's SRV records, and addresses below `hosts`.
    Keys,
    Nobody,
    /// Whoever reaches the server, without a signature.
    Anybody,
}

/// A zone that a server has from the start.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) name: String,
    /// Who may change it.
    pub(crate) updates: Updates,
    /// Lines of the zone file besides the apex and `ns1`.
    pub(crate) records: String,
    /// The address of `ns1`, which is named as the primary; the server's own if `None`.
    pub(crate) primary: Option<String>,
    /// The primary that the SOA record names.
    pub(crate) primary_name: String,
}

impl Zone {
    /// One that takes updates and has nothing else.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            updates: Updates::Keys,
            records: String::new(),
            primary: None,
            primary_name: format!("ns1.{name}."),
        }
    }

    pub(crate) fn without_updates(name: &str) -> Self {
        Self {
            updates: Updates::Nobody,
            ..Self::new(name)
        }
    }

    /// One that the documents' `allow-update { any; }` makes.
    pub(crate) fn open(name: &str) -> Self {
        Self {
            updates: Updates::Anybody,
            ..Self::new(name)
        }
    }

    pub(crate) fn with_records(mut self, records: &str) -> Self {
        records.clone_into(&mut self.records);
        self
    }

    /// The zone file.
    pub(crate) fn text(&self, address: SocketAddr, serial: u32) -> String {
        let Self {
            name,
            records,
            primary_name,
            ..
        } = self;
        let primary = self.primary.clone();
        let primary = primary.unwrap_or_else(|| address.ip().to_string());
        format!(
            "$ORIGIN {name}.\n$TTL 300\n\
             @ IN SOA {primary_name} hostmaster.{name}. {serial} 3600 600 86400 60\n\
             @ IN NS ns1.{name}.\n\
             ns1 IN A {primary}\n\
             {records}"
        )
    }
}

/// What a server is configured from.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) address: SocketAddr,
    pub(crate) zones: &'a [Zone],
    /// Further options in the words of the server's configuration.
    pub(crate) options: &'a str,
    pub(crate) serial: u32,
}

impl Layout<'_> {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes the file of each zone, and names them.
    pub(crate) fn write_zones(&self) -> Vec<(&Zone, PathBuf)> {
        let write = |zone| {
            let path = self.write_zone(zone);
            (zone, path)
        };
        self.zones.iter().map(write).collect()
    }

    pub(crate) fn write_zone(&self, zone: &Zone) -> PathBuf {
        let path = self.file(&format!("{}.zone", zone.name));
        std::fs::write(&path, zone.text(self.address, self.serial)).unwrap();
        path
    }
}

/// A server that takes updates.
pub(crate) struct Primary {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
    daemon: Daemon,
    given: AtomicUsize,
}

/// How many zones a shared server has for tests.
const ZONES: usize = 60;
/// A zone of shared servers that takes no updates.
pub(crate) const STATIC: &str = "static.test";
/// A zone of shared servers that takes them from anybody.
pub(crate) const OPEN: &str = "open.test";

/// A zone of shared servers that delegates `west`.
const ABOVE: &str = "above.test";

impl Primary {
    /// A server of its own with these zones.
    pub(crate) async fn start(kind: Kind, listen: Listen, zones: &[Zone], options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configure: fn(&Layout<'_>) -> Command = match kind {
            Kind::Bind => bind::configure,
            Kind::Knot => knot::configure,
            Kind::PowerDns => power_dns::configure,
        };
        let make = |address, serial| {
            configure(&Layout {
                folder: folder.path(),
                address,
                zones,
                options,
                serial,
            })
        };
        let first = &zones[0].name;
        let (address, daemon) =
            daemon::start(listen, folder.path(), kind.packages(), first, make).await;
        for zone in zones {
            daemon::wait_for_zone(address, &zone.name).await;
        }
        Self {
            kind,
            address,
            folder,
            daemon,
            given: AtomicUsize::new(0),
        }
    }

    /// A zone that nobody else has, which takes updates.
    pub(crate) fn zone(&self) -> String {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        assert!(given < ZONES, "more tests than zones");
        test_zone(given)
    }

    /// A zone with updates and one below it, for one test.
    pub(crate) fn delegated(&self) -> (String, String) {
        (ABOVE.to_owned(), format!("west.{ABOVE}"))
    }

    /// A file of the server.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The SRV records of the service in a domain.
    pub(crate) async fn srv(&self, domain: &str) -> Vec<String> {
        self.records(&format!("_vlmcs._tcp.{domain}"), "SRV").await
    }

    pub(crate) async fn records(&self, name: &str, kind: &str) -> Vec<String> {
        dig::records(self.address, name, kind).await
    }
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}, {:?}", self.kind, self.address, self.daemon)
    }
}

impl Kind {
    pub(crate) const fn packages(self) -> &'static str {
        match self {
            Self::Bind => "bind9 bind9-dnsutils bind9-utils",
            Self::Knot => "knot bind9-dnsutils",
            Self::PowerDns => "pdns-server pdns-backend-sqlite3 bind9-dnsutils",
        }
    }

    /// The server of this kind that the tests share: started by the first that wants it, ended with
    /// the last that uses it.
    pub(crate) async fn shared(self) -> Shared {
        static SERVERS: [Mutex<Weak<Primary>>; 3] = [const { Mutex::const_new(Weak::new()) }; 3];
        let place = match self {
            Self::Bind => &SERVERS[0],
            Self::Knot => &SERVERS[1],
            Self::PowerDns => &SERVERS[2],
        };
        let mut place = place.lock().await;
        if let Some(running) = place.upgrade() {
            return Shared(running);
        }
        let mut zones: Vec<Zone> = (0..ZONES).map(|n| Zone::new(&test_zone(n))).collect();
        zones.push(Zone::without_updates(STATIC));
        zones.push(Zone::open(OPEN));
        let below = format!("west.{ABOVE}");
        let records = format!("west IN NS ns1.{below}.\nns1.west IN A 127.0.0.1\n");
        zones.push(Zone::new(ABOVE).with_records(&records));
        zones.push(Zone::new(&below));
        let primary = Arc::new(Primary::start(self, Listen::AnyPort, &zones, "").await);
        *place = Arc::downgrade(&primary);
        Shared(primary)
    }
}

fn test_zone(n: usize) -> String {
    format!("zone{n}.test")
}

/// A server in a test's use: when the test fails, it shows what the server logged.
#[derive(Debug)]
pub(crate) struct Shared(Arc<Primary>);

impl Deref for Shared {
    type Target = Primary;

    fn deref(&self) -> &Primary {
        &self.0
    }
}

impl Drop for Shared {
    #[expect(clippy::print_stderr, reason = "read by who looks at a failed test")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:?}", self.0);
        }
    }
}
