//! The activation client: discovery, connection, verification, state file and events.
