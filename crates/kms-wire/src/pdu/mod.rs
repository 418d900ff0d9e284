//! The PDUs of connection-oriented DCE/RPC (C706 chapter 12), as values and as bytes.
//!
//! A PDU on the wire is a [`Header`] of 16 bytes and a body; [`Pdu`] is one with a body of known
//! type, [`AnyPdu`] one with whatever body its header names. Bytes behind a body's last field are
//! passed over, since implementations pad.
//!
//! | type | body | from | offsets 16 and on |
//! | --- | --- | --- | --- |
//! | 0 | [`Request`] | client | allocation hint, context, operation, object, stub |
//! | 2 | [`Response`] | host | allocation hint, context, cancel count, stub |
//! | 3 | [`Fault`] | host | allocation hint, context, cancel count, status |
//! | 11 | [`Bind`] | client | fragment sizes, association group, contexts |
//! | 12 | [`BindAck`] | host | fragment sizes, association group, address, results |
//! | 13 | [`BindNak`] | host | reason, versions |
//! | 14 | [`AlterContext`] | client | as a bind |
//! | 15 | [`AlterContextResponse`] | host | as a bind_ack |
//! | 18 | [`CoCancel`] | client | nothing |
//! | 19 | [`Orphaned`] | client | nothing |
//!
//! The tables of the types give offsets in the whole PDU, the header's 16 bytes counted.
//!
//! Both integer orders are read and written. Authentication is not part of this protocol: a PDU
//! with an authentication trailer is not read.

mod alter_context;
mod alter_context_response;
mod any;
mod bind;
mod bind_ack;
mod bind_nak;
mod co_cancel;
mod context;
mod context_result;
mod fault;
mod header;
mod orphaned;
mod pdu_type;
mod pfc_flags;
mod request;
mod response;
mod syntax;

pub use alter_context::AlterContext;
pub use alter_context_response::AlterContextResponse;
pub use any::{AnyPdu, Body};
pub use bind::Bind;
pub(crate) use bind::BindView;
pub(crate) use bind_ack::AckHead;
pub use bind_ack::BindAck;
pub use bind_nak::{BindNak, RejectReason};
pub use co_cancel::CoCancel;
pub(crate) use context::{ContextList, ContextView};
pub use context::{PresentationContext, TooManyTransferSyntaxes, TransferSyntaxes};
pub(crate) use context_result::decode_results;
pub use context_result::{ContextResult, ContextResultCode, ProviderReason};
pub use fault::{Fault, FaultStatus};
pub use header::{CallId, DataRepresentation, Header, HeaderError};
pub use orphaned::Orphaned;
pub use pdu_type::PduType;
pub use pfc_flags::PfcFlags;
pub use request::{Request, WholeRequest};
pub use response::{Response, WholeResponse};
pub use syntax::SyntaxId;

use kms_core::{ByteOrder, Decode, DecodeError, Encode, Reader, Writer};

/// A body that can be written behind a header.
pub trait EncodeBody {
    /// The type that the header names.
    const TYPE: PduType;

    /// The flags for the header, given those that the sender chose: the ones that speak of the
    /// body's form are set as the body is.
    fn flags(&self, chosen: PfcFlags) -> PfcFlags {
        chosen
    }

    /// The number of bytes that [`encode_body`](Self::encode_body) appends.
    fn body_len(&self) -> usize;

    /// Appends the body to a writer that began with the header.
    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder);
}

/// A body that can be read.
pub trait DecodeBody<'a>: EncodeBody + Sized {
    /// The PDU's name in errors.
    const NAME: &'static str;

    /// Reads the body from a reader that holds it and nothing else.
    ///
    /// # Errors
    /// When the bytes are too few or break a rule of the body.
    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError>;
}

/// What a header says beside the type and the lengths, which follow from the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct Prefix {
    /// The minor protocol version, 0 or 1.
    pub minor_version: u8,
    /// The flags.
    pub flags: PfcFlags,
    /// The integer order of header, body and stub.
    pub order: ByteOrder,
    /// The call that it belongs to.
    pub call_id: CallId,
}

impl Prefix {
    /// That of a PDU of one fragment, minor version 0, little-endian.
    #[must_use]
    #[inline]
    pub const fn new(call_id: CallId) -> Self {
        Self {
            minor_version: 0,
            flags: PfcFlags::WHOLE,
            order: ByteOrder::Little,
            call_id,
        }
    }

    #[inline]
    pub(crate) const fn of(header: &Header) -> Self {
        Self {
            minor_version: header.minor_version,
            flags: header.flags,
            order: header.order(),
            call_id: header.call_id,
        }
    }
}

/// A PDU with a body of known type.
///
/// A body too long for a fragment can be written, but no receiver of this protocol reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair that callers make")]
pub struct Pdu<B> {
    /// What the header says.
    pub prefix: Prefix,
    /// What follows it.
    pub body: B,
}

impl<B: EncodeBody> Encode for Pdu<B> {
    #[inline]
    fn encoded_len(&self) -> usize {
        Header::LEN + self.body.body_len()
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) {
        encode_pdu(self.prefix, &self.body, out);
    }
}

impl<'a, B: DecodeBody<'a>> Decode<'a> for Pdu<B> {
    const NAME: &'static str = B::NAME;

    #[inline(always)]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = reader.offset();
        let (header, mut body) = read_header(reader)?;
        if header.pdu_type != B::TYPE {
            return Err(reader.value_error(
                "type",
                start + Header::TYPE_OFFSET,
                header.pdu_type.0.into(),
                B::NAME,
            ));
        }
        body.set_context(B::NAME);
        Ok(Self {
            prefix: Prefix::of(&header),
            body: B::decode_body(&mut body, &header)?,
        })
    }
}

/// Appends a whole PDU.
#[inline]
fn encode_pdu<B: EncodeBody>(prefix: Prefix, body: &B, out: &mut Writer<'_>) {
    let flags = body.flags(prefix.flags);
    encode_header(Prefix { flags, ..prefix }, B::TYPE, body.body_len(), out);
    body.encode_body(out, prefix.order);
}

/// Appends the header of a PDU, and makes room for its body.
#[inline]
pub(crate) fn encode_header(
    prefix: Prefix,
    pdu_type: PduType,
    body_len: usize,
    out: &mut Writer<'_>,
) {
    let header = Header {
        major_version: Header::MAJOR_VERSION,
        minor_version: prefix.minor_version,
        pdu_type,
        flags: prefix.flags,
        representation: DataRepresentation::of(prefix.order),
        fragment_length: u16::try_from(Header::LEN + body_len).unwrap_or(u16::MAX),
        auth_length: 0,
        call_id: prefix.call_id,
    };
    out.reserve(Header::LEN + body_len);
    header.encode(out);
}

/// Reads a header that keeps the rules, and the bounds of its body.
#[inline(always)]
fn read_header<'a>(reader: &mut Reader<'a>) -> Result<(Header, Reader<'a>), DecodeError> {
    let start = reader.offset();
    let header = Header::decode(reader)?;
    if header.auth_length != 0 {
        return Err(reader.value_error(
            "auth_length",
            start + Header::AUTH_LENGTH_OFFSET,
            header.auth_length.into(),
            "0, since there is no authentication",
        ));
    }
    let body = reader.sub(header.body_len(), "body")?;
    Ok((header, body))
}
