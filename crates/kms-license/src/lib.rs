//! The licensing state of a product and its timers, as an engine without I/O.
