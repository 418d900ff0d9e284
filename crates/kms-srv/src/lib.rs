#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod discovery;
mod domain_name;
mod host_address;
mod lookup_error;
mod publish_list;
mod registration;
mod select;
mod service_name;
mod srv_record;

pub use discovery::{Action, Discovery, DiscoveryConfig};
pub use domain_name::{DomainName, DomainNameError};
pub use host_address::{DEFAULT_PORT, HostAddress, HostAddressError, HostName, PinnedHost};
pub use lookup_error::LookupError;
pub use publish_list::{
    PublishEntry, PublishField, PublishList, PublishListError, PublishListErrorKind,
};
pub use registration::{Registration, RegistrationError, Ttl, TtlError};
pub use select::{SelectionRule, order};
pub use service_name::{ServiceName, ServiceNameError};
pub use srv_record::{MAX_RECORDS, SrvRecord, UsableRecords, usable_records};
