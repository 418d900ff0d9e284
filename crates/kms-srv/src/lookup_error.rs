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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(LookupError, u32); 7] = [
        (LookupError::NoSuchName, 0x8007_232B),
        (LookupError::NoRecords, 0x8007_251D),
        (LookupError::NotAvailable, 0x8007_251D),
        (LookupError::ServerFailure, 0x8007_232A),
        (LookupError::Refused, 0x8007_232D),
        (LookupError::Timeout, 0x8007_05B4),
        (LookupError::BadAnswer, 0x8007_251E),
    ];

    #[test]
    fn activation_errors_each_failure_has_its_documented_code_with_meaning_and_remedy() {
        for (error, code) in ALL {
            assert_eq!(error.status(), StatusCode(code), "{error}");
            let info = error.status().info().unwrap();
            assert!(!info.meaning.is_empty() && !info.remedy.is_empty());
        }
    }

    #[test]
    fn what_leaves_open_what_is_there_is_told_before_what_says_that_nothing_is() {
        // Of the failures above, in their order: the higher is told, and the first of equals.
        const RANKS: [u8; 7] = [0, 1, 1, 2, 2, 2, 2];
        for ((error, _), rank) in ALL.into_iter().zip(RANKS) {
            assert_eq!(error.leaves_open(), rank == 2, "{error}");
            assert_eq!(error.or_worse(None), error);
            for ((earlier, _), earlier_rank) in ALL.into_iter().zip(RANKS) {
                let told = if rank > earlier_rank { error } else { earlier };
                assert_eq!(error.or_worse(Some(earlier)), told);
            }
        }
    }
}
