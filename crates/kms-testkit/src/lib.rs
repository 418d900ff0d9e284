#![doc = include_str!("../README.md")]

pub mod bad_inputs;
pub mod clock;
pub mod dns;
pub mod net;
pub mod process;
