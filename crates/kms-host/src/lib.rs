//! The activation host: engine, store, server, publisher and events.
