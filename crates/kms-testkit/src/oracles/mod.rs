//! What must hold for any bytes: functions that panic when kms-wire breaks a property.

#![allow(dead_code)]

mod choices;
mod decoding;
mod reference;
mod server_harness;
mod server_model;

pub use server_harness::{Answer, ServerEvent, ServerHarness};
