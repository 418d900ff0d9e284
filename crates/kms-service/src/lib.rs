#![doc = include_str!("../README.md")]

pub mod config;
pub mod private_file;
mod system;

pub use system::{OsEntropy, SystemClock};
