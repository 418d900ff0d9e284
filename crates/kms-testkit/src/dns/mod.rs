//! A DNS server inside the process: a primary that answers for its zones and takes dynamic updates
//! (RFC 2136) signed with TSIG (RFC 8945).

mod config;
mod convert;
mod error;
pub mod fake;
mod query;
mod server;

pub use config::{DnsConfig, Record, RecordData, RecordType, TsigSecret, Zone};
pub use error::DnsError;
pub use query::query;
pub use server::DnsServer;
