use super::{DecodeBody, EncodeBody, Header, PduType};
use crate::Outcome;
use kms_core::{ByteOrder, DecodeError, FixedWriter, Reader, Writer};

/// An answer, or a fragment of one (C706 section 12.6.4.10).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 4 | allocation hint |
/// | 20 | 2 | context id |
/// | 22 | 1 | cancel count |
/// | 23 | 1 | reserved |
/// | 24 | rest | stub |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct Response<'a> {
    /// How long the sender says that the stub is from here on. It is never used.
    pub alloc_hint: u32,
    /// The context that the call was made in.
    pub context_id: u16,
    /// How many cancels came in for the call.
    pub cancel_count: u8,
    /// The stub, or this fragment's part of it.
    pub stub: &'a [u8],
}

impl Response<'_> {
    /// The bytes before the stub, the header included.
    pub const STUB_OFFSET: usize = 24;
}

impl EncodeBody for Response<'_> {
    const TYPE: PduType = PduType::RESPONSE;

    #[inline]
    fn body_len(&self) -> usize {
        4 // alloc_hint
        + 2 // context_id
        + 1 // cancel_count
        + 1 // reserved
        + self.stub.len()
    }

    #[inline]
    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        let mut fields = FixedWriter::<8>::new();
        fields.u32::<0>(self.alloc_hint, order);
        fields.u16::<4>(self.context_id, order);
        fields.array::<6, 2>([self.cancel_count, 0]);
        out.bytes(&fields.into_bytes());
        out.bytes(self.stub);
    }
}

/// The fields before the stub and their sizes, in order.
const FIELDS: &[(&str, usize)] = &[
    ("allocation hint", 4),
    ("context id", 2),
    ("cancel count", 1),
    ("reserved", 1),
];

impl<'a> DecodeBody<'a> for Response<'a> {
    const NAME: &'static str = "response";

    #[inline(always)]
    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        let fields = reader.fixed::<8>(FIELDS)?;
        Ok(Self {
            alloc_hint: fields.u32::<0>(order),
            context_id: fields.u16::<4>(order),
            cancel_count: fields.u8::<6>(),
            stub: reader.bytes(reader.remaining(), "stub")?,
        })
    }
}

/// An answer in one fragment, written in one go: as a [`Response`] whose stub is `outcome`, but the
/// stub is not put together elsewhere before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct WholeResponse<'a> {
    /// The context that the call was made in.
    pub context_id: u16,
    /// What the call gives back.
    pub outcome: Outcome<'a>,
}

impl EncodeBody for WholeResponse<'_> {
    const TYPE: PduType = PduType::RESPONSE;

    #[inline]
    fn body_len(&self) -> usize {
        Response::STUB_OFFSET - Header::LEN + self.outcome.encoded_len()
    }

    #[inline]
    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        let before = Response {
            alloc_hint: u32::try_from(self.outcome.encoded_len()).unwrap_or(u32::MAX),
            context_id: self.context_id,
            cancel_count: 0,
            stub: &[],
        };
        before.encode_body(out, order);
        self.outcome.encode(out, order);
    }
}
