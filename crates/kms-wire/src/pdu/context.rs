//! The presentation contexts of a bind or alter_context: two nested lists.

use super::{SyntaxId, syntax::KnownSyntax};
use crate::limits::{MAX_CONTEXTS, MAX_TRANSFER_SYNTAXES};
use core::fmt;
use kms_core::{ByteOrder, DecodeError, FixedReader, Reader, Writer};

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
        out.bytes(&context.abstract_syntax.to_wire(order));
        for syntax in context.transfer_syntaxes.as_slice() {
            out.bytes(&syntax.to_wire(order));
        }
    }
}

/// A list of contexts as it stands on the wire, read one context at a time: a host decides about
/// them without putting the list elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextList<'a> {
    // INVARIANT: `left` contexts can be read from here.
    bytes: &'a [u8],
    left: u8,
    order: ByteOrder,
}

/// One context of a [`ContextList`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextView<'a> {
    fixed: FixedReader<'a, FIXED_LEN>,
    transfer_syntaxes: &'a [[u8; SyntaxId::LEN]],
    order: ByteOrder,
}

/// The size of a context before its transfer syntaxes, in bytes.
const FIXED_LEN: usize = 24;

impl<'a> ContextList<'a> {
    /// Reads the list's count, checks that all its contexts are there, and leaves the reader behind
    /// them.
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, order: ByteOrder) -> Result<Self, DecodeError> {
        let at = reader.offset();
        let left = reader.u8("number of contexts")?;
        if usize::from(left) > MAX_CONTEXTS {
            let field = "number of contexts";
            return Err(reader.limit_error(field, at, left.into(), as_u64(MAX_CONTEXTS)));
        }
        reader.skip(3, "reserved")?;
        let bytes = reader.rest();
        for _ in 0..left {
            reader.skip(2, "context id")?;
            let at = reader.offset();
            let number = reader.u8("number of transfer syntaxes")?;
            // Too many are refused for that, also where they are not all there.
            if usize::from(number) > MAX_TRANSFER_SYNTAXES {
                let field = "number of transfer syntaxes";
                let most = as_u64(MAX_TRANSFER_SYNTAXES);
                return Err(reader.limit_error(field, at, number.into(), most));
            }
            reader.skip(1, "reserved")?;
            reader.skip(SyntaxId::LEN, "abstract syntax")?;
            reader.skip(SyntaxId::LEN * usize::from(number), "transfer syntaxes")?;
        }
        Ok(Self { bytes, left, order })
    }

    /// How many contexts are left.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.left)
    }
}

fn as_u64(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}

impl<'a> Iterator for ContextList<'a> {
    type Item = ContextView<'a>;

    #[inline]
    fn next(&mut self) -> Option<ContextView<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (fixed, rest) = self.bytes.split_first_chunk()?;
        let fixed = FixedReader::new(fixed);
        let (syntaxes, rest) =
            rest.split_at_checked(SyntaxId::LEN * usize::from(fixed.u8::<2>()))?;
        self.bytes = rest;
        Some(ContextView {
            fixed,
            transfer_syntaxes: syntaxes.as_chunks().0,
            order: self.order,
        })
    }
}

impl ContextView<'_> {
    /// The number by which requests will name it.
    #[inline]
    pub(crate) fn id(&self) -> u16 {
        self.fixed.u16::<0>(self.order)
    }

    /// Whether it is for the interface of this protocol, in any minor version.
    #[inline]
    pub(crate) fn is_for_interface(&self) -> bool {
        static INTERFACE: KnownSyntax = KnownSyntax::INTERFACE;
        let ours = FixedReader::new(INTERFACE.in_order(self.order));
        let same_major = match self.order {
            ByteOrder::Little => self.fixed.array::<20, 2>() == ours.array::<16, 2>(),
            ByteOrder::Big => self.fixed.array::<22, 2>() == ours.array::<18, 2>(),
        };
        same_major && self.fixed.array::<4, 16>() == ours.array::<0, 16>()
    }

    /// Whether there are transfer syntaxes at all.
    #[inline]
    pub(crate) fn has_transfer_syntaxes(&self) -> bool {
        !self.transfer_syntaxes.is_empty()
    }

    /// Whether it is a question about features, which only the first transfer syntax can make it.
    #[inline]
    pub(crate) fn is_feature_negotiation(&self) -> bool {
        static QUESTION: KnownSyntax = KnownSyntax::FEATURE_NEGOTIATION;
        let question = FixedReader::new(QUESTION.in_order(self.order));
        self.transfer_syntaxes.first().is_some_and(|first| {
            let first = FixedReader::new(first);
            first.array::<0, 8>() == question.array::<0, 8>()
                && first.array::<16, 4>() == question.array::<16, 4>()
        })
    }

    /// Whether NDR 2.0 is among the transfer syntaxes.
    #[inline]
    pub(crate) fn has_ndr(&self) -> bool {
        static NDR: KnownSyntax = KnownSyntax::NDR;
        self.transfer_syntaxes.contains(NDR.in_order(self.order))
    }
}

impl From<ContextView<'_>> for PresentationContext {
    fn from(context: ContextView<'_>) -> Self {
        let mut transfer_syntaxes = TransferSyntaxes::EMPTY;
        for syntax in context.transfer_syntaxes {
            transfer_syntaxes.push(SyntaxId::from_wire(syntax, context.order));
        }
        let abstract_syntax = context.fixed.array::<4, { SyntaxId::LEN }>();
        Self {
            id: context.id(),
            abstract_syntax: SyntaxId::from_wire(&abstract_syntax, context.order),
            transfer_syntaxes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use kms_core::DecodeErrorKind;

    fn context(id: u16, syntaxes: usize) -> PresentationContext {
        PresentationContext {
            id,
            abstract_syntax: SyntaxId::INTERFACE,
            transfer_syntaxes: TransferSyntaxes::new(&vec![SyntaxId::NDR; syntaxes]).unwrap(),
        }
    }

    fn decode_list(
        reader: &mut Reader<'_>,
        order: ByteOrder,
    ) -> Result<Vec<PresentationContext>, DecodeError> {
        let list = ContextList::decode(reader, order)?;
        let number = list.len();
        let contexts: Vec<_> = list.map(PresentationContext::from).collect();
        assert_eq!(contexts.len(), number);
        Ok(contexts)
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
    fn limit_nine_syntaxes_are_above_it_also_where_the_bytes_end_before_them() {
        let mut bytes = encode(&[context(0, 8)], ByteOrder::Little);
        bytes[4 + 2] = 9;
        for len in 7..bytes.len() {
            let mut reader = Reader::new(&bytes[..len], "t");
            let error = decode_list(&mut reader, ByteOrder::Little).unwrap_err();
            assert!(
                matches!(error.kind(), DecodeErrorKind::Limit { .. }),
                "{len}"
            );
        }
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
