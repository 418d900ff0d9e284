//! Bad inputs as data: named cases in JSON, and the runners that execute them.
//!
//! The cases stand in the folder `bad-inputs` of this crate, beside a page that defines their form to
//! the last detail. They are written from the protocol, not from this implementation, and a runner in
//! another language can execute them from that page alone. This module is one such runner.
//!
//! - [`HostCorpus`] holds what clients may do to a host, [`run_host`] does it to a [`Network`]: an
//!   engine in memory, or the sockets of [`TcpNetwork`].
//! - [`ClientCorpus`] holds what hosts may do to a client, [`run_client`] does it to a [`Client`].
//!
//! Reading is strict: a field that the form does not have, a name that occurs twice and bytes that are
//! no hexadecimal digits are errors. The runners decode PDUs on their own, so that a fault of the
//! codec under test cannot hide itself. All cases are run, whatever fails; [`Report`] has every failure.

mod case;
mod client;
mod client_run;
mod corpus;
mod expected;
mod fields;
mod host;
mod lines;
mod pdu;
mod report;
mod tcp;
mod transport;

pub use case::{Action, Begin, Case, Ending, Expected, Reach, Step};
pub use client::{Accepted, Client, ClientCase, ClientCorpus, ClientSetup, ClientStep, Outcome};
pub use client_run::run_client;
pub use corpus::{CorpusError, HostCorpus, HostGroup, Probe, folder};
pub use host::{DEADLINE, run_host};
pub use lines::{Known, Lines, LinesError};
pub use report::{Failure, Report};
pub use tcp::{TcpLink, TcpNetwork};
pub use transport::{Link, Network, Patience, Received};

/// What the hosts of this workspace are known to do otherwise than the corpus wants, by group and name:
/// nothing. A run expects exactly these to fail.
pub const KNOWN_GAPS: [&str; 0] = [];
