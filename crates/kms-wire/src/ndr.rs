//! The stubs of the interface's two operations, in NDR (C706 chapter 14): PROTOCOL section 2.

use crate::limits::{MAX_ANSWER, MAX_REQUEST};
use core::fmt;
use kms_core::{ByteOrder, DecodeError, FixedWriter, Reader, StatusCode, Writer};

/// The number of an operation (C706 section 12.6.4.9, `opnum`). A peer may send any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opnum(pub u16);

impl Opnum {
    /// RequestActivation.
    pub const REQUEST_ACTIVATION: Self = Self(0);
    /// GetHostCertificate.
    pub const GET_HOST_CERTIFICATE: Self = Self(1);
}

impl fmt::Display for Opnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::REQUEST_ACTIVATION => f.pad("RequestActivation"),
            Self::GET_HOST_CERTIFICATE => f.pad("GetHostCertificate"),
            Self(number) => write!(f, "operation {number}"),
        }
    }
}

/// A call of one of the interface's operations, with what it takes.
///
/// | operation | stub |
/// | --- | --- |
/// | RequestActivation | `u32` n, `u32` max_count = n, n bytes |
/// | GetHostCertificate | nothing |
///
/// Up to 3 bytes of padding may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "version 1.0 of the interface has these two"
)]
pub enum Operation<'a> {
    /// Asks for an activation.
    RequestActivation {
        /// The message, an [`ActivationRequest`](crate::ActivationRequest) if it is well formed:
        /// at most [`MAX_REQUEST`] bytes.
        message: &'a [u8],
    },
    /// Asks for the host's certificate and those of its issuers.
    GetHostCertificate,
}

/// Why a stub is no call of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The interface has no operation of this number: fault `nca_s_op_rng_error`.
    #[error("{0} is not one of the interface, whose operations are 0 and 1")]
    UnknownOpnum(Opnum),
    /// The stub is not that of the operation: fault 0x000006f7.
    #[error(transparent)]
    Stub(#[from] DecodeError),
}

/// What stands before the bytes of a conformant array that is a parameter.
const ARRAY_FIELDS: &[(&str, usize)] = &[("n", 4), ("max_count", 4)];

/// The bytes of padding that may stand behind a stub's content.
const MAX_PADDING: usize = 3;

impl<'a> Operation<'a> {
    /// Where the message of RequestActivation begins in its stub.
    pub(crate) const MESSAGE_OFFSET: usize = 4 // n
        + 4; // max_count

    #[inline]
    pub(crate) const fn message(&self) -> Option<&'a [u8]> {
        match self {
            Self::RequestActivation { message } => Some(message),
            Self::GetHostCertificate => None,
        }
    }

    /// The operation's number.
    #[must_use]
    pub const fn opnum(&self) -> Opnum {
        match self {
            Self::RequestActivation { .. } => Opnum::REQUEST_ACTIVATION,
            Self::GetHostCertificate => Opnum::GET_HOST_CERTIFICATE,
        }
    }

    /// Reads the stub of a call.
    ///
    /// # Errors
    /// When there is no such operation, or the stub is not one of it. Offsets count from the
    /// stub's start.
    #[inline(always)]
    pub fn decode(opnum: Opnum, stub: &'a [u8], order: ByteOrder) -> Result<Self, OperationError> {
        match opnum {
            Opnum::REQUEST_ACTIVATION => {
                let mut reader = Reader::new(stub, "RequestActivation stub");
                let fields = reader.fixed::<8>(ARRAY_FIELDS)?;
                let count = check_len(&reader, 0, fields.u32::<0>(order), MAX_REQUEST)?;
                check_max_count(&reader, 4, fields.u32::<4>(order), count)?;
                let message = reader.bytes(count, "bytes")?;
                finish(&reader)?;
                Ok(Self::RequestActivation { message })
            }
            Opnum::GET_HOST_CERTIFICATE => {
                finish(&Reader::new(stub, "GetHostCertificate stub"))?;
                Ok(Self::GetHostCertificate)
            }
            unknown => Err(OperationError::UnknownOpnum(unknown)),
        }
    }

    /// The number of bytes that [`encode`](Self::encode) appends.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::RequestActivation { message } => {
                4 // n
                + 4 // max_count
                + message.len()
            }
            Self::GetHostCertificate => 0,
        }
    }

    /// Appends the stub.
    #[inline]
    pub fn encode(&self, out: &mut Writer<'_>, order: ByteOrder) {
        match self {
            Self::RequestActivation { message } => {
                let count = len_u32(message);
                let mut head = FixedWriter::<8>::new();
                head.u32::<0>(count, order);
                head.u32::<4>(count, order);
                out.bytes(&head.into_bytes());
                out.bytes(message);
            }
            Self::GetHostCertificate => {}
        }
    }
}

/// What either operation gives back.
///
/// | size | field |
/// | --- | --- |
/// | 4 | n |
/// | 4 | referent of the array, 0 for none |
/// | 4 + n | if there is an array: max_count = n, and its bytes |
/// | 0 to 3 | zero, to a multiple of 4 |
/// | 4 | HRESULT |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an HRESULT is 0 or it is not, and the two come with different fields"
)]
pub enum Outcome<'a> {
    /// HRESULT 0 with the answer's bytes, at most [`MAX_ANSWER`].
    Answered(&'a [u8]),
    /// Another HRESULT, which comes with no bytes.
    Refused(StatusCode),
}

/// What every answer begins with.
const OUTCOME_FIELDS: &[(&str, usize)] = &[("n", 4), ("referent", 4)];

impl<'a> Outcome<'a> {
    /// The referent that stands for "there is an array": any number but 0 would do; this is what
    /// implementations usually begin with.
    const REFERENT: u32 = 0x0002_0000;

    /// Reads the stub of an answer.
    ///
    /// # Errors
    /// When it is not one. Offsets count from the stub's start.
    #[inline]
    pub fn decode(stub: &'a [u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(stub, "answer stub");
        let fields = reader.fixed::<8>(OUTCOME_FIELDS)?;
        let count = check_len(&reader, 0, fields.u32::<0>(order), MAX_ANSWER)?;
        let array = if fields.u32::<4>(order) == 0 {
            if count != 0 {
                return Err(reader.value_error("n", 0, count_u64(count), "0 without an array"));
            }
            None
        } else {
            let at = reader.offset();
            let max_count = reader.u32(order, "max_count")?;
            check_max_count(&reader, at, max_count, count)?;
            Some(reader.bytes(count, "bytes")?)
        };
        let padding = reader.position().next_multiple_of(4) - reader.position();
        reader.skip(padding, "padding")?;
        let at = reader.offset();
        let status = StatusCode(reader.u32(order, "HRESULT")?);
        finish(&reader)?;
        match (status, array) {
            (StatusCode::OK, array) => Ok(Self::Answered(array.unwrap_or_default())),
            (status, None) => Ok(Self::Refused(status)),
            (status, Some(_)) => {
                Err(reader.value_error("HRESULT", at, status.0.into(), "0 with an array"))
            }
        }
    }

    /// The number of bytes that [`encode`](Self::encode) appends.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Answered(bytes) => {
                4 // n
                + 4 // referent
                + 4 // max_count
                + bytes.len().next_multiple_of(4)
                + 4 // HRESULT
            }
            Self::Refused(_) => {
                4 // n
                + 4 // referent
                + 4 // HRESULT
            }
        }
    }

    /// Appends the stub.
    #[inline]
    pub fn encode(&self, out: &mut Writer<'_>, order: ByteOrder) {
        match self {
            Self::Answered(bytes) => {
                let count = len_u32(bytes);
                let mut head = FixedWriter::<12>::new();
                head.u32::<0>(count, order);
                head.u32::<4>(Self::REFERENT, order);
                head.u32::<8>(count, order);
                out.bytes(&head.into_bytes());
                out.bytes(bytes);
                // The HRESULT is 0, and so are the bytes of padding before it.
                out.zeros(bytes.len().next_multiple_of(4) - bytes.len() + 4);
            }
            Self::Refused(status) => {
                let mut fields = FixedWriter::<12>::new();
                fields.u32::<8>(status.0, order);
                out.bytes(&fields.into_bytes());
            }
        }
    }
}

/// The count of bytes `found` at an offset, which must not be above `limit`.
#[inline]
fn check_len(
    reader: &Reader<'_>,
    at: usize,
    found: u32,
    limit: usize,
) -> Result<usize, DecodeError> {
    match usize::try_from(found) {
        Ok(count) if count <= limit => Ok(count),
        _ => Err(reader.limit_error("n", at, found.into(), count_u64(limit))),
    }
}

/// The second count of a conformant array must be the first.
#[inline]
fn check_max_count(
    reader: &Reader<'_>,
    at: usize,
    found: u32,
    count: usize,
) -> Result<(), DecodeError> {
    if usize::try_from(found) == Ok(count) {
        Ok(())
    } else {
        Err(reader.value_error("max_count", at, found.into(), "the same as n"))
    }
}

#[inline]
fn finish(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.remaining() > MAX_PADDING {
        return reader.finish();
    }
    Ok(())
}

fn count_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The length as a count. Both engines hold messages to limits far below the 32 bits.
fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

    fn encode_call(operation: Operation<'_>, order: ByteOrder) -> Vec<u8> {
        let mut out = Vec::new();
        operation.encode(&mut Writer::new(&mut out), order);
        assert_eq!(out.len(), operation.encoded_len());
        out
    }

    fn encode_outcome(outcome: Outcome<'_>, order: ByteOrder) -> Vec<u8> {
        let mut out = Vec::new();
        outcome.encode(&mut Writer::new(&mut out), order);
        assert_eq!(out.len(), outcome.encoded_len());
        out
    }

    #[test]
    fn calls_are_read_back_in_both_orders() {
        for order in ORDERS {
            for length in [0, 1, 144, MAX_REQUEST] {
                let message = vec![7; length];
                let call = Operation::RequestActivation { message: &message };
                let stub = encode_call(call, order);
                assert_eq!(
                    Operation::decode(Opnum::REQUEST_ACTIVATION, &stub, order),
                    Ok(call)
                );
            }
            assert_eq!(
                Operation::decode(Opnum::GET_HOST_CERTIFICATE, &[], order),
                Ok(Operation::GetHostCertificate)
            );
        }
    }

    #[test]
    fn outcomes_are_read_back_in_both_orders() {
        for order in ORDERS {
            for length in [0, 1, 2, 3, 4, 120, MAX_ANSWER] {
                let bytes = vec![7; length];
                let stub = encode_outcome(Outcome::Answered(&bytes), order);
                assert_eq!(stub.len() % 4, 0);
                assert_eq!(Outcome::decode(&stub, order), Ok(Outcome::Answered(&bytes)));
            }
            let refused = Outcome::Refused(StatusCode(0xc004_f042));
            let stub = encode_outcome(refused, order);
            assert_eq!(Outcome::decode(&stub, order), Ok(refused));
        }
    }

    #[test]
    fn limit_max_answer_and_one_beyond() {
        let most = encode_outcome(Outcome::Answered(&vec![0; MAX_ANSWER]), ByteOrder::Little);
        assert_eq!(most.len(), crate::MAX_ANSWER_STUB);
        let over = encode_outcome(
            Outcome::Answered(&vec![0; MAX_ANSWER + 1]),
            ByteOrder::Little,
        );
        let error = Outcome::decode(&over, ByteOrder::Little).unwrap_err();
        assert_eq!((error.field(), error.offset()), ("n", 0));
    }

    #[test]
    fn limit_padding_is_three_bytes() {
        let order = ByteOrder::Little;
        for (opnum, stub) in [
            (
                Opnum::REQUEST_ACTIVATION,
                encode_call(Operation::RequestActivation { message: b"abc" }, order),
            ),
            (Opnum::GET_HOST_CERTIFICATE, Vec::new()),
        ] {
            for padding in 0..=4 {
                let mut stub = stub.clone();
                stub.resize(stub.len() + padding, 0xee);
                assert_eq!(
                    Operation::decode(opnum, &stub, order).is_ok(),
                    padding <= 3,
                    "{opnum} with {padding}"
                );
            }
        }
        let mut stub = encode_outcome(Outcome::Answered(b"abcd"), order);
        stub.extend([0; 3]);
        assert!(Outcome::decode(&stub, order).is_ok());
        stub.push(0);
        assert!(Outcome::decode(&stub, order).is_err());
    }

    #[test]
    fn counts_that_differ_or_lie_are_refused() {
        let order = ByteOrder::Little;
        for (n, max_count, sent) in [
            (3, 4, 4),
            (4, 3, 4),
            (4, 0, 4),
            (0, 1, 0),
            (5, 5, 4),
            (u32::MAX, u32::MAX, 4),
            (8185, 8185, 8185),
        ] {
            let mut stub = Vec::new();
            let mut out = Writer::new(&mut stub);
            out.u32(n, order);
            out.u32(max_count, order);
            out.zeros(sent);
            assert!(
                matches!(
                    Operation::decode(Opnum::REQUEST_ACTIVATION, &stub, order),
                    Err(OperationError::Stub(_))
                ),
                "{n} {max_count} {sent}"
            );
        }
    }

    #[test]
    fn a_refusal_with_bytes_and_a_null_array_with_a_count_are_refused() {
        let order = ByteOrder::Little;
        let mut stub = encode_outcome(Outcome::Answered(b"abcd"), order);
        let end = stub.len();
        stub[end - 4..].copy_from_slice(&[1, 0, 0, 0x80]);
        assert_eq!(
            Outcome::decode(&stub, order).unwrap_err().field(),
            "HRESULT"
        );
        let mut stub = encode_outcome(Outcome::Answered(b""), order);
        let end = stub.len();
        stub[end - 4..].copy_from_slice(&[1, 0, 0, 0x80]);
        assert_eq!(
            Outcome::decode(&stub, order).unwrap_err().field(),
            "HRESULT"
        );
        let mut stub = encode_outcome(Outcome::Refused(StatusCode(1)), order);
        stub[0] = 1;
        assert_eq!(Outcome::decode(&stub, order).unwrap_err().field(), "n");
    }

    #[test]
    fn every_truncation_is_an_error_inside_the_stub() {
        let order = ByteOrder::Little;
        let call = encode_call(Operation::RequestActivation { message: &[1; 9] }, order);
        for len in 0..call.len() {
            match Operation::decode(Opnum::REQUEST_ACTIVATION, &call[..len], order) {
                Err(OperationError::Stub(error)) => assert!(error.offset() <= len),
                other => panic!("{len}: {other:?}"),
            }
        }
        let answer = encode_outcome(Outcome::Answered(&[1; 9]), order);
        for len in 0..answer.len() {
            assert!(Outcome::decode(&answer[..len], order).unwrap_err().offset() <= len);
        }
    }

    #[test]
    fn other_operations_do_not_exist() {
        for number in [2, 3, 255, u16::MAX] {
            assert_eq!(
                Operation::decode(Opnum(number), &[], ByteOrder::Little),
                Err(OperationError::UnknownOpnum(Opnum(number)))
            );
        }
    }
}
