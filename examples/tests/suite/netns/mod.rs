//! KMS and MAK Activation Scenarios, the organisation in two sites, in network namespaces: real
//! addresses of both families, routers, name servers of others, and the binaries on port 1688.
//!
//! Ignored unless asked for, since it needs root and what a machine with Rust alone does not have:
//!
//! ```sh
//! apt-get install bind9 bind9-dnsutils iproute2 nftables unbound
//! cargo test -p examples --test suite -- --ignored --nocapture netns::
//! ```
//!
//! Where namespaces are not allowed, the test says so and does nothing. What it makes has names of its
//! own and goes with it, unless the test is killed; nothing of the machine's own network is touched.

mod global;
mod machines;
mod name_servers;
mod network;
