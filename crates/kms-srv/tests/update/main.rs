//! Dynamic updates as a DNS server sees them, and answers as servers give them. The server's side
//! is played by the DNS library. It also stands behind the code that is tested, so one exchange is held
//! against bytes that were made without it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod answer;
mod hostile;
mod message;
mod vector;

use core::net::IpAddr;
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordData, RecordType, TSigResponseContext, TSigner,
        rdata::{
            A, AAAA, NULL, SRV, TSIG,
            tsig::{TsigAlgorithm as Algorithm, TsigError, make_tsig_record},
        },
    },
};
use kms_core::{SeededEntropy, StatusCode, Timestamp};
use kms_srv::{
    DomainName, Registration, ServiceName, SrvRecord, TsigAlgorithm, TsigKey, Ttl, Update,
    UpdateAnswerError, UpdateError, UpdateReply,
};
use proptest::prelude::{any, prop_assert, proptest};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_250);
const NOW_SECS: u64 = 1_700_000_000;
const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn dns(text: &str) -> Name {
    Name::from_labels(text.split('.').map(str::as_bytes)).unwrap()
}

fn registration(host: &str) -> Registration {
    let addresses: [IpAddr; 2] = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().unwrap());
    Registration::new(&ServiceName::default(), &name("contoso.com"), name(host))
        .unwrap()
        .with_priority_and_weight(10, 75)
        .with_addresses(addresses)
        .unwrap()
}

fn key_of(secret: &[u8], algorithm: TsigAlgorithm) -> TsigKey {
    TsigKey::new(name("kms-host-key"), algorithm, secret.to_vec()).unwrap()
}

fn key() -> TsigKey {
    key_of(SECRET, TsigAlgorithm::HmacSha256)
}

fn signer_of(secret: &[u8], algorithm: Algorithm, name: &str) -> TSigner {
    TSigner::new(secret.to_vec(), algorithm, dns(name), 300).unwrap()
}

fn signer() -> TSigner {
    signer_of(SECRET, Algorithm::HmacSha256, "kms-host-key")
}

fn publish(current: &Registration, previous: &[Registration]) -> Message {
    let mut entropy = SeededEntropy::new(5);
    let update = Update::publish(current, previous, Some(&key()), &mut entropy, NOW).unwrap();
    Message::from_vec(update.bytes()).unwrap()
}

/// The update whose answers are judged below.
fn update() -> Update {
    let registration = registration("kms1.contoso.com");
    Update::publish(
        &registration,
        &[],
        Some(&key()),
        &mut SeededEntropy::new(5),
        NOW,
    )
    .unwrap()
}

fn added(owner: &str, data: RData) -> Record {
    Record::from_rdata(dns(owner), 3600, data)
}

fn removed(owner: &str, data: RData) -> Record {
    let mut record = Record::from_rdata(dns(owner), 0, data);
    record.dns_class = DNSClass::NONE;
    record
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, dns(target)))
}

const OWNER: &str = "_vlmcs._tcp.contoso.com";

fn response(update: &Update, code: u8) -> Message {
    let request = Message::from_vec(update.bytes()).unwrap();
    let mut response = Message::response(request.id, OpCode::Update);
    response.metadata.response_code = ResponseCode::from(0, code);
    response.add_queries(request.queries.iter().cloned());
    response
}

fn request_mac(update: &Update) -> Vec<u8> {
    let request = Message::from_vec(update.bytes()).unwrap();
    request.signature().unwrap().data.mac.clone()
}

fn sign(update: &Update, response: &Message, signer: TSigner, time: u64) -> Vec<u8> {
    let mac = request_mac(update);
    let unsigned = response.to_vec().unwrap();
    let context = TSigResponseContext::new(response.id, time, signer, mac, None);
    let mut signed = response.clone();
    signed.set_signature(context.sign(&unsigned).unwrap());
    signed.to_vec().unwrap()
}

/// An answer that carries a TSIG error, with a signature or without.
fn with_tsig_error(
    update: &Update,
    response: &Message,
    error: TsigError,
    other: Vec<u8>,
    signed: bool,
) -> Vec<u8> {
    let signer = signer();
    let algorithm = Algorithm::HmacSha256;
    let tsig = TSIG::new(
        algorithm,
        NOW_SECS,
        300,
        vec![],
        response.id,
        Some(error),
        other,
    );
    let mac = if signed {
        let unsigned = response.to_vec().unwrap();
        let bytes = signer.encode_response_tbs(&request_mac(update), &unsigned, &tsig);
        signer.sign(&bytes.unwrap()).unwrap()
    } else {
        vec![]
    };
    let mut message = response.clone();
    let record = make_tsig_record(signer.signer_name().clone(), tsig.set_mac(mac));
    message.set_signature(Box::new(record));
    message.to_vec().unwrap()
}

fn judged(update: &Update, answer: &[u8]) -> (StatusCode, bool) {
    let reply = update.handle_answer(answer).unwrap();
    (reply.status(), reply.is_authenticated())
}

fn good_answer(update: &Update) -> Vec<u8> {
    sign(update, &response(update, 0), signer(), NOW_SECS + 1)
}
