#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod admission;
mod compact;
mod config;
mod counters;
mod families;
mod family;
mod guard;
mod next_expiry;
mod recency;
mod request;
mod restore;
mod seeds;
mod snapshot;
mod source;
mod table;
mod work;

pub use admission::{Admission, Guarded, Quota};
pub use config::Config;
pub use counters::{Counters, CountersError};
pub use family::Family;
pub use request::{Change, Recorded, Request};
pub use restore::RestoreError;
pub use snapshot::{FamilySnapshot, Record, Snapshot};
pub use source::Source;
pub use table::CmidTable;
