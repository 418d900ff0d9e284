//! The binaries as their users run them: processes, files, sockets, exit codes and what is printed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not see as tests"
)]

mod bad_input;
mod binaries;
mod corpus;
mod crash;
mod daemon;
mod dns_servers;
mod foreign_peers;
mod guide;
mod half_sent;
mod host_clients;
mod host_events;
mod host_publish;
mod host_set;
mod host_status;
mod host_store;
#[cfg(target_os = "linux")]
mod netns;
mod peer;
mod scenarios;
mod support;
