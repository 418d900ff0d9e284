use kms_core::{ActivationId, Cmid, LicenseStatus, StatusCode};

/// Something was asked of a product without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: install a product key before activating",
    StatusCode::PKEY_NOT_INSTALLED
)]
#[non_exhaustive]
pub struct NoKeyError;

impl NoKeyError {
    /// The documented code, 0xC004F014.
    #[must_use]
    pub const fn code(&self) -> StatusCode {
        StatusCode::PKEY_NOT_INSTALLED
    }
}

/// Why a rearm was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RearmError {
    /// The product's rearms are used up.
    #[error(
        "{}: all {allowed} rearms have been used; activate the product",
        StatusCode::MAX_REARM_REACHED
    )]
    NoneLeft {
        /// How many the product's policy allows.
        allowed: u32,
    },
}

impl RearmError {
    /// The documented code, 0xC004D307.
    #[must_use]
    pub const fn code(&self) -> StatusCode {
        match self {
            Self::NoneLeft { .. } => StatusCode::MAX_REARM_REACHED,
        }
    }
}

/// Why a verified answer was not taken. Nothing has changed then; a request in flight is still so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// No request is in flight: it was never begun, has ended, or a rearm or a removal of the key
    /// came between.
    #[error("an activation answer without a request in flight: begin an attempt first")]
    NoRequest,
    /// The answer is for another product.
    #[error("an activation answer for product {answered}, but the request was for {asked}")]
    OtherProduct {
        /// This product.
        asked: ActivationId,
        /// The answer's.
        answered: ActivationId,
    },
    /// The answer is for another client machine id, as the one before a rearm.
    #[error("an activation answer for client machine id {answered}, but this machine's is {asked}")]
    OtherMachine {
        /// This machine's.
        asked: Cmid,
        /// The answer's.
        answered: Cmid,
    },
}

/// Why a saved state was not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A status that this engine never has.
    #[error("saved licence status {} ({status}) is none that this product can be in", status.number())]
    UnknownStatus {
        /// The saved one.
        status: LicenseStatus,
    },
    /// A status that expires, without the time at which it does.
    #[error("saved licence status {} ({status}) lacks its time of expiry", status.number())]
    NoExpiry {
        /// The saved one.
        status: LicenseStatus,
    },
    /// A status that does not expire, with a time at which it does.
    #[error("saved licence status {} ({status}) has a time of expiry, but does not expire", status.number())]
    NeedlessExpiry {
        /// The saved one.
        status: LicenseStatus,
    },
    /// A status that only an answer can have given, without one.
    #[error("saved licence status {} ({status}) lacks the answer that gave it", status.number())]
    NoAnswer {
        /// The saved one.
        status: LicenseStatus,
    },
    /// The same id as present and previous client machine id.
    #[error("saved client machine id {cmid} is its own predecessor")]
    SameCmid {
        /// The saved one.
        cmid: Cmid,
    },
}
