//! The codec and the host's connection. No signature is made.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::{criterion, request, terms};
use core::{hint::black_box, num::NonZeroU32};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kms_core::{ByteOrder, Decode, Encode, KeyId, Writer};
use kms_wire::{
    ActivationAnswer, ActivationRequest, Operation, Opnum, Outcome,
    pdu::{
        Bind, CallId, Pdu, Prefix, PresentationContext, Request, Response, SyntaxId,
        TransferSyntaxes,
    },
    server::{Config, Connection, Event, Reply},
};

const CONFIG: Config = Config {
    port: 1688,
    association_group: NonZeroU32::MIN,
};

/// The machine names of the two requests: that of PROTOCOL section 6, and one as long as may be.
const NAMES: [&str; 2] = [
    "ws-17.contoso.example",
    "workstation-000017.engineering.building-4.emea.contoso.example.",
];

fn decode_request(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/decode_request");
    for name in NAMES {
        let pdu = request_pdu(name);
        let len = pdu.len();
        group.throughput(Throughput::Bytes(u64::try_from(len).unwrap()));
        assert_eq!(decode(&pdu), request(name));
        assert!(fixed_offsets(&pdu).is_some());

        group.bench_function(format!("decode/{len}"), |b| {
            b.iter(|| decode(black_box(&pdu)))
        });
        group.bench_function(format!("limit-fixed-offsets/{len}"), |b| {
            b.iter(|| fixed_offsets(black_box(&pdu)));
        });
        let mut to = vec![0; len];
        group.bench_function(format!("limit-copy/{len}"), |b| {
            b.iter(|| copy(black_box(&pdu), black_box(&mut to)));
        });
    }
    group.finish();
}

fn encode_answer(c: &mut Criterion) {
    let answer = answer();
    let mut encoder = Encoder::default();
    let pdu = encoder.encode(&answer).to_vec();
    let mut group = c.benchmark_group("wire/encode_answer");
    group.throughput(Throughput::Bytes(u64::try_from(pdu.len()).unwrap()));
    group.bench_function("encode", |b| {
        b.iter(|| {
            black_box(encoder.encode(black_box(&answer)));
        });
    });
    let mut to = vec![0; pdu.len()];
    group.bench_function("limit-copy", |b| {
        b.iter(|| copy(black_box(&pdu), black_box(&mut to)));
    });
    group.finish();
}

fn bind(c: &mut Criterion) {
    let bind = bind_pdu();
    let mut connection = Connection::new(CONFIG);
    connection.handle_input(&bind);
    let ack = connection.poll_transmit().unwrap().to_vec();
    assert_eq!((bind.len(), ack.len()), (160, 108));

    let mut group = c.benchmark_group("wire/bind");
    group.throughput(Throughput::Bytes(
        u64::try_from(bind.len() + ack.len()).unwrap(),
    ));
    group.bench_function("connection", |b| {
        b.iter(|| {
            let mut connection = Connection::new(CONFIG);
            connection.handle_input(black_box(&bind));
            black_box(connection.poll_transmit());
        });
    });
    let (mut inward, mut outward) = (vec![0; bind.len()], vec![0; ack.len()]);
    group.bench_function("limit-copy", |b| {
        b.iter(|| {
            copy(black_box(&bind), black_box(&mut inward));
            copy(black_box(&ack), black_box(&mut outward));
        });
    });
    group.finish();
}

fn call(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/call");
    for name in NAMES {
        let request = request_pdu(name);
        let mut host = Host::new();
        let answer = host.call(&request).unwrap().to_vec();
        let len = request.len();
        group.throughput(Throughput::Bytes(
            u64::try_from(len + answer.len()).unwrap(),
        ));
        group.bench_function(format!("connection/{len}"), |b| {
            b.iter(|| {
                black_box(host.call(black_box(&request)));
            });
        });
        let (mut inward, mut outward) = (vec![0; len], vec![0; answer.len()]);
        group.bench_function(format!("limit-copy/{len}"), |b| {
            b.iter(|| {
                copy(black_box(&request), black_box(&mut inward));
                copy(black_box(&answer), black_box(&mut outward));
            });
        });
    }
    group.finish();
}

/// From a PDU to the message's fields, with every check.
fn decode(pdu: &[u8]) -> ActivationRequest {
    let pdu: Pdu<Request<'_>> = Pdu::decode_all(pdu).unwrap();
    let Request { opnum, stub, .. } = pdu.body;
    let Ok(Operation::RequestActivation { message }) =
        Operation::decode(opnum, stub, pdu.prefix.order)
    else {
        unreachable!("the bench's own request");
    };
    ActivationRequest::decode_all(message).unwrap()
}

/// The least that a host must look at: type, length, operation, length of the message; the product
/// and the machine.
fn fixed_offsets(pdu: &[u8]) -> Option<(u128, u128)> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(*pdu.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(*pdu.get(at..)?.first_chunk()?));
    let id_at = |at: usize| Some(u128::from_be_bytes(*pdu.get(at..)?.first_chunk()?));
    let message = 24 + 8;
    let is_whole = *pdu.get(2)? == 0
        && usize::from(u16_at(8)?) == pdu.len()
        && u16_at(22)? == 0
        && usize::try_from(u32_at(24)?) == Ok(pdu.len() - message);
    is_whole.then_some((id_at(message + 32)?, id_at(message + 64)?))
}

/// From the answer's fields to a PDU, by the steps that the host's connection takes.
#[derive(Default)]
struct Encoder {
    message: Vec<u8>,
    stub: Vec<u8>,
    pdu: Vec<u8>,
}

impl Encoder {
    fn encode(&mut self, answer: &ActivationAnswer) -> &[u8] {
        self.message.clear();
        answer.encode(&mut Writer::new(&mut self.message));
        self.stub.clear();
        Outcome::Answered(&self.message)
            .encode(&mut Writer::new(&mut self.stub), ByteOrder::Little);
        self.pdu.clear();
        let body = Response {
            alloc_hint: u32::try_from(self.stub.len()).unwrap(),
            context_id: 0,
            cancel_count: 0,
            stub: &self.stub,
        };
        let prefix = Prefix::new(CallId(2));
        Pdu { prefix, body }.encode(&mut Writer::new(&mut self.pdu));
        &self.pdu
    }
}

/// A host at the end of a bound connection, that counts and signs nothing.
struct Host {
    connection: Connection,
    answer: ActivationAnswer,
    bytes: Vec<u8>,
}

impl Host {
    fn new() -> Self {
        let mut connection = Connection::new(CONFIG);
        connection.handle_input(&bind_pdu());
        assert!(connection.poll_transmit().is_some());
        Self {
            connection,
            answer: answer(),
            bytes: Vec::new(),
        }
    }

    /// From the bytes of a call to the bytes of its answer.
    fn call(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        self.connection.handle_input(bytes);
        let Some(Event::RequestActivation { call, message }) = self.connection.poll_event() else {
            return None;
        };
        let request = ActivationRequest::decode_all(message).ok()?;
        self.answer.terms.cmid = request.cmid;
        self.bytes.clear();
        self.answer.encode(&mut Writer::new(&mut self.bytes));
        let reply = Reply::Bytes(&self.bytes);
        self.connection.respond(call, reply).ok()?;
        self.connection.poll_transmit()
    }
}

fn answer() -> ActivationAnswer {
    ActivationAnswer {
        terms: terms(KeyId([7; 8])),
        signature: [0xa5; 64],
    }
}

fn request_pdu(machine_name: &str) -> Vec<u8> {
    let message = request(machine_name).to_vec();
    let operation = Operation::RequestActivation { message: &message };
    let mut stub = Vec::new();
    operation.encode(&mut Writer::new(&mut stub), ByteOrder::Little);
    let body = Request {
        alloc_hint: 0,
        context_id: 0,
        opnum: Opnum::REQUEST_ACTIVATION,
        object: None,
        stub: &stub,
    };
    let prefix = Prefix::new(CallId(2));
    Pdu { prefix, body }.to_vec()
}

/// What Windows proposes: NDR, another transfer syntax, and the question about features.
fn bind_pdu() -> Vec<u8> {
    let ndr64 = SyntaxId::new("71710533-beba-4937-8319-b5dbef9ccc36".parse().unwrap(), 1);
    let features = SyntaxId::new("6cb71c2c-9812-4540-0300-000000000000".parse().unwrap(), 1);
    let contexts = [SyntaxId::NDR, ndr64, features];
    let body = Bind {
        max_transmit_fragment: 5840,
        max_receive_fragment: 5840,
        association_group: 0,
        contexts: (0..)
            .zip(contexts)
            .map(|(id, syntax)| PresentationContext {
                id,
                abstract_syntax: SyntaxId::INTERFACE,
                transfer_syntaxes: TransferSyntaxes::new(&[syntax]).unwrap(),
            })
            .collect(),
    };
    let prefix = Prefix::new(CallId(1));
    Pdu { prefix, body }.to_vec()
}

fn copy(from: &[u8], to: &mut [u8]) {
    to.copy_from_slice(from);
    black_box(to);
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = decode_request, encode_answer, bind, call
}
criterion_main!(benches);
