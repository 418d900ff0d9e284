use super::{DecodeBody, EncodeBody, Header, PduType};
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

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

    fn body_len(&self) -> usize {
        4 // alloc_hint
        + 2 // context_id
        + 1 // cancel_count
        + 1 // reserved
        + self.stub.len()
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        out.u32(self.alloc_hint, order);
        out.u16(self.context_id, order);
        out.u8(self.cancel_count);
        out.u8(0);
        out.bytes(self.stub);
    }
}

impl<'a> DecodeBody<'a> for Response<'a> {
    const NAME: &'static str = "response";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        let alloc_hint = reader.u32(order, "allocation hint")?;
        let context_id = reader.u16(order, "context id")?;
        let cancel_count = reader.u8("cancel count")?;
        reader.skip(1, "reserved")?;
        Ok(Self {
            alloc_hint,
            context_id,
            cancel_count,
            stub: reader.bytes(reader.remaining(), "stub")?,
        })
    }
}
