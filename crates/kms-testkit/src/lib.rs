// The README's example needs the servers.
#![cfg_attr(feature = "servers", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "servers"), doc = "Test support of the workspace.")]

#[cfg(feature = "servers")]
pub mod bad_inputs;
pub mod clock;
#[cfg(feature = "servers")]
pub mod dns;
pub mod golden;
#[cfg(feature = "servers")]
pub mod net;
pub mod oracles;
#[cfg(feature = "servers")]
pub mod process;
