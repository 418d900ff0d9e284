#![doc = include_str!("../README.md")]

extern crate alloc;

mod config;
mod event;
mod host;
pub mod identity;
mod publisher;
mod server;
mod service;
mod store;

pub use config::{DnsConfig, HostConfig, Limits};
pub use event::{EventLog, HostEvent, RequestProcessed};
pub use host::{Activation, Decision, Handled, Host, Settings};
pub use identity::IdentityFileError;
pub use publisher::{FIRST_RETRY, LAST_RETRY, Publisher, PublisherError, REFRESH};
pub use server::{BindError, DRAIN, Server};
pub use service::{FamilyStatus, HostReply, HostService, StartError, load_catalogue};
pub use store::{Entry, MemoryStore, Store, StoreError};
