//! The host under a service manager.

mod manager;
mod reload;
mod units;
