use super::{DecodeBody, EncodeBody, Header, PduType, PfcFlags};
use crate::Opnum;
use kms_core::{ByteOrder, DecodeError, Reader, Writer};
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

    fn flags(&self, chosen: PfcFlags) -> PfcFlags {
        if self.object.is_some() {
            chosen | PfcFlags::OBJECT_UUID
        } else {
            chosen.without(PfcFlags::OBJECT_UUID)
        }
    }

    fn body_len(&self) -> usize {
        4 // alloc_hint
        + 2 // context_id
        + 2 // opnum
        + if self.object.is_some() { 16 } else { 0 }
        + self.stub.len()
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        out.u32(self.alloc_hint, order);
        out.u16(self.context_id, order);
        out.u16(self.opnum.0, order);
        if let Some(object) = self.object {
            match order {
                ByteOrder::Little => out.bytes(&object.to_bytes_le()),
                ByteOrder::Big => out.bytes(object.as_bytes()),
            }
        }
        out.bytes(self.stub);
    }
}

impl<'a> DecodeBody<'a> for Request<'a> {
    const NAME: &'static str = "request";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        let alloc_hint = reader.u32(order, "allocation hint")?;
        let context_id = reader.u16(order, "context id")?;
        let opnum = Opnum(reader.u16(order, "operation number")?);
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
            alloc_hint,
            context_id,
            opnum,
            object,
            stub: reader.bytes(reader.remaining(), "stub")?,
        })
    }
}
