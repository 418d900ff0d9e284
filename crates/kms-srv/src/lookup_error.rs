use kms_core::StatusCode;

/// How a lookup of SRV records failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The name does not exist (NXDOMAIN).
    #[error("the DNS name does not exist")]
    NoSuchName,
    /// The name exists, but has no usable SRV record.
    #[error("the DNS name has no usable SRV records")]
    NoRecords,
    /// The server failed (SERVFAIL), or a network fault kept it from being asked.
    #[error("the DNS server failed")]
    ServerFailure,
    /// The server refused to answer.
    #[error("the DNS server refused to answer")]
    Refused,
    /// No answer came in time.
    #[error("the DNS server did not answer in time")]
    Timeout,
    /// The answer could not be read or trusted.
    #[error("the DNS answer could not be read")]
    BadAnswer,
}

impl LookupError {
    /// The documented code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoSuchName => StatusCode::DNS_NAME_ERROR,
            Self::NoRecords => StatusCode::DNS_NO_RECORDS,
            Self::ServerFailure => StatusCode::DNS_SERVER_FAILURE,
            Self::Refused => StatusCode::DNS_REFUSED,
            Self::Timeout => StatusCode::TIMEOUT,
            Self::BadAnswer => StatusCode::DNS_BAD_PACKET,
        }
    }

    /// Of the failures in several domains, the one to report: one that leaves open what is there
    /// before one that says that nothing is, and the first of equals.
    pub(crate) const fn or_worse(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.rank() >= self.rank() => earlier,
            _ => self,
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::NoSuchName => 0,
            Self::NoRecords => 1,
            Self::ServerFailure | Self::Refused | Self::Timeout | Self::BadAnswer => 2,
        }
    }
}
