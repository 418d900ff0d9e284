//! The table of client machine ids behind an activation count, as a value.
