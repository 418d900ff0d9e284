//! The authority, the host and the client, with each other.

mod activation;
mod authority;
mod catalogue;
mod discovery;
mod lifecycle;
mod load;
