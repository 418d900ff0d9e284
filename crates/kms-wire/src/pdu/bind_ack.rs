use super::{ContextResult, DecodeBody, EncodeBody, Header, PduType, decode_results};
use alloc::vec::Vec;
use kms_core::{ByteOrder, DecodeError, FixedWriter, Reader, Writer};

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

/// A [`BindAck`] but for its results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckHead<'a> {
    pub(crate) max_transmit_fragment: u16,
    pub(crate) max_receive_fragment: u16,
    pub(crate) association_group: u32,
    pub(crate) secondary_address: &'a [u8],
    /// How many results follow.
    pub(crate) results: usize,
}

/// The fields before the secondary address and their sizes, in order.
const FIELDS: &[(&str, usize)] = &[
    ("longest fragment sent", 2),
    ("longest fragment received", 2),
    ("association group", 4),
    ("secondary address length", 2),
];

/// Where the secondary address begins in the body; the body begins at a multiple of 4.
const ADDRESS_OFFSET: usize = 10;

impl<'a> AckHead<'a> {
    /// The length of the whole body, the results included.
    #[inline]
    pub(crate) const fn body_len(&self) -> usize {
        (ADDRESS_OFFSET + self.secondary_address.len()).next_multiple_of(4)
            + 4 // number of results, reserved
            + ContextResult::LEN * self.results
    }

    /// Appends all that stands before the results.
    #[inline]
    pub(crate) fn encode(&self, out: &mut Writer<'_>, order: ByteOrder) {
        let address = self.secondary_address;
        let mut fields = FixedWriter::<ADDRESS_OFFSET>::new();
        fields.u16::<0>(self.max_transmit_fragment, order);
        fields.u16::<2>(self.max_receive_fragment, order);
        fields.u32::<4>(self.association_group, order);
        fields.u16::<8>(u16::try_from(address.len()).unwrap_or(u16::MAX), order);
        out.bytes(&fields.into_bytes());
        out.bytes(address);
        let end = ADDRESS_OFFSET + address.len();
        out.zeros(end.next_multiple_of(4) - end);
        let results = u8::try_from(self.results).unwrap_or(u8::MAX);
        out.bytes(&[results, 0, 0, 0]);
    }

    /// Reads all that stands before the results' count.
    #[inline]
    pub(crate) fn decode(reader: &mut Reader<'a>, order: ByteOrder) -> Result<Self, DecodeError> {
        let fields = reader.fixed::<ADDRESS_OFFSET>(FIELDS)?;
        let length = usize::from(fields.u16::<8>(order));
        let secondary_address = reader.bytes(length, "secondary address")?;
        let end = ADDRESS_OFFSET + length;
        reader.skip(end.next_multiple_of(4) - end, "padding")?;
        Ok(Self {
            max_transmit_fragment: fields.u16::<0>(order),
            max_receive_fragment: fields.u16::<2>(order),
            association_group: fields.u32::<4>(order),
            secondary_address,
            results: 0,
        })
    }
}

impl BindAck<'_> {
    fn head(&self) -> AckHead<'_> {
        AckHead {
            max_transmit_fragment: self.max_transmit_fragment,
            max_receive_fragment: self.max_receive_fragment,
            association_group: self.association_group,
            secondary_address: self.secondary_address,
            results: self.results.len(),
        }
    }
}

impl EncodeBody for BindAck<'_> {
    const TYPE: PduType = PduType::BIND_ACK;

    fn body_len(&self) -> usize {
        self.head().body_len()
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        self.head().encode(out, order);
        for result in &self.results {
            out.bytes(&result.to_wire(order));
        }
    }
}

impl<'a> DecodeBody<'a> for BindAck<'a> {
    const NAME: &'static str = "bind_ack";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        let head = AckHead::decode(reader, order)?;
        Ok(Self {
            max_transmit_fragment: head.max_transmit_fragment,
            max_receive_fragment: head.max_receive_fragment,
            association_group: head.association_group,
            secondary_address: head.secondary_address,
            results: decode_results(reader, order)?.collect(),
        })
    }
}
