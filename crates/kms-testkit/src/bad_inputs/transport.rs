//! What a runner needs of a host: connections to it.

use std::io;

/// A way to a host under test.
pub trait Network {
    /// A connection.
    type Link: Link;

    /// Opens a connection.
    ///
    /// # Errors
    /// When the host cannot be reached.
    fn connect(&mut self) -> io::Result<Self::Link>;

    /// The host's clock in milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// The host's port, as its bind_ack names it.
    fn port(&self) -> u16;
}

/// How long to wait for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every transport handles each")]
pub enum Patience {
    /// Not at all: what is there.
    None,
    /// This many milliseconds.
    Millis(u64),
    /// As long as any host may take.
    Long,
}

/// What waiting for bytes brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every runner handles each")]
pub enum Received {
    /// Bytes, one or more.
    Bytes,
    /// The host has closed the connection, by an end or a reset.
    End,
    /// Nothing, in the time given; of a host in memory, nothing ever.
    Silence,
}

/// A client's end of a connection.
pub trait Link {
    /// Sends bytes; false when the host has closed the connection.
    ///
    /// # Errors
    /// When the host broke a promise that the transport watches, or the machine failed.
    fn send(&mut self, bytes: &[u8]) -> io::Result<bool>;

    /// Appends what came.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn receive(&mut self, into: &mut Vec<u8>, patience: Patience) -> io::Result<Received>;

    /// Ends this side; receiving goes on.
    ///
    /// # Errors
    /// When the transport cannot.
    fn finish(&mut self) -> io::Result<()>;

    /// Resets the connection.
    ///
    /// # Errors
    /// When the transport cannot.
    fn reset(&mut self) -> io::Result<()>;

    /// Sends one byte out of band.
    ///
    /// # Errors
    /// When the transport cannot.
    fn urgent(&mut self, byte: u8) -> io::Result<()>;
}
