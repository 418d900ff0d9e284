//! A connection to one address of a host: the wire's engine on a socket.

use kms_core::StatusCode;
use kms_wire::{
    Operation,
    client::{Config, Connection, Event},
};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection on which calls can be made.
pub(super) struct Conversation {
    stream: TcpStream,
    connection: Connection,
}

/// What came of a call.
pub(super) enum Reply {
    /// Bytes, of which nothing is verified.
    Answered(Vec<u8>),
    /// An HRESULT other than 0, which nobody signed.
    Refused(StatusCode),
    /// Something else, in words.
    Failed(String),
}

enum Happened {
    Bound,
    Answered(Vec<u8>),
    Refused(StatusCode),
    Failed(String),
}

impl Conversation {
    /// Binds to the activation interface.
    ///
    /// # Errors
    /// What the peer did instead of accepting.
    pub(super) async fn bind(stream: TcpStream) -> Result<Self, String> {
        let mut conversation = Self {
            stream,
            connection: Connection::new(Config::default()),
        };
        match conversation.next().await {
            Happened::Bound => Ok(conversation),
            Happened::Failed(reason) => Err(reason),
            // The engine gives no answer before the bind is accepted.
            Happened::Answered(_) | Happened::Refused(_) => Err("it answered no call".to_owned()),
        }
    }

    pub(super) async fn call(&mut self, operation: Operation<'_>) -> Reply {
        if let Err(error) = self.connection.call(operation) {
            return Reply::Failed(error.to_string());
        }
        match self.next().await {
            Happened::Answered(bytes) => Reply::Answered(bytes),
            Happened::Refused(status) => Reply::Refused(status),
            Happened::Failed(reason) => Reply::Failed(reason),
            Happened::Bound => Reply::Failed("it accepted the bind twice".to_owned()),
        }
    }

    async fn next(&mut self) -> Happened {
        self.try_next()
            .await
            .unwrap_or_else(|error| Happened::Failed(format!("the connection broke: {error}")))
    }

    async fn try_next(&mut self) -> io::Result<Happened> {
        let mut input = [0; 4096];
        loop {
            while let Some(bytes) = self.connection.poll_transmit() {
                self.stream.write_all(bytes).await?;
            }
            if let Some(event) = self.connection.poll_event() {
                return Ok(match event {
                    Event::Bound => Happened::Bound,
                    Event::Answered { bytes, .. } => Happened::Answered(bytes.to_vec()),
                    Event::Refused { status, .. } => Happened::Refused(status),
                    Event::Fault { status, .. } => {
                        Happened::Failed(format!("it answered with fault {status}"))
                    }
                    Event::Rejected(rejection) => Happened::Failed(rejection.to_string()),
                    Event::Closed { violation } => Happened::Failed(violation.to_string()),
                    _ => Happened::Failed("it did what this release does not know".to_owned()),
                });
            }
            let read = self.stream.read(&mut input).await?;
            if read == 0 {
                return Ok(Happened::Failed(
                    "it closed the connection without an answer".to_owned(),
                ));
            }
            let bytes = input.get(..read).unwrap_or_default();
            self.connection.handle_input(bytes);
        }
    }
}
