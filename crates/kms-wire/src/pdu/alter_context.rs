use super::{Bind, DecodeBody, EncodeBody, Header, PduType};
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// Proposes further contexts on an open connection (C706 section 12.6.4.1): the form of a
/// [`Bind`], whose fragment sizes and association group count for nothing here.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 2 | longest fragment sent, not used |
/// | 18 | 2 | longest fragment received, not used |
/// | 20 | 4 | association group, not used |
/// | 24 | 1 | number of contexts, at most 16 |
/// | 25 | 3 | reserved |
/// | 28 | | contexts |
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
