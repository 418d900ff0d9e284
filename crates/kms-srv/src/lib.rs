//! Publishing and discovering activation hosts by DNS SRV records, as engines without I/O.
