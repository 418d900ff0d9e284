//! Sending an update to a zone's primary, and getting its answer.

use crate::DnsTransport;
use core::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use kms_core::StatusCode;
use kms_srv::{Update, UpdateAnswerError, UpdateError, UpdateReply};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout_at},
};

/// How long an update may take, with all addresses and tries.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The longest update that goes into a datagram (RFC 1035 section 2.3.4).
const DATAGRAM: usize = 512;

/// How often a datagram is sent, and how long its answer may take.
const TRIES: usize = 2;
const TRY: Duration = Duration::from_secs(2);

/// How many datagrams that are no answer are passed over before TCP, where nobody else can get in
/// between.
const STRAYS: usize = 3;

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// The server refused it, with its signature and for a reason of its own, and nothing else was
    /// sent: nothing was changed.
    Refused(StatusCode),
    /// Nobody knows whether it was done.
    Unknown(StatusCode),
}

impl Outcome {
    pub(super) const fn code(self) -> StatusCode {
        match self {
            Self::Done => StatusCode::OK,
            Self::Refused(code) | Self::Unknown(code) => code,
        }
    }
}

/// Sends an update to the first of `servers` that answers, which all are the same zone's primary.
///
/// `make` makes the update, anew with its own id and signature for each way that it takes.
pub(super) async fn send(
    servers: &[SocketAddr],
    transport: DnsTransport,
    mut make: impl FnMut() -> Result<Update, UpdateError>,
) -> Outcome {
    let until = Instant::now() + DEADLINE;
    let mut made = 0_u32;
    let mut make = || {
        made += 1;
        make()
    };
    let mut outcome = Outcome::Unknown(StatusCode::DNS_SERVER_FAILURE);
    for (place, &server) in servers.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let ways = u32::try_from(servers.len() - place).unwrap_or(u32::MAX);
        // Those that follow get their part of the time, and what the ones before did not need.
        let share = left / ways.max(1);
        match one(server, transport, share, &mut make).await {
            // One that had no answer may have been done all the same.
            Ok(reply) => return judge(server, &reply, made == 1),
            Err(failure) => {
                tracing::warn!(%server, %failure, "an update had no answer of use");
                outcome = Outcome::Unknown(failure.code());
                if matches!(failure, Failure::Make(_)) {
                    break;
                }
            }
        }
    }
    outcome
}

fn judge(server: SocketAddr, reply: &UpdateReply, alone: bool) -> Outcome {
    match reply.status() {
        StatusCode::OK => Outcome::Done,
        code => {
            tracing::warn!(%server, %reply, "the DNS server refused the update");
            // A secondary that passes updates on says SERVFAIL when it had no answer from the primary,
            // which may have done it (RFC 2136 section 6.1).
            let is_sure = code != StatusCode::DNS_SERVER_FAILURE;
            if alone && is_sure && reply.is_authenticated() {
                Outcome::Refused(code)
            } else {
                Outcome::Unknown(code)
            }
        }
    }
}

/// Why one address gave no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the update could not be made: {0}")]
    Make(#[from] UpdateError),
    #[error("it does not answer in time")]
    Silent,
    #[error("it cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("its answer is of no use: {0}")]
    Answer(#[from] UpdateAnswerError),
}

impl Failure {
    const fn code(&self) -> StatusCode {
        match self {
            Self::Make(UpdateError::Clock) => StatusCode::DNS_BADTIME,
            Self::Make(_) => StatusCode::DNS_RESPONSE_CODES_BASE,
            Self::Silent => StatusCode::TIMEOUT,
            Self::Io(_) => StatusCode::DNS_SERVER_FAILURE,
            Self::Answer(_) => StatusCode::DNS_BAD_PACKET,
        }
    }
}

async fn one(
    server: SocketAddr,
    transport: DnsTransport,
    share: Duration,
    make: &mut impl FnMut() -> Result<Update, UpdateError>,
) -> Result<UpdateReply, Failure> {
    let until = Instant::now() + share;
    let mut update = make()?;
    let mut unsigned = None;
    if transport == DnsTransport::Auto && update.bytes().len() <= DATAGRAM {
        let patience = TRY.min(share / 4);
        match over_udp(server, &update, patience).await {
            Ok(Datagram::Answer(reply)) if reply.is_authenticated() => return Ok(reply),
            // Anybody may have sent it; but a server that takes no TCP has said no more.
            Ok(Datagram::Answer(reply)) => unsigned = Some(reply),
            Ok(Datagram::AskOverTcp) => {}
            Err(error) => tracing::debug!(%server, %error, "no datagram could be exchanged"),
        }
        // An answer to the one before must not count for this one.
        update = make()?;
    }
    let answer = match timeout_at(until, over_tcp(server, update.bytes())).await {
        Ok(Ok(answer)) => answer,
        failed => {
            return match (unsigned, failed) {
                (Some(reply), _) => Ok(reply),
                (None, Ok(Err(error))) => Err(error.into()),
                (None, _) => Err(Failure::Silent),
            };
        }
    };
    Ok(update.handle_answer(&answer)?)
}

/// What came of datagrams.
enum Datagram {
    Answer(UpdateReply),
    AskOverTcp,
}

/// A socket that takes datagrams from the server alone, at a port that the system chooses.
async fn over_udp(server: SocketAddr, update: &Update, patience: Duration) -> io::Result<Datagram> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let mut buffer = vec![0; UpdateReply::MAX_LEN];
    let mut strays = 0;
    for _ in 0..TRIES {
        socket.send(update.bytes()).await?;
        let until = Instant::now() + patience;
        while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
            let answer = buffer.get(..received?).unwrap_or_default();
            if is_cut_short(answer, update.bytes()) {
                return Ok(Datagram::AskOverTcp);
            }
            match update.handle_answer(answer) {
                Ok(reply) => return Ok(Datagram::Answer(reply)),
                Err(UpdateAnswerError::Truncated) => return Ok(Datagram::AskOverTcp),
                Err(error) => {
                    tracing::debug!(%server, %error, "a datagram was passed over");
                    strays += 1;
                    if strays > STRAYS {
                        return Ok(Datagram::AskOverTcp);
                    }
                }
            }
        }
    }
    Ok(Datagram::AskOverTcp)
}

/// Whether a datagram answers the update and says that it was cut to fit (RFC 1035 section 4.1.1). Its
/// end may be missing, so that it cannot be read as a whole.
fn is_cut_short(answer: &[u8], update: &[u8]) -> bool {
    const RESPONSE: u8 = 0x80;
    const TRUNCATED: u8 = 0x02;
    match (answer, update) {
        ([a0, a1, flags, ..], [u0, u1, ..]) => {
            (a0, a1) == (u0, u1) && flags & RESPONSE != 0 && flags & TRUNCATED != 0
        }
        _ => false,
    }
}

/// One message each way over TCP, which carries any size and is hard to forge from afar
/// (RFC 1035 section 4.2.2).
async fn over_tcp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = Vec::with_capacity(2 + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
