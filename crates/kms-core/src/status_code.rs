use crate::status_table::TABLE;
use core::fmt;

/// An HRESULT of the documented activation system, or of DNS and RPC beneath it.
///
/// Any 32-bit number can be held, since a peer may send any; [`info`](Self::info) knows those that
/// are documented. It prints as `0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(pub u32);

/// What is documented of a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusInfo {
    /// The code.
    pub code: StatusCode,
    /// Its symbol in the platform's headers; empty where they have none.
    pub symbol: &'static str,
    /// What it means, a sentence.
    pub meaning: &'static str,
    /// What to do about it, a sentence or two.
    pub remedy: &'static str,
}

impl StatusCode {
    /// Success.
    pub const OK: Self = Self(0);

    /// What is documented of this code.
    #[must_use]
    pub fn info(self) -> Option<&'static StatusInfo> {
        TABLE
            .binary_search_by_key(&self, |info| info.code)
            .ok()
            .and_then(|at| TABLE.get(at))
    }

    /// All documented codes, in the order of their numbers.
    #[must_use]
    pub const fn documented() -> &'static [StatusInfo] {
        TABLE
    }

    /// Whether the code reports success or information: the severity bit is clear.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(info) if !info.symbol.is_empty() => write!(f, "0x{:08X} {}", self.0, info.symbol),
            _ => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusCode({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_table_is_in_order_so_that_it_can_be_searched() {
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn every_entry_says_what_it_means_and_what_to_do() {
        for info in TABLE {
            assert!(
                !info.meaning.is_empty() && !info.remedy.is_empty(),
                "{}",
                info.code
            );
            assert_eq!(info.code.info(), Some(info));
        }
    }

    #[test]
    fn codes_print_with_their_symbol() {
        let text = StatusCode::VL_NOT_ENOUGH_COUNT.to_string();
        assert_eq!(text, "0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT");
        assert_eq!(StatusCode(0x8004_FE21).to_string(), "0x8004FE21");
        assert_eq!(StatusCode(0x1234_5678).to_string(), "0x12345678");
        assert_eq!(StatusCode::OK.to_string(), "0x00000000 S_OK");
    }

    #[test]
    fn severity_tells_success_from_failure() {
        assert!(StatusCode::OK.is_success() && StatusCode::OOB_GRACE_PERIOD.is_success());
        assert!(!StatusCode::VL_NOT_ENOUGH_COUNT.is_success());
        assert!(!StatusCode::DNS_NAME_ERROR.is_success());
    }
}
