//! One question to one DNS server: over UDP, and over TCP where that is called for.

use crate::dns_answer::Question;
use core::{net::SocketAddr, time::Duration};
use hickory_resolver::proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::Name,
};
use kms_srv::LookupError;
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// The most datagrams that are no answer before the question is put over TCP, where nobody can guess.
pub(crate) const MAX_WRONG_DATAGRAMS: usize = 3;

/// The largest answer that a server may send in one datagram: what passes everywhere in one piece.
const UDP_PAYLOAD: u16 = 1232;

/// Puts a question to a server. Each transport may take `time`; a datagram that is not answered is
/// sent once more after half of it.
///
/// The answer is a response to the question, not truncated, with any response code.
pub(crate) async fn ask(
    server: SocketAddr,
    question: &Question,
    time: Duration,
) -> Result<Message, LookupError> {
    let answer = ask_once(server, question, true, time).await?;
    match answer.metadata.response_code {
        // An old server that does not know EDNS (RFC 6891 section 7).
        ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS => {
            ask_once(server, question, false, time).await
        }
        _ => Ok(answer),
    }
}

async fn ask_once(
    server: SocketAddr,
    question: &Question,
    extended: bool,
    time: Duration,
) -> Result<Message, LookupError> {
    let query = make_query(question, extended);
    let bytes = query.to_vec().map_err(|_| LookupError::NoSuchName)?;
    let asked = Asked {
        question,
        name: query.queries.first().map(Query::name),
        id: query.metadata.id,
    };
    if let Some(answer) = within(time, over_udp(server, &asked, &bytes, time / 2)).await? {
        return Ok(answer);
    }
    within(time, over_tcp(server, &asked, &bytes)).await
}

async fn within<T>(
    time: Duration,
    exchange: impl Future<Output = Result<T, LookupError>>,
) -> Result<T, LookupError> {
    timeout(time, exchange)
        .await
        .unwrap_or(Err(LookupError::Timeout))
}

/// A query with a random id and, in its name, letters of random case, which an answer repeats:
/// so much more has to be guessed by who would forge one.
fn make_query(question: &Question, extended: bool) -> Message {
    let mut name = question.name.clone();
    name.randomize_label_case();
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.queries.push(Query::query(name, question.kind));
    if extended {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD);
        query.edns = Some(edns);
    }
    query
}

/// What an answer is compared with.
struct Asked<'a> {
    question: &'a Question,
    /// The name as it was written in the query.
    name: Option<&'a Name>,
    id: u16,
}

/// What a datagram is.
enum Datagram {
    Answer(Message),
    /// Of somebody else, or of another question.
    Wrong,
    /// Perhaps the server's, and not to be relied upon.
    AskAgain,
}

impl Asked<'_> {
    fn judge(&self, datagram: &[u8]) -> Datagram {
        if datagram.first_chunk() != Some(&self.id.to_be_bytes()) {
            return Datagram::Wrong;
        }
        let Ok(message) = Message::from_vec(datagram) else {
            return Datagram::AskAgain;
        };
        if is_bare_failure(&message) {
            return Datagram::Answer(message);
        }
        if !self.question.is_answered_by(&message) {
            return Datagram::Wrong;
        }
        let same_case = |query: &Query| self.name.is_some_and(|name| query.name().eq_case(name));
        if message.metadata.truncation || !message.queries.iter().all(same_case) {
            return Datagram::AskAgain;
        }
        Datagram::Answer(message)
    }
}

/// Whether a server says with its header alone that it failed, as some do that did not read the
/// question.
fn is_bare_failure(message: &Message) -> bool {
    let metadata = &message.metadata;
    message.queries.is_empty()
        && metadata.message_type == MessageType::Response
        && metadata.op_code == OpCode::Query
        && matches!(
            metadata.response_code,
            ResponseCode::FormErr
                | ResponseCode::ServFail
                | ResponseCode::NotImp
                | ResponseCode::Refused
        )
}

/// `None` when the question is to be put over TCP.
async fn over_udp(
    server: SocketAddr,
    asked: &Asked<'_>,
    query: &[u8],
    patience: Duration,
) -> Result<Option<Message>, LookupError> {
    let any: SocketAddr = if server.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0; 16], 0).into()
    };
    // A socket of its own for each query has a random port, and a connected one hears one server alone.
    let socket = UdpSocket::bind(any).await.map_err(|error| why(&error))?;
    socket.connect(server).await.map_err(|error| why(&error))?;
    socket.send(query).await.map_err(|error| why(&error))?;
    let mut datagram = vec![0; 4096];
    let (mut wrong, mut again) = (0, true);
    loop {
        let received = if again {
            timeout(patience, socket.recv(&mut datagram)).await
        } else {
            Ok(socket.recv(&mut datagram).await)
        };
        let Ok(received) = received else {
            again = false;
            socket.send(query).await.map_err(|error| why(&error))?;
            continue;
        };
        let len = received.map_err(|error| why(&error))?;
        match asked.judge(datagram.get(..len).unwrap_or_default()) {
            Datagram::Answer(message) => return Ok(Some(message)),
            Datagram::AskAgain => return Ok(None),
            Datagram::Wrong => wrong += 1,
        }
        if wrong >= MAX_WRONG_DATAGRAMS {
            tracing::warn!(%server, "{wrong} datagrams were no answer to what was asked, using TCP");
            return Ok(None);
        }
    }
}

async fn over_tcp(
    server: SocketAddr,
    asked: &Asked<'_>,
    query: &[u8],
) -> Result<Message, LookupError> {
    let answer = talk(server, query).await.map_err(|error| {
        tracing::debug!(%server, "over TCP: {error}");
        LookupError::ServerFailure
    })?;
    let message = Message::from_vec(&answer).map_err(|_| LookupError::BadAnswer)?;
    if message.metadata.id == asked.id
        && (asked.question.is_answered_by(&message) || is_bare_failure(&message))
        && !message.metadata.truncation
    {
        Ok(message)
    } else {
        Err(LookupError::BadAnswer)
    }
}

/// Messages over TCP have their length in front (RFC 1035 section 4.2.2).
async fn talk(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(server).await?;
    let framed = [&length.to_be_bytes(), query].concat();
    stream.write_all(&framed).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// A server that is down gives no answer, as one that is silent; another fault of the network is
/// one that keeps it from being asked.
fn why(error: &io::Error) -> LookupError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => LookupError::Timeout,
        _ => LookupError::ServerFailure,
    }
}
