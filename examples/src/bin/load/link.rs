//! One connection to a host: the client engine of kms-wire on a socket.

use core::{fmt, net::IpAddr, net::SocketAddr};
use kms_core::StatusCode;
use kms_wire::{
    Operation,
    client::{Config, Connection, Event},
    pdu::FaultStatus,
};
use std::io;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// How connections are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Closing resets the connection, so that none of its ports rests in TIME_WAIT.
    pub(crate) reset: bool,
}

/// A connection on which the host accepted the bind.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    engine: Connection,
}

/// What a host says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The answer is where it was asked to be put.
    Answered,
    /// A refusal with an HRESULT.
    Refused(StatusCode),
    /// A fault, as of a host that is too busy.
    Fault(FaultStatus),
}

/// Why there is no reply. The text is one of few, so that it can be counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// What did not work, and what the system said of it.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self(format!("{what}: {}", error.kind()))
    }

    fn rule(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Link {
    /// Connects and binds.
    ///
    /// # Errors
    /// When the host cannot be reached, ends the connection, or refuses the bind.
    pub(crate) async fn open(target: Target, source: Option<IpAddr>) -> Result<Self, Failure> {
        let stream = connect(target, source)
            .await
            .map_err(|error| Failure::io("cannot connect", &error))?;
        let mut link = Self {
            stream,
            engine: Connection::new(Config::default()),
        };
        loop {
            link.exchange().await?;
            match link.engine.poll_event() {
                None => {}
                Some(Event::Bound) => return Ok(link),
                Some(Event::Rejected(rejection)) => return Err(Failure::rule(rejection)),
                Some(other) => return Err(unexpected(&other)),
            }
        }
    }

    /// Makes a call, and puts the answer into `answer`, if there is one.
    ///
    /// # Errors
    /// When the connection ends before the reply, or the host breaks a rule.
    pub(crate) async fn call(
        &mut self,
        operation: Operation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<Reply, Failure> {
        self.engine.call(operation).map_err(Failure::rule)?;
        loop {
            self.exchange().await?;
            match self.engine.poll_event() {
                None => {}
                Some(Event::Answered { bytes, .. }) => {
                    answer.clear();
                    answer.extend_from_slice(bytes);
                    return Ok(Reply::Answered);
                }
                Some(Event::Refused { status, .. }) => return Ok(Reply::Refused(status)),
                Some(Event::Fault { status, .. }) => return Ok(Reply::Fault(status)),
                Some(Event::Rejected(rejection)) => return Err(Failure::rule(rejection)),
                Some(other) => return Err(unexpected(&other)),
            }
        }
    }

    /// Sends what waits to be sent, and then reads once.
    async fn exchange(&mut self) -> Result<(), Failure> {
        while let Some(bytes) = self.engine.poll_transmit() {
            let sent = self.stream.write_all(bytes).await;
            sent.map_err(|error| Failure::io("cannot send", &error))?;
        }
        let mut input = [0; READ_SIZE];
        let read = self.stream.read(&mut input).await;
        match read.map_err(|error| Failure::io("cannot read", &error))? {
            0 => Err(Failure("the host closed the connection".into())),
            read => {
                self.engine
                    .handle_input(input.get(..read).unwrap_or_default());
                Ok(())
            }
        }
    }
}

async fn connect(target: Target, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if target.address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    if target.reset {
        socket.set_zero_linger()?;
    }
    socket.connect(target.address).await
}

fn unexpected(event: &Event<'_>) -> Failure {
    match event {
        Event::Closed { violation } => Failure::rule(violation),
        _ => Failure("the host's reply belongs to no call".into()),
    }
}

/// An answer has 160 bytes; a chain of certificates is read in several turns.
const READ_SIZE: usize = 512;
