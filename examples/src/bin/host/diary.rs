//! What a running host tells, through its store, to the commands beside it, and what they tell it.

use core::time::Duration;
use kms_host::{
    HostService, MemoryRecords, MemoryStore, Metrics, PublishedRecords, SqliteStore, Store,
    StoredSettings,
    store::sqlite::{OpenError, RunningHost, StoreReader},
};
use kms_service::SystemClock;
use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

/// How often the settings are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// In how many looks the client machine ids are counted that several machines use: all clients are
/// read for that.
const LOOKS_FOR_DUPLICATES: u32 = 300;

/// A store that the commands beside the host can read, or none.
pub(crate) trait Diary: Store + Sized {
    /// Writes down what the host says of itself, in its turn. The future ends when it is kept, or
    /// cannot be; it may be dropped.
    fn write(&self, host: RunningHost) -> impl Future<Output = ()> + Send + 'static;

    /// What administrators set, now and after each change. How many client machine ids are used by
    /// several machines goes into `metrics` on the way.
    ///
    /// # Errors
    /// When it cannot be read.
    fn watch(&self, metrics: Arc<Metrics>) -> Result<SettingsWatch, OpenError>;

    /// Where what was published is remembered.
    fn published_records(
        service: &Arc<HostService<Self, SystemClock>>,
    ) -> Arc<dyn PublishedRecords>;
}

impl Diary for MemoryStore {
    fn write(&self, _host: RunningHost) -> impl Future<Output = ()> + Send + 'static {
        core::future::ready(())
    }

    fn watch(&self, _metrics: Arc<Metrics>) -> Result<SettingsWatch, OpenError> {
        let (_, changes) = watch::channel(StoredSettings::default());
        Ok(SettingsWatch {
            changes,
            looking: None,
        })
    }

    fn published_records(
        _service: &Arc<HostService<Self, SystemClock>>,
    ) -> Arc<dyn PublishedRecords> {
        Arc::new(MemoryRecords::default())
    }
}

impl Diary for SqliteStore {
    fn write(&self, host: RunningHost) -> impl Future<Output = ()> + Send + 'static {
        let kept = self.set_host(host);
        async {
            // A store that cannot keep it says so itself.
            let _ = kept.await;
        }
    }

    fn watch(&self, metrics: Arc<Metrics>) -> Result<SettingsWatch, OpenError> {
        let reader = self.reader()?;
        let (tell, changes) = watch::channel(reader.settings()?);
        let (stop, stopped) = mpsc::channel::<()>();
        // A thread of its own, because a disk may take its time.
        let thread = thread::Builder::new()
            .name("settings".to_owned())
            .spawn(move || {
                for look in 0_u32.. {
                    if look % LOOKS_FOR_DUPLICATES == 0 {
                        count_duplicates(&reader, &metrics);
                    }
                    let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK_EVERY) else {
                        return;
                    };
                    match reader.settings() {
                        Ok(settings) => {
                            tell.send_if_modified(|told| {
                                core::mem::replace(told, settings) != settings
                            });
                        }
                        Err(error) => tracing::debug!(%error, "the settings cannot be read"),
                    }
                }
            })
            .map_err(|source| OpenError::Io {
                path: self.path().to_owned(),
                doing: "start the thread that reads the settings",
                source,
            })?;
        Ok(SettingsWatch {
            changes,
            looking: Some(Looking {
                stop: Some(stop),
                thread: Some(thread),
            }),
        })
    }

    fn published_records(
        service: &Arc<HostService<Self, SystemClock>>,
    ) -> Arc<dyn PublishedRecords> {
        Arc::clone(service) as _
    }
}

fn count_duplicates(reader: &StoreReader, metrics: &Metrics) {
    match reader.duplicates() {
        Ok(duplicates) => {
            metrics.set_duplicate_cmids(u64::try_from(duplicates.len()).unwrap_or(u64::MAX));
        }
        Err(error) => tracing::debug!(%error, "the clients cannot be read"),
    }
}

/// What administrators set. Dropping it ends the looking.
pub(crate) struct SettingsWatch {
    changes: watch::Receiver<StoredSettings>,
    looking: Option<Looking>,
}

struct Looking {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SettingsWatch {
    /// The present settings.
    pub(crate) fn current(&mut self) -> StoredSettings {
        *self.changes.borrow_and_update()
    }

    /// Ends when the settings changed. Where nobody can change them it never does.
    pub(crate) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() || self.looking.is_none() {
            core::future::pending().await
        }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic, and if it did, its panic is told already.
            let _ = thread.join();
        }
    }
}
