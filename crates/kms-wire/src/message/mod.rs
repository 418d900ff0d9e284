//! What the two operations carry: PROTOCOL section 3.

mod answer;
mod chain;
mod request;

pub use answer::ActivationAnswer;
pub use chain::{CertificateChain, CertificateChainError};
pub use request::ActivationRequest;
