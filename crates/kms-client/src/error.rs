//! Why a client was not opened, its state not kept, a rearm not done.

use crate::{StateFileError, StateTextError};
use kms_core::{ActivationId, MachineNameError};
use kms_keys::{CatalogueError, UnknownName};
use kms_license::{RearmError, RestoreError};
use kms_service::config::ConfigError;
use kms_trust::TrustAnchorsError;
use std::path::PathBuf;

/// Why a client cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file that the configuration names cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue breaks a rule.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The pinned root cannot be used.
    #[error("{path}: {source}")]
    Root {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrustAnchorsError,
    },
    /// The catalogue has no such product.
    #[error("product: {0}; `host catalogue` lists what the catalogue has")]
    Product(#[from] UnknownName),
    /// The machine's name cannot be sent.
    #[error("machine_name: {0}")]
    MachineName(#[from] MachineNameError),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why a client's state was not read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file.
    #[error(transparent)]
    File(#[from] StateFileError),
    /// Its text.
    #[error("{path}: {source}; move the file away to start again with a new grace period")]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: StateTextError,
    },
    /// Its licence.
    #[error("{path}: {source}; move the file away to start again with a new grace period")]
    License {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RestoreError,
    },
    /// It belongs to another product.
    #[error(
        "{path}: this is the state of product {found}, the configuration names {wanted}; give each product a state file of its own"
    )]
    OtherProduct {
        /// The file.
        path: PathBuf,
        /// Whose state it is.
        found: ActivationId,
        /// Whose is wanted.
        wanted: ActivationId,
    },
    /// Somebody else has written or removed it since this client read it, and nothing of theirs is
    /// overwritten.
    #[error(
        "{path}: changed by another process; run it again, and let one client at a time use the file"
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Why a rearm was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RearmFailure {
    /// The product allows no more.
    #[error(transparent)]
    Rearm(#[from] RearmError),
    /// It could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}
