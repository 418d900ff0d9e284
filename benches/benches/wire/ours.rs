//! What is measured: the codec of kms-wire, and its two engines.

use crate::samples::{CALL, CONFIG, answer, bind_pdu};
use core::hint::black_box;
use kms_core::{ByteOrder, Decode, DecodeError, Encode, Writer};
use kms_wire::{
    ActivationAnswer, ActivationRequest, Operation, OperationError, Outcome, client,
    pdu::{
        Bind, BindAck, CallId, ContextResult, Pdu, PfcFlags, Prefix, ProviderReason, Request,
        WholeResponse,
    },
    server::{self, Reply},
};

/// From a PDU to its call, its context and the message in it. A part of its callers, as it is with the
/// peers.
#[inline(always)]
fn unwrap_pdu(pdu: &[u8]) -> Result<(CallId, u16, &[u8]), DecodeError> {
    let Pdu { prefix, body } = Pdu::<Request<'_>>::decode_all(pdu)?;
    match Operation::decode(body.opnum, body.stub, prefix.order) {
        Ok(Operation::RequestActivation { message }) => {
            Ok((prefix.call_id, body.context_id, message))
        }
        Err(OperationError::Stub(error)) => Err(error),
        // No message, which nobody can read.
        _ => Ok((prefix.call_id, body.context_id, &[])),
    }
}

/// From a PDU to the message's fields, with every check.
pub(crate) fn decode(pdu: &[u8]) -> Result<ActivationRequest, DecodeError> {
    let (call, context, message) = unwrap_pdu(pdu)?;
    black_box((call, context));
    ActivationRequest::decode_all(message)
}

/// The same with the call and the context.
pub(crate) fn decode_call(pdu: &[u8]) -> Option<(CallId, u16, ActivationRequest)> {
    let (call, context, message) = unwrap_pdu(pdu).ok()?;
    Some((call, context, ActivationRequest::decode_all(message).ok()?))
}

/// From an answer's fields to a PDU, in a buffer that is there already.
#[derive(Default)]
pub(crate) struct Encoder {
    pdu: Vec<u8>,
}

impl Encoder {
    pub(crate) fn encode(
        &mut self,
        call: CallId,
        context_id: u16,
        answer: &ActivationAnswer,
    ) -> &[u8] {
        self.pdu.clear();
        let message = answer.to_bytes();
        let outcome = Outcome::Answered(&message);
        let body = WholeResponse {
            context_id,
            outcome,
        };
        let prefix = Prefix::new(call);
        Pdu { prefix, body }.encode(&mut Writer::new(&mut self.pdu));
        &self.pdu
    }

    /// From a request's PDU to its answer's. All that the request says is there to be used.
    pub(crate) fn answer(&mut self, pdu: &[u8], answer: &mut ActivationAnswer) -> Option<&[u8]> {
        let (call, context, message) = unwrap_pdu(pdu).ok()?;
        let Ok(request) = &ActivationRequest::decode_all(message) else {
            return None;
        };
        answer.terms.cmid = black_box(request).cmid;
        Some(self.encode(call, context, answer))
    }
}

/// The codec alone: a bind is read, and a bind_ack whose results are known is written.
pub(crate) struct BindCodec {
    ack: Pdu<BindAck<'static>>,
    bytes: Vec<u8>,
}

impl BindCodec {
    pub(crate) fn new() -> Self {
        let results = vec![
            ContextResult::ACCEPTED,
            ContextResult::rejected(ProviderReason::TRANSFER_SYNTAXES_NOT_SUPPORTED),
            ContextResult::NO_FEATURES,
        ];
        let body = BindAck {
            max_transmit_fragment: 5840,
            max_receive_fragment: 5840,
            association_group: CONFIG.association_group.get(),
            secondary_address: b"1688\0",
            results,
        };
        let prefix = Prefix::new(CALL);
        Self {
            ack: Pdu { prefix, body },
            bytes: Vec::new(),
        }
    }

    /// Gives what was read, and the bind_ack.
    pub(crate) fn answer(&mut self, pdu: &[u8]) -> Result<(Bind, &[u8]), DecodeError> {
        let Pdu { prefix, body } = Pdu::<Bind>::decode_all(pdu)?;
        self.ack.prefix.call_id = prefix.call_id;
        self.bytes.clear();
        self.ack.encode(&mut Writer::new(&mut self.bytes));
        Ok((body, &self.bytes))
    }
}

/// A host at the end of a connection, that counts and signs nothing.
pub(crate) struct Host {
    connection: server::Connection,
    answer: ActivationAnswer,
    bytes: Vec<u8>,
}

impl Host {
    pub(crate) fn bound() -> Self {
        let mut connection = server::Connection::new(CONFIG);
        connection.handle_input(&bind_pdu(ByteOrder::Little, PfcFlags::WHOLE));
        assert!(connection.poll_transmit().is_some());
        Self {
            connection,
            answer: answer(),
            bytes: Vec::new(),
        }
    }

    /// From the bytes of a call to the bytes of its answer, as a host does it.
    pub(crate) fn call(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        self.connection.handle_input(bytes);
        let Some(server::Event::RequestActivation { call, message }) = self.connection.poll_event()
        else {
            return None;
        };
        let Ok(request) = &ActivationRequest::decode_all(message) else {
            return None;
        };
        self.answer.terms.cmid = black_box(request).cmid;
        self.bytes.clear();
        self.answer.encode(&mut Writer::new(&mut self.bytes));
        let reply = Reply::Bytes(&self.bytes);
        self.connection.respond(call, reply).ok()?;
        self.connection.poll_transmit()
    }

    /// From the bytes of an alter_context to those of its response.
    pub(crate) fn alter_context(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        self.connection.handle_input(bytes);
        self.connection.poll_transmit()
    }
}

/// A client at the end of a connection.
pub(crate) struct Client {
    connection: client::Connection,
    message: Vec<u8>,
}

impl Client {
    /// One that the host has let in.
    pub(crate) fn bound(bind_ack: &[u8]) -> Self {
        let mut client = Self {
            connection: client::Connection::new(client::Config::default()),
            message: Vec::new(),
        };
        assert!(client.connection.poll_transmit().is_some());
        client.connection.handle_input(bind_ack);
        assert_eq!(client.connection.poll_event(), Some(client::Event::Bound));
        client
    }

    /// From what is asked to the bytes of a call, and from the bytes of its answer, which is given
    /// the call's id, to what is granted.
    pub(crate) fn call(
        &mut self,
        request: &ActivationRequest,
        answer: &mut [u8],
    ) -> Option<ActivationAnswer> {
        self.message.clear();
        request.encode(&mut Writer::new(&mut self.message));
        let message = &self.message;
        let call = self
            .connection
            .call(Operation::RequestActivation { message })
            .ok()?;
        black_box(self.connection.poll_transmit());
        answer
            .get_mut(12..16)?
            .copy_from_slice(&call.0.to_le_bytes());
        self.connection.handle_input(black_box(answer));
        match self.connection.poll_event() {
            Some(client::Event::Answered { bytes, .. }) => ActivationAnswer::decode_all(bytes).ok(),
            _ => None,
        }
    }
}

/// A new client's connection up to where calls can be made.
pub(crate) fn client_bind(bind_ack: &[u8]) -> bool {
    let mut connection = client::Connection::new(client::Config::default());
    black_box(connection.poll_transmit());
    connection.handle_input(bind_ack);
    black_box(connection.poll_event()) == Some(client::Event::Bound)
}

/// A new host's connection up to where calls can come; gives the bind_ack, if it is one.
pub(crate) fn host_bind(bind: &[u8], with_ack: impl FnOnce(Option<&[u8]>)) {
    let mut connection = server::Connection::new(CONFIG);
    connection.handle_input(bind);
    let ack = connection.poll_transmit();
    with_ack(ack);
}

/// The bind_ack that a new host's connection answers a bind with, if it does.
pub(crate) fn bind_ack(bind: &[u8]) -> Option<Vec<u8>> {
    let mut connection = server::Connection::new(CONFIG);
    connection.handle_input(bind);
    let is_bound = !connection.is_closed();
    let ack = connection.poll_transmit()?.to_vec();
    is_bound.then_some(ack)
}
