#![doc = include_str!("../README.md")]

extern crate alloc;

#[cfg(feature = "audit")]
pub mod audit;
mod client;
mod config;
mod connect;
mod dns_answer;
mod dns_exchange;
mod engine;
mod error;
mod families;
mod report;
mod resolver;
mod setup;
mod state;
mod state_file;

pub use client::{Client, MAX_WAITING_EVENTS};
pub use config::ClientConfig;
pub use engine::{Action, Engine, MAX_KNOWN_HOSTS, Subject};
pub use error::{OpenError, RearmFailure, StateError};
pub use report::{Activated, Failure, HostAttempt, Report};
pub use resolver::{MAX_CANDIDATES, MAX_NAMESERVERS, QUERY_TIME, Resolver, ResolverError};
pub use state::{ClientState, StateTextError};
pub use state_file::{MAX_STATE_FILE, StateFile, StateFileError, StateLock, Stored};
