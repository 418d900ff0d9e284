use kms_core::StatusCode;

/// How a lookup of SRV records or addresses failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The name does not exist (NXDOMAIN).
    #[error("the DNS name does not exist")]
    NoSuchName,
    /// The name exists, but has no usable record of the kind that was asked for.
    #[error("the DNS name has no usable records of the kind asked for")]
    NoRecords,
    /// The name's one SRV record has the target `.`: the service is decidedly not available there
    /// (RFC 2782).
    #[error("DNS says that the service is not available in this domain")]
    NotAvailable,
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
            Self::NoRecords | Self::NotAvailable => StatusCode::DNS_NO_RECORDS,
            Self::ServerFailure => StatusCode::DNS_SERVER_FAILURE,
            Self::Refused => StatusCode::DNS_REFUSED,
            Self::Timeout => StatusCode::TIMEOUT,
            Self::BadAnswer => StatusCode::DNS_BAD_PACKET,
        }
    }

    /// Whether the failure leaves open what is there; else it says that nothing is.
    #[must_use]
    pub const fn leaves_open(self) -> bool {
        self.rank() == 2
    }

    /// Of the failures of several lookups, the one to report: one that leaves open what is there
    /// before `NoRecords` and `NotAvailable` before `NoSuchName`, and the first of equals.
    #[must_use]
    pub const fn or_worse(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.rank() >= self.rank() => earlier,
            _ => self,
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::NoSuchName => 0,
            Self::NoRecords | Self::NotAvailable => 1,
            Self::ServerFailure | Self::Refused | Self::Timeout | Self::BadAnswer => 2,
        }
    }
}
