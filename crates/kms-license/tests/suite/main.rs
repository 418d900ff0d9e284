//! The licence engine from outside, over a simulated machine with its two clocks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod clock;
mod common;
mod model;
mod readme;
mod requests;
mod restarts;
mod simulation;
mod states;
mod timers;
