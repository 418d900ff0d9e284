#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod answer;
mod bytes;
mod entropy;
mod ids;
mod interval;
mod license_status;
mod machine_name;
mod status_code;
mod status_table;
mod threshold;
mod time;

pub use answer::{AnswerTerms, KeyId, VerifiedTerms};
pub use bytes::{
    ByteOrder, Decode, DecodeError, DecodeErrorKind, Encode, FixedReader, FixedWriter, Reader,
    Writer,
};
pub use entropy::{Entropy, SeededEntropy};
pub use ids::{ActivationId, ApplicationId, Cmid, CountedId, NilCmidError, ParseIdError};
pub use interval::{ActivationInterval, IntervalError, RenewalInterval, ValidityInterval};
pub use license_status::{LicenseStatus, UnknownLicenseStatus};
pub use machine_name::{MachineName, MachineNameError};
pub use status_code::{StatusCode, StatusInfo};
pub use threshold::{Threshold, ThresholdError};
pub use time::{Clock, EventTime, Now, Tick, Timestamp};
