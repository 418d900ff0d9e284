#![doc = include_str!("../README.md")]

extern crate alloc;

mod client;
mod config;
mod engine;
mod report;
mod resolver;
mod state;
mod state_file;

pub use client::{Client, OpenError, RearmFailure, StateError};
pub use config::ClientConfig;
pub use engine::{Action, Engine, MAX_KNOWN_HOSTS, Subject};
pub use report::{Activated, Failure, HostAttempt, Report};
pub use resolver::{MAX_ADDRESSES, Resolver, ResolverError};
pub use state::{ClientState, StateTextError};
pub use state_file::{MAX_STATE_FILE, StateFile, StateFileError, Stored};
