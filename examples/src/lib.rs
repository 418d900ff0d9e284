//! What the binaries share: exit codes, logs, and the authority's folder.

pub mod authority_folder;
pub mod cli;
