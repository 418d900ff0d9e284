//! Test support: simulated clocks, a DNS server, strategies and oracles.
