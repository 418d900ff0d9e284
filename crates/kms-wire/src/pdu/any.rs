use super::{
    AlterContext, AlterContextResponse, Bind, BindAck, BindNak, CoCancel, DecodeBody, EncodeBody,
    Fault, Header, Orphaned, PduType, Prefix, Request, Response, encode_pdu, read_header,
};
use kms_core::{Decode, DecodeError, Encode, Reader, Writer};

/// A PDU of any type that the protocol knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair that callers make")]
pub struct AnyPdu<'a> {
    /// What the header says.
    pub prefix: Prefix,
    /// What follows it.
    pub body: Body<'a>,
}

/// The body of a PDU of any type that the protocol knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// Opens the conversation.
    Bind(Bind),
    /// Accepts a bind.
    BindAck(BindAck<'a>),
    /// Refuses a bind.
    BindNak(BindNak),
    /// Proposes further contexts.
    AlterContext(AlterContext),
    /// The answer to that.
    AlterContextResponse(AlterContextResponse<'a>),
    /// A call, or a fragment of one.
    Request(Request<'a>),
    /// An answer, or a fragment of one.
    Response(Response<'a>),
    /// The failure of a call.
    Fault(Fault),
    /// A client would rather not have the answer.
    CoCancel(CoCancel),
    /// A client gives up a call.
    Orphaned(Orphaned),
}

macro_rules! each_body {
    ($self:expr, $body:ident => $then:expr) => {
        match $self {
            Body::Bind($body) => $then,
            Body::BindAck($body) => $then,
            Body::BindNak($body) => $then,
            Body::AlterContext($body) => $then,
            Body::AlterContextResponse($body) => $then,
            Body::Request($body) => $then,
            Body::Response($body) => $then,
            Body::Fault($body) => $then,
            Body::CoCancel($body) => $then,
            Body::Orphaned($body) => $then,
        }
    };
}

impl Encode for AnyPdu<'_> {
    fn encoded_len(&self) -> usize {
        Header::LEN + each_body!(&self.body, body => body.body_len())
    }

    fn encode(&self, out: &mut Writer<'_>) {
        each_body!(&self.body, body => encode_pdu(self.prefix, body, out));
    }
}

impl<'a> Decode<'a> for AnyPdu<'a> {
    const NAME: &'static str = "PDU";

    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        fn read<'a, B: DecodeBody<'a>>(
            reader: &mut Reader<'a>,
            header: &Header,
        ) -> Result<B, DecodeError> {
            reader.set_context(B::NAME);
            B::decode_body(reader, header)
        }

        let start = reader.offset();
        let (header, mut rest) = read_header(reader)?;
        let body = match header.pdu_type {
            PduType::BIND => Body::Bind(read(&mut rest, &header)?),
            PduType::BIND_ACK => Body::BindAck(read(&mut rest, &header)?),
            PduType::BIND_NAK => Body::BindNak(read(&mut rest, &header)?),
            PduType::ALTER_CONTEXT => Body::AlterContext(read(&mut rest, &header)?),
            PduType::ALTER_CONTEXT_RESPONSE => {
                Body::AlterContextResponse(read(&mut rest, &header)?)
            }
            PduType::REQUEST => Body::Request(read(&mut rest, &header)?),
            PduType::RESPONSE => Body::Response(read(&mut rest, &header)?),
            PduType::FAULT => Body::Fault(read(&mut rest, &header)?),
            PduType::CO_CANCEL => Body::CoCancel(read(&mut rest, &header)?),
            PduType::ORPHANED => Body::Orphaned(read(&mut rest, &header)?),
            unknown => {
                return Err(reader.value_error(
                    "type",
                    start + Header::TYPE_OFFSET,
                    unknown.0.into(),
                    "a type of the protocol",
                ));
            }
        };
        Ok(Self {
            prefix: Prefix::of(&header),
            body,
        })
    }
}
