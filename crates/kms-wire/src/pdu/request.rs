use super::{DecodeBody, EncodeBody, Header, PduType, PfcFlags};
use crate::{Operation, Opnum};
use kms_core::{ByteOrder, DecodeError, FixedWriter, Reader, Writer};
use uuid::Uuid;

/// A call, or a fragment of one (C706 section 12.6.4.9).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 4 | allocation hint |
/// | 20 | 2 | context id |
/// | 22 | 2 | operation number |
/// | 24 | 16 | object id, if the flag says so |
/// | 24 or 40 | rest | stub |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct Request<'a> {
    /// How long the sender says that the stub is from here on. It is never used.
    pub alloc_hint: u32,
    /// The context that the call is made in.
    pub context_id: u16,
    /// The operation.
    pub opnum: Opnum,
    /// The object that it is made on; it means nothing here. The header's flag follows it.
    pub object: Option<Uuid>,
    /// The stub, or this fragment's part of it.
    pub stub: &'a [u8],
}

impl Request<'_> {
    /// The bytes before the stub when there is no object id, the header included.
    pub const STUB_OFFSET: usize = 24;
}

impl EncodeBody for Request<'_> {
    const TYPE: PduType = PduType::REQUEST;

    #[inline]
    fn flags(&self, chosen: PfcFlags) -> PfcFlags {
        if self.object.is_some() {
            chosen | PfcFlags::OBJECT_UUID
        } else {
            chosen.without(PfcFlags::OBJECT_UUID)
        }
    }

    #[inline]
    fn body_len(&self) -> usize {
        4 // alloc_hint
        + 2 // context_id
        + 2 // opnum
        + if self.object.is_some() { 16 } else { 0 }
        + self.stub.len()
    }

    #[inline]
    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        let mut fields = FixedWriter::<8>::new();
        fields.u32::<0>(self.alloc_hint, order);
        fields.u16::<4>(self.context_id, order);
        fields.u16::<6>(self.opnum.0, order);
        out.bytes(&fields.into_bytes());
        if let Some(object) = self.object {
            match order {
                ByteOrder::Little => out.bytes(&object.to_bytes_le()),
                ByteOrder::Big => out.bytes(object.as_bytes()),
            }
        }
        out.bytes(self.stub);
    }
}

/// The fields before the object id and their sizes, in order.
const FIELDS: &[(&str, usize)] = &[
    ("allocation hint", 4),
    ("context id", 2),
    ("operation number", 2),
];

impl<'a> DecodeBody<'a> for Request<'a> {
    const NAME: &'static str = "request";

    #[inline(always)]
    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        let fields = reader.fixed::<8>(FIELDS)?;
        let object = if header.flags.contains(PfcFlags::OBJECT_UUID) {
            let bytes = reader.array("object id")?;
            Some(match order {
                ByteOrder::Little => Uuid::from_bytes_le(bytes),
                ByteOrder::Big => Uuid::from_bytes(bytes),
            })
        } else {
            None
        };
        Ok(Self {
            alloc_hint: fields.u32::<0>(order),
            context_id: fields.u16::<4>(order),
            opnum: Opnum(fields.u16::<6>(order)),
            object,
            stub: reader.bytes(reader.remaining(), "stub")?,
        })
    }
}

/// A call in one fragment, written in one go: as a [`Request`] without an object id whose stub is
/// `operation`, but the stub is not put together elsewhere before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct WholeRequest<'a> {
    /// The context that the call is made in.
    pub context_id: u16,
    /// The call.
    pub operation: Operation<'a>,
}

impl EncodeBody for WholeRequest<'_> {
    const TYPE: PduType = PduType::REQUEST;

    #[inline]
    fn flags(&self, chosen: PfcFlags) -> PfcFlags {
        chosen.without(PfcFlags::OBJECT_UUID)
    }

    #[inline]
    fn body_len(&self) -> usize {
        Request::STUB_OFFSET - Header::LEN + self.operation.encoded_len()
    }

    #[inline]
    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        let before = Request {
            alloc_hint: u32::try_from(self.operation.encoded_len()).unwrap_or(u32::MAX),
            context_id: self.context_id,
            opnum: self.operation.opnum(),
            object: None,
            stub: &[],
        };
        before.encode_body(out, order);
        self.operation.encode(out, order);
    }
}
