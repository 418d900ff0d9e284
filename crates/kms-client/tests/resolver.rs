//! The resolver against DNS servers that answer as a test says.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use common::dns_server::{Answers, Server, Way, bytes, error, good, name as host, reply};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use kms_client::{MAX_CANDIDATES, MAX_NAMESERVERS, QUERY_TIME, Resolver};
use kms_srv::{DomainName, LookupAnswer, LookupError, SrvRecord};
use tokio::{
    net::{TcpSocket, UdpSocket},
    time::Instant,
};

const SERVICE: &str = "_vlmcs._tcp.contoso.test";

type Sent = fn(&Message) -> Answers;

fn found() -> Result<LookupAnswer, LookupError> {
    let record = SrvRecord::new(10, 75, 1688, "kms1.contoso.test".parse().unwrap());
    Ok(LookupAnswer::new(vec![record], 300))
}

async fn ask(servers: &[&Server]) -> Result<LookupAnswer, LookupError> {
    let servers: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let resolver = Resolver::new(&servers).unwrap();
    resolver.srv(&SERVICE.parse().unwrap()).await
}

#[tokio::test]
async fn a_query_is_recursive_of_random_case_and_allows_1232_bytes() {
    let server = Server::start(|_, query| bytes(&good(query))).await;
    let mut spellings = Vec::new();
    for _ in 0..8 {
        assert_eq!(ask(&[&server]).await, found());
    }
    for (way, query) in server.seen() {
        assert_eq!(way, Way::Udp);
        assert!(query.metadata.recursion_desired);
        assert_eq!(query.metadata.message_type, MessageType::Query);
        let [question] = &query.queries[..] else {
            unreachable!("{query:?}")
        };
        assert_eq!(question.query_type(), RecordType::SRV);
        assert_eq!(query.edns.as_ref().unwrap().max_payload(), 1232);
        spellings.push((query.metadata.id, question.name().to_ascii()));
    }
    // 20 letters are the same in two queries once in a million times.
    spellings.sort();
    spellings.dedup_by(|a, b| a.0 == b.0 || a.1 == b.1);
    assert!(spellings.len() > 1, "{spellings:?}");
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_over_tcp_and_not_believed_there() {
    let truncated = |query: &Message| {
        let mut reply = good(query);
        reply.metadata.truncation = true;
        bytes(&reply)
    };
    let server = Server::start(move |way, query| match way {
        Way::Udp => truncated(query),
        Way::Tcp => bytes(&good(query)),
    })
    .await;
    assert_eq!(ask(&[&server]).await, found());
    assert_eq!(server.ways(), [Way::Udp, Way::Tcp]);
    let server = Server::start(move |_, query| truncated(query)).await;
    assert_eq!(ask(&[&server]).await, Err(LookupError::BadAnswer));
    assert_eq!(server.ways(), [Way::Udp, Way::Tcp]);
}

#[tokio::test]
async fn limit_3_wrong_datagrams_are_taken_before_the_question_goes_over_tcp() {
    for (wrong, ways) in [(2, &[Way::Udp][..]), (3, &[Way::Udp, Way::Tcp])] {
        let server = Server::start(move |way, query| {
            let mut answers = Vec::new();
            if way == Way::Udp {
                let mut forged = good(query);
                forged.metadata.id = forged.metadata.id.wrapping_add(1);
                answers = vec![forged.to_vec().unwrap(); wrong];
            }
            answers.push(good(query).to_vec().unwrap());
            answers
        })
        .await;
        assert_eq!(ask(&[&server]).await, found());
        assert_eq!(server.ways(), ways);
    }
}

#[tokio::test]
async fn what_is_no_response_to_the_question_is_no_answer() {
    for change in [
        |message: &mut Message| message.metadata.message_type = MessageType::Query,
        |message: &mut Message| message.metadata.op_code = OpCode::Update,
        |message: &mut Message| message.metadata.id ^= 1,
        |message: &mut Message| message.queries.clear(),
        |message: &mut Message| {
            message.queries[0] = Query::query(host("_vlmcs._tcp.other.test"), RecordType::SRV);
        },
    ] {
        let bad = move |query: &Message| {
            let mut reply = good(query);
            change(&mut reply);
            reply.to_vec().unwrap()
        };
        // Before a good answer it changes nothing; over TCP there is nothing to wait for.
        let server = Server::start(move |_, query| vec![bad(query), good(query).to_vec().unwrap()]);
        assert_eq!(ask(&[&server.await]).await, found());
        let server = Server::start(move |way, query| match way {
            Way::Udp => vec![bad(query); 3],
            Way::Tcp => vec![bad(query)],
        });
        assert_eq!(ask(&[&server.await]).await, Err(LookupError::BadAnswer));
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_or_changes_the_case_is_asked_for_over_tcp() {
    let garbled = |query: &Message| {
        let mut bytes = good(query).to_vec().unwrap();
        // A name that points to itself, where the owner of the record is.
        let at = 12 + query.queries[0].name().len() + 4;
        let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
        bytes[at] = 0xC0 | high;
        bytes[at + 1] = low;
        vec![bytes]
    };
    let other_case = |query: &Message| {
        let mut reply = good(query);
        let name = query.queries[0].name().to_ascii();
        let flip = |c: char| {
            if c.is_ascii_uppercase() {
                c.to_ascii_lowercase()
            } else {
                c.to_ascii_uppercase()
            }
        };
        let name: String = name.chars().map(flip).collect();
        reply.queries[0] = Query::query(Name::from_ascii(name).unwrap(), RecordType::SRV);
        bytes(&reply)
    };
    for odd in [garbled, other_case] {
        let server = Server::start(move |way, query| match way {
            Way::Udp => odd(query),
            Way::Tcp => bytes(&good(query)),
        })
        .await;
        assert_eq!(ask(&[&server]).await, found());
        assert_eq!(server.ways(), [Way::Udp, Way::Tcp]);
    }
    let server = Server::start(move |_, query| garbled(query)).await;
    assert_eq!(ask(&[&server]).await, Err(LookupError::BadAnswer));
    // Over TCP nobody needs the case to know the answer.
    let truncated = |query: &Message| {
        let mut reply = good(query);
        reply.metadata.truncation = true;
        bytes(&reply)
    };
    let server = Server::start(move |way, query| match way {
        Way::Udp => truncated(query),
        Way::Tcp => other_case(query),
    })
    .await;
    assert_eq!(ask(&[&server]).await, found());
}

#[tokio::test]
async fn a_server_that_does_not_know_edns_is_asked_without() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
        let server = Server::start(move |_, query| {
            if query.edns.is_some() {
                error(query, code)
            } else {
                bytes(&good(query))
            }
        })
        .await;
        assert_eq!(ask(&[&server]).await, found());
        assert_eq!(server.ways(), [Way::Udp, Way::Udp]);
        let server = Server::start(move |_, query| error(query, code)).await;
        assert_eq!(ask(&[&server]).await, Err(LookupError::ServerFailure));
        assert_eq!(server.ways(), [Way::Udp, Way::Udp]);
    }
}

#[tokio::test]
async fn a_server_that_gives_no_answer_is_left_for_the_next_and_not_asked_first_again() {
    let lame = |query: &Message| {
        let mut reply = reply(query);
        let ns = RData::NS(rdata::NS(host("ns.test")));
        reply
            .authorities
            .push(Record::from_rdata(host("test"), 60, ns));
        bytes(&reply)
    };
    let rules: [(Sent, LookupError); 4] = [
        (
            |query| error(query, ResponseCode::ServFail),
            LookupError::ServerFailure,
        ),
        (
            |query| error(query, ResponseCode::Refused),
            LookupError::Refused,
        ),
        (lame, LookupError::ServerFailure),
        (|_| vec![], LookupError::Timeout),
    ];
    for (rule, alone) in rules {
        let bad = Server::start(move |_, query| rule(query)).await;
        assert_eq!(ask(&[&bad]).await, Err(alone));
        let asked = bad.ways().len();
        let other = Server::start(|_, query| bytes(&good(query))).await;
        let resolver = Resolver::new(&[bad.address, other.address]).unwrap();
        for _ in 0..2 {
            assert_eq!(resolver.srv(&SERVICE.parse().unwrap()).await, found());
        }
        assert_eq!(other.ways().len(), 2);
        let of_one_query = if alone == LookupError::Timeout { 2 } else { 1 };
        assert_eq!(bad.ways().len(), asked + of_one_query);
    }
}

#[tokio::test]
async fn what_a_server_said_is_told_rather_than_that_another_was_silent() {
    let silent = Server::start(|_, _| vec![]).await;
    let refusing = Server::start(|_, query| error(query, ResponseCode::Refused)).await;
    let failing = Server::start(|_, query| error(query, ResponseCode::ServFail)).await;
    assert_eq!(
        ask(&[&silent, &refusing, &failing]).await,
        Err(LookupError::Refused)
    );
    // Each was asked once, and the silent one twice in each of two rounds.
    let asked = [&silent, &refusing, &failing].map(|server| server.ways().len());
    assert!(asked[0] > 2 && asked[1..] == [1, 1], "{asked:?}");
}

#[tokio::test]
async fn that_there_is_nothing_is_an_answer_of_the_first_server() {
    let other = Server::start(|_, query| bytes(&good(query))).await;
    let missing = Server::start(|_, query| error(query, ResponseCode::NXDomain)).await;
    assert_eq!(ask(&[&missing, &other]).await, Err(LookupError::NoSuchName));
    let empty = Server::start(|_, query| bytes(&reply(query))).await;
    assert_eq!(ask(&[&empty, &other]).await, Err(LookupError::NoRecords));
    assert!(other.ways().is_empty());
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn limit_a_query_takes_4_seconds_whatever_the_servers_do() {
    let silent = [
        Server::start(|_, _| vec![]).await,
        Server::start(|_, _| vec![]).await,
        Server::start(|_, _| vec![]).await,
    ];
    for count in 1..=MAX_NAMESERVERS {
        let servers: Vec<&Server> = silent.iter().take(count).collect();
        let begun = Instant::now();
        assert_eq!(ask(&servers).await, Err(LookupError::Timeout));
        let taken = begun.elapsed();
        assert!(taken <= QUERY_TIME, "{count}: {taken:?}");
        // An address lookup asks both questions at once.
        let resolver = Resolver::new(&[servers[0].address]).unwrap();
        let begun = Instant::now();
        let name = "kms1.contoso.test".parse().unwrap();
        assert_eq!(
            resolver.addresses(&name, false).await,
            Err(LookupError::Timeout)
        );
        assert!(begun.elapsed() <= QUERY_TIME);
    }
}

#[tokio::test]
async fn limit_3_servers_are_asked() {
    let refusing = || Server::start(|_, query| error(query, ResponseCode::Refused));
    let servers = [
        refusing().await,
        refusing().await,
        refusing().await,
        Server::start(|_, query| bytes(&good(query))).await,
    ];
    let servers: Vec<&Server> = servers.iter().collect();
    assert_eq!(ask(&servers).await, Err(LookupError::Refused));
    assert_eq!(ask(&servers[1..]).await, found());
    assert_eq!(servers[0].ways().len(), 1);
}

fn with_addresses(names: &'static [&'static str]) -> impl Fn(Way, &Message) -> Answers {
    move |_, query| {
        let question = &query.queries[0];
        let name = question.name().to_lowercase();
        if !names.iter().any(|known| name == host(known)) {
            return error(query, ResponseCode::NXDomain);
        }
        let data = match question.query_type() {
            RecordType::A => RData::A(rdata::A(Ipv4Addr::new(192, 0, 2, 7))),
            _ => RData::AAAA(rdata::AAAA("2001:db8::7".parse().unwrap())),
        };
        let mut reply = reply(query);
        let owner = question.name().clone();
        reply.answers.push(Record::from_rdata(owner, 60, data));
        bytes(&reply)
    }
}

#[tokio::test]
async fn the_addresses_of_both_families_are_found() {
    let server = Server::start(with_addresses(&["kms1.contoso.test"])).await;
    let resolver = Resolver::new(&[server.address]).unwrap();
    let addresses = |name: &str| {
        let name: DomainName = name.parse().unwrap();
        let resolver = &resolver;
        async move { resolver.addresses(&name, false).await }
    };
    let both: [IpAddr; 2] = ["2001:db8::7".parse().unwrap(), "192.0.2.7".parse().unwrap()];
    let answer = addresses("kms1.contoso.test").await.unwrap();
    assert_eq!((answer.addresses, answer.alias_of), (both.to_vec(), None));
    assert_eq!(server.ways().len(), 2);
    assert_eq!(
        addresses("kms2.contoso.test").await,
        Err(LookupError::NoSuchName)
    );
    // A complete name is looked up in DNS alone, and without a search list.
    assert_eq!(addresses("kms1").await, Err(LookupError::NoSuchName));
    assert_eq!(server.ways().len(), 6);
}

#[tokio::test]
async fn a_pinned_name_is_looked_up_as_the_system_does_it() {
    let server = Server::start(with_addresses(&["kms1"])).await;
    let resolver = Resolver::new(&[server.address]).unwrap();
    let found = resolver.addresses(&"kms1".parse().unwrap(), true).await;
    assert_eq!(found.unwrap().addresses.len(), 2);
    // The search list of this machine, whatever it is, was tried before.
    let asked = server.ways().len();
    assert!((2..=2 * MAX_CANDIDATES).contains(&asked), "{asked}");
    let missing = resolver.addresses(&"kms2".parse().unwrap(), true).await;
    assert_eq!(missing, Err(LookupError::NoSuchName));
}

#[tokio::test]
async fn aliases_are_followed_within_an_answer_and_told_of_hosts() {
    let server = Server::start(|_, query| {
        let question = &query.queries[0];
        let mut reply = reply(query);
        let target = name_of(question.query_type());
        let alias = RData::CNAME(rdata::CNAME(target.clone()));
        let owner = question.name().clone();
        reply.answers.push(Record::from_rdata(owner, 200, alias));
        let data = match question.query_type() {
            RecordType::SRV => RData::SRV(rdata::SRV::new(10, 75, 1688, host("kms1.contoso.test"))),
            RecordType::A => RData::A(rdata::A(Ipv4Addr::new(192, 0, 2, 7))),
            _ => return bytes(&reply),
        };
        reply.answers.push(Record::from_rdata(target, 300, data));
        bytes(&reply)
    })
    .await;
    let mut wanted = found().unwrap();
    wanted.ttl = 200;
    assert_eq!(ask(&[&server]).await, Ok(wanted));
    let resolver = Resolver::new(&[server.address]).unwrap();
    for search in [false, true] {
        let name = "kms9.contoso.test".parse().unwrap();
        let answer = resolver.addresses(&name, search).await.unwrap();
        assert_eq!(answer.alias_of, Some("real.contoso.test".parse().unwrap()));
        assert_eq!(answer.addresses, [IpAddr::from([192, 0, 2, 7])]);
    }
}

fn name_of(kind: RecordType) -> Name {
    match kind {
        RecordType::SRV => host("_real._tcp.contoso.test"),
        _ => host("real.contoso.test"),
    }
}

#[tokio::test]
async fn rfc_6761_localhost_is_this_machine_for_who_pins_it_and_no_host_of_dns() {
    let server = Server::start(with_addresses(&["localhost", "kms1.localhost"])).await;
    let resolver = Resolver::new(&[server.address]).unwrap();
    for name in ["localhost", "kms1.localhost"] {
        let name = name.parse().unwrap();
        let pinned = resolver.addresses(&name, true).await.unwrap();
        assert!(
            pinned.addresses.iter().all(IpAddr::is_loopback) && !pinned.addresses.is_empty(),
            "{pinned:?}"
        );
        let found = resolver.addresses(&name, false).await;
        assert_eq!(found, Err(LookupError::NoSuchName));
    }
    assert!(server.ways().is_empty());
}

#[tokio::test]
async fn a_truncated_answer_of_a_server_without_tcp_is_a_failure_of_the_server() {
    let (socket, address, _taken) = loop {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        // Nobody listens on the port while this holds it.
        let taken = TcpSocket::new_v4().unwrap();
        if taken.bind(address).is_ok() {
            break (socket, address, taken);
        }
    };
    tokio::spawn(async move {
        let mut query = vec![0; 4096];
        while let Ok((len, client)) = socket.recv_from(&mut query).await {
            let mut answer = good(&Message::from_vec(&query[..len]).unwrap());
            answer.metadata.truncation = true;
            let answer = answer.to_vec().unwrap();
            socket.send_to(&answer, client).await.unwrap();
        }
    });
    let resolver = Resolver::new(&[address]).unwrap();
    let answer = resolver.srv(&SERVICE.parse().unwrap()).await;
    assert_eq!(answer, Err(LookupError::ServerFailure));
}
