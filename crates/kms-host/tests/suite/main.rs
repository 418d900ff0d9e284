//! The host by its behaviour, from the engine alone to the server over sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

mod admission;
mod alerts;
mod benign;
mod deadlines;
mod descriptors;
mod dns_front;
mod engine;
mod exposition;
mod fixture;
mod http;
mod identity;
mod limits;
mod log;
mod metrics;
mod monitoring;
mod peer;
mod publisher;
mod publisher_exchange;
mod publisher_records;
mod publisher_run;
mod publisher_zones;
mod server;
mod service;
mod store;
mod store_failure;
mod store_fixture;
mod store_published;
mod store_retention;
mod stores;
