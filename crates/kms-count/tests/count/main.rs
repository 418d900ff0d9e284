//! The count as the documents describe it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod attacks;
mod documents;
mod model;
mod restart;
mod rules;
mod support;
