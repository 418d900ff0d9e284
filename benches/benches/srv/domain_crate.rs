//! The `domain` crate's ordering, reached by what it makes public.
//!
//! It orders while it reads an answer, and again when one answer is merged into another. The second
//! is measured: a record is copied to the others, and all are ordered.

use super::{Table, host_name};
use core::{
    future::{Future, Ready, ready},
    pin::pin,
    str::FromStr,
    task::{Context, Poll, Waker},
};
use domain::{
    base::{
        Message, MessageBuilder, Name, Question, RelativeName, Rtype, Ttl, iana::Class,
        name::ToName,
    },
    rdata::Srv,
    resolv::{
        lookup::srv::{FoundSrvs, lookup_srv},
        resolver::Resolver,
    },
};
use std::io;

const SERVICE: &str = "_vlmcs._tcp.east.contoso.com";

/// All records of an answer but the last, and the last.
#[derive(Clone)]
pub(super) struct Found {
    others: FoundSrvs,
    last: FoundSrvs,
}

impl Found {
    pub(super) fn new(table: &Table, size: u16) -> Self {
        let hosts: Vec<(u16, u16, u16)> = table.hosts(size).collect();
        let (last, others) = hosts.split_last().unwrap();
        Self {
            others: look_up(others),
            last: look_up(&[*last]),
        }
    }

    pub(super) fn order(&mut self) {
        self.others.merge(&self.last);
    }

    pub(super) fn priorities(self) -> Vec<u16> {
        let records = self.others.into_srvs();
        records.map(|record| record.priority()).collect()
    }
}

/// A resolver with one answer to everything.
struct Canned(Message<Vec<u8>>);

struct Answer(Message<Vec<u8>>);

impl AsRef<Message<Vec<u8>>> for Answer {
    fn as_ref(&self) -> &Message<Vec<u8>> {
        &self.0
    }
}

impl Resolver for Canned {
    type Octets = Vec<u8>;
    type Answer = Answer;
    type Query<'a> = Ready<Result<Self::Answer, io::Error>>;

    fn query<'a, N: ToName, Q: Into<Question<N>>>(&'a self, _: Q) -> Self::Query<'a> {
        ready(Ok(Answer(self.0.clone())))
    }
}

fn look_up(hosts: &[(u16, u16, u16)]) -> FoundSrvs {
    let owner = Name::<Vec<u8>>::from_str(SERVICE).unwrap();
    let mut question = MessageBuilder::new_vec().question();
    question.push((&owner, Rtype::SRV)).unwrap();
    let mut answer = question.answer();
    for &(priority, weight, number) in hosts {
        let target = Name::<Vec<u8>>::from_str(&host_name(number)).unwrap();
        let data = Srv::new(priority, weight, 1688, target);
        let ttl = Ttl::from_secs(3600);
        answer.push((&owner, Class::IN, ttl, data)).unwrap();
    }
    let canned = Canned(answer.into_message());
    let service = RelativeName::<Vec<u8>>::from_str("_vlmcs._tcp").unwrap();
    let domain = Name::<Vec<u8>>::from_str("east.contoso.com").unwrap();
    let lookup = pin!(lookup_srv(&canned, service, domain, 1688));
    match lookup.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found.unwrap().unwrap(),
        Poll::Pending => unreachable!("the answer is there"),
    }
}
