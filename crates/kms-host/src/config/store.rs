use serde::Deserialize;
use std::path::PathBuf;

/// The `[store]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreConfig {
    /// The database file. It is made if it is missing.
    pub path: PathBuf,
    /// What an answer waits for.
    pub durability: Durability,
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// That its request is on the disk: a host that stops in any way forgets no machine that it answered.
    #[default]
    Commit,
    /// For nothing: the store is not used and the count starts anew with the process, as the
    /// documents describe of old hosts.
    Memory,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("host.db"),
            durability: Durability::default(),
        }
    }
}
