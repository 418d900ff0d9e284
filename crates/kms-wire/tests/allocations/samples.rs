//! Messages and PDUs, and the steps between the two.

use kms_core::{
    ActivationInterval, AnswerTerms, ByteOrder, Decode, Encode, KeyId, LicenseStatus,
    RenewalInterval, Threshold, Timestamp, ValidityInterval, Writer,
};
use kms_wire::{
    ActivationAnswer, ActivationRequest, MAX_FRAGMENT, Operation, OperationError, Opnum, Outcome,
    pdu::{
        Bind, CallId, Pdu, PfcFlags, Prefix, PresentationContext, Request, Response, SyntaxId,
        TransferSyntaxes,
    },
};

/// From the bytes of a PDU to the fields of the message in it.
pub(crate) fn read_request(pdu: &[u8]) -> Result<ActivationRequest, OperationError> {
    let Pdu { prefix, body } = Pdu::<Request<'_>>::decode_all(pdu)?;
    match Operation::decode(body.opnum, body.stub, prefix.order)? {
        Operation::RequestActivation { message } => Ok(ActivationRequest::decode_all(message)?),
        Operation::GetHostCertificate => Err(OperationError::UnknownOpnum(body.opnum)),
    }
}

/// From an answer to the bytes of a PDU: the message, the stub around it, the PDU around that.
pub(crate) fn write_answer(answer: &ActivationAnswer, [message, stub, pdu]: &mut [Vec<u8>; 3]) {
    message.clear();
    answer.encode(&mut Writer::new(message));
    stub.clear();
    Outcome::Answered(message).encode(&mut Writer::new(stub), ByteOrder::Little);
    pdu.clear();
    let body = Response {
        alloc_hint: u32::try_from(stub.len()).unwrap(),
        context_id: 0,
        cancel_count: 0,
        stub,
    };
    let prefix = Prefix::new(CallId(2));
    Pdu { prefix, body }.encode(&mut Writer::new(pdu));
}

pub(crate) fn whole_request(machine_name: &str) -> Vec<u8> {
    let order = ByteOrder::Little;
    let message = activation_request(machine_name).to_vec();
    request_pdu(order, PfcFlags::WHOLE, &stub(&message, order))
}

pub(crate) fn request_pdu(order: ByteOrder, flags: PfcFlags, stub: &[u8]) -> Vec<u8> {
    let prefix = Prefix {
        flags,
        order,
        ..Prefix::new(CallId(2))
    };
    let body = request_body(Opnum::REQUEST_ACTIVATION, stub);
    Pdu { prefix, body }.to_vec()
}

pub(crate) fn call_without_stub(opnum: Opnum) -> Vec<u8> {
    let prefix = Prefix::new(CallId(3));
    let body = request_body(opnum, &[]);
    Pdu { prefix, body }.to_vec()
}

pub(crate) fn request_body(opnum: Opnum, stub: &[u8]) -> Request<'_> {
    Request {
        alloc_hint: 0,
        context_id: 0,
        opnum,
        object: None,
        stub,
    }
}

pub(crate) fn stub(message: &[u8], order: ByteOrder) -> Vec<u8> {
    let mut stub = Vec::new();
    Operation::RequestActivation { message }.encode(&mut Writer::new(&mut stub), order);
    stub
}

pub(crate) fn bind_pdu(contexts: &[PresentationContext]) -> Vec<u8> {
    let body = Bind {
        max_transmit_fragment: MAX_FRAGMENT,
        max_receive_fragment: MAX_FRAGMENT,
        association_group: 0,
        contexts: contexts.to_vec(),
    };
    let prefix = Prefix::new(CallId(1));
    Pdu { prefix, body }.to_vec()
}

/// What Windows proposes: NDR, another transfer syntax, and the question about features.
pub(crate) fn windows_contexts() -> [PresentationContext; 3] {
    let ndr64 = SyntaxId::new("71710533-beba-4937-8319-b5dbef9ccc36".parse().unwrap(), 1);
    let features = SyntaxId::new("6cb71c2c-9812-4540-0300-000000000000".parse().unwrap(), 1);
    let context = |id, syntax| PresentationContext {
        id,
        abstract_syntax: SyntaxId::INTERFACE,
        transfer_syntaxes: TransferSyntaxes::new(&[syntax]).unwrap(),
    };
    [
        context(0, SyntaxId::NDR),
        context(1, ndr64),
        context(2, features),
    ]
}

pub(crate) fn activation_request(machine_name: &str) -> ActivationRequest {
    ActivationRequest {
        minor_version: ActivationRequest::MINOR_VERSION,
        virtual_machine: true,
        license_status: LicenseStatus::OobGrace,
        minutes_remaining: 40_123,
        application_id: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
        activation_id: "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap(),
        counted_id: "0f0e0d0c-0b0a-4909-8807-060504030201".parse().unwrap(),
        cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
        previous_cmid: None,
        required_count: Threshold::new(25).unwrap(),
        request_time: Timestamp::from_millis(1_700_000_000_000),
        nonce: [0x5a; 16],
        machine_name: machine_name.parse().unwrap(),
    }
}

pub(crate) fn activation_answer() -> ActivationAnswer {
    ActivationAnswer {
        terms: AnswerTerms {
            count: 25,
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
            validity: ValidityInterval::default(),
            cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
            host_time: Timestamp::from_millis(1_700_000_000_250),
            key_id: KeyId([7; 8]),
        },
        signature: [0xa5; 64],
    }
}
