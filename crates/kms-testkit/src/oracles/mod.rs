//! What must hold for any bytes: functions that panic when kms-wire or kms-srv breaks a property.
//!
//! Each is what one fuzz target runs ([`TARGETS`]); tests give them seeds, generated inputs and what
//! fuzzing found. Two of them hold a connection against a model of the protocol that shares no
//! code with kms-wire, [`ServerHarness`] and [`ClientHarness`], which tests can also drive themselves.

mod choices;
mod client_harness;
mod client_model;
mod conversations;
mod decoding;
mod differential;
mod dns_reference;
mod dns_seeds;
mod dns_texts;
mod dns_update;
mod messages;
mod pdus;
mod pending;
mod reference;
mod script;
mod seeds;
mod server_harness;
mod server_model;

pub use client_harness::ClientHarness;
pub use client_model::ClientEvent;
pub use conversations::{client_connection, server_connection, stream_in_chunks};
pub use differential::encode_decode;
pub use dns_texts::dns_texts;
pub use dns_update::dns_update_answer;
pub use messages::{answer_message, request_message};
pub use pdus::{bind_and_alter_context, pdu_header};
pub use server_harness::{Answer, ServerEvent, ServerHarness};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target {
    /// Its name, which its binary and the folder of its seeds have too.
    pub name: &'static str,
    /// What it runs: panics when a property breaks.
    pub oracle: fn(&[u8]),
    /// Inputs to start from, by name: meaningful ones, most made of the golden PDUs.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// All fuzz targets.
pub const TARGETS: [Target; 10] = [
    target("pdu_header", pdu_header, seeds::pdu_header),
    target(
        "bind_and_alter_context",
        bind_and_alter_context,
        seeds::bind_and_alter_context,
    ),
    target(
        "stream_in_chunks",
        stream_in_chunks,
        seeds::stream_in_chunks,
    ),
    target(
        "server_connection",
        server_connection,
        seeds::server_connection,
    ),
    target(
        "client_connection",
        client_connection,
        seeds::client_connection,
    ),
    target("request_message", request_message, seeds::request_message),
    target("answer_message", answer_message, seeds::answer_message),
    target("encode_decode", encode_decode, seeds::encode_decode),
    target(
        "dns_update_answer",
        dns_update_answer,
        dns_seeds::dns_update_answer,
    ),
    target("dns_texts", dns_texts, dns_seeds::dns_texts),
];

const fn target(
    name: &'static str,
    oracle: fn(&[u8]),
    seeds: fn() -> Vec<(String, Vec<u8>)>,
) -> Target {
    Target {
        name,
        oracle,
        seeds,
    }
}
