//! A table that counts beside a store, as the host engine's does.

use core::time::Duration;
use kms_core::{
    ActivationId, Cmid, CountedId, LicenseStatus, Now, SeededEntropy, StatusCode, Threshold,
    Timestamp,
};
use kms_count::{Admission, CmidTable, Config, Guarded, Quota, Request, Snapshot, Source};
use kms_host::{Entry, Metrics, RequestProcessed, SqliteStore, StoreConfig};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

use crate::fixture::START;

/// A folder with a store in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("host.db")
    }

    pub(crate) fn config(&self) -> StoreConfig {
        config(&self.path())
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.config(), Arc::default()).unwrap()
    }

    pub(crate) fn refusal(&self) -> String {
        match SqliteStore::open(&self.config(), Arc::<Metrics>::default()) {
            Ok(_) => panic!("it was opened"),
            Err(error) => error.to_string(),
        }
    }
}

pub(crate) fn config(path: &Path) -> StoreConfig {
    let mut config = StoreConfig::default();
    config.path = path.to_owned();
    config
}

/// The table, and the time.
pub(crate) struct Model {
    pub(crate) table: CmidTable,
    pub(crate) now: Now,
}

/// A request as a test tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) machine: u32,
    pub(crate) family: u8,
    pub(crate) threshold: u32,
    pub(crate) status: u32,
    pub(crate) name: &'static str,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            machine: 1,
            family: 1,
            threshold: 5,
            status: 2,
            name: "ws-1",
        }
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    /// A table that knows of each machine when it asked first and from where, as the store does.
    pub(crate) fn with(config: Config) -> Self {
        let guarded = Guarded::default().with_quota(Quota::Machines(u32::MAX));
        let config = config.with_admission(Admission::Guarded(guarded));
        Self::of(config)
    }

    fn of(config: Config) -> Self {
        Self {
            table: CmidTable::new(config, &mut SeededEntropy::new(1)),
            now: START,
        }
    }

    pub(crate) fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    /// A request that is answered, as the table counts it.
    pub(crate) fn answered(&mut self, ask: Ask) -> Entry {
        let request = Request {
            counted_id: counted_id(ask.family),
            cmid: cmid(ask.machine),
            threshold: Threshold::new(ask.threshold).unwrap(),
            license_status: status(ask.status),
            virtual_machine: false,
            source: Some(source(ask.machine)),
            quota: None,
        };
        let recorded = self.table.record(&request, self.now);
        Entry::Answered {
            request,
            at: self.now.wall,
            change: recorded.change,
            dropped: recorded.dropped,
            event: processed(ask, StatusCode::OK),
        }
    }

    /// A request that is refused.
    pub(crate) fn failed(&mut self, ask: Ask) -> Entry {
        let (counted_id, license_status) = (Some(counted_id(ask.family)), Some(status(ask.status)));
        self.table.record_failure(counted_id, license_status);
        let code = StatusCode::VL_INVALID_TIMESTAMP;
        Entry::Failed {
            counted_id,
            license_status,
            source: Some(source(ask.machine)),
            at: self.now.wall,
            event: Some(processed(ask, code)),
        }
    }

    /// A message that was not understood.
    pub(crate) fn malformed(&mut self) -> Entry {
        self.table.record_failure(None, None);
        Entry::Failed {
            counted_id: None,
            license_status: None,
            source: None,
            at: self.now.wall,
            event: None,
        }
    }

    /// What a host that starts from `snapshot` counts.
    pub(crate) fn restarted(&self, snapshot: &Snapshot) -> Snapshot {
        let entropy = &mut SeededEntropy::new(2);
        CmidTable::restore(self.table.config(), snapshot, entropy, self.now)
            .unwrap()
            .snapshot()
    }
}

pub(crate) fn counted_id(family: u8) -> CountedId {
    format!("00000000-0000-4000-8000-0000000000{family:02x}")
        .parse()
        .unwrap()
}

pub(crate) fn cmid(machine: u32) -> Cmid {
    format!("11111111-1111-4111-8111-{:012x}", u64::from(machine) + 1)
        .parse()
        .unwrap()
}

pub(crate) fn source(machine: u32) -> Source {
    let [.., low] = machine.to_be_bytes();
    if machine.is_multiple_of(2) {
        format!("192.0.2.{low}").parse().unwrap()
    } else {
        format!("2001:db8:0:{low:x}::/64").parse().unwrap()
    }
}

pub(crate) fn activation_id() -> ActivationId {
    "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap()
}

fn status(number: u32) -> LicenseStatus {
    LicenseStatus::try_from(number).unwrap()
}

pub(crate) fn processed(ask: Ask, code: StatusCode) -> RequestProcessed {
    RequestProcessed {
        code,
        required_count: 25,
        machine_name: ask.name.parse().unwrap(),
        cmid: cmid(ask.machine),
        client_time: Timestamp::from_millis(1_137_278_160_000),
        virtual_machine: ask.machine.is_multiple_of(3),
        license_status: status(ask.status),
        minutes_remaining: 40_123,
        activation_id: activation_id(),
    }
}
