//! Which zone holds a domain, and where its primary is.

use crate::{
    dns_front::{Asked, Front},
    fixture::Fixture,
    publisher::{LISTENING, dns_server, published, publisher, records, srv, with_key},
};
use core::net::SocketAddr;
use hickory_resolver::proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{
        Name, RData, Record, RecordType as Kind,
        rdata::{A, NS, SOA},
    },
};
use kms_host::Publisher;
use kms_testkit::dns::RecordType;
use std::collections::BTreeSet;

/// A publisher that asks `resolver` for zones, whose primaries are all at the port of `primary`.
fn finding(fixture: &Fixture, resolver: SocketAddr, primary: SocketAddr, more: &str) -> Publisher {
    let table = format!("[dns]\nnameservers = [\"{resolver}\"]\nkey_file = \"kms.key\"\n{more}");
    let config = fixture.config(&table).dns.unwrap();
    let listening = [LISTENING.parse().unwrap()];
    Publisher::new(&config, &listening, Some("kms1.contoso.test"))
        .unwrap()
        .with_primary_port(primary.port())
}

/// What a resolver says of one name.
enum Says {
    /// These records, and this SOA record beside none.
    Soa(&'static str, &'static str),
    Code(ResponseCode),
    Nothing,
    NothingIn(&'static str, &'static str),
    /// That others have this zone.
    Referral(&'static str),
    Silence,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn soa(apex: &str, primary: &str) -> Record {
    let soa = SOA::new(
        name(primary),
        name("hostmaster.contoso.test."),
        1,
        1,
        1,
        1,
        1,
    );
    Record::from_rdata(name(apex), 60, RData::SOA(soa))
}

/// A resolver for which every machine is this one.
async fn resolver(says: impl Fn(&str) -> Says + Send + Sync + 'static) -> Front {
    Front::alone(move |asked: &Asked| {
        let question = Message::from_vec(&asked.bytes).unwrap();
        let query = question.queries[0].clone();
        let mut answer = Message::new(
            question.metadata.id,
            MessageType::Response,
            question.metadata.op_code,
        );
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        if query.query_type() == Kind::A {
            let here = RData::A(A::new(127, 0, 0, 1));
            answer
                .answers
                .push(Record::from_rdata(query.name().clone(), 60, here));
        } else if query.query_type() == Kind::SOA {
            match says(&asked.name()) {
                Says::Soa(apex, primary) => answer.answers.push(soa(apex, primary)),
                Says::NothingIn(apex, primary) => {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                    answer.authorities.push(soa(apex, primary));
                }
                Says::Referral(apex) => {
                    let server = RData::NS(NS(name("ns.fabrikam.test.")));
                    let referral = Record::from_rdata(name(apex), 60, server);
                    answer.authorities.push(referral);
                }
                Says::Nothing => answer.metadata.response_code = ResponseCode::NXDomain,
                Says::Code(code) => answer.metadata.response_code = code,
                Says::Silence => return Vec::new(),
            }
        }
        answer.queries.push(query);
        vec![answer.to_vec().unwrap()]
    })
    .await
}

fn only_of(wanted: &'static str, says: fn() -> Says) -> impl Fn(&str) -> Says {
    move |name| {
        if name == wanted {
            says()
        } else {
            Says::Nothing
        }
    }
}

#[tokio::test]
async fn rfc_2136_the_zone_and_its_primary_are_found_by_the_soa_record() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test", "_tcp.fabrikam.test"]).await;
    let address = server.address();
    for (domain, owner) in [
        // The domain itself, one within its zone, and one whose zone begins below it.
        ("contoso.test", "_vlmcs._tcp.contoso.test"),
        ("lab.east.contoso.test", "_vlmcs._tcp.lab.east.contoso.test"),
        ("fabrikam.test", "_vlmcs._tcp.fabrikam.test"),
    ] {
        let more = format!("domains = [\"{domain}\"]");
        let publisher = finding(&fixture, address, address, &more);
        assert_eq!(published(&publisher).await, [format!("12294 {domain}")]);
        let there = records(&server, owner, RecordType::Srv).await;
        assert_eq!(there, [(3600, srv(0, 0, 1688, "kms1.contoso.test"))]);
    }
}

#[tokio::test]
async fn a_name_server_that_fails_or_refuses_is_left_for_the_next() {
    let server = dns_server(&["contoso.test"]).await;
    let good = resolver(|_| Says::Soa("contoso.test.", "ns.contoso.test.")).await;
    for code in [ResponseCode::Refused, ResponseCode::ServFail] {
        let bad = resolver(move |_| Says::Code(code)).await;
        let fixture = with_key();
        let table = format!(
            "[dns]\nnameservers = [\"{}\", \"{}\"]\nkey_file = \"kms.key\"\n",
            bad.address, good.address
        );
        let config = fixture.config(&table).dns.unwrap();
        let publisher = Publisher::new(
            &config,
            &[LISTENING.parse().unwrap()],
            Some("kms1.contoso.test"),
        );
        let publisher = publisher
            .unwrap()
            .with_primary_port(server.address().port());
        assert_eq!(published(&publisher).await, ["12294 contoso.test"]);
    }
}

#[tokio::test]
async fn rfc_2308_the_zone_is_taken_from_what_an_answer_without_records_says() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    for says in [
        (|_: &str| Says::NothingIn("contoso.test.", "ns.contoso.test.")) as fn(&str) -> Says,
        // Only the zone itself is known, or another form of its name.
        |name| {
            only_of("contoso.test.", || {
                Says::Soa("contoso.test.", "ns.contoso.test.")
            })(name)
        },
        |_| Says::NothingIn("CONTOSO.Test.", "ns.contoso.test."),
    ] {
        let resolver = resolver(says).await;
        let publisher = finding(&fixture, resolver.address, server.address(), "");
        assert_eq!(published(&publisher).await, ["12294 contoso.test"]);
    }
}

#[tokio::test]
async fn what_keeps_a_zone_from_being_found_is_told_by_its_code_and_nothing_is_sent() {
    let fixture = with_key();
    let primary = Front::alone(|_| Vec::new()).await;
    for (says, code) in [
        // Of another zone, and of one below the name.
        (
            (|_: &str| Says::NothingIn("fabrikam.test.", "ns.contoso.test.")) as fn(&str) -> Says,
            "0x8007251E",
        ),
        (
            |_| Says::NothingIn(".", "a.root-servers.test."),
            "0x8007232B",
        ),
        (|_| Says::Nothing, "0x8007232B"),
        (|_| Says::NothingIn("contoso.test.", "."), "0x8007251D"),
        (|_| Says::Code(ResponseCode::NoError), "0x8007251D"),
        (|_| Says::Code(ResponseCode::Refused), "0x8007232D"),
        (|_| Says::Code(ResponseCode::ServFail), "0x8007232A"),
        // The zone above has a SOA record, and is not the one.
        (
            |name| match name {
                "test." => Says::Soa("test.", "ns.contoso.test."),
                _ => Says::Referral("contoso.test."),
            },
            "0x8007232A",
        ),
        (|_| Says::Referral("fabrikam.test."), "0x8007251E"),
        (|_| Says::Silence, "0x800705B4"),
    ] {
        let resolver = resolver(says).await;
        let publisher = finding(&fixture, resolver.address, primary.address, "");
        let told = published(&publisher).await;
        assert_eq!(told, [format!("12293 {code}, contoso.test")]);
    }
    assert!(primary.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_gave_the_zone_to_others_gets_no_update_of_the_zone_above() {
    let fixture = with_key();
    for cut in ["contoso.test.", "_tcp.contoso.test."] {
        let server = resolver(move |name| match name {
            "test." => Says::Soa("test.", "ns.test."),
            "contoso.test." if cut != name => Says::Soa("contoso.test.", "ns.test."),
            _ => Says::Referral(cut),
        })
        .await;
        let publisher = publisher(&fixture, server.address, LISTENING, "transport = \"tcp\"");
        let told = published(&publisher).await;
        assert!(told[0].starts_with("12293 "), "{told:?}");
        let zones: Vec<String> = server.updates().iter().map(Asked::name).collect();
        assert_eq!(zones, [cut]);
    }
}

#[tokio::test]
async fn limit_18_names_are_asked_for_before_a_zone_is_given_up() {
    let fixture = with_key();
    let resolver = resolver(|_| Says::Nothing).await;
    let domain = format!("{}contoso.test", "a.".repeat(40));
    let more = format!("domains = [\"{domain}\"]");
    let publisher = finding(&fixture, resolver.address, resolver.address, &more);
    assert_eq!(
        published(&publisher).await,
        [format!("12293 0x8007232B, {domain}")]
    );
    let names: BTreeSet<String> = resolver.asked().iter().map(Asked::name).collect();
    assert_eq!(names.len(), 18);
}

#[tokio::test]
async fn letters_of_questions_come_in_random_case() {
    let fixture = with_key();
    let resolver = resolver(|_| Says::Nothing).await;
    let publisher = finding(&fixture, resolver.address, resolver.address, "");
    published(&publisher).await;
    let mixed = resolver.asked().iter().any(|asked| {
        let message = Message::from_vec(&asked.bytes).unwrap();
        let name = message.queries[0].name().to_ascii();
        name.bytes().any(|byte| byte.is_ascii_uppercase())
    });
    assert!(
        mixed,
        "19 letters, and all of them small by chance in one of 2^19 runs"
    );
}

#[tokio::test]
async fn the_next_address_of_a_primary_is_tried_when_one_does_not_answer() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let port = server.address().port();
    let front = Front::alone(move |asked: &Asked| {
        let question = Message::from_vec(&asked.bytes).unwrap();
        let query = question.queries[0].clone();
        let mut answer = Message::new(
            question.metadata.id,
            MessageType::Response,
            question.metadata.op_code,
        );
        match query.query_type() {
            Kind::SOA => answer
                .answers
                .push(soa("contoso.test.", "ns.contoso.test.")),
            Kind::A => {
                // Nobody listens at the first.
                for last in [2, 1] {
                    let here = RData::A(A::new(127, 0, 0, last));
                    answer
                        .answers
                        .push(Record::from_rdata(query.name().clone(), 60, here));
                }
            }
            _ => {}
        }
        answer.queries.push(query);
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let publisher = finding(&fixture, front.address, server.address(), "");
    let plan = publisher.plan().await.remove(0).1.unwrap();
    let wanted: [SocketAddr; 2] = [([127, 0, 0, 2], port).into(), ([127, 0, 0, 1], port).into()];
    assert_eq!(plan.servers(), wanted);
    assert_eq!(published(&publisher).await, ["12294 contoso.test"]);
}

#[tokio::test]
async fn a_plan_tells_zone_primary_and_exactly_what_is_sent_and_sends_nothing() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let front = Front::start(server.address(), |_: &Asked, answer| vec![answer]).await;
    let more = "domains = [\"east.contoso.test, 5, 7\", \"nowhere.test\"]";
    let table = format!(
        "[dns]\nserver = \"{}\"\nkey_file = \"kms.key\"\n{more}",
        front.address
    );
    let config = fixture.config(&table).dns.unwrap();
    let listening = [LISTENING.parse().unwrap()];
    let publisher = Publisher::new(&config, &listening, Some("kms1.contoso.test")).unwrap();
    let plans = publisher.plan().await;
    let plan = plans[0].1.as_ref().unwrap();
    assert_eq!(
        (plans[0].0.as_str(), plan.zone().as_str()),
        ("east.contoso.test", "contoso.test")
    );
    assert_eq!(plan.servers(), [front.address]);
    let address = front.address;
    assert_eq!(
        plan.nsupdate_script(),
        format!(
            "; to be signed with the key kms-hosts\n\
             server {} {}\n\
             zone contoso.test.\n\
             update add _vlmcs._tcp.east.contoso.test. 3600 IN SRV 5 7 1688 kms1.contoso.test.\n\
             update add kms1.contoso.test. 3600 IN A 10.1.2.3\n\
             send\n",
            address.ip(),
            address.port()
        )
    );
    // The server tells no zone for the other, which is taken for one then.
    assert_eq!(plans[1].1.as_ref().unwrap().zone().as_str(), "nowhere.test");
    assert!(front.updates().is_empty());
    assert!(
        records(&server, "_vlmcs._tcp.east.contoso.test", RecordType::Srv)
            .await
            .is_empty()
    );
    let registrations = publisher.registrations().unwrap();
    let names: Vec<&str> = registrations
        .iter()
        .map(|(domain, _)| domain.as_str())
        .collect();
    assert_eq!(names, ["east.contoso.test", "nowhere.test"]);
}

#[tokio::test]
async fn a_machine_without_an_address_is_told_and_one_with_is_published_under_it() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let table = format!(
        "[dns]\nserver = \"{}\"\nkey_file = \"kms.key\"",
        server.address()
    );
    let config = fixture.config(&table).dns.unwrap();
    let with = |own: &[&str]| {
        let own: Vec<_> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        Publisher::new(
            &config,
            &["[::]:1688".parse().unwrap()],
            Some("kms1.contoso.test"),
        )
        .unwrap()
        .with_own_addresses(move || Ok(own.clone()))
    };
    let none = with(&["127.0.0.1", "fe80::1"]);
    assert_eq!(published(&none).await, ["12293 0x8007251D, contoso.test"]);
    let some = with(&["127.0.0.1", "10.1.2.3", "2001:db8::7"]);
    assert_eq!(published(&some).await, ["12294 contoso.test"]);
    for kind in [RecordType::A, RecordType::Aaaa] {
        assert_eq!(records(&server, "kms1.contoso.test", kind).await.len(), 1);
    }
}
