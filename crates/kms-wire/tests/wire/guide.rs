//! The page for clients in other languages, against the code: every block and every limit.

use crate::common::{GROUP, encode, hex, request_of};
use core::num::NonZeroU32;
use kms_core::{
    ActivationInterval, AnswerTerms, Decode, Encode, KeyId, LicenseStatus, RenewalInterval,
    StatusCode, Threshold, Timestamp, ValidityInterval,
};
use kms_wire::{
    ActivationAnswer, ActivationRequest, Operation, client,
    pdu::{CallId, FaultStatus},
    server::{self, Reply},
};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../docs/writing-a-client.md");

/// The hexadecimal blocks of the page by the names in their first lines, without the comments.
fn blocks() -> BTreeMap<&'static str, Vec<u8>> {
    let fences = PAGE.split("```").skip(1).step_by(2);
    let mut blocks = BTreeMap::new();
    for fence in fences {
        let lines = fence.strip_prefix("text\n").expect("blocks are text");
        let (name, lines) = lines.split_once('\n').unwrap();
        let name = name.strip_prefix("; ").expect("blocks begin with a name");
        let digits: String = lines
            .lines()
            .map(|line| line.split(';').next().unwrap_or_default())
            .collect();
        assert!(blocks.insert(name, hex(&digits)).is_none(), "{name} twice");
    }
    blocks
}

/// What the page says of the machine.
fn request() -> ActivationRequest {
    ActivationRequest {
        minor_version: 0,
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
        nonce: core::array::from_fn(|at| u8::try_from(at).unwrap()),
        machine_name: "ws-17.contoso.example".parse().unwrap(),
    }
}

/// What it says of the answer, whose signature is the block's.
fn answer(signature: [u8; 64]) -> ActivationAnswer {
    ActivationAnswer {
        terms: AnswerTerms {
            count: 4,
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
            validity: ValidityInterval::default(),
            cmid: request().cmid,
            host_time: Timestamp::from_millis(1_700_000_000_250),
            key_id: KeyId([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]),
        },
        signature,
    }
}

#[test]
fn the_exchange_is_the_one_that_the_engines_have() {
    let mut blocks = blocks();
    let mut block = |name| blocks.remove(name).expect(name);
    let mut client = client::Connection::new(client::Config::default());
    let mut host = server::Connection::new(server::Config {
        port: 1688,
        association_group: NonZeroU32::new(GROUP).unwrap(),
    });

    let bind = block("bind");
    assert_eq!(client.poll_transmit(), Some(&*bind));
    host.handle_input(&bind);
    let ack = block("bind_ack");
    assert_eq!(host.poll_transmit(), Some(&*ack));
    client.handle_input(&ack);
    assert_eq!(client.poll_event(), Some(client::Event::Bound));

    let message = &request().to_vec();
    client
        .call(Operation::RequestActivation { message })
        .unwrap();
    let sent = block("request");
    assert_eq!(client.poll_transmit(), Some(&*sent));
    host.handle_input(&sent);
    let Some(server::Event::RequestActivation {
        call,
        message: came,
    }) = host.poll_event()
    else {
        panic!("no call")
    };
    assert_eq!(came, message);
    let response = block("response");
    let signature = response[response.len() - 68..].first_chunk().unwrap();
    let answer = answer(*signature).to_vec();
    host.respond(call, Reply::Bytes(&answer)).unwrap();
    assert_eq!(host.poll_transmit(), Some(&*response));
    client.handle_input(&response);
    let (call, bytes) = (CallId(2), &*answer);
    assert_eq!(
        client.poll_event(),
        Some(client::Event::Answered { call, bytes })
    );
    assert!(ActivationAnswer::decode_all(&answer).is_ok());

    client.call(Operation::GetHostCertificate).unwrap();
    let sent = block("certificate request");
    assert_eq!(client.poll_transmit(), Some(&*sent));
    host.handle_input(&sent);
    let Some(server::Event::GetHostCertificate { call }) = host.poll_event() else {
        panic!("no call")
    };
    let status = StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED;
    host.respond(call, Reply::Refused(status)).unwrap();
    let refusal = block("refusal");
    assert_eq!(host.poll_transmit(), Some(&*refusal));
    client.handle_input(&refusal);
    let call = CallId(3);
    assert_eq!(
        client.poll_event(),
        Some(client::Event::Refused { call, status })
    );

    host.handle_input(&encode(4, request_of(0, 2, &[])));
    let fault = block("fault");
    assert_eq!(host.poll_transmit(), Some(&*fault));
    assert_eq!(fault[24..28], FaultStatus::OPERATION_RANGE.0.to_le_bytes());

    // What other crates sign and verify: the page's own hash, the answer's own bytes.
    let (signed, key) = (block("signed"), block("public key"));
    let (context, rest) = signed.split_at(27);
    let (hash, terms) = rest.split_at(32);
    assert_eq!(context, b"kms-activation-response-v1\0");
    assert_eq!(terms, &answer[..56]);
    let text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        PAGE.matches(&text).count(),
        2,
        "beside the message and in what is signed"
    );
    assert_eq!(key.len(), 32);
    assert!(blocks.is_empty(), "not compared: {:?}", blocks.keys());
}

/// The limits of the page: names and values.
fn limits() -> BTreeMap<&'static str, usize> {
    PAGE.lines()
        .filter(|line| line.starts_with("| `M"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells[1].split('`').nth(1).unwrap();
            (name, cells[2].parse().unwrap())
        })
        .collect()
}

#[test]
fn the_limits_are_those_of_the_code() {
    let ours = [
        ("MAX_FRAGMENT", kms_wire::MAX_FRAGMENT.into()),
        ("MIN_FRAGMENT_SIZE", kms_wire::MIN_FRAGMENT_SIZE.into()),
        (
            "MUST_RECEIVE_FRAGMENT",
            kms_wire::MUST_RECEIVE_FRAGMENT.into(),
        ),
        ("MAX_STUB", kms_wire::MAX_STUB),
        ("MAX_REQUEST", kms_wire::MAX_REQUEST),
        ("MAX_ANSWER_STUB", kms_wire::MAX_ANSWER_STUB),
        ("MAX_ANSWER", kms_wire::MAX_ANSWER),
        ("MAX_CERTIFICATES", kms_wire::MAX_CERTIFICATES),
        ("MAX_CONTEXTS", kms_wire::MAX_CONTEXTS),
        ("MAX_TRANSFER_SYNTAXES", kms_wire::MAX_TRANSFER_SYNTAXES),
        ("MAX_ACCEPTED_CONTEXTS", kms_wire::MAX_ACCEPTED_CONTEXTS),
        ("MAX_BUFFERED_INPUT", kms_wire::MAX_BUFFERED_INPUT),
    ];
    assert_eq!(limits(), BTreeMap::from(ours));
}
