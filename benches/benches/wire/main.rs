//! The codec and the two connection engines of kms-wire, beside peers and limits. No signature is
//! made.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

mod agreement;
mod connections;
mod limits;
mod messages;
mod ours;
mod peers;
mod samples;

use benches::criterion;
use criterion::{criterion_group, criterion_main};

criterion_group! {
    name = wire;
    config = criterion();
    targets =
        messages::decode_request,
        messages::encode_answer,
        messages::decode_request_and_encode_answer,
        connections::bind,
        connections::alter_context,
        connections::call,
        connections::client_call,
        connections::client_bind
}
criterion_main!(wire);
