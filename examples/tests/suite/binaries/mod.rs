//! The authority, the host and the client, with each other.

mod activation;
mod authority;
mod catalogue;
mod discovery;
mod dns_audit;
mod lifecycle;
mod load;
