use super::{
    DecodeBody, EncodeBody, Header, PduType, PresentationContext,
    context::{self, ContextList},
};
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
        let bind = BindView::decode(reader, header.order())?;
        Ok(Self {
            max_transmit_fragment: bind.max_transmit_fragment,
            max_receive_fragment: bind.max_receive_fragment,
            association_group: bind.association_group,
            contexts: bind.contexts.map(PresentationContext::from).collect(),
        })
    }
}

/// A [`Bind`] whose contexts stay where they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindView<'a> {
    pub(crate) max_transmit_fragment: u16,
    pub(crate) max_receive_fragment: u16,
    pub(crate) association_group: u32,
    pub(crate) contexts: ContextList<'a>,
}

/// The fields before the contexts and their sizes, in order.
const FIELDS: &[(&str, usize)] = &[
    ("longest fragment sent", 2),
    ("longest fragment received", 2),
    ("association group", 4),
];

impl<'a> BindView<'a> {
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, order: ByteOrder) -> Result<Self, DecodeError> {
        let fields = reader.fixed::<8>(FIELDS)?;
        Ok(Self {
            max_transmit_fragment: fields.u16::<0>(order),
            max_receive_fragment: fields.u16::<2>(order),
            association_group: fields.u32::<4>(order),
            contexts: ContextList::decode(reader, order)?,
        })
    }
}
