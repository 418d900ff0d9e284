//! What a running host tells, through its store, to the commands beside it, and what they tell it.

use core::time::Duration;
use kms_host::{
    MemoryStore, SqliteStore, Store, StoredSettings,
    store::sqlite::{OpenError, RunningHost},
};
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

/// How often the settings are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A store that the commands beside the host can read, or none.
pub(crate) trait Diary: Store {
    /// Writes down what the host says of itself, in its turn. The future ends when it is kept, or
    /// cannot be; it may be dropped.
    fn write(&self, host: RunningHost) -> impl Future<Output = ()> + Send + 'static;

    /// What administrators set, now and after each change.
    ///
    /// # Errors
    /// When it cannot be read.
    fn settings(&self) -> Result<SettingsWatch, OpenError>;
}

impl Diary for MemoryStore {
    fn write(&self, _host: RunningHost) -> impl Future<Output = ()> + Send + 'static {
        core::future::ready(())
    }

    fn settings(&self) -> Result<SettingsWatch, OpenError> {
        let (_, changes) = watch::channel(StoredSettings::default());
        Ok(SettingsWatch {
            changes,
            looking: None,
        })
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

    fn settings(&self) -> Result<SettingsWatch, OpenError> {
        let reader = self.reader()?;
        let (tell, changes) = watch::channel(reader.settings()?);
        let (stop, stopped) = mpsc::channel::<()>();
        // A thread of its own, because a disk may take its time.
        let thread = thread::Builder::new()
            .name("settings".to_owned())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK_EVERY) {
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
