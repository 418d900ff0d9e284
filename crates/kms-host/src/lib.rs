#![doc = include_str!("../README.md")]

extern crate alloc;

mod alert;
mod bucket;
mod caller;
mod config;
mod event;
mod host;
mod http;
pub mod identity;
mod metrics;
mod peer_lines;
mod publisher;
mod readiness;
mod server;
mod service;
mod settings;
pub mod store;

pub use alert::{Alert, Alerts};
pub use caller::Caller;
pub use config::{
    AdmissionConfig, AdmissionPolicy, AlertConfig, DnsConfig, DnsTransport, Durability, HostConfig,
    Limits, MetricsConfig, Network, NetworkError, NetworkQuota, SourceLimits, StoreConfig,
};
pub use event::{EventLog, HostEvent, RequestProcessed};
pub use host::{Activation, Decision, Handled, Host, Settings};
pub use http::HttpServer;
pub use identity::IdentityFileError;
pub use metrics::{Listening, Metrics, Refusal};
pub use publisher::{
    Kept, MemoryRecords, PublishPlan, PublishedRecords, Publisher, PublisherError, PublisherHandle,
};
pub use readiness::Readiness;
pub use server::{BindError, DRAIN, Server};
pub use service::{FamilyStatus, HostReply, HostService, StartError, load_catalogue};
pub use settings::StoredSettings;
pub use store::{Entry, MemoryStore, Store, StoreError, StoreHealth, sqlite::SqliteStore};
