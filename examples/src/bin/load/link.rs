//! One connection to a host: the client engine of kms-wire on a socket.

use crate::sources::Sources;
use core::{fmt, net::SocketAddr};
use kms_core::StatusCode;
use kms_wire::{
    Operation,
    client::{Config, Connection, Event},
    pdu::FaultStatus,
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) sources: Arc<Sources>,
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
    /// Connects as the machine with this number, and binds.
    ///
    /// # Errors
    /// When the host cannot be reached, ends the connection, or refuses the bind.
    pub(crate) async fn open(target: &Target, machine: u64) -> Result<Self, Failure> {
        let stream = connect(target, machine)
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

async fn connect(target: &Target, machine: u64) -> io::Result<TcpStream> {
    let Some(source) = target.sources.of(machine) else {
        return connect_from(target, None).await;
    };
    let mut tries = 0..PORT_TRIES;
    loop {
        let connected = connect_from(target, target.sources.next(source)).await;
        match &connected {
            // Somebody else has the port, or it rests since an earlier run.
            Err(error) if is_taken(error) && tries.next().is_some() => target.sources.skip(source),
            _ => return connected,
        }
    }
}

async fn connect_from(target: &Target, source: Option<SocketAddr>) -> io::Result<TcpStream> {
    let socket = if target.address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    if let Some(source) = source {
        // Else the system compares the port with all that rest.
        socket.set_reuseaddr(true)?;
        socket.bind(source)?;
    }
    if target.reset {
        socket.set_zero_linger()?;
    }
    socket.connect(target.address).await
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
    )
}

fn unexpected(event: &Event<'_>) -> Failure {
    match event {
        Event::Closed { violation } => Failure::rule(violation),
        _ => Failure("the host's reply belongs to no call".into()),
    }
}

/// How many more ports are tried for one connection.
const PORT_TRIES: u32 = 16;
/// An answer has 160 bytes; a chain of certificates is read in several turns.
const READ_SIZE: usize = 512;
