#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod clock;
mod error;
mod event;
mod license;
mod policy;
mod record;
mod request;
mod saved;
mod state;
mod timers;

pub use clock::{CLOCK_HOLD, ClockMove, MAX_UNPROVEN_FORWARD, SUSPECT_BACKWARD, TRUSTED_HOST_LAG};
pub use error::{AnswerError, NoKeyError, RearmError, RestoreError};
pub use event::{Event, MAX_QUEUED_EVENTS};
pub use license::License;
pub use policy::Policy;
pub use record::{Event12288, Event12289, MAX_SERVER_CHARS, StatusFlags};
pub use request::{Outcome, RequestFields};
pub use saved::{LastAnswer, SavedState};
pub use timers::{CHECKPOINT_INTERVAL, NETWORK_WATCH, RESUME_SPREAD};
