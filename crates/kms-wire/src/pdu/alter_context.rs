use super::{Bind, DecodeBody, EncodeBody, Header, PduType};
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// Proposes further contexts on an open connection (C706 section 12.6.4.1): the form of a
/// [`Bind`], whose fragment sizes and association group count for nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the form is that of a bind")]
pub struct AlterContext(pub Bind);

impl EncodeBody for AlterContext {
    const TYPE: PduType = PduType::ALTER_CONTEXT;

    fn body_len(&self) -> usize {
        self.0.body_len()
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        self.0.encode_body(out, order);
    }
}

impl<'a> DecodeBody<'a> for AlterContext {
    const NAME: &'static str = "alter_context";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        Bind::decode_body(reader, header).map(Self)
    }
}
