//! A server that runs, and peers of it: one that keeps the protocol, and raw sockets.

use crate::fixture::Fixture;
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use kms_core::{Encode as _, SeededEntropy, StatusCode};
use kms_host::{HostService, Limits, Server, Store};
use kms_testkit::clock::ManualClock;
use kms_wire::{
    Operation,
    client::{Config, Connection, Event, Rejection},
    pdu::{CallId, EncodeBody, FaultStatus, Header, Pdu, PduType, Prefix},
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What must happen, in time.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("it hangs")
}

pub(crate) struct Running<S> {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) service: Arc<HostService<S, ManualClock>>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl<S: Store> Running<S> {
    pub(crate) fn start(fixture: &Fixture, store: S) -> Self {
        Self::with_limits(fixture, store, Limits::default(), 1)
    }

    pub(crate) fn with_limits(
        fixture: &Fixture,
        store: S,
        limits: Limits,
        addresses: usize,
    ) -> Self {
        Self::serve_with_limits(fixture.service(store), limits, addresses)
    }

    pub(crate) fn serve(service: HostService<S, ManualClock>) -> Self {
        Self::serve_with_limits(service, Limits::default(), 1)
    }

    fn serve_with_limits(
        service: HostService<S, ManualClock>,
        limits: Limits,
        addresses: usize,
    ) -> Self {
        let service = Arc::new(service);
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(&vec![any_port; addresses]).unwrap();
        let addresses = server.local_addresses();
        let stop = CancellationToken::new();
        let (serving, stopping) = (Arc::clone(&service), stop.clone());
        let task = tokio::spawn(async move {
            let mut entropy = SeededEntropy::new(5);
            server.run(serving, limits, &mut entropy, stopping).await;
        });
        Self {
            addresses,
            service,
            stop,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) async fn connect(&self) -> Peer {
        Peer::connect(self.address()).await
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address()).await
    }

    /// Stops the server, and waits until it has ended.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        soon(self.task).await.unwrap();
    }
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered(Vec<u8>),
    Refused(StatusCode),
    Fault(FaultStatus),
}

impl Outcome {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Answered(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }
}

/// A client that keeps the protocol.
pub(crate) struct Peer {
    stream: TcpStream,
    connection: Connection,
    /// The most bytes that are written at once.
    pub(crate) piece: usize,
    /// The bytes of the last call and of what came back.
    pub(crate) sizes: (usize, usize),
}

impl Peer {
    /// Connects and binds.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::with_config(address, Config::default()).await
    }

    pub(crate) async fn with_config(address: SocketAddr, config: Config) -> Self {
        let mut peer = Self {
            stream: soon(TcpStream::connect(address)).await.unwrap(),
            connection: Connection::new(config),
            piece: usize::MAX,
            sizes: (0, 0),
        };
        peer.stream.set_nodelay(true).unwrap();
        assert!(soon(peer.exchange()).await.unwrap().is_none(), "bound");
        peer
    }

    /// Makes a call, and gives what came of it.
    pub(crate) async fn call(&mut self, operation: Operation<'_>) -> Outcome {
        soon(self.try_call(operation)).await.unwrap()
    }

    /// The same; an error when the server closes the connection.
    pub(crate) async fn try_call(&mut self, operation: Operation<'_>) -> io::Result<Outcome> {
        self.connection.call(operation).unwrap();
        Ok(self.exchange().await?.unwrap())
    }

    pub(crate) async fn activate(&mut self, message: &[u8]) -> Outcome {
        self.call(Operation::RequestActivation { message }).await
    }

    /// Sends what waits, and reads until there is an event: none for the bind.
    async fn exchange(&mut self) -> io::Result<Option<Outcome>> {
        self.sizes = (0, 0);
        while let Some(bytes) = self.connection.poll_transmit() {
            self.sizes.0 += bytes.len();
            for piece in bytes.chunks(self.piece.min(bytes.len())) {
                self.stream.write_all(piece).await?;
            }
        }
        let mut input = [0; 4096];
        loop {
            if let Some(event) = self.connection.poll_event() {
                return Ok(match event {
                    Event::Bound => None,
                    Event::Answered { bytes, .. } => Some(Outcome::Answered(bytes.to_vec())),
                    Event::Refused { status, .. } => Some(Outcome::Refused(status)),
                    Event::Fault { status, .. } => Some(Outcome::Fault(status)),
                    Event::Rejected(Rejection::Nak(reason)) => panic!("bind_nak {reason}"),
                    other => panic!("{other:?}"),
                });
            }
            match self.stream.read(&mut input).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    self.sizes.1 += read;
                    self.connection.handle_input(&input[..read]);
                }
            }
        }
    }

    /// Waits until the server closes, which must bring nothing more.
    pub(crate) async fn closed(mut self) {
        assert_eq!(soon(read_to_close(&mut self.stream)).await, [0_u8; 0]);
    }
}

/// A socket that sends what it likes.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        let stream = soon(socket.connect(address)).await?;
        Ok(Self { stream })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    /// Binds as a client does.
    pub(crate) async fn bind(&mut self) {
        self.send(&bind_bytes()).await;
        assert_eq!(self.pdu().await.0, PduType::BIND_ACK);
    }

    /// The next PDU, its type and all of its bytes.
    pub(crate) async fn pdu(&mut self) -> (PduType, Vec<u8>) {
        soon(self.try_pdu()).await.unwrap()
    }

    pub(crate) async fn try_pdu(&mut self) -> io::Result<(PduType, Vec<u8>)> {
        let mut pdu = vec![0; Header::LEN];
        self.stream.read_exact(&mut pdu).await?;
        let header = Header::from_bytes(pdu.first_chunk().unwrap());
        pdu.resize(usize::from(header.fragment_length), 0);
        self.stream.read_exact(&mut pdu[Header::LEN..]).await?;
        Ok((header.pdu_type, pdu))
    }

    /// Waits until the server closes; what it sent before.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        soon(read_to_close(&mut self.stream)).await
    }
}

/// What comes until the connection is closed or reset.
pub(crate) async fn read_to_close(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut input = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut input).await {
        all.extend_from_slice(&input[..read]);
    }
    all
}

/// A client's bind.
pub(crate) fn bind_bytes() -> Vec<u8> {
    let mut connection = Connection::new(Config::default());
    connection.poll_transmit().unwrap().to_vec()
}

/// A PDU of one fragment.
pub(crate) fn pdu(call: u32, body: impl EncodeBody) -> Vec<u8> {
    let prefix = Prefix::new(CallId(call));
    Pdu { prefix, body }.to_vec()
}
