//! A machine with a client, and the network that it is on.

use super::{FakeHost, LONG, NOW, authority, identity};
use core::sync::atomic::{AtomicU64, Ordering};
use kms_client::{Client, ClientConfig, OpenError, Report};
use kms_core::SeededEntropy;
use kms_keys::Catalogue;
use kms_testkit::{
    clock::ManualClock,
    dns::{DnsConfig, DnsServer, Record, RecordData, Zone},
};
use kms_trust::{Authority, HostCertificateRequest};
use std::{fs, path::PathBuf};
use tokio::time::timeout;

pub const PRODUCT: &str = "Windows 7 Enterprise";
pub const DOMAIN: &str = "contoso.test";

pub type TestClient = Client<ManualClock, SeededEntropy>;

pub struct Machine {
    pub folder: tempfile::TempDir,
    pub clock: ManualClock,
    pub authority: Authority,
    /// Lines of the configuration besides those that it must have.
    pub lines: String,
}

impl Machine {
    pub fn new(lines: impl Into<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(1);
        fs::write(folder.path().join("root.pem"), authority.root_pem()).unwrap();
        Self {
            folder,
            clock: ManualClock::new(NOW),
            authority,
            lines: lines.into(),
        }
    }

    /// A host that activates the product.
    pub fn honest(&self, seed: u64) -> FakeHost {
        let catalogue = Catalogue::builtin();
        let group = &catalogue.product_named(PRODUCT).unwrap().group;
        let validity = HostCertificateRequest::DEFAULT_VALIDITY;
        let identity = identity(&self.authority, seed, &[group.as_str()], validity);
        FakeHost::new(identity, 25, &self.clock)
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("client.state")
    }

    pub fn config(&self) -> ClientConfig {
        let text = format!(
            "root = \"root.pem\"\nproduct = \"{PRODUCT}\"\nstate = \"client.state\"\nmachine_name = \"ws-17\"\n{}",
            self.lines
        );
        ClientConfig::parse(&text, &self.folder.path().join("client.toml")).unwrap()
    }

    /// Opens the client, each time with entropy of its own.
    pub fn open(&self) -> Result<TestClient, OpenError> {
        static SEED: AtomicU64 = AtomicU64::new(1000);
        let seed = SEED.fetch_add(1, Ordering::SeqCst);
        Client::open(&self.config(), self.clock.clone(), SeededEntropy::new(seed))
    }
}

/// An attempt, with a deadline that a test never meets.
pub async fn activate(client: &mut TestClient) -> Report {
    timeout(LONG, client.activate()).await.unwrap().unwrap()
}

/// A DNS server with these records in [`DOMAIN`].
pub async fn dns(zone: Zone) -> DnsServer {
    let config = DnsConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        zones: vec![zone],
        tsig: None,
    };
    DnsServer::start(config).await.unwrap()
}

/// An SRV record of the service.
pub fn srv(priority: u16, target: &str, port: u16) -> Record {
    Record {
        name: format!("_vlmcs._tcp.{DOMAIN}"),
        ttl: 3600,
        data: RecordData::Srv {
            priority,
            weight: 0,
            port,
            target: target.to_owned(),
        },
    }
}
