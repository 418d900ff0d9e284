use super::{DecodeBody, EncodeBody, Header, PduType};
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// A client would rather not have the answer any more (C706 section 12.6.4.6): a header and nothing else.
///
/// A host passes over it, as Windows does by default: the call goes on and is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields on the wire")]
pub struct CoCancel;

impl EncodeBody for CoCancel {
    const TYPE: PduType = PduType::CO_CANCEL;

    fn body_len(&self) -> usize {
        0
    }

    fn encode_body(&self, _out: &mut Writer<'_>, _order: ByteOrder) {}
}

impl<'a> DecodeBody<'a> for CoCancel {
    const NAME: &'static str = "co_cancel";

    fn decode_body(_reader: &mut Reader<'a>, _header: &Header) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}
