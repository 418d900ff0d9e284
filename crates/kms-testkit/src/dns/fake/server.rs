use super::{Asked, Transport};
use crate::dns::{DnsError, server::bind};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::{JoinHandle, JoinSet},
};

/// One thing that the fake server does when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Sends a message: in a datagram, or in a frame with its right length.
    Send(Vec<u8>),
    /// Sends a datagram from another port. Over TCP, nothing.
    SendFromElsewhere(Vec<u8>),
    /// Writes bytes to the connection as they are. Over UDP, nothing.
    Write(Vec<u8>),
    /// Ends the connection; what was written before arrives. Over UDP, nothing.
    Close,
    /// Resets the connection. Over UDP, nothing.
    Reset,
}

/// What becomes of TCP connections before anything is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpManner {
    /// They are served.
    #[default]
    Serve,
    /// They are closed at once.
    Close,
    /// They are reset at once.
    Reset,
}

/// How often the fake server was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages by UDP.
    pub udp: usize,
    /// Messages by TCP.
    pub tcp: usize,
    /// TCP connections.
    pub connections: usize,
}

type Script = dyn Fn(&Asked) -> Vec<Act> + Send + Sync;

/// A DNS server on one port of 127.0.0.1, by UDP and TCP, that does what a script says with every
/// message. Silence is a script that says nothing: the connection stays open. Dropping it stops it.
pub struct FakeDns {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

struct Shared {
    script: Box<Script>,
    counts: Mutex<Counts>,
}

impl FakeDns {
    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    /// [`DnsError::Listen`] when no port is free.
    pub async fn start(
        tcp_manner: TcpManner,
        script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Result<Self, DnsError> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (udp, tcp) = bind(any).await?;
        let address = tcp.local_addr().map_err(|source| DnsError::Listen {
            address: any,
            source,
        })?;
        let shared = Arc::new(Shared {
            script: Box::new(script),
            counts: Mutex::default(),
        });
        let by_udp = serve_udp(udp, Arc::clone(&shared));
        let by_tcp = serve_tcp(tcp, tcp_manner, Arc::clone(&shared));
        Ok(Self {
            address,
            shared,
            tasks: [tokio::spawn(by_udp), tokio::spawn(by_tcp)],
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it was asked until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.lock()
    }
}

impl fmt::Debug for FakeDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeDns")
            .field("address", &self.address)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Drop for FakeDns {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Counts {
    /// Messages over both.
    #[must_use]
    pub const fn messages(&self) -> usize {
        self.udp + self.tcp
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acts(&self, transport: Transport, bytes: Vec<u8>) -> Vec<Act> {
        let mut counts = self.lock();
        let asked = Asked::new(transport, counts.messages(), bytes);
        match transport {
            Transport::Udp => counts.udp += 1,
            Transport::Tcp => counts.tcp += 1,
        }
        drop(counts);
        (self.script)(&asked)
    }
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let (len, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // Some systems report here that an earlier answer was not taken.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => continue,
            Err(_) => return,
        };
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        for act in shared.acts(Transport::Udp, bytes) {
            // An answer that is not taken, or too long for a datagram, is lost as others are.
            let _ = match act {
                Act::Send(bytes) => socket.send_to(&bytes, from).await,
                Act::SendFromElsewhere(bytes) => send_from_elsewhere(&bytes, from).await,
                Act::Write(_) | Act::Close | Act::Reset => Ok(0),
            };
        }
    }
}

async fn send_from_elsewhere(bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
    let any = SocketAddr::from((IpAddr::from(Ipv4Addr::LOCALHOST), 0));
    UdpSocket::bind(any).await?.send_to(bytes, to).await
}

async fn serve_tcp(listener: TcpListener, manner: TcpManner, shared: Arc<Shared>) {
    // Dropped with the listener, it ends all connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.lock().connections += 1;
        match manner {
            TcpManner::Serve => {
                connections.spawn(serve_connection(stream, Arc::clone(&shared)));
            }
            TcpManner::Close => drop(stream),
            TcpManner::Reset => reset(stream),
        }
    }
}

async fn serve_connection(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Ok(len) = stream.read_u16().await {
        let mut bytes = vec![0; usize::from(len)];
        if stream.read_exact(&mut bytes).await.is_err() {
            return;
        }
        for act in shared.acts(Transport::Tcp, bytes) {
            let written = match act {
                Act::Send(bytes) => {
                    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                    let frame = [&len.to_be_bytes()[..], &bytes].concat();
                    stream.write_all(&frame).await
                }
                Act::Write(bytes) => stream.write_all(&bytes).await,
                Act::SendFromElsewhere(_) => Ok(()),
                Act::Close => return,
                Act::Reset => return reset(stream),
            };
            if written.is_err() {
                return;
            }
        }
    }
}

/// Sends what is written no further, and tells the peer so.
fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    // Where it fails, the connection is closed instead, which the peer bears as well.
    let _ = socket.set_linger(Some(Duration::ZERO));
}
