//! What the two operations carry: PROTOCOL section 3.

mod answer;
mod chain;
mod request;
mod required_count;

pub use answer::ActivationAnswer;
pub use chain::{CertificateChain, CertificateChainError};
pub use request::ActivationRequest;
pub use required_count::{RequiredCount, RequiredCountError};
