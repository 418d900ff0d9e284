use core::net::SocketAddr;
use std::io;

/// Why a DNS server could not start or stop, or a query was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// A text that is not a domain name.
    #[error("{text:?} is not a domain name: {reason}")]
    #[non_exhaustive]
    Name {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A zone that stands twice in the configuration.
    #[error("zone {zone} is listed twice: merge its records into one entry")]
    #[non_exhaustive]
    DuplicateZone {
        /// The zone's name.
        zone: String,
    },
    /// A record that its zone cannot hold.
    #[error("record {name} lies outside zone {zone}: give it a name below the zone's")]
    #[non_exhaustive]
    OutsideZone {
        /// The record's name.
        name: String,
        /// The zone's name.
        zone: String,
    },
    /// A key that cannot sign.
    #[error("TSIG key {name} cannot be used: {reason}")]
    #[non_exhaustive]
    Tsig {
        /// The key's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address that could not be listened on with both UDP and TCP.
    #[error("cannot listen on {address} with UDP and TCP")]
    #[non_exhaustive]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The error of the last attempt.
        source: io::Error,
    },
    /// The server ended otherwise than by being told to.
    #[error("the DNS server did not shut down cleanly: {reason}")]
    #[non_exhaustive]
    Shutdown {
        /// What the server said.
        reason: String,
    },
    /// No connection to the server, or no answer from it in time.
    #[error("no answer from the DNS server at {server}")]
    #[non_exhaustive]
    NoAnswer {
        /// The server.
        server: SocketAddr,
        /// What failed; of kind `TimedOut` when the deadline passed.
        source: io::Error,
    },
    /// An answer that is not a DNS message, or not one to the question.
    #[error("the DNS server at {server} answered with something else: {reason}")]
    #[non_exhaustive]
    BadAnswer {
        /// The server.
        server: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// An answer with a response code other than NOERROR and NXDOMAIN.
    #[error("the DNS server at {server} refused to look up {name}: response code {code}")]
    #[non_exhaustive]
    Refused {
        /// The server.
        server: SocketAddr,
        /// The name asked for.
        name: String,
        /// The response code (RFC 6895 section 2.3).
        code: u16,
    },
}
