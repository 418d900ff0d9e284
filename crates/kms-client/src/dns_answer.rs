//! What a DNS message says, as far as it answers the question that was asked.

use core::net::IpAddr;
use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};
use kms_srv::{AddressAnswer, DomainName, LookupAnswer, LookupError, SrvRecord};

/// The most aliases that are followed from the name that was asked for.
pub(crate) const MAX_ALIASES: usize = 8;

/// One question of class IN.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The complete name.
    pub(crate) name: Name,
    pub(crate) kind: RecordType,
}

impl Question {
    pub(crate) fn new(name: &DomainName, kind: RecordType) -> Result<Self, LookupError> {
        // The final dot says that the name is complete.
        let name = Name::from_ascii(format!("{name}.")).map_err(|_| LookupError::NoSuchName)?;
        Ok(Self { name, kind })
    }

    /// Whether a message is a response to this question and no other.
    pub(crate) fn is_answered_by(&self, message: &Message) -> bool {
        let [asked] = message.queries.as_slice() else {
            return false;
        };
        message.metadata.message_type == MessageType::Response
            && message.metadata.op_code == OpCode::Query
            && asked.query_type() == self.kind
            && asked.query_class() == DNSClass::IN
            && *asked.name() == self.name
    }

    /// The records that answer the question, with what led to them.
    fn find<'a>(&'a self, message: &'a Message) -> Result<Found<'a>, LookupError> {
        match message.metadata.response_code {
            ResponseCode::NoError => {}
            ResponseCode::NXDomain => return Err(LookupError::NoSuchName),
            ResponseCode::Refused => return Err(LookupError::Refused),
            _ => return Err(LookupError::ServerFailure),
        }
        if message.metadata.truncation {
            return Err(LookupError::BadAnswer);
        }
        let answers = || {
            let answers = message.answers.iter();
            answers.filter(|record| record.dns_class == DNSClass::IN)
        };
        let (mut name, mut aliases, mut ttl) = (&self.name, 0, u32::MAX);
        while let Some((target, alias_ttl)) = alias(answers(), name)? {
            aliases += 1;
            if aliases > MAX_ALIASES {
                return Err(LookupError::BadAnswer);
            }
            (name, ttl) = (target, lower_ttl(ttl, alias_ttl));
        }
        let records: Vec<&Record> = answers()
            .filter(|record| record.name == *name && record.record_type() == self.kind)
            .collect();
        if records.is_empty() && aliases == 0 && is_referral(message) {
            return Err(LookupError::ServerFailure);
        }
        for record in &records {
            ttl = lower_ttl(ttl, record.ttl);
        }
        Ok(Found {
            records,
            alias_of: (aliases > 0).then_some(name),
            ttl,
        })
    }

    /// The SRV records of a message that answers this question.
    pub(crate) fn srv(&self, message: &Message) -> Result<LookupAnswer, LookupError> {
        let found = self.find(message)?;
        let record = |record: &&Record| match &record.data {
            // A target that is no host name names no host.
            RData::SRV(srv) => {
                let target = domain_name(&srv.target)?;
                Some(SrvRecord::new(srv.priority, srv.weight, srv.port, target))
            }
            _ => None,
        };
        let records: Vec<SrvRecord> = found.records.iter().filter_map(record).collect();
        if records.is_empty() {
            return Err(LookupError::NoRecords);
        }
        Ok(LookupAnswer::new(records, found.ttl))
    }

    /// The addresses of a message that answers this question. They may be none where the name is an alias.
    pub(crate) fn addresses(&self, message: &Message) -> Result<AddressAnswer, LookupError> {
        let found = self.find(message)?;
        let address = |record: &&Record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let addresses: Vec<IpAddr> = found.records.iter().filter_map(address).collect();
        let alias_of = found
            .alias_of
            .map(|name| domain_name(name).ok_or(LookupError::BadAnswer))
            .transpose()?;
        if addresses.is_empty() && alias_of.is_none() {
            return Err(LookupError::NoRecords);
        }
        Ok(AddressAnswer {
            addresses,
            alias_of,
        })
    }
}

struct Found<'a> {
    records: Vec<&'a Record>,
    alias_of: Option<&'a Name>,
    ttl: u32,
}

/// What a name is an alias for, and the TTL of that. Records beside the chain that begins at the name
/// of the question are nobody's business.
fn alias<'a>(
    answers: impl Iterator<Item = &'a Record>,
    name: &Name,
) -> Result<Option<(&'a Name, u32)>, LookupError> {
    let mut found: Option<(&Name, u32)> = None;
    for record in answers {
        if let RData::CNAME(target) = &record.data
            && record.name == *name
        {
            match found {
                // Two targets leave open which is meant (RFC 2181 section 10.1).
                Some((other, _)) if *other != target.0 => return Err(LookupError::BadAnswer),
                _ => found = Some((&target.0, record.ttl)),
            }
        }
    }
    Ok(found)
}

/// Whether a server says that others know, instead of asking them or saying that there is nothing.
fn is_referral(message: &Message) -> bool {
    let has = |kind| {
        let mut authorities = message.authorities.iter();
        authorities.any(|record| record.record_type() == kind)
    };
    message.answers.is_empty() && has(RecordType::NS) && !has(RecordType::SOA)
}

/// The lower of two TTLs, of which one with its highest bit set is 0 (RFC 2181 section 8).
fn lower_ttl(a: u32, b: u32) -> u32 {
    let value = |ttl: u32| {
        if ttl > i32::MAX.unsigned_abs() {
            0
        } else {
            ttl
        }
    };
    // What stands for no record yet.
    if a == u32::MAX {
        value(b)
    } else {
        a.min(value(b))
    }
}

/// A name in small letters: where a server repeats a part of the question, its case is random.
fn domain_name(name: &Name) -> Option<DomainName> {
    name.to_lowercase().to_ascii().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use hickory_resolver::proto::{
        op::Query,
        rr::rdata::{A, AAAA, CNAME, NS, SOA, SRV},
    };

    const SERVICE: &str = "_vlmcs._tcp.a";

    fn name(text: &str) -> Name {
        Name::from_ascii(format!("{text}.")).unwrap()
    }

    fn question(text: &str, kind: RecordType) -> Question {
        Question::new(&text.parse().unwrap(), kind).unwrap()
    }

    fn record(owner: &str, ttl: u32, data: RData) -> Record {
        Record::from_rdata(name(owner), ttl, data)
    }

    fn cname(owner: &str, ttl: u32, target: &str) -> Record {
        record(owner, ttl, RData::CNAME(CNAME(name(target))))
    }

    fn srv(owner: &str, ttl: u32, target: &str) -> Record {
        record(owner, ttl, RData::SRV(SRV::new(1, 2, 1688, name(target))))
    }

    fn a(owner: &str, last: u8) -> Record {
        record(owner, 60, RData::A(A(Ipv4Addr::new(192, 0, 2, last))))
    }

    fn answer(question: &Question, answers: Vec<Record>) -> Message {
        let mut message = Message::response(7, OpCode::Query);
        message
            .queries
            .push(Query::query(question.name.clone(), question.kind));
        message.answers = answers;
        message
    }

    fn srv_answer(answers: Vec<Record>) -> Result<LookupAnswer, LookupError> {
        let question = question(SERVICE, RecordType::SRV);
        question.srv(&answer(&question, answers))
    }

    fn kms1(ttl: u32) -> LookupAnswer {
        LookupAnswer::new(
            vec![SrvRecord::new(1, 2, 1688, "kms1.a".parse().unwrap())],
            ttl,
        )
    }

    #[test]
    fn only_a_response_to_the_question_answers_it() {
        let question = question(SERVICE, RecordType::SRV);
        let good = answer(&question, Vec::new());
        assert!(question.is_answered_by(&good));
        let change = |change: fn(&mut Message)| {
            let mut message = good.clone();
            change(&mut message);
            question.is_answered_by(&message)
        };
        assert!(change(|message| {
            message.queries[0] = Query::query(name("_VLMCS._tcp.A"), RecordType::SRV);
        }));
        for bad in [
            |message: &mut Message| message.metadata.message_type = MessageType::Query,
            |message: &mut Message| message.metadata.op_code = OpCode::Update,
            |message: &mut Message| message.queries.clear(),
            |message: &mut Message| message.queries.push(message.queries[0].clone()),
            |message: &mut Message| {
                message.queries[0] = Query::query(name("_vlmcs._tcp.b"), RecordType::SRV);
            },
            |message: &mut Message| {
                message.queries[0] = Query::query(name("_vlmcs._tcp.a"), RecordType::A);
            },
            |message: &mut Message| {
                message.queries[0].set_query_class(DNSClass::CH);
            },
        ] {
            assert!(!change(bad));
        }
    }

    #[test]
    fn records_come_with_their_lowest_ttl() {
        assert_eq!(srv_answer(vec![srv(SERVICE, 300, "kms1.a")]), Ok(kms1(300)));
        let two = srv_answer(vec![
            srv(SERVICE, 300, "kms1.a"),
            srv("_VLMCS._TCP.A", 200, "kms2.a"),
        ])
        .unwrap();
        assert_eq!((two.records.len(), two.ttl), (2, 200));
    }

    #[test]
    fn rfc_2181_a_ttl_with_its_highest_bit_set_is_the_lowest() {
        let records = vec![
            srv(SERVICE, 300, "kms1.a"),
            srv(SERVICE, 0x8000_0000, "kms2.a"),
        ];
        assert_eq!(srv_answer(records).unwrap().ttl, 0);
        assert_eq!(
            srv_answer(vec![srv(SERVICE, u32::MAX, "kms1.a")]),
            Ok(kms1(0))
        );
    }

    #[test]
    fn what_is_not_on_the_chain_from_the_question_does_not_count() {
        for answers in [
            vec![srv("_vlmcs._tcp.b", 60, "kms9.b")],
            vec![cname("x.a", 60, "y.a"), srv("y.a", 60, "kms9.a")],
            vec![srv("y.a", 60, "kms9.a")],
            vec![a(SERVICE, 9)],
        ] {
            assert_eq!(
                srv_answer(answers.clone()),
                Err(LookupError::NoRecords),
                "{answers:?}"
            );
            let mut with_good = answers;
            with_good.push(srv(SERVICE, 60, "kms1.a"));
            assert_eq!(srv_answer(with_good), Ok(kms1(60)));
        }
        let mut foreign = srv(SERVICE, 60, "kms9.a");
        foreign.dns_class = DNSClass::CH;
        assert_eq!(srv_answer(vec![foreign]), Err(LookupError::NoRecords));
    }

    #[test]
    fn the_owner_of_srv_records_may_be_an_alias_whose_ttl_counts() {
        let answers = vec![
            // In any order.
            srv("y.b", 300, "kms1.a"),
            cname("x.b", 50, "y.b"),
            cname(SERVICE, 200, "x.b"),
        ];
        assert_eq!(srv_answer(answers), Ok(kms1(50)));
        assert_eq!(
            srv_answer(vec![cname(SERVICE, 60, "x.b")]),
            Err(LookupError::NoRecords)
        );
    }

    #[test]
    fn limit_8_aliases_are_followed() {
        let chain = |aliases: usize| {
            let at = |n: usize| match n {
                0 => SERVICE.to_owned(),
                n => format!("n{n}.a"),
            };
            let mut answers: Vec<Record> = (0..aliases)
                .map(|n| cname(&at(n), 60, &at(n + 1)))
                .collect();
            answers.push(srv(&at(aliases), 60, "kms1.a"));
            srv_answer(answers)
        };
        assert_eq!(chain(MAX_ALIASES), Ok(kms1(60)));
        assert_eq!(chain(MAX_ALIASES + 1), Err(LookupError::BadAnswer));
        assert_eq!(chain(1000), Err(LookupError::BadAnswer));
    }

    #[test]
    fn aliases_that_lead_nowhere_or_to_two_places_are_no_answer() {
        for answers in [
            vec![cname(SERVICE, 60, SERVICE)],
            vec![cname(SERVICE, 60, "x.a"), cname("x.a", 60, SERVICE)],
            vec![cname(SERVICE, 60, "x.a"), cname(SERVICE, 60, "y.a")],
        ] {
            assert_eq!(srv_answer(answers), Err(LookupError::BadAnswer));
        }
        let twice = vec![
            cname(SERVICE, 60, "x.a"),
            cname(SERVICE, 60, "X.A"),
            srv("x.a", 60, "kms1.a"),
        ];
        assert_eq!(srv_answer(twice), Ok(kms1(60)));
    }

    #[test]
    fn targets_come_in_small_letters_and_what_is_no_host_name_is_left_out() {
        let odd = Name::from_labels([&b"k m\x00s"[..], b"a"]).unwrap();
        let odd = record(SERVICE, 60, RData::SRV(SRV::new(0, 0, 1688, odd)));
        assert_eq!(srv_answer(vec![odd.clone()]), Err(LookupError::NoRecords));
        assert_eq!(
            srv_answer(vec![odd, srv(SERVICE, 60, "kms1.a")]),
            Ok(kms1(60))
        );
        let shouted = srv_answer(vec![srv(SERVICE, 60, "KMS1.a")]).unwrap();
        assert_eq!(shouted.records[0].target.as_str(), "kms1.a");
        let root = record(SERVICE, 60, RData::SRV(SRV::new(0, 0, 0, Name::root())));
        assert!(srv_answer(vec![root]).unwrap().records[0].target.is_root());
    }

    #[test]
    fn each_response_code_has_its_error() {
        let question = question(SERVICE, RecordType::SRV);
        for (code, wanted) in [
            (ResponseCode::NXDomain, LookupError::NoSuchName),
            (ResponseCode::ServFail, LookupError::ServerFailure),
            (ResponseCode::Refused, LookupError::Refused),
            (ResponseCode::FormErr, LookupError::ServerFailure),
            (ResponseCode::NotImp, LookupError::ServerFailure),
            (ResponseCode::NotAuth, LookupError::ServerFailure),
            (ResponseCode::Unknown(4000), LookupError::ServerFailure),
        ] {
            // Records beside an error are not believed, and an SOA changes nothing.
            let mut message = answer(&question, vec![srv(SERVICE, 60, "kms9.a")]);
            message.metadata.response_code = code;
            assert_eq!(question.srv(&message), Err(wanted), "{code}");
            message.answers.clear();
            assert_eq!(question.srv(&message), Err(wanted), "{code}");
            message.authorities.push(soa("a"));
            assert_eq!(question.srv(&message), Err(wanted), "{code}");
        }
        let mut truncated = answer(&question, vec![srv(SERVICE, 60, "kms1.a")]);
        truncated.metadata.truncation = true;
        assert_eq!(question.srv(&truncated), Err(LookupError::BadAnswer));
    }

    fn soa(zone: &str) -> Record {
        let soa = SOA::new(name("ns.a"), name("admin.a"), 1, 2, 3, 4, 5);
        record(zone, 60, RData::SOA(soa))
    }

    #[test]
    fn rfc_2308_no_data_is_told_from_a_server_that_does_not_know() {
        let question = question(SERVICE, RecordType::SRV);
        let mut message = answer(&question, Vec::new());
        assert_eq!(question.srv(&message), Err(LookupError::NoRecords));
        message
            .authorities
            .push(record("a", 60, RData::NS(NS(name("ns.a")))));
        assert_eq!(question.srv(&message), Err(LookupError::ServerFailure));
        message.authorities.push(soa("a"));
        assert_eq!(question.srv(&message), Err(LookupError::NoRecords));
    }

    #[test]
    fn addresses_come_with_the_name_that_an_alias_leads_to() {
        let question = |kind| question("kms1.a", kind);
        let (v4, v6) = (question(RecordType::A), question(RecordType::AAAA));
        let address = |last| IpAddr::from([192, 0, 2, last]);
        let both = vec![
            a("kms1.a", 1),
            a("kms1.a", 2),
            a("kms2.a", 3),
            record("kms1.a", 60, RData::AAAA(AAAA(Ipv6Addr::LOCALHOST))),
        ];
        assert_eq!(
            v4.addresses(&answer(&v4, both.clone())),
            Ok(AddressAnswer::new(vec![address(1), address(2)]))
        );
        assert_eq!(
            v6.addresses(&answer(&v6, both)),
            Ok(AddressAnswer::new(vec![IpAddr::V6(Ipv6Addr::LOCALHOST)]))
        );
        let alias = |answers| v4.addresses(&answer(&v4, answers));
        let alias_of = Some("x.b".parse().unwrap());
        assert_eq!(
            alias(vec![cname("kms1.a", 60, "x.b"), a("x.b", 1)]),
            Ok(AddressAnswer {
                addresses: vec![address(1)],
                alias_of: alias_of.clone()
            })
        );
        assert_eq!(
            alias(vec![cname("kms1.a", 60, "x.b")]),
            Ok(AddressAnswer {
                addresses: vec![],
                alias_of
            })
        );
        assert_eq!(alias(vec![]), Err(LookupError::NoRecords));
    }
}
