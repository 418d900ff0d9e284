use super::SyntaxId;
use crate::limits::MAX_CONTEXTS;
use kms_core::{ByteOrder, DecodeError, FixedReader, Reader};

/// What became of a proposed context (C706 section 12.6.3.1, `p_cont_def_result_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextResultCode(pub u16);

impl ContextResultCode {
    /// It can be used.
    pub const ACCEPTANCE: Self = Self(0);
    /// The service does not want it.
    pub const USER_REJECTION: Self = Self(1);
    /// The server cannot offer it.
    pub const PROVIDER_REJECTION: Self = Self(2);
    /// It was a question about features; the reason is the bitmask of those granted
    /// ([MS-RPCE] section 2.2.2.4).
    pub const NEGOTIATE_ACK: Self = Self(3);
}

/// Why a context was rejected (C706 section 12.6.3.1, `p_provider_reason_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderReason(pub u16);

impl ProviderReason {
    /// None is given.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// The interface is not offered.
    pub const ABSTRACT_SYNTAX_NOT_SUPPORTED: Self = Self(1);
    /// None of the transfer syntaxes is spoken.
    pub const TRANSFER_SYNTAXES_NOT_SUPPORTED: Self = Self(2);
    /// The server holds too many contexts.
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self(3);
}

/// The answer to one proposed context (C706 section 12.6.3.1, `p_result_t`): 24 bytes.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 2 | result |
/// | 2 | 2 | reason |
/// | 4 | 20 | transfer syntax, nil unless accepted |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct ContextResult {
    /// What became of it.
    pub result: ContextResultCode,
    /// Why.
    pub reason: ProviderReason,
    /// The transfer syntax that was chosen.
    pub transfer_syntax: SyntaxId,
}

impl ContextResult {
    /// The size on the wire, in bytes.
    pub const LEN: usize = 24;
    /// Accepted with NDR 2.0.
    pub const ACCEPTED: Self = Self {
        result: ContextResultCode::ACCEPTANCE,
        reason: ProviderReason::NOT_SPECIFIED,
        transfer_syntax: SyntaxId::NDR,
    };
    /// None of the features asked about.
    pub const NO_FEATURES: Self = Self {
        result: ContextResultCode::NEGOTIATE_ACK,
        reason: ProviderReason::NOT_SPECIFIED,
        transfer_syntax: SyntaxId::NIL,
    };

    /// Rejected by the server.
    #[must_use]
    pub const fn rejected(reason: ProviderReason) -> Self {
        Self {
            result: ContextResultCode::PROVIDER_REJECTION,
            reason,
            transfer_syntax: SyntaxId::NIL,
        }
    }
}

impl ContextResult {
    #[inline]
    pub(crate) fn from_wire(bytes: &[u8; Self::LEN], order: ByteOrder) -> Self {
        let fields = FixedReader::new(bytes);
        Self {
            result: ContextResultCode(fields.u16::<0>(order)),
            reason: ProviderReason(fields.u16::<2>(order)),
            transfer_syntax: SyntaxId::from_wire(&fields.array::<4, { SyntaxId::LEN }>(), order),
        }
    }

    #[inline]
    pub(crate) const fn to_wire(self, order: ByteOrder) -> [u8; Self::LEN] {
        let (result, reason) = match order {
            ByteOrder::Little => (self.result.0.to_le_bytes(), self.reason.0.to_le_bytes()),
            ByteOrder::Big => (self.result.0.to_be_bytes(), self.reason.0.to_be_bytes()),
        };
        let ([r, s], [t, u]) = (result, reason);
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, v, w, x, y] =
            self.transfer_syntax.to_wire(order);
        [
            r, s, t, u, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, v, w, x, y,
        ]
    }
}

/// Reads a list of results with its count and leaves the reader behind it.
#[inline]
pub(crate) fn decode_results<'a>(
    reader: &mut Reader<'a>,
    order: ByteOrder,
) -> Result<impl ExactSizeIterator<Item = ContextResult> + use<'a>, DecodeError> {
    let at = reader.offset();
    let number = reader.u8("number of results")?;
    if usize::from(number) > MAX_CONTEXTS {
        let limit = u64::try_from(MAX_CONTEXTS).unwrap_or(u64::MAX);
        return Err(reader.limit_error("number of results", at, number.into(), limit));
    }
    reader.skip(3, "reserved")?;
    let bytes = reader.bytes(ContextResult::LEN * usize::from(number), "results")?;
    let (results, _) = bytes.as_chunks();
    Ok(results
        .iter()
        .map(move |result| ContextResult::from_wire(result, order)))
}
