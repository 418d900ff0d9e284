//! A DNS server that answers with whatever bytes a test wants, and what such bytes are made of.
//!
//! [`FakeDns`] gives each message that it is sent to a script, which says what is sent back: right
//! answers, wrong ones, several, none. [`ForgedMessage`], [`ForgedRecord`] and [`ForgedTsig`] put
//! messages together byte by byte, and check nothing: every field can lie.

mod asked;
mod message;
mod server;
mod tsig;

pub use asked::{Asked, Transport};
pub use message::{ForgedMessage, ForgedRecord, Section, wire_name, wire_pointer};
pub use server::{Act, Counts, FakeDns, TcpManner};
pub use tsig::ForgedTsig;
