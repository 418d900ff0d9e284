//! The wire's suites, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not see as tests"
)]

mod client_rules;
mod common;
mod conversation;
mod golden;
mod guide;
mod hostile;
mod limits;
mod round_trips;
mod server_limits;
mod server_rules;
