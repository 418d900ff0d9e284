//! A machine that asks a host for activation, on a connection that it keeps.

use core::net::{Ipv4Addr, SocketAddr};
use kms_core::{Clock as _, Cmid, Decode as _, Encode as _, LicenseStatus, StatusCode};
use kms_keys::Product;
use kms_service::SystemClock;
use kms_wire::{
    ActivationAnswer, ActivationRequest, Operation,
    client::{Config, Connection, Event},
};
use std::io;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// What a host said to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The count in its answer.
    Count(u32),
    Refused(StatusCode),
}

impl Said {
    #[track_caller]
    pub(crate) fn count(self) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Refused(status) => panic!("{status}"),
        }
    }
}

pub(crate) struct Peer {
    stream: TcpStream,
    connection: Connection,
}

impl Peer {
    /// Connects and binds.
    pub(crate) async fn connect(host: SocketAddr) -> io::Result<Self> {
        Self::connect_from(1, host).await
    }

    /// From an address of its own, `127.0.0.<last>`, so that what a host allows to each source is
    /// allowed to this one.
    pub(crate) async fn connect_from(last: u8, host: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
        let stream = socket.connect(host).await?;
        stream.set_nodelay(true)?;
        let mut peer = Self {
            stream,
            connection: Connection::new(Config::default()),
        };
        peer.exchange().await?;
        Ok(peer)
    }

    /// Asks for a machine whose licence is in this state.
    pub(crate) async fn ask(
        &mut self,
        product: &Product,
        cmid: Cmid,
        status: LicenseStatus,
    ) -> io::Result<Said> {
        self.ask_as(product, cmid, status, "ws-17.contoso.test")
            .await
    }

    pub(crate) async fn ask_as(
        &mut self,
        product: &Product,
        cmid: Cmid,
        status: LicenseStatus,
        name: &str,
    ) -> io::Result<Said> {
        let message = ActivationRequest {
            minor_version: 0,
            virtual_machine: false,
            license_status: status,
            minutes_remaining: 40_123,
            application_id: product.application_id,
            activation_id: product.activation_id,
            counted_id: product.counted_id,
            cmid,
            previous_cmid: None,
            required_count: product.threshold,
            request_time: SystemClock.now().wall,
            nonce: [7; 16],
            machine_name: name.parse().unwrap(),
        }
        .to_vec();
        let operation = Operation::RequestActivation { message: &message };
        self.connection.call(operation).unwrap();
        Ok(self.exchange().await?.unwrap())
    }

    /// Sends what waits, and reads until there is an event: none for the bind.
    async fn exchange(&mut self) -> io::Result<Option<Said>> {
        while let Some(bytes) = self.connection.poll_transmit() {
            self.stream.write_all(bytes).await?;
        }
        let mut input = [0; 4096];
        loop {
            if let Some(event) = self.connection.poll_event() {
                return Ok(match event {
                    Event::Bound => None,
                    Event::Answered { bytes, .. } => {
                        let answer = ActivationAnswer::decode_all(bytes).unwrap();
                        Some(Said::Count(answer.terms.count))
                    }
                    Event::Refused { status, .. } => Some(Said::Refused(status)),
                    other => panic!("{other:?}"),
                });
            }
            match self.stream.read(&mut input).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.connection.handle_input(&input[..read]),
            }
        }
    }
}
