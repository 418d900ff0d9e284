use super::{DecodeBody, EncodeBody, Header, PduType, PresentationContext, context};
use alloc::vec::Vec;
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// Opens the conversation (C706 section 12.6.4.3).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 2 | the longest fragment that the client will send |
/// | 18 | 2 | the longest fragment that the client can receive |
/// | 20 | 4 | association group, 0 for a new one |
/// | 24 | 1 | number of contexts, at most 16 |
/// | 25 | 3 | reserved |
/// | 28 | | contexts |
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct Bind {
    /// The longest fragment that the client will send, in bytes.
    pub max_transmit_fragment: u16,
    /// The longest fragment that the client can receive, in bytes.
    pub max_receive_fragment: u16,
    /// The association group that the client wants to join, 0 for a new one.
    pub association_group: u32,
    /// The contexts that it proposes.
    pub contexts: Vec<PresentationContext>,
}

impl EncodeBody for Bind {
    const TYPE: PduType = PduType::BIND;

    fn body_len(&self) -> usize {
        2 // max_transmit_fragment
        + 2 // max_receive_fragment
        + 4 // association_group
        + context::list_len(&self.contexts)
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        out.u16(self.max_transmit_fragment, order);
        out.u16(self.max_receive_fragment, order);
        out.u32(self.association_group, order);
        context::encode_list(&self.contexts, out, order);
    }
}

impl<'a> DecodeBody<'a> for Bind {
    const NAME: &'static str = "bind";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        Ok(Self {
            max_transmit_fragment: reader.u16(order, "longest fragment sent")?,
            max_receive_fragment: reader.u16(order, "longest fragment received")?,
            association_group: reader.u32(order, "association group")?,
            contexts: context::decode_list(reader, order)?,
        })
    }
}
