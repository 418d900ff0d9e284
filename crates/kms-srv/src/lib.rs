#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod action;
mod address;
mod answer;
mod attempt;
mod discovery;
mod discovery_config;
mod discovery_event;
mod domain_name;
mod host_address;
mod kept;
#[cfg(feature = "publish")]
mod key_file;
mod lookup_error;
#[cfg(feature = "publish")]
mod microsoft_dns;
#[cfg(feature = "publish")]
mod own_record;
mod publish_list;
#[cfg(feature = "publish")]
mod publish_schedule;
mod registration;
#[cfg(feature = "publish")]
mod registration_line;
mod select;
mod service_name;
mod srv_record;
#[cfg(feature = "publish")]
mod tsig_key;
#[cfg(feature = "publish")]
mod update;
#[cfg(feature = "publish")]
mod update_plan;
#[cfg(feature = "publish")]
mod update_reply;

pub use action::Action;
pub use address::{AddressFault, AddressRule, MAX_ADDRESSES, usable_addresses};
pub use answer::{AddressAnswer, LookupAnswer, MAX_KEPT, MIN_KEPT, kept_for};
pub use discovery::Discovery;
pub use discovery_config::DiscoveryConfig;
pub use discovery_event::{DiscoveryEvent, Unusable};
pub use domain_name::{DomainName, DomainNameError};
pub use host_address::{DEFAULT_PORT, HostAddress, HostAddressError, HostName, PinnedHost};
pub use kept::MAX_KEPT_NAMES;
#[cfg(feature = "publish")]
pub use key_file::{KeyFileError, KeyFileErrorKind};
pub use lookup_error::LookupError;
pub use publish_list::{
    PublishEntry, PublishField, PublishList, PublishListError, PublishListErrorKind,
};
#[cfg(feature = "publish")]
pub use publish_schedule::{PublishAction, PublishSchedule, PublishTimes, Seen};
pub use registration::{Registration, RegistrationError, Ttl, TtlError};
#[cfg(feature = "publish")]
pub use registration_line::{RegistrationLineError, RegistrationLineErrorKind};
pub use select::{SelectionRule, order};
pub use service_name::{ServiceName, ServiceNameError};
pub use srv_record::{MAX_RECORDS, SrvRecord, UsableRecords, usable_records};
#[cfg(feature = "publish")]
pub use tsig_key::{TsigAlgorithm, TsigAlgorithmError, TsigKey, TsigKeyError};
#[cfg(feature = "publish")]
pub use update::{Update, UpdateError};
#[cfg(feature = "publish")]
pub use update_plan::UpdatePlan;
#[cfg(feature = "publish")]
pub use update_reply::{UpdateAnswerError, UpdateReply};
