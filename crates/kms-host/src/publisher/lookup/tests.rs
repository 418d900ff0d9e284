use super::*;
use core::net::Ipv4Addr;
use hickory_resolver::proto::{
    op::{Message, MessageType},
    rr::{
        Record,
        rdata::{A, CNAME, NS, SRV},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

const OWNER: &str = "_vlmcs._tcp.contoso.test.";

fn dns_name(text: &str) -> Name {
    let labels = text.split('.').filter(|label| !label.is_empty());
    Name::from_labels(labels.map(str::as_bytes)).unwrap()
}

fn soa(apex: &str) -> Record {
    let (server, mail) = (dns_name("ns.contoso.test."), dns_name("a.contoso.test."));
    let soa = SOA::new(server, mail, 1, 1, 1, 1, 1);
    Record::from_rdata(dns_name(apex), 60, RData::SOA(soa))
}

fn srv(owner: &str, target: &str) -> Record {
    let srv = SRV::new(1, 2, 1688, dns_name(target));
    Record::from_rdata(dns_name(owner), 60, RData::SRV(srv))
}

type Answer = fn(&mut Message);

/// What a look at a primary that answers so finds: the records' targets.
async fn look(answer: Answer) -> Result<Vec<String>, LookupError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Ok(length) = stream.read_u16().await {
                let mut question = vec![0; usize::from(length)];
                stream.read_exact(&mut question).await.unwrap();
                let question = Message::from_vec(&question).unwrap();
                let metadata = &question.metadata;
                assert!(!metadata.recursion_desired);
                let mut message =
                    Message::new(metadata.id, MessageType::Response, metadata.op_code);
                message.queries.clone_from(&question.queries);
                answer(&mut message);
                let bytes = message.to_vec().unwrap();
                stream
                    .write_u16(u16::try_from(bytes.len()).unwrap())
                    .await
                    .unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        }
    });
    let lookups = Lookups::of_primary(&[address]).unwrap();
    let owner: DomainName = OWNER.trim_end_matches('.').parse().unwrap();
    Ok(match lookups.srv(&owner).await? {
        SrvFound::Records(records) => records
            .iter()
            .map(|record| record.target.to_string())
            .collect(),
        SrvFound::Alias => vec!["an alias".to_owned()],
    })
}

#[tokio::test]
async fn a_look_takes_the_owners_records_and_no_others() {
    let several = |message: &mut Message| {
        message.answers.push(srv(OWNER, "kms1.contoso.test."));
        // A target that is no host name.
        message.answers.push(srv(OWNER, "a b.contoso.test."));
        message
            .answers
            .push(srv("_VLMCS._tcp.contoso.test.", "kms2.contoso.test."));
    };
    let found = look(several).await.unwrap();
    assert_eq!(found, ["kms1.contoso.test", "kms2.contoso.test"]);
    let alias = |message: &mut Message| {
        let target = dns_name("_vlmcs._tcp.fabrikam.test.");
        let alias = RData::CNAME(CNAME(target.clone()));
        message
            .answers
            .push(Record::from_rdata(dns_name(OWNER), 60, alias));
        message
            .answers
            .push(srv(&target.to_ascii(), "kms1.contoso.test."));
    };
    assert_eq!(look(alias).await, Ok(vec!["an alias".to_owned()]));
}

#[tokio::test]
async fn rfc_2308_only_a_primary_that_has_the_zone_says_that_there_is_no_record() {
    let denials: [Answer; 3] = [
        |message| {
            message.metadata.response_code = ResponseCode::NXDomain;
            message.authorities.push(soa("contoso.test."));
        },
        |message| message.authorities.push(soa("contoso.test.")),
        |_| {},
    ];
    for denial in denials {
        assert_eq!(look(denial).await, Ok(Vec::new()));
    }
    let others: [(Answer, LookupError); 5] = [
        (
            |message| message.metadata.response_code = ResponseCode::Refused,
            LookupError::Refused,
        ),
        (
            |message| message.metadata.response_code = ResponseCode::ServFail,
            LookupError::ServerFailure,
        ),
        (
            |message| message.metadata.response_code = ResponseCode::NotAuth,
            LookupError::ServerFailure,
        ),
        // A referral, and the root's own word.
        (
            |message| {
                let server = RData::NS(NS(dns_name("ns.contoso.test.")));
                let name = dns_name("contoso.test.");
                message
                    .authorities
                    .push(Record::from_rdata(name, 60, server));
                let here = RData::A(A::new(127, 0, 0, 1));
                let name = dns_name("ns.contoso.test.");
                message.additionals.push(Record::from_rdata(name, 60, here));
            },
            LookupError::NoRecords,
        ),
        (
            |message| {
                message.metadata.response_code = ResponseCode::NXDomain;
                message.authorities.push(soa("."));
            },
            LookupError::NoSuchName,
        ),
    ];
    for (number, (other, wanted)) in others.into_iter().enumerate() {
        assert_eq!(look(other).await, Err(wanted), "case {number}");
    }
}
