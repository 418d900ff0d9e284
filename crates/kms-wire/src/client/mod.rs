//! The client's end of a connection, without the socket.
//!
//! ```text
//!             bind_ack, accepted         call            answer, refusal, fault
//!   Binding ───────────────────► Idle ────────► Calling ────────────────────────► Idle
//!      │                          │                │
//!      │ bind_nak, rejection      │                │ violation, shutdown
//!      └──────────────────────────┴───► Closed ◄───┘
//! ```
//!
//! The bind is there from the start: [`poll_transmit`](Connection::poll_transmit) gives it. After
//! [`Event::Bound`] calls can be made, one at a time. A host cannot make the engine panic, loop, or
//! hold more than [`MAX_CONNECTION_MEMORY`](crate::MAX_CONNECTION_MEMORY).

mod connection;
mod violation;

pub use connection::{CallError, Config, Connection, Event, Rejection};
pub use violation::Violation;
