//! A conversation that has every PDU of the protocol in it, in both integer orders.

use super::messages::request;
use core::net::SocketAddr;
use kms_core::{ByteOrder, Encode, Writer};
use kms_wire::{
    Operation, Opnum,
    pdu::{
        AlterContext, Bind, CallId, CoCancel, EncodeBody, Header, Orphaned, Pdu, PduType, PfcFlags,
        Prefix, PresentationContext, Request, SyntaxId, TransferSyntaxes,
    },
};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};
use uuid::uuid;

const FEATURES: SyntaxId = SyntaxId::new(uuid!("6cb71c2c-9812-4540-0300-000000000000"), 1);
const NDR64: SyntaxId = SyntaxId::new(uuid!("71710533-beba-4937-8319-b5dbef9ccc36"), 1);
const OTHER: SyntaxId = SyntaxId::new(uuid!("12345678-1234-abcd-ef00-0123456789ab"), 0x0003_0002);

/// What went over one connection.
pub(crate) struct Conversation {
    pub(crate) client_port: u16,
    pub(crate) sent: Vec<u8>,
    pub(crate) received: Vec<u8>,
}

/// Holds each conversation in turn.
pub(crate) fn hold(host: SocketAddr) -> Vec<Conversation> {
    vec![
        every_pdu(host, ByteOrder::Little),
        every_pdu(host, ByteOrder::Big),
        refused(host, |peer| {
            peer.bind(
                0xdead_beef,
                &[context(0, SyntaxId::INTERFACE, &[SyntaxId::NDR])],
            )
        }),
        refused(host, |peer| {
            peer.request(0, Opnum::GET_HOST_CERTIFICATE, &[])
        }),
    ]
}

fn every_pdu(host: SocketAddr, order: ByteOrder) -> Conversation {
    let mut peer = Peer::connect(host, order);
    peer.bind(
        0,
        &[
            context(0, SyntaxId::INTERFACE, &[NDR64, SyntaxId::NDR]),
            context(1, OTHER, &[SyntaxId::NDR]),
            context(2, SyntaxId::INTERFACE, &[FEATURES]),
        ],
    );
    peer.take(PduType::BIND_ACK);

    let activate = peer.activate();
    for (flags, part) in [
        (PfcFlags::FIRST, &activate[..50]),
        (PfcFlags(0), &activate[50..51]),
        (PfcFlags::LAST, &activate[51..]),
    ] {
        peer.send_fragment(flags, Opnum::REQUEST_ACTIVATION, part);
    }
    peer.take(PduType::RESPONSE);
    peer.request(0, Opnum::GET_HOST_CERTIFICATE, &[]);
    peer.take(PduType::RESPONSE);

    peer.request(0, Opnum(2), &[]);
    peer.take(PduType::FAULT);
    peer.request(1, Opnum::REQUEST_ACTIVATION, &activate);
    peer.take(PduType::FAULT);
    peer.request(0, Opnum::REQUEST_ACTIVATION, &activate[..20]);
    peer.take(PduType::FAULT);

    peer.alter(&[
        context(5, SyntaxId::INTERFACE, &[SyntaxId::NDR]),
        context(
            6,
            SyntaxId::new(SyntaxId::INTERFACE.uuid, 2),
            &[SyntaxId::NDR],
        ),
        context(7, SyntaxId::INTERFACE, &[NDR64]),
    ]);
    peer.take(PduType::ALTER_CONTEXT_RESPONSE);
    peer.request(5, Opnum::REQUEST_ACTIVATION, &activate);
    peer.take(PduType::RESPONSE);

    // Several PDUs in one segment.
    peer.send(PfcFlags::WHOLE, CoCancel);
    peer.send(PfcFlags::WHOLE, Orphaned);
    peer.send_with_object(&activate);
    peer.request(5, Opnum::GET_HOST_CERTIFICATE, &[]);
    peer.take(PduType::RESPONSE);
    peer.take(PduType::RESPONSE);

    peer.bind(0, &[context(0, SyntaxId::INTERFACE, &[SyntaxId::NDR])]);
    peer.take(PduType::FAULT);
    peer.end()
}

fn refused(host: SocketAddr, first: impl Fn(&mut Peer)) -> Conversation {
    let mut peer = Peer::connect(host, ByteOrder::Little);
    first(&mut peer);
    peer.take(PduType::BIND_NAK);
    peer.end()
}

fn context(id: u16, interface: SyntaxId, syntaxes: &[SyntaxId]) -> PresentationContext {
    PresentationContext {
        id,
        abstract_syntax: interface,
        transfer_syntaxes: TransferSyntaxes::new(syntaxes).unwrap(),
    }
}

struct Peer {
    stream: TcpStream,
    order: ByteOrder,
    call_id: u32,
    waiting: Vec<u8>,
    talk: Conversation,
}

impl Peer {
    fn connect(host: SocketAddr, order: ByteOrder) -> Self {
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(crate::support::LONG)).unwrap();
        let client_port = stream.local_addr().unwrap().port();
        Self {
            stream,
            order,
            call_id: 0,
            waiting: Vec::new(),
            talk: Conversation {
                client_port,
                sent: Vec::new(),
                received: Vec::new(),
            },
        }
    }

    /// Keeps a PDU until something is waited for.
    fn send<B: EncodeBody>(&mut self, flags: PfcFlags, body: B) {
        let prefix = Prefix {
            minor_version: 0,
            flags,
            order: self.order,
            call_id: CallId(self.call_id),
        };
        self.waiting.extend(Pdu { prefix, body }.to_vec());
    }

    fn bind(&mut self, association_group: u32, contexts: &[PresentationContext]) {
        self.call_id += 1;
        self.send(PfcFlags::WHOLE, Self::proposal(association_group, contexts));
    }

    fn alter(&mut self, contexts: &[PresentationContext]) {
        self.call_id += 1;
        self.send(PfcFlags::WHOLE, AlterContext(Self::proposal(0, contexts)));
    }

    fn proposal(association_group: u32, contexts: &[PresentationContext]) -> Bind {
        Bind {
            max_transmit_fragment: 4280,
            max_receive_fragment: 2048,
            association_group,
            contexts: contexts.to_vec(),
        }
    }

    /// The stub of RequestActivation for a new machine.
    fn activate(&self) -> Vec<u8> {
        let message = request().to_vec();
        let mut stub = Vec::new();
        Operation::RequestActivation { message: &message }
            .encode(&mut Writer::new(&mut stub), self.order);
        stub
    }

    fn request(&mut self, context_id: u16, opnum: Opnum, stub: &[u8]) {
        self.call_id += 1;
        let alloc_hint = u32::try_from(stub.len()).unwrap();
        self.send(
            PfcFlags::WHOLE,
            Request {
                alloc_hint,
                context_id,
                opnum,
                object: None,
                stub,
            },
        );
    }

    fn send_fragment(&mut self, flags: PfcFlags, opnum: Opnum, stub: &[u8]) {
        if flags == PfcFlags::FIRST {
            self.call_id += 1;
        }
        self.send(
            flags,
            Request {
                alloc_hint: 0,
                context_id: 0,
                opnum,
                object: None,
                stub,
            },
        );
    }

    fn send_with_object(&mut self, stub: &[u8]) {
        self.call_id += 1;
        let object = Some(uuid!("00112233-4455-4677-8899-aabbccddeeff"));
        self.send(
            PfcFlags::WHOLE,
            Request {
                alloc_hint: u32::MAX,
                context_id: 5,
                opnum: Opnum::REQUEST_ACTIVATION,
                object,
                stub,
            },
        );
    }

    /// Sends what waits and takes PDUs of this type up to one that is the last of its call.
    fn take(&mut self, wanted: PduType) {
        self.stream.write_all(&self.waiting).unwrap();
        self.talk.sent.append(&mut self.waiting);
        loop {
            let mut head = [0; Header::LEN];
            self.stream.read_exact(&mut head).unwrap();
            let header = Header::from_bytes(&head);
            assert_eq!(header.pdu_type, wanted);
            let mut body = vec![0; header.body_len()];
            self.stream.read_exact(&mut body).unwrap();
            self.talk.received.extend(head);
            self.talk.received.extend(body);
            if header.flags.contains(PfcFlags::LAST) {
                return;
            }
        }
    }

    /// The host has closed, or does once we have.
    fn end(mut self) -> Conversation {
        self.stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [0; 0]);
        self.talk
    }
}
