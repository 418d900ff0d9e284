//! A DNS server that answers as a test says.

use core::net::{Ipv4Addr, SocketAddr};
use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{Name, RData, Record, rdata},
};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Udp,
    Tcp,
}

/// What a server sends for a query: any number of messages, in bytes.
pub type Answers = Vec<Vec<u8>>;
type Rule = Arc<dyn Fn(Way, &Message) -> Answers + Send + Sync>;

/// A DNS server on a free port of the loopback, over UDP and TCP.
pub struct Server {
    pub address: SocketAddr,
    /// The queries that it saw.
    seen: Arc<Mutex<Vec<(Way, Message)>>>,
}

impl Server {
    pub async fn start(rule: impl Fn(Way, &Message) -> Answers + Send + Sync + 'static) -> Self {
        let rule: Rule = Arc::new(rule);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            // The port may be another's for TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<(Way, Message)>>> = Arc::default();
        let (noted, answers) = (Arc::clone(&seen), Arc::clone(&rule));
        tokio::spawn(async move {
            let mut query = vec![0; 4096];
            while let Ok((len, client)) = udp.recv_from(&mut query).await {
                let query = Message::from_vec(&query[..len]).unwrap();
                noted.lock().unwrap().push((Way::Udp, query.clone()));
                for answer in answers(Way::Udp, &query) {
                    udp.send_to(&answer, client).await.unwrap();
                }
            }
        });
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                let _ = Self::talk(stream, &noted, &rule).await;
            }
        });
        Self { address, seen }
    }

    async fn talk(
        mut stream: TcpStream,
        noted: &Mutex<Vec<(Way, Message)>>,
        rule: &Rule,
    ) -> std::io::Result<()> {
        let mut query = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut query).await?;
        let query = Message::from_vec(&query).unwrap();
        noted.lock().unwrap().push((Way::Tcp, query.clone()));
        for answer in rule(Way::Tcp, &query) {
            let length = u16::try_from(answer.len()).unwrap();
            stream.write_all(&length.to_be_bytes()).await?;
            stream.write_all(&answer).await?;
        }
        Ok(())
    }

    /// The queries that came, and how.
    pub fn seen(&self) -> Vec<(Way, Message)> {
        self.seen.lock().unwrap().clone()
    }

    /// How the questions came.
    pub fn ways(&self) -> Vec<Way> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|(way, _)| *way)
            .collect()
    }
}

/// An answer to a query, without records.
pub fn reply(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, OpCode::Query);
    reply.queries.clone_from(&query.queries);
    reply
}

pub fn error(query: &Message, code: ResponseCode) -> Answers {
    let mut reply = reply(query);
    reply.metadata.response_code = code;
    vec![reply.to_vec().unwrap()]
}

pub fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

pub fn good(query: &Message) -> Message {
    let mut reply = reply(query);
    let data = RData::SRV(rdata::SRV::new(10, 75, 1688, name("kms1.contoso.test")));
    let owner = query.queries[0].name().clone();
    reply.answers.push(Record::from_rdata(owner, 300, data));
    reply
}

pub fn bytes(message: &Message) -> Answers {
    vec![message.to_vec().unwrap()]
}
