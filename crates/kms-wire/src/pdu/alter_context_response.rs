use super::{BindAck, DecodeBody, EncodeBody, Header, PduType};
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// The answer to an [`AlterContext`](super::AlterContext) (C706 section 12.6.4.2): the form of a
/// [`BindAck`], with no secondary address.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 2 | longest fragment sent, as the bind_ack said |
/// | 18 | 2 | longest fragment received, as the bind_ack said |
/// | 20 | 4 | association group |
/// | 24 | 2 | length of the secondary address, 0 |
/// | 26 | 2 | padding |
/// | 28 | 1 | number of results, at most 16 |
/// | 29 | 3 | reserved |
/// | 32 | 24 each | results, in the order of the contexts |
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the form is that of a bind_ack")]
pub struct AlterContextResponse<'a>(pub BindAck<'a>);

impl EncodeBody for AlterContextResponse<'_> {
    const TYPE: PduType = PduType::ALTER_CONTEXT_RESPONSE;

    fn body_len(&self) -> usize {
        self.0.body_len()
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        self.0.encode_body(out, order);
    }
}

impl<'a> DecodeBody<'a> for AlterContextResponse<'a> {
    const NAME: &'static str = "alter_context_resp";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        BindAck::decode_body(reader, header).map(Self)
    }
}
