#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod limits;
mod message;
mod ndr;
mod reassembly;

pub mod client;
#[doc = include_str!("../docs/writing-a-client.md")]
pub mod guide {}
pub mod pdu;
pub mod server;

pub use limits::{
    MAX_ACCEPTED_CONTEXTS, MAX_ANSWER, MAX_ANSWER_STUB, MAX_BUFFERED_INPUT, MAX_CERTIFICATES,
    MAX_CONNECTION_MEMORY, MAX_CONTEXTS, MAX_FRAGMENT, MAX_PENDING_OUTPUT, MAX_REQUEST, MAX_STUB,
    MAX_TRANSFER_SYNTAXES, MIN_FRAGMENT_SIZE, MUST_RECEIVE_FRAGMENT,
};
pub use message::{ActivationAnswer, ActivationRequest, CertificateChain, CertificateChainError};
pub use ndr::{Operation, OperationError, Opnum, Outcome};
