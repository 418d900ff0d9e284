//! The bytes that go in, made by kms-wire before the clock runs.

use benches::{request, terms};
use core::num::NonZeroU32;
use kms_core::{ByteOrder, Encode, KeyId, Writer};
use kms_wire::{
    ActivationAnswer, Operation, Opnum, Outcome, client,
    pdu::{
        AlterContext, Bind, CallId, EncodeBody, Pdu, PfcFlags, Prefix, PresentationContext,
        Request, Response, SyntaxId, TransferSyntaxes,
    },
    server,
};
use uuid::Uuid;

/// The machine names of the two requests: that of PROTOCOL section 6, and one as long as may be.
pub(crate) const NAMES: [&str; 2] = [
    "ws-17.contoso.example",
    "workstation-000017.engineering.building-4.emea.contoso.example.",
];

pub(crate) const CONFIG: server::Config = server::Config {
    port: 1688,
    association_group: NonZeroU32::MIN,
};

/// The call id of every PDU below.
pub(crate) const CALL: CallId = CallId(2);

/// A request of 182 or 224 bytes.
pub(crate) fn request_pdu(machine_name: &str) -> Vec<u8> {
    let message = request(machine_name).to_vec();
    request_pdu_of(&message, ByteOrder::Little, 0, None)
}

/// A request with this message, in this order, with so much padding behind it.
pub(crate) fn request_pdu_of(
    message: &[u8],
    order: ByteOrder,
    padding: usize,
    object: Option<Uuid>,
) -> Vec<u8> {
    let mut stub = Vec::new();
    Operation::RequestActivation { message }.encode(&mut Writer::new(&mut stub), order);
    stub.resize(stub.len() + padding, 0);
    let body = Request {
        alloc_hint: 0,
        context_id: 0,
        opnum: Opnum::REQUEST_ACTIVATION,
        object,
        stub: &stub,
    };
    pdu(order, PfcFlags::WHOLE, body)
}

/// What the host grants, with a signature that nobody checks.
pub(crate) fn answer() -> ActivationAnswer {
    ActivationAnswer {
        terms: terms(KeyId([7; 8])),
        signature: [0xa5; 64],
    }
}

/// An answer of 160 bytes.
pub(crate) fn answer_pdu() -> Vec<u8> {
    let message = answer().to_vec();
    let mut stub = Vec::new();
    Outcome::Answered(&message).encode(&mut Writer::new(&mut stub), ByteOrder::Little);
    let body = Response {
        alloc_hint: u32::try_from(stub.len()).unwrap(),
        context_id: 0,
        cancel_count: 0,
        stub: &stub,
    };
    pdu(ByteOrder::Little, PfcFlags::WHOLE, body)
}

/// A bind of 160 bytes.
pub(crate) fn bind_pdu(order: ByteOrder, flags: PfcFlags) -> Vec<u8> {
    bind_pdu_of(contexts(), order, flags)
}

/// A bind with these contexts, in this order.
pub(crate) fn bind_pdu_of(
    contexts: Vec<PresentationContext>,
    order: ByteOrder,
    flags: PfcFlags,
) -> Vec<u8> {
    pdu(order, flags, bind(contexts))
}

/// The bind of 160 bytes as an alter_context.
pub(crate) fn alter_context_pdu() -> Vec<u8> {
    let alter_context = AlterContext(bind(contexts()));
    pdu(ByteOrder::Little, PfcFlags::WHOLE, alter_context)
}

const fn bind(contexts: Vec<PresentationContext>) -> Bind {
    Bind {
        max_transmit_fragment: 5840,
        max_receive_fragment: 5840,
        association_group: 0,
        contexts,
    }
}

/// What Windows proposes: NDR, another transfer syntax, and the question about features.
fn contexts() -> Vec<PresentationContext> {
    let ndr64 = SyntaxId::new("71710533-beba-4937-8319-b5dbef9ccc36".parse().unwrap(), 1);
    let features = SyntaxId::new("6cb71c2c-9812-4540-0300-000000000000".parse().unwrap(), 1);
    (0..)
        .zip([SyntaxId::NDR, ndr64, features])
        .map(|(id, syntax)| PresentationContext {
            id,
            abstract_syntax: SyntaxId::INTERFACE,
            transfer_syntaxes: TransferSyntaxes::new(&[syntax]).unwrap(),
        })
        .collect()
}

/// What a client's connection proposes.
pub(crate) fn client_bind_pdu() -> Vec<u8> {
    let mut connection = client::Connection::new(client::Config::default());
    connection.poll_transmit().unwrap().to_vec()
}

/// What a host's connection answers that with.
pub(crate) fn client_bind_ack() -> Vec<u8> {
    let mut connection = server::Connection::new(CONFIG);
    connection.handle_input(&client_bind_pdu());
    connection.poll_transmit().unwrap().to_vec()
}

fn pdu<B: EncodeBody>(order: ByteOrder, flags: PfcFlags, body: B) -> Vec<u8> {
    let prefix = Prefix {
        minor_version: 0,
        flags,
        order,
        call_id: CALL,
    };
    Pdu { prefix, body }.to_vec()
}
