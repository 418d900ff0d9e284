use super::{ContextResult, DecodeBody, EncodeBody, Header, PduType, context_result};
use alloc::vec::Vec;
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// Accepts a bind (C706 section 12.6.4.4), though perhaps none of its contexts.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 2 | the longest fragment that the server will send |
/// | 18 | 2 | the longest fragment that the server can receive |
/// | 20 | 4 | association group |
/// | 24 | 2 | length of the secondary address |
/// | 26 | length | secondary address, with its terminating zero |
/// | | 0 to 3 | padding to a multiple of 4 |
/// | | 1 | number of results, at most 16 |
/// | | 3 | reserved |
/// | | 24 each | results, in the order of the contexts |
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct BindAck<'a> {
    /// The longest fragment that the server will send, in bytes.
    pub max_transmit_fragment: u16,
    /// The longest fragment that the server can receive, in bytes.
    pub max_receive_fragment: u16,
    /// The association group that the connection belongs to.
    pub association_group: u32,
    /// The secondary address as it stands on the wire, its terminating zero included; empty for
    /// none. Over TCP it is the port in decimal digits.
    pub secondary_address: &'a [u8],
    /// What became of each context.
    pub results: Vec<ContextResult>,
}

impl BindAck<'_> {
    /// Where the secondary address begins in the body; the body begins at a multiple of 4.
    const ADDRESS_OFFSET: usize = 2 // max_transmit_fragment
        + 2 // max_receive_fragment
        + 4 // association_group
        + 2; // length of the secondary address
}

impl EncodeBody for BindAck<'_> {
    const TYPE: PduType = PduType::BIND_ACK;

    fn body_len(&self) -> usize {
        (Self::ADDRESS_OFFSET + self.secondary_address.len()).next_multiple_of(4)
            + context_result::list_len(&self.results)
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        out.u16(self.max_transmit_fragment, order);
        out.u16(self.max_receive_fragment, order);
        out.u32(self.association_group, order);
        out.u16(
            u16::try_from(self.secondary_address.len()).unwrap_or(u16::MAX),
            order,
        );
        out.bytes(self.secondary_address);
        let end = Self::ADDRESS_OFFSET + self.secondary_address.len();
        out.zeros(end.next_multiple_of(4) - end);
        context_result::encode_list(&self.results, out, order);
    }
}

impl<'a> DecodeBody<'a> for BindAck<'a> {
    const NAME: &'static str = "bind_ack";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        let start = reader.position();
        let max_transmit_fragment = reader.u16(order, "longest fragment sent")?;
        let max_receive_fragment = reader.u16(order, "longest fragment received")?;
        let association_group = reader.u32(order, "association group")?;
        let length = reader.u16(order, "secondary address length")?;
        let secondary_address = reader.bytes(usize::from(length), "secondary address")?;
        let read = reader.position() - start;
        reader.skip(read.next_multiple_of(4) - read, "padding")?;
        Ok(Self {
            max_transmit_fragment,
            max_receive_fragment,
            association_group,
            secondary_address,
            results: context_result::decode_list(reader, order)?,
        })
    }
}
