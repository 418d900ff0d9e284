//! What the binaries share: exit codes, logs, and the authority's folder.

pub mod authority_folder;
pub mod cli;
pub mod sysexits;

/// The README's example is compiled, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
