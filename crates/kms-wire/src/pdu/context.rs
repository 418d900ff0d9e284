//! The presentation contexts of a bind or alter_context: two nested lists, read with nom.

use super::SyntaxId;
use crate::limits::{MAX_CONTEXTS, MAX_TRANSFER_SYNTAXES};
use alloc::vec::Vec;
use core::fmt;
use kms_core::{ByteOrder, DecodeError, Reader, Writer};
use nom::{
    IResult, Parser,
    bytes::complete::take,
    combinator::map,
    error::{ErrorKind, ParseError},
    multi::count,
    number::{
        Endianness,
        complete::{u8, u16, u32},
    },
};

/// An interface that a client wants to use, and the transfer syntaxes it could use it with
/// (C706 section 12.6.3.1, `p_cont_elem_t`).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 2 | context id |
/// | 2 | 1 | number of transfer syntaxes, at most 8 |
/// | 3 | 1 | reserved |
/// | 4 | 20 | abstract syntax: the interface |
/// | 24 | 20 each | transfer syntaxes |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct PresentationContext {
    /// The number by which requests will name it: the client's choice.
    pub id: u16,
    /// The interface.
    pub abstract_syntax: SyntaxId,
    /// The transfer syntaxes.
    pub transfer_syntaxes: TransferSyntaxes,
}

/// Up to [`MAX_TRANSFER_SYNTAXES`] transfer syntaxes, held in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntaxes {
    // INVARIANT: syntaxes[len..] is NIL.
    syntaxes: [SyntaxId; MAX_TRANSFER_SYNTAXES],
    len: u8,
}

/// More transfer syntaxes than a context may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a context has at most {MAX_TRANSFER_SYNTAXES} transfer syntaxes, this one has {0}")]
pub struct TooManyTransferSyntaxes(pub usize);

impl TransferSyntaxes {
    /// The list of these.
    ///
    /// # Errors
    /// When they are more than [`MAX_TRANSFER_SYNTAXES`].
    pub fn new(syntaxes: &[SyntaxId]) -> Result<Self, TooManyTransferSyntaxes> {
        let mut list = Self::EMPTY;
        for syntax in syntaxes {
            if !list.push(*syntax) {
                return Err(TooManyTransferSyntaxes(syntaxes.len()));
            }
        }
        Ok(list)
    }

    /// NDR 2.0 alone: what our client proposes.
    #[must_use]
    pub fn ndr() -> Self {
        let mut list = Self::EMPTY;
        list.push(SyntaxId::NDR);
        list
    }

    /// The syntaxes, in the order of preference.
    #[must_use]
    pub fn as_slice(&self) -> &[SyntaxId] {
        self.syntaxes
            .get(..usize::from(self.len))
            .unwrap_or_default()
    }

    const EMPTY: Self = Self {
        syntaxes: [SyntaxId::NIL; MAX_TRANSFER_SYNTAXES],
        len: 0,
    };

    /// False when the list is full.
    fn push(&mut self, syntax: SyntaxId) -> bool {
        match self.syntaxes.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = syntax;
                self.len += 1;
                true
            }
            None => false,
        }
    }
}

impl fmt::Debug for TransferSyntaxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// The size of a list of contexts with its count, in bytes.
pub(super) fn list_len(contexts: &[PresentationContext]) -> usize {
    4 // count, reserved
    + contexts
        .iter()
        .map(|context| {
            4 // id, count, reserved
            + SyntaxId::LEN // abstract syntax
            + SyntaxId::LEN * usize::from(context.transfer_syntaxes.len) // transfer syntaxes
        })
        .sum::<usize>()
}

/// Appends a list of contexts with its count.
pub(super) fn encode_list(
    contexts: &[PresentationContext],
    out: &mut Writer<'_>,
    order: ByteOrder,
) {
    out.u8(u8::try_from(contexts.len()).unwrap_or(u8::MAX));
    out.zeros(3);
    for context in contexts {
        out.u16(context.id, order);
        out.u8(context.transfer_syntaxes.len);
        out.u8(0);
        context.abstract_syntax.encode(out, order);
        for syntax in context.transfer_syntaxes.as_slice() {
            syntax.encode(out, order);
        }
    }
}

/// Reads a list of contexts with its count and leaves the reader behind it.
pub(super) fn decode_list(
    reader: &mut Reader<'_>,
    order: ByteOrder,
) -> Result<Vec<PresentationContext>, DecodeError> {
    let at = reader.offset();
    let number = reader.u8("number of contexts")?;
    if usize::from(number) > MAX_CONTEXTS {
        return Err(limit_error(
            reader,
            "number of contexts",
            at,
            number,
            MAX_CONTEXTS,
        ));
    }
    reader.skip(3, "reserved")?;
    let bytes = reader.rest();
    match count(presentation_context(order), usize::from(number)).parse_complete(bytes) {
        Ok((rest, contexts)) => {
            reader.skip(bytes.len() - rest.len(), "contexts")?;
            Ok(contexts)
        }
        Err(nom::Err::Error(problem) | nom::Err::Failure(problem)) => {
            Err(problem.locate(reader, bytes))
        }
        // Complete parsers do not ask for more; if one did, more than is there would be wanted.
        Err(nom::Err::Incomplete(_)) => Err(Problem::Truncated(&[]).locate(reader, bytes)),
    }
}

/// What nom ran into, and the input from where on it did.
#[derive(Clone, Copy)]
enum Problem<'a> {
    Truncated(&'a [u8]),
    TooManyTransferSyntaxes(&'a [u8], u8),
}

impl<'a> ParseError<&'a [u8]> for Problem<'a> {
    fn from_error_kind(input: &'a [u8], _kind: ErrorKind) -> Self {
        Self::Truncated(input)
    }

    fn append(_input: &'a [u8], _kind: ErrorKind, other: Self) -> Self {
        other
    }
}

impl Problem<'_> {
    /// The same as an error with its absolute offset, given where nom began.
    fn locate(self, reader: &Reader<'_>, bytes: &[u8]) -> DecodeError {
        let mut reader = reader.clone();
        let (Self::Truncated(input) | Self::TooManyTransferSyntaxes(input, _)) = self;
        if let Err(error) = reader.skip(bytes.len() - input.len(), "contexts") {
            return error;
        }
        match self {
            Self::Truncated(input) => match reader.skip(input.len() + 1, "contexts") {
                Err(error) => error,
                Ok(()) => reader.rule_error("contexts", reader.offset(), "end too early"),
            },
            Self::TooManyTransferSyntaxes(_, number) => limit_error(
                &reader,
                "number of transfer syntaxes",
                reader.offset(),
                number,
                MAX_TRANSFER_SYNTAXES,
            ),
        }
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Problem<'a>>;

fn presentation_context<'a>(
    order: ByteOrder,
) -> impl Parser<&'a [u8], Output = PresentationContext, Error = Problem<'a>> {
    move |input: &'a [u8]| -> Parsed<'a, PresentationContext> {
        let (input, id) = u16(endianness(order)).parse(input)?;
        let (after, number) = u8(input)?;
        if usize::from(number) > MAX_TRANSFER_SYNTAXES {
            return Err(nom::Err::Failure(Problem::TooManyTransferSyntaxes(
                input, number,
            )));
        }
        let (input, _reserved) = u8(after)?;
        let (mut input, abstract_syntax) = syntax_id(order).parse(input)?;
        let mut transfer_syntaxes = TransferSyntaxes::EMPTY;
        for _ in 0..number {
            let (rest, syntax) = syntax_id(order).parse(input)?;
            transfer_syntaxes.push(syntax);
            input = rest;
        }
        Ok((
            input,
            PresentationContext {
                id,
                abstract_syntax,
                transfer_syntaxes,
            },
        ))
    }
}

fn syntax_id<'a>(
    order: ByteOrder,
) -> impl Parser<&'a [u8], Output = SyntaxId, Error = Problem<'a>> {
    map(
        (take(16_usize), u32(endianness(order))),
        move |(bytes, version): (&[u8], u32)| {
            // INVARIANT: take gives exactly 16 bytes.
            let uuid = bytes.first_chunk().copied().unwrap_or_default();
            SyntaxId::from_wire(uuid, version, order)
        },
    )
}

const fn endianness(order: ByteOrder) -> Endianness {
    match order {
        ByteOrder::Little => Endianness::Little,
        ByteOrder::Big => Endianness::Big,
    }
}

fn limit_error(
    reader: &Reader<'_>,
    field: &'static str,
    at: usize,
    found: u8,
    limit: usize,
) -> DecodeError {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    reader.limit_error(field, at, found.into(), limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use kms_core::DecodeErrorKind;

    fn context(id: u16, syntaxes: usize) -> PresentationContext {
        PresentationContext {
            id,
            abstract_syntax: SyntaxId::INTERFACE,
            transfer_syntaxes: TransferSyntaxes::new(&vec![SyntaxId::NDR; syntaxes]).unwrap(),
        }
    }

    fn encode(contexts: &[PresentationContext], order: ByteOrder) -> Vec<u8> {
        let mut out = Vec::new();
        encode_list(contexts, &mut Writer::new(&mut out), order);
        assert_eq!(out.len(), list_len(contexts));
        out
    }

    #[test]
    fn limit_sixteen_contexts_of_eight_syntaxes_are_read_back_in_both_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for number in [0, 1, 16] {
                let contexts: Vec<_> = (0..number).map(|id| context(id, 8)).collect();
                let bytes = encode(&contexts, order);
                let mut reader = Reader::new(&bytes, "t");
                assert_eq!(decode_list(&mut reader, order), Ok(contexts));
                assert_eq!(reader.remaining(), 0);
            }
        }
    }

    #[test]
    fn limit_seventeen_contexts_are_above_the_limit() {
        let contexts: Vec<_> = (0..17).map(|id| context(id, 1)).collect();
        let bytes = encode(&contexts, ByteOrder::Little);
        let mut reader = Reader::new(&bytes, "t").with_base(24);
        let error = decode_list(&mut reader, ByteOrder::Little).unwrap_err();
        assert_eq!((error.field(), error.offset()), ("number of contexts", 24));
        assert!(matches!(error.kind(), DecodeErrorKind::Limit { .. }));
    }

    #[test]
    fn limit_nine_syntaxes_are_above_the_limit() {
        assert_eq!(
            TransferSyntaxes::new(&[SyntaxId::NDR; 9]),
            Err(TooManyTransferSyntaxes(9))
        );
        let mut bytes = encode(&[context(0, 1), context(1, 8)], ByteOrder::Little);
        bytes[4 + 44 + 2] = 9;
        let mut reader = Reader::new(&bytes, "t").with_base(24);
        let error = decode_list(&mut reader, ByteOrder::Little).unwrap_err();
        assert_eq!(
            (error.field(), error.offset()),
            ("number of transfer syntaxes", 24 + 4 + 44 + 2)
        );
        assert!(matches!(error.kind(), DecodeErrorKind::Limit { .. }));
    }

    #[test]
    fn every_truncation_is_an_error_at_the_field_that_is_short() {
        let bytes = encode(&[context(0, 1), context(1, 2)], ByteOrder::Little);
        for len in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..len], "t").with_base(100);
            let error = decode_list(&mut reader, ByteOrder::Little).unwrap_err();
            assert!((100..=100 + len).contains(&error.offset()), "{error}");
            assert!(matches!(error.kind(), DecodeErrorKind::Truncated { .. }));
        }
    }
}
