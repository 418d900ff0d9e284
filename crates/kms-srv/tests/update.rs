//! Dynamic updates as a DNS server sees them, and answers as servers give them. The server's side
//! is played by the DNS library. It also stands behind the code that is tested, so one exchange is held
//! against bytes that were made without it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

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

/// An exchange put together by hand from RFC 1035, 2136, 2782 and 8945, its two HMACs by another
/// program.
mod vector {
    use super::*;
    use data_encoding::HEXLOWER;

    const UPDATE: &[&str] = &[
        // id, UPDATE, 1 zone, no prerequisite, 3 updates, 1 additional record
        "5ac3 2800 0001 0000 0003 0001",
        // contoso.com SOA IN
        "07636f6e746f736f03636f6d00 0006 0001",
        // _vlmcs._tcp.contoso.com SRV NONE, ttl 0: 10 25 1688 kms1.contoso.com
        "065f766c6d6373045f746370c00c 0021 00fe 00000000 0018",
        "000a 0019 0698 046b6d733107636f6e746f736f03636f6d00",
        // the same SRV IN, ttl 3600: 10 75 1688 kms1.contoso.com
        "c01d 0021 0001 00000e10 0018",
        "000a 004b 0698 046b6d733107636f6e746f736f03636f6d00",
        // kms1.contoso.com A IN, ttl 3600: 192.0.2.7
        "c03b 0001 0001 00000e10 0004 c0000207",
        // kms-host-key TSIG ANY, ttl 0: hmac-sha256, time, fudge 300, MAC, original id, error 0
        "0c6b6d732d686f73742d6b657900 00fa 00ff 00000000 003d",
        "0b686d61632d73686132353600 00006553f100 012c 0020",
        "690c9ddde58e4f16322164365b2d3a7e0dc5614d3054c3de041d4d5871a2713e 5ac3 0000 0000",
    ];

    const ANSWER: &[&str] = &[
        // id, answer to UPDATE, NOERROR, 1 zone, 1 additional record
        "5ac3 a800 0001 0000 0000 0001",
        "07636f6e746f736f03636f6d00 0006 0001",
        "0c6b6d732d686f73742d6b657900 00fa 00ff 00000000 003d",
        "0b686d61632d73686132353600 00006553f101 012c 0020",
        "f433405af0df8b7e4eb666dd09fe27ea0d542e746001d1419910bdfc47c57209 5ac3 0000 0000",
    ];

    fn bytes(lines: &[&str]) -> Vec<u8> {
        HEXLOWER
            .decode(lines.concat().replace(' ', "").as_bytes())
            .unwrap()
    }

    #[test]
    fn the_update_is_met_to_the_byte_and_its_answer_is_accepted() {
        let current = registration("kms1.contoso.com")
            .with_addresses(["192.0.2.7".parse().unwrap()])
            .unwrap();
        let previous = current.clone().with_priority_and_weight(10, 25);
        let mut entropy = SeededEntropy::new(5);
        let update =
            Update::publish(&current, &[previous], Some(&key()), &mut entropy, NOW).unwrap();
        assert_eq!(update.bytes(), bytes(UPDATE));
        assert_eq!(judged(&update, &bytes(ANSWER)), (StatusCode::OK, true));
    }
}

mod message {
    use super::*;

    #[test]
    fn rfc_2136_publishing_adds_exactly_the_hosts_own_records() {
        let message = publish(&registration("kms1.contoso.com"), &[]);
        assert_eq!(message.op_code, OpCode::Update);
        assert_eq!(message.message_type, MessageType::Query);
        assert!(!message.recursion_desired && !message.truncation);
        let zone = Query::query(dns("contoso.com"), RecordType::SOA);
        assert_eq!(message.queries, [zone]);
        assert_eq!(message.answers, [], "no prerequisites");
        assert_eq!(
            message.authorities,
            [
                added(OWNER, srv(10, 75, 1688, "kms1.contoso.com")),
                added("kms1.contoso.com", RData::A(A::new(192, 0, 2, 7))),
                added(
                    "kms1.contoso.com",
                    RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7))
                ),
            ]
        );
        assert_eq!(message.additionals, []);
    }

    #[test]
    fn rfc_2136_a_change_removes_exactly_the_older_own_records_and_never_a_set() {
        let previous = registration("kms1.contoso.com");
        let current = previous
            .clone()
            .with_priority_and_weight(10, 25)
            .with_port(1700.try_into().unwrap())
            .with_addresses(["192.0.2.8".parse().unwrap(), "2001:db8::7".parse().unwrap()])
            .unwrap();
        let host = "kms1.contoso.com";
        let message = publish(&current, core::slice::from_ref(&previous));
        assert_eq!(
            message.authorities,
            [
                removed(OWNER, srv(10, 75, 1688, host)),
                removed(host, RData::A(A::new(192, 0, 2, 7))),
                added(OWNER, srv(10, 25, 1700, host)),
                added(host, RData::A(A::new(192, 0, 2, 8))),
                added(
                    host,
                    RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7))
                ),
            ]
        );
        let whole_sets = message
            .authorities
            .iter()
            .filter(|record| record.dns_class == DNSClass::ANY || record.data.is_update());
        assert_eq!(whole_sets.count(), 0);
    }

    #[test]
    fn publishing_the_same_again_removes_nothing() {
        let previous = registration("kms1.contoso.com");
        let current = registration("KMS1.Contoso.com").with_ttl(Ttl::from_secs(60).unwrap());
        let message = publish(&current, core::slice::from_ref(&previous));
        assert_eq!(message.authorities.len(), 3);
        assert!(message.authorities.iter().all(|record| record.ttl == 60));
        assert!(
            message
                .authorities
                .iter()
                .all(|record| record.dns_class == DNSClass::IN)
        );
    }

    #[test]
    fn withdrawing_removes_exactly_the_hosts_own_records() {
        let registration = registration("kms1.contoso.com");
        let mut entropy = SeededEntropy::new(5);
        let update = Update::withdraw(&registration, Some(&key()), &mut entropy, NOW).unwrap();
        let message = Message::from_vec(update.bytes()).unwrap();
        assert_eq!(
            message.authorities,
            [
                removed(OWNER, srv(10, 75, 1688, "kms1.contoso.com")),
                removed("kms1.contoso.com", RData::A(A::new(192, 0, 2, 7))),
                removed(
                    "kms1.contoso.com",
                    RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7))
                ),
            ]
        );
    }

    #[test]
    fn a_host_outside_the_zone_is_published_by_its_srv_record_alone() {
        let message = publish(&registration("KMS_1.fabrikam.com"), &[]);
        assert_eq!(
            message.authorities,
            [added(OWNER, srv(10, 75, 1688, "KMS_1.fabrikam.com"))]
        );
    }

    #[test]
    fn a_domain_below_its_zone_is_published_in_the_zone() {
        let service = ServiceName::default();
        let below = Registration::new(
            &service,
            &name("east.contoso.com"),
            name("kms1.contoso.com"),
        )
        .unwrap()
        .with_zone(name("contoso.com"))
        .unwrap();
        let message = publish(&below, &[]);
        assert_eq!(*message.queries[0].name(), dns("contoso.com"));
        let owner = "_vlmcs._tcp.east.contoso.com";
        assert_eq!(
            message.authorities,
            [added(owner, srv(0, 0, 1688, "kms1.contoso.com"))]
        );
    }

    #[test]
    fn limit_the_fullest_registration_fits_a_message() {
        let addresses = |net: u8| (1..=16).map(move |n| IpAddr::from([192, 0, net, n]));
        let longest = |c: &str| [c.repeat(63), c.repeat(63), c.repeat(63), c.repeat(40)].join(".");
        let service = ServiceName::default();
        let full = |label: &str, net| {
            let domain = name(&longest("x"));
            let host = name(label).within(&domain).unwrap();
            let registration = Registration::new(&service, &domain, host).unwrap();
            registration.with_addresses(addresses(net)).unwrap()
        };
        let message = publish(&full("a", 2), &[full("b", 3)]);
        assert_eq!(message.authorities.len(), 34);
    }

    #[test]
    fn several_older_records_are_removed_in_one_update() {
        let current = registration("kms1.contoso.com");
        let older = current.older_in(&[
            SrvRecord::new(0, 0, 1688, name("kms1.contoso.com")),
            SrvRecord::new(0, 0, 1688, name("kms2.contoso.com")),
        ]);
        let moved = current.clone().with_port(1700.try_into().unwrap());
        let message = publish(&current, &[older, vec![moved]].concat());
        let host = "kms1.contoso.com";
        assert_eq!(
            message.authorities[..3],
            [
                removed(OWNER, srv(0, 0, 1688, host)),
                removed(OWNER, srv(10, 75, 1700, host)),
                added(OWNER, srv(10, 75, 1688, host)),
            ]
        );
        assert_eq!(message.authorities.len(), 5);
    }

    #[test]
    fn limit_an_update_of_up_to_512_bytes_fits_a_datagram() {
        let mut sizes = Vec::new();
        for count in 0..=16 {
            let current = registration("kms1.contoso.com")
                .with_addresses((0..count).map(|n| IpAddr::from([0x2001, 0xdb8, n, 0, 0, 0, 0, 1])))
                .unwrap();
            let mut entropy = SeededEntropy::new(5);
            let update = Update::publish(&current, &[], Some(&key()), &mut entropy, NOW).unwrap();
            assert_eq!(update.fits_udp(), update.bytes().len() <= 512, "{update:?}");
            sizes.push(update.fits_udp());
        }
        assert!(sizes[2] && !sizes[16]);
    }

    #[test]
    fn rfc_8945_the_server_can_verify_the_signature_of_each_algorithm() {
        for (algorithm, server_algorithm) in [
            (TsigAlgorithm::HmacSha256, Algorithm::HmacSha256),
            (TsigAlgorithm::HmacSha384, Algorithm::HmacSha384),
            (TsigAlgorithm::HmacSha512, Algorithm::HmacSha512),
        ] {
            let registration = registration("kms1.contoso.com");
            let key = key_of(SECRET, algorithm);
            let mut entropy = SeededEntropy::new(5);
            let update =
                Update::publish(&registration, &[], Some(&key), &mut entropy, NOW).unwrap();
            let signer = signer_of(SECRET, server_algorithm, "kms-host-key");
            let (_, time, valid) = signer
                .verify_message_byte(update.bytes(), None, true)
                .unwrap();
            assert_eq!((time, valid), (NOW_SECS, NOW_SECS - 300..NOW_SECS + 300));
        }
    }

    #[test]
    fn ids_come_from_the_entropy() {
        let registration = registration("kms1.contoso.com");
        let mut entropy = SeededEntropy::new(5);
        let mut id = || {
            let update = Update::withdraw(&registration, None, &mut entropy, NOW).unwrap();
            Message::from_vec(update.bytes()).unwrap().id
        };
        assert_ne!(id(), id());
    }

    #[test]
    fn registrations_of_two_zones_and_clocks_that_cannot_be_signed_are_refused() {
        let here = registration("kms1.contoso.com");
        let there = Registration::new(&ServiceName::default(), &name("a.b"), name("c.b")).unwrap();
        let mut entropy = SeededEntropy::new(5);
        let error = Update::publish(&here, &[there], None, &mut entropy, NOW).unwrap_err();
        assert_eq!(error, UpdateError::OtherZone);
        for millis in [i64::MIN, -1, 0, 299_999, 1000 << 48, i64::MAX] {
            let now = Timestamp::from_millis(millis);
            let update = Update::withdraw(&here, Some(&key()), &mut entropy, now);
            assert_eq!(update.unwrap_err(), UpdateError::Clock, "{millis}");
            assert!(Update::withdraw(&here, None, &mut entropy, now).is_ok());
        }
        let last = Timestamp::from_millis((1000 << 48) - 1);
        assert!(Update::withdraw(&here, Some(&key()), &mut entropy, last).is_ok());
    }

    #[test]
    fn an_update_does_not_print_its_secrets() {
        let text = format!("{:?}", update());
        assert!(
            text.contains("signed: true") && !text.contains("48, 49"),
            "{text}"
        );
    }
}

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

mod answer {
    use super::*;

    #[test]
    fn a_signed_success_is_a_success() {
        let update = update();
        let reply = update.handle_answer(&good_answer(&update)).unwrap();
        assert_eq!(
            (reply.status(), reply.is_authenticated()),
            (StatusCode::OK, true)
        );
        assert_eq!(
            reply.to_string(),
            "0x00000000 S_OK (response code 0 NOERROR, authenticated)"
        );
    }

    #[test]
    fn a_success_that_is_not_signed_or_not_rightly_is_a_failure() {
        let update = update();
        let success = response(&update, 0);
        let other_update = {
            let registration = registration("kms1.contoso.com").with_priority_and_weight(1, 1);
            let mut entropy = SeededEntropy::new(5);
            Update::publish(&registration, &[], Some(&key()), &mut entropy, NOW).unwrap()
        };
        let truncated_mac = {
            let mut message = Message::from_vec(&good_answer(&update)).unwrap();
            message.signature.as_mut().unwrap().data.mac.truncate(16);
            message.to_vec().unwrap()
        };
        let other_key = signer_of(SECRET, Algorithm::HmacSha256, "other-key");
        let other_algorithm = signer_of(SECRET, Algorithm::HmacSha384, "kms-host-key");
        let other_secret = signer_of(&[7; 32], Algorithm::HmacSha256, "kms-host-key");
        let cases = [
            ("unsigned", success.to_vec().unwrap()),
            (
                "other secret",
                sign(&update, &success, other_secret, NOW_SECS),
            ),
            ("other key", sign(&update, &success, other_key, NOW_SECS)),
            (
                "other algorithm",
                sign(&update, &success, other_algorithm, NOW_SECS),
            ),
            (
                "to another update",
                sign(&other_update, &success, signer(), NOW_SECS),
            ),
            (
                "too early",
                sign(&update, &success, signer(), NOW_SECS - 301),
            ),
            (
                "too late",
                sign(&update, &success, signer(), NOW_SECS + 301),
            ),
            ("at the epoch", sign(&update, &success, signer(), 0)),
            ("truncated signature", truncated_mac),
        ];
        for (what, answer) in cases {
            assert_eq!(
                judged(&update, &answer),
                (StatusCode::DNS_BAD_PACKET, false),
                "{what}"
            );
        }
    }

    #[test]
    fn refusals_have_their_documented_codes_signed_or_not() {
        let update = update();
        for (code, status) in [
            (1, StatusCode::DNS_FORMAT_ERROR),
            (2, StatusCode::DNS_SERVER_FAILURE),
            (3, StatusCode::DNS_NAME_ERROR),
            (4, StatusCode::DNS_NOT_IMPLEMENTED),
            (5, StatusCode::DNS_REFUSED),
            (6, StatusCode::DNS_YXDOMAIN),
            (7, StatusCode::DNS_YXRRSET),
            (8, StatusCode::DNS_NXRRSET),
            (9, StatusCode::DNS_NOTAUTH),
            (10, StatusCode::DNS_NOTZONE),
            (11, StatusCode::DNS_RESPONSE_CODES_BASE),
            (15, StatusCode::DNS_RESPONSE_CODES_BASE),
        ] {
            let refusal = response(&update, code);
            let unsigned = refusal.to_vec().unwrap();
            assert_eq!(judged(&update, &unsigned), (status, false), "{code}");
            let signed = sign(&update, &refusal, signer(), NOW_SECS);
            assert_eq!(judged(&update, &signed), (status, true), "{code}");
        }
        assert_eq!(StatusCode::DNS_REFUSED, StatusCode(0x8007_232D));
    }

    #[test]
    fn a_tsig_error_says_more_than_the_response_code() {
        let update = update();
        for (error, status) in [
            (TsigError::BadSig, StatusCode(0x8007_2338)),
            (TsigError::BadKey, StatusCode(0x8007_2339)),
            (TsigError::BadTime, StatusCode(0x8007_233A)),
            (TsigError::BadTrunc, StatusCode::DNS_NOTAUTH),
            (TsigError::Unknown(99), StatusCode::DNS_NOTAUTH),
        ] {
            for code in [0, 5, 9] {
                let refusal = response(&update, code);
                let answer = with_tsig_error(&update, &refusal, error, vec![], false);
                assert_eq!(
                    judged(&update, &answer),
                    (status, false),
                    "{error:?} {code}"
                );
            }
        }
        let answer = with_tsig_error(
            &update,
            &response(&update, 9),
            TsigError::BadSig,
            vec![],
            false,
        );
        assert_eq!(
            update.handle_answer(&answer).unwrap().to_string(),
            "0x80072338 HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADSIG) (response code 9 NOTAUTH, TSIG \
             error 16 BADSIG, not authenticated)"
        );
    }

    #[test]
    fn rfc_8945_a_clock_too_far_off_is_told_the_servers_time() {
        let update = update();
        let refusal = response(&update, 9);
        let time = (NOW_SECS + 4000).to_be_bytes()[2..].to_vec();
        let answer = with_tsig_error(&update, &refusal, TsigError::BadTime, time, true);
        let reply = update.handle_answer(&answer).unwrap();
        assert_eq!(reply.status(), StatusCode::DNS_BADTIME);
        assert!(reply.is_authenticated());
        let server_time = Timestamp::from_millis(1_700_004_000_000);
        assert_eq!(reply.server_time(), Some(server_time));
        for other in [vec![], vec![0xff; 5], vec![0xff; 7]] {
            let answer = with_tsig_error(&update, &refusal, TsigError::BadTime, other, false);
            assert_eq!(update.handle_answer(&answer).unwrap().server_time(), None);
        }
    }

    #[test]
    fn rfc_8945_clocks_may_be_apart_by_just_the_fudge() {
        let update = update();
        let success = response(&update, 0);
        for (apart, status) in [
            (-301, StatusCode::DNS_BAD_PACKET),
            (-300, StatusCode::OK),
            (300, StatusCode::OK),
            (301, StatusCode::DNS_BAD_PACKET),
        ] {
            let time = NOW_SECS.checked_add_signed(apart).unwrap();
            let answer = sign(&update, &success, signer(), time);
            assert_eq!(judged(&update, &answer).0, status, "{apart}");
        }
    }

    #[test]
    fn rfc_8945_a_signature_that_is_empty_short_or_long_is_none() {
        let update = update();
        for len in [0, 1, 10, 16, 31, 33, 64] {
            let mut message = Message::from_vec(&good_answer(&update)).unwrap();
            message.signature.as_mut().unwrap().data.mac.resize(len, 0);
            let answer = message.to_vec().unwrap();
            assert_eq!(
                judged(&update, &answer),
                (StatusCode::DNS_BAD_PACKET, false),
                "{len}"
            );
        }
    }

    #[test]
    fn a_servers_time_that_is_not_signed_is_told_as_such() {
        let update = update();
        let time = (NOW_SECS + 4000).to_be_bytes()[2..].to_vec();
        let refusal = response(&update, 9);
        let answer = with_tsig_error(&update, &refusal, TsigError::BadTime, time, false);
        let reply = update.handle_answer(&answer).unwrap();
        assert!(reply.server_time().is_some() && !reply.is_authenticated());
        assert_eq!(
            reply.to_string(),
            "0x8007233A HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADTIME) (response code 9 NOTAUTH, TSIG \
             error 18 BADTIME, the server's clock is 2023-11-14T23:20:00Z, not authenticated)"
        );
    }

    #[test]
    fn rfc_8945_no_response_code_makes_an_unsigned_answer_a_success() {
        let update = update();
        for code in 0..16 {
            let unsigned = response(&update, code).to_vec().unwrap();
            let reply = update.handle_answer(&unsigned).unwrap();
            assert!(
                !reply.status().is_success() && !reply.is_authenticated(),
                "{code}"
            );
        }
    }

    #[test]
    fn an_update_without_a_key_takes_an_answer_without_a_signature() {
        let registration = registration("kms1.contoso.com");
        let update =
            Update::publish(&registration, &[], None, &mut SeededEntropy::new(5), NOW).unwrap();
        let answer = |code| response(&update, code).to_vec().unwrap();
        assert_eq!(judged(&update, &answer(0)), (StatusCode::OK, false));
        assert_eq!(
            judged(&update, &answer(5)),
            (StatusCode::DNS_REFUSED, false)
        );
    }

    #[test]
    fn answers_to_something_else_are_told_apart() {
        let update = update();
        let good = response(&update, 0);
        let judge = |change: &dyn Fn(&mut Message)| {
            let mut answer = good.clone();
            change(&mut answer);
            let signed = sign(&update, &answer, signer(), NOW_SECS);
            update.handle_answer(&signed).unwrap_err()
        };
        let other = UpdateAnswerError::OtherMessage;
        assert_eq!(judge(&|answer| answer.metadata.id ^= 1), other);
        assert_eq!(
            judge(&|answer| answer.metadata.message_type = MessageType::Query),
            other
        );
        assert_eq!(
            judge(&|answer| answer.metadata.op_code = OpCode::Query),
            other
        );
        assert_eq!(
            judge(&|answer| {
                answer.queries[0].set_name(dns("fabrikam.com"));
            }),
            other
        );
        assert_eq!(
            judge(&|answer| answer.metadata.truncation = true),
            UpdateAnswerError::Truncated
        );
    }

    #[test]
    fn an_answer_may_leave_the_zone_out_or_repeat_the_update() {
        let update = update();
        let mut answer = response(&update, 0);
        answer.queries.clear();
        let signed = sign(&update, &answer, signer(), NOW_SECS);
        assert_eq!(judged(&update, &signed), (StatusCode::OK, true));
        let request = Message::from_vec(update.bytes()).unwrap();
        let mut answer = response(&update, 0);
        answer.add_authorities(request.authorities.iter().cloned());
        let signed = sign(&update, &answer, signer(), NOW_SECS);
        assert_eq!(judged(&update, &signed), (StatusCode::OK, true));
    }
}

mod hostile {
    use super::*;

    fn is_accepted(reply: &Result<UpdateReply, UpdateAnswerError>) -> bool {
        reply.is_ok_and(|reply| reply.status().is_success())
    }

    #[test]
    fn every_truncation_is_refused() {
        let update = update();
        let good = good_answer(&update);
        for len in 0..good.len() {
            assert!(!is_accepted(&update.handle_answer(&good[..len])), "{len}");
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_but_for_the_case_of_names() {
        let update = update();
        let good = good_answer(&update);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                // Names are the same in either case, and signed in lower case.
                assert!(
                    !is_accepted(&update.handle_answer(&bad)) || bad.eq_ignore_ascii_case(&good),
                    "byte {at}, bit {bit}"
                );
            }
        }
    }

    #[test]
    fn limit_counts_beyond_what_an_answer_has_are_refused_before_they_are_read() {
        let update = update();
        let header = |zones: u16, counts: [u16; 3]| {
            let mut bytes = good_answer(&update)[..4].to_vec();
            bytes.extend(zones.to_be_bytes());
            bytes.extend(counts.into_iter().flat_map(u16::to_be_bytes));
            bytes
        };
        for bytes in [
            header(2, [0; 3]),
            header(u16::MAX, [0; 3]),
            header(0, [u16::MAX; 3]),
            header(0, [0x8000, 0x8000, 0]),
        ] {
            assert_eq!(
                update.handle_answer(&bytes),
                Err(UpdateAnswerError::Malformed)
            );
        }
        for (count, outcome) in [
            (64 - 1, Ok(StatusCode::OK)),
            (64, Err(UpdateAnswerError::Malformed)),
        ] {
            let mut answer = response(&update, 0);
            let record = added("kms1.contoso.com", RData::A(A::new(192, 0, 2, 7)));
            answer.add_additionals(core::iter::repeat_n(record, count));
            let signed = sign(&update, &answer, signer(), NOW_SECS);
            let reply = update.handle_answer(&signed);
            assert_eq!(reply.map(|reply| reply.status()), outcome, "{count}");
        }
        let mut two_zones = response(&update, 0);
        two_zones.add_query(two_zones.queries[0].clone());
        let signed = sign(&update, &two_zones, signer(), NOW_SECS);
        assert_eq!(
            update.handle_answer(&signed),
            Err(UpdateAnswerError::Malformed)
        );
        let mut answer = response(&update, 0);
        let filling = UpdateReply::MAX_LEN - good_answer(&update).len() - 11;
        let filling = RData::NULL(NULL::with(vec![0; filling]));
        answer.add_additional(Record::from_rdata(Name::root(), 0, filling));
        let mut long = sign(&update, &answer, signer(), NOW_SECS);
        assert_eq!(long.len(), UpdateReply::MAX_LEN);
        assert_eq!(judged(&update, &long), (StatusCode::OK, true));
        long.push(0);
        assert_eq!(
            update.handle_answer(&long),
            Err(UpdateAnswerError::Malformed)
        );
    }

    #[test]
    fn rfc_8945_two_signatures_or_one_that_is_not_last_are_malformed() {
        let update = update();
        let unsigned = response(&update, 0).to_vec().unwrap();
        let good = good_answer(&update);
        let signature = &good[unsigned.len()..];
        let record = {
            let mut message = response(&update, 0);
            message.add_additional(added("contoso.com", RData::A(A::new(192, 0, 2, 7))));
            message.to_vec().unwrap()[unsigned.len()..].to_vec()
        };
        for second in [signature, record.as_slice()] {
            let mut bytes = [&unsigned, signature, second].concat();
            bytes[11] = 2;
            assert_eq!(
                update.handle_answer(&bytes),
                Err(UpdateAnswerError::Malformed)
            );
        }
    }

    #[test]
    fn rfc_8945_a_signature_outside_the_additional_section_is_malformed() {
        let update = update();
        // Header counts: zones, prerequisites, updates, additional records.
        for place in [7, 9] {
            let mut bytes = good_answer(&update);
            bytes[11] = 0;
            bytes[place] = 1;
            assert_eq!(
                update.handle_answer(&bytes),
                Err(UpdateAnswerError::Malformed)
            );
        }
    }

    #[test]
    fn names_that_point_at_themselves_are_malformed() {
        let update = update();
        let head = [&update.bytes()[..2], &[0xa8, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        for pointer in [[0xc0, 12], [0xc0, 13], [0xff, 0xff]] {
            let bytes = [&head, &pointer[..], &[0, 6, 0, 1]].concat();
            assert_eq!(
                update.handle_answer(&bytes),
                Err(UpdateAnswerError::Malformed)
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!is_accepted(&update().handle_answer(&bytes)));
        }

        #[test]
        fn edited_answers_are_refused_but_for_the_case_of_names(
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let update = update();
            let request = Message::from_vec(update.bytes()).unwrap();
            let mut answer = response(&update, 0);
            answer.add_authorities(request.authorities.iter().cloned());
            let good = sign(&update, &answer, signer(), NOW_SECS);
            let mut bad = good.clone();
            for (at, byte) in edits {
                bad[at.index(good.len())] = byte;
            }
            prop_assert!(
                !is_accepted(&update.handle_answer(&bad)) || bad.eq_ignore_ascii_case(&good)
            );
        }

        #[test]
        fn bytes_behind_a_right_header_are_refused(
            flags in any::<[u8; 2]>(),
            counts in proptest::collection::vec(0_u8..4, 4),
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let update = update();
            let mut bytes = update.bytes()[..2].to_vec();
            bytes.extend(flags);
            bytes.extend(counts.into_iter().flat_map(|count| [0, count]));
            bytes.extend(rest);
            prop_assert!(!is_accepted(&update.handle_answer(&bytes)));
        }
    }
}
