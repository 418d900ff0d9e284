//! A DNS server that answers as a test says, also what a sound one would not.

use core::net::{IpAddr, SocketAddr};
use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, SOA, SRV},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

pub(crate) fn name(text: &str) -> Name {
    // As bytes: a name on the wire may hold what its text forms do not.
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut name = Name::from_labels(labels.map(str::as_bytes)).unwrap();
    name.set_fqdn(true);
    name
}

pub(crate) fn record(owner: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name(owner), ttl, data)
}

pub(crate) fn srv_in(domain: &str, place: (u16, u16), port: u16, target: &str) -> Record {
    let data = SRV::new(place.0, place.1, port, name(target));
    record(&format!("_vlmcs._tcp.{domain}"), 3600, RData::SRV(data))
}

pub(crate) fn srv(place: (u16, u16), port: u16, target: &str) -> Record {
    srv_in("contoso.test", place, port, target)
}

pub(crate) fn address(owner: &str, address: &str) -> Record {
    let data = match address.parse().unwrap() {
        IpAddr::V4(address) => RData::A(address.into()),
        IpAddr::V6(address) => RData::AAAA(address.into()),
    };
    record(owner, 300, data)
}

pub(crate) fn alias(owner: &str, target: &str) -> Record {
    record(owner, 300, RData::CNAME(CNAME(name(target))))
}

/// The records of a zone, and what is odd about its server.
#[derive(Clone, Default)]
pub(crate) struct Script {
    pub(crate) records: Vec<Record>,
    /// Questions that get no more than this code; lower case, without the final dot.
    pub(crate) codes: BTreeMap<(String, RecordType), ResponseCode>,
    /// The answer to updates.
    pub(crate) update: Option<ResponseCode>,
    /// Updates of records of this type are refused, whatever the answer to others.
    pub(crate) refused_updates: Option<RecordType>,
    /// What an update adds, whatever it says.
    pub(crate) added_by_update: Vec<Record>,
}

/// A running server, and the updates that it got.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) updates: Arc<Mutex<Vec<Message>>>,
}

impl Script {
    fn answer(&self, question: &Message, updates: &Mutex<Vec<Message>>) -> Message {
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.add_queries(question.queries.iter().cloned());
        answer.metadata.authoritative = true;
        if question.metadata.op_code == OpCode::Update {
            updates.lock().unwrap().push(question.clone());
            let is_refused = |record: &Record| Some(record.record_type()) == self.refused_updates;
            answer.metadata.response_code = match self.update {
                Some(code) if !question.authorities.iter().any(is_refused) => code,
                _ => ResponseCode::Refused,
            };
            return answer;
        }
        let query = question.queries.first().unwrap();
        let asked = query.name().to_ascii().to_ascii_lowercase();
        let asked = asked.trim_end_matches('.').to_owned();
        if let Some(code) = self.codes.get(&(asked, query.query_type())) {
            answer.metadata.response_code = *code;
            return answer;
        }
        let mut records = self.records.clone();
        if !updates.lock().unwrap().is_empty() {
            records.extend(self.added_by_update.iter().cloned());
        }
        let fits = |record: &&Record| {
            record.name == *query.name()
                && (record.record_type() == query.query_type()
                    || record.record_type() == RecordType::CNAME)
        };
        answer.add_answers(records.iter().filter(fits).cloned());
        if answer.answers.is_empty() {
            let exists = records
                .iter()
                .any(|record| query.name().zone_of(&record.name));
            if !exists {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            let zone = records
                .iter()
                .filter(|record| record.record_type() == RecordType::SOA)
                .find(|record| record.name.zone_of(query.name()));
            answer.authorities.extend(zone.cloned());
        }
        answer
    }

    /// The zone's own records, with this primary server.
    pub(crate) fn zone(origin: &str) -> Self {
        let soa = SOA::new(
            name(&format!("ns.{origin}")),
            name("admin.test"),
            1,
            60,
            60,
            60,
            60,
        );
        Self {
            records: vec![record(origin, 300, RData::SOA(soa))],
            ..Self::default()
        }
    }

    pub(crate) async fn start(self) -> Server {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let updates = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(self);
        let (by_udp, seen) = (Arc::clone(&script), Arc::clone(&updates));
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((len, from)) = udp.recv_from(&mut bytes).await {
                let Ok(question) = Message::from_vec(&bytes[..len]) else {
                    continue;
                };
                let mut answer = by_udp.answer(&question, &seen);
                if answer.to_vec().unwrap().len() > 512 {
                    answer.answers.clear();
                    answer.metadata.truncation = true;
                }
                let _ = udp.send_to(&answer.to_vec().unwrap(), from).await;
            }
        });
        let seen = Arc::clone(&updates);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                tokio::spawn(async move {
                    while let Ok(len) = stream.read_u16().await {
                        let mut bytes = vec![0; len.into()];
                        stream.read_exact(&mut bytes).await.unwrap();
                        let question = Message::from_vec(&bytes).unwrap();
                        let answer = script.answer(&question, &seen).to_vec().unwrap();
                        let len = u16::try_from(answer.len()).unwrap();
                        if stream
                            .write_all(&[&len.to_be_bytes()[..], &answer].concat())
                            .await
                            .is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        Server { address, updates }
    }
}
