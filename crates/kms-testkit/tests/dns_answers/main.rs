//! What DNS servers may answer: tables of malformed and lying answers, each with what must come of it,
//! against the publishing side of hosts and the discovering side of clients.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the helpers of a test fail and print as the test does"
)]

mod client;
mod lookup;
mod publisher;
mod resolver;
mod update;
