//! The binaries as their users run them: processes, files, sockets, exit codes and what is printed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not see as tests"
)]

mod bad_input;
mod binaries;
mod corpus;
mod foreign_peers;
mod half_sent;
mod scenarios;
mod support;
