//! The host's end of a connection, without the socket.
//!
//! ```text
//!            bind accepted                     violation
//!   Unbound ───────────────► Bound ─────────────────────────► Closed
//!      │                     │   ▲                               ▲
//!      │ refused             │   │ respond, fault                │
//!      └──────────┐          ▼   │                               │
//!                 └────────► one call at a time ─────────────────┘
//! ```
//!
//! Bytes from the socket go to [`handle_input`](Connection::handle_input) in pieces of any size.
//! Calls come out of [`poll_event`](Connection::poll_event), one at a time; the next PDU is looked
//! at once [`respond`](Connection::respond) has answered it. What
//! [`poll_transmit`](Connection::poll_transmit) gives is to be sent. When
//! [`is_closed`](Connection::is_closed) says so and nothing is left to send, the socket is to be
//! closed.

mod connection;
mod contexts;
mod receive;
mod transmit;
mod violation;

pub use connection::{Call, Config, Connection, Event, Reply, RespondError};
pub use violation::Violation;
