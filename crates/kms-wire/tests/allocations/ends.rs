//! Both ends of a connection, driven as a host and a client drive them.

use crate::samples::{
    activation_answer, activation_request, bind_pdu, windows_contexts, write_answer,
};
use core::num::NonZeroU32;
use kms_core::{Decode, Encode, StatusCode, Writer};
use kms_wire::{
    ActivationAnswer, ActivationRequest, MAX_FRAGMENT, Operation, client,
    pdu::{BindAck, CallId, ContextResult, Pdu, Prefix},
    server::{self, Reply},
};

/// A host's end of a connection, which answers whatever is well formed.
pub(crate) struct Host {
    pub(crate) connection: server::Connection,
    answer: ActivationAnswer,
    // The answer's bytes: a buffer of the host's own.
    bytes: Vec<u8>,
}

impl Host {
    /// A connection that has had this bind.
    pub(crate) fn new(bind: &[u8]) -> Self {
        let mut connection = server::Connection::new(server::Config {
            port: 1688,
            association_group: NonZeroU32::MIN,
        });
        connection.handle_input(bind);
        assert!(connection.poll_transmit().is_some() && !connection.is_closed());
        Self {
            connection,
            answer: activation_answer(),
            bytes: Vec::new(),
        }
    }

    pub(crate) fn bound() -> Self {
        let mut host = Self::new(&bind_pdu(&windows_contexts()));
        host.prepare();
        host
    }

    /// Makes room for the answer's bytes, so that only the connection is counted.
    pub(crate) fn prepare(&mut self) {
        self.bytes.reserve(ActivationAnswer::LEN);
    }

    /// From the bytes of a call to those of its answer, as a host does it. Returns how many.
    pub(crate) fn answer(&mut self, bytes: &[u8]) -> usize {
        self.connection.handle_input(bytes);
        let Some(server::Event::RequestActivation { call, message }) = self.connection.poll_event()
        else {
            panic!("no call");
        };
        let request = ActivationRequest::decode_all(message).unwrap();
        self.answer.terms.cmid = request.cmid;
        self.bytes.clear();
        self.answer.encode(&mut Writer::new(&mut self.bytes));
        self.connection
            .respond(call, Reply::Bytes(&self.bytes))
            .unwrap();
        self.connection.poll_transmit().unwrap().len()
    }

    /// Refuses a call whatever its message, whose length is returned.
    pub(crate) fn refuse(&mut self, bytes: &[u8]) -> usize {
        self.connection.handle_input(bytes);
        let Some(server::Event::RequestActivation { call, message }) = self.connection.poll_event()
        else {
            panic!("no call");
        };
        let len = message.len();
        let reply = Reply::Refused(StatusCode::INVALID_DATA);
        self.connection.respond(call, reply).unwrap();
        assert!(self.connection.poll_transmit().is_some());
        len
    }
}

/// A client's end of a connection, and what a host says to it.
pub(crate) struct Client {
    connection: client::Connection,
    message: Vec<u8>,
    bind_ack: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    /// A connection whose bind waits to be sent.
    pub(crate) fn new() -> Self {
        Self {
            connection: client::Connection::new(client::Config::default()),
            message: Vec::new(),
            bind_ack: Vec::new(),
            answer: Vec::new(),
        }
    }

    /// With what will be said, made beforehand so that only the connection is counted.
    pub(crate) fn prepare(&mut self) {
        let mut buffers = [(); 3].map(|()| Vec::new());
        write_answer(&activation_answer(), &mut buffers);
        [.., self.answer] = buffers;
        self.message = activation_request("ws-17.contoso.example").to_vec();
        let body = BindAck {
            max_transmit_fragment: MAX_FRAGMENT,
            max_receive_fragment: MAX_FRAGMENT,
            association_group: 1,
            secondary_address: b"1688\0",
            results: vec![ContextResult::ACCEPTED],
        };
        let prefix = Prefix::new(CallId(1));
        self.bind_ack = Pdu { prefix, body }.to_vec();
    }

    pub(crate) fn bound() -> Self {
        let mut client = Self::new();
        client.prepare();
        client.bind();
        client
    }

    pub(crate) fn bind(&mut self) {
        assert!(self.connection.poll_transmit().is_some());
        self.connection.handle_input(&self.bind_ack);
        assert_eq!(self.connection.poll_event(), Some(client::Event::Bound));
    }

    /// From a message to the call's bytes, and from the bytes of its answer to the answer, which
    /// come in two pieces if `cut` says where.
    pub(crate) fn call(&mut self, cut: Option<usize>) {
        let message = &self.message;
        let operation = Operation::RequestActivation { message };
        let id = self.connection.call(operation).unwrap();
        assert_eq!(self.connection.poll_transmit().unwrap().len(), 182);
        self.answer[12..16].copy_from_slice(&id.0.to_le_bytes());
        let (first, last) = self.answer.split_at(cut.unwrap_or(0));
        self.connection.handle_input(first);
        self.connection.handle_input(last);
        let Some(client::Event::Answered { call, bytes }) = self.connection.poll_event() else {
            panic!("no answer");
        };
        let answer = ActivationAnswer::decode_all(bytes).unwrap();
        assert_eq!((call, answer), (id, activation_answer()));
    }
}
