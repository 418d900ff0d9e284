//! What an update says.

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
        let update = Update::publish(&registration, &[], Some(&key), &mut entropy, NOW).unwrap();
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
