use core::time::Duration;
use kms_core::{Cmid, CountedId, LicenseStatus, Now, SeededEntropy, Threshold, Tick, Timestamp};
use kms_count::{CmidTable, Config, Recorded, Request};
use uuid::Uuid;

pub(crate) const MILLI: Duration = Duration::from_millis(1);
pub(crate) const WINDOWS: CountedId = CountedId::new(Uuid::from_u128(0x81));
pub(crate) const OFFICE: CountedId = CountedId::new(Uuid::from_u128(0x0f));

pub(crate) fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

pub(crate) fn cmid(number: u32) -> Cmid {
    // The low half keeps number 0 from being nil.
    Cmid::new(Uuid::from_u128(
        0x4000_0000_0000_0000 | (u128::from(number) << 64),
    ))
    .unwrap()
}

pub(crate) fn threshold(machines: u32) -> Threshold {
    Threshold::new(machines).unwrap()
}

/// A request for a Windows client, whose threshold is 25.
pub(crate) fn client(number: u32) -> Request {
    Request {
        counted_id: WINDOWS,
        cmid: cmid(number),
        threshold: threshold(25),
        license_status: LicenseStatus::OobGrace,
        virtual_machine: false,
        source: None,
        quota: None,
    }
}

/// A request for a Windows Server, whose threshold is 5.
pub(crate) fn server(number: u32) -> Request {
    Request {
        threshold: threshold(5),
        ..client(number)
    }
}

pub(crate) fn virtual_machine(request: Request) -> Request {
    Request {
        virtual_machine: true,
        ..request
    }
}

/// A table with its clocks.
pub(crate) struct Host {
    pub(crate) table: CmidTable,
    pub(crate) now: Now,
}

impl Host {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            table: CmidTable::new(config, &mut SeededEntropy::new(1)),
            now: Now::new(
                Tick::from_millis(12_345),
                Timestamp::from_millis(1_700_000_000_000),
            ),
        }
    }

    pub(crate) fn ask(&mut self, request: Request) -> Recorded {
        self.table.record(&request, self.now)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// The count of Windows machines now.
    pub(crate) fn count(&mut self) -> u32 {
        self.table.handle_timeout(self.now);
        self.table
            .family(WINDOWS)
            .map_or(0, |family| family.count())
    }

    /// The numbers of the Windows machines, oldest to newest.
    pub(crate) fn machines(&self) -> Vec<u32> {
        let number = |cmid: Cmid| u32::try_from(cmid.as_uuid().as_u128() >> 64).unwrap();
        self.table
            .family(WINDOWS)
            .into_iter()
            .flat_map(|family| family.records())
            .map(|record| number(record.cmid))
            .collect()
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new(Config::default())
    }
}
