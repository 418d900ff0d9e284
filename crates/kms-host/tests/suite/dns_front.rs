//! A server in front of a DNS server, which does with the answers what a test says.

use core::net::{Ipv4Addr, SocketAddr};
use hickory_resolver::proto::op::Message;
use std::{
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Udp,
    Tcp,
}

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) via: Via,
    pub(crate) bytes: Vec<u8>,
}

impl Asked {
    pub(crate) fn is_update(&self) -> bool {
        const UPDATE: u8 = 5;
        (self.bytes[2] >> 3) & 15 == UPDATE
    }

    pub(crate) fn id(&self) -> [u8; 2] {
        [self.bytes[0], self.bytes[1]]
    }

    /// The zone of an update, the name of a question.
    pub(crate) fn name(&self) -> String {
        let message = Message::from_vec(&self.bytes).unwrap();
        message.queries[0].name().to_ascii().to_ascii_lowercase()
    }
}

/// What to send in the place of an answer: any number of messages; over TCP none closes.
pub(crate) trait Answers:
    Fn(&Asked, Vec<u8>) -> Vec<Vec<u8>> + Send + Sync + 'static
{
}
impl<F: Fn(&Asked, Vec<u8>) -> Vec<Vec<u8>> + Send + Sync + 'static> Answers for F {}

pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    // Ended with it.
    _tasks: JoinSet<()>,
}

impl Front {
    /// Answers with what the server `behind` says, as `answers` changes it.
    pub(crate) async fn start(behind: SocketAddr, answers: impl Answers) -> Self {
        let (udp, tcp) = bind().await;
        let address = tcp.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared {
            behind,
            answers: Box::new(answers),
            asked: Arc::clone(&asked),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).udp(udp));
        tasks.spawn(shared.tcp(tcp));
        Self {
            address,
            asked,
            _tasks: tasks,
        }
    }

    /// A server that answers by itself.
    pub(crate) async fn alone(
        answers: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let nobody = (Ipv4Addr::LOCALHOST, 0).into();
        Self::start(nobody, move |asked: &Asked, _| answers(asked)).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn updates(&self) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(Asked::is_update);
        asked
    }

    /// How the updates came.
    pub(crate) fn ways(&self) -> Vec<Via> {
        self.updates().iter().map(|update| update.via).collect()
    }
}

struct Shared {
    behind: SocketAddr,
    answers: Box<dyn Answers>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Shared {
    async fn answers(&self, via: Via, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let asked = Asked { via, bytes };
        self.asked.lock().unwrap().push(asked.clone());
        let answer = if self.behind.port() == 0 {
            Vec::new()
        } else {
            ask(self.behind, &asked.bytes).await.unwrap()
        };
        (self.answers)(&asked, answer)
    }

    async fn udp(self: Arc<Self>, socket: UdpSocket) {
        let mut buffer = vec![0; 65_535];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            for answer in self.answers(Via::Udp, buffer[..length].to_vec()).await {
                let _ = socket.send_to(&answer, peer).await;
            }
        }
    }

    async fn tcp(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let shared = Arc::clone(&self);
            connections.spawn(async move {
                let _ = shared.connection(stream).await;
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let bytes = read(&mut stream).await?;
            let answers = self.answers(Via::Tcp, bytes).await;
            if answers.is_empty() {
                return Ok(());
            }
            for answer in answers {
                write(&mut stream, &answer).await?;
            }
        }
    }
}

async fn ask(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, message).await?;
    read(&mut stream).await
}

async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let mut framed = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}

async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// One port for both: what is free for TCP may be taken for UDP.
async fn bind() -> (UdpSocket, TcpListener) {
    for _ in 0..16 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = tcp.local_addr().unwrap();
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both");
}
