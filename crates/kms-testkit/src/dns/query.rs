use super::{
    DnsError, Record, RecordType,
    convert::{parse_name, to_record},
};
use core::{net::SocketAddr, time::Duration};
use hickory_proto::{
    op::{Message, MessageType, Query, ResponseCode},
    rr,
};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

/// How long a query may take in all.
const DEADLINE: Duration = Duration::from_secs(5);

/// Asks the DNS server at `server`, which may be any, for the records of one type that `name` has.
/// A name that does not exist has none. The query goes over TCP, so that an answer is never cut
/// short, and must be answered within 5 seconds.
///
/// # Errors
///
/// [`DnsError::Name`] when `name` is not one; [`DnsError::NoAnswer`], [`DnsError::BadAnswer`] and
/// [`DnsError::Refused`] when no usable answer came.
pub async fn query(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
) -> Result<Vec<Record>, DnsError> {
    let mut question = Query::new();
    question.set_name(parse_name(name)?);
    question.set_query_type(match record_type {
        RecordType::A => rr::RecordType::A,
        RecordType::Aaaa => rr::RecordType::AAAA,
        RecordType::Srv => rr::RecordType::SRV,
    });
    let mut message = Message::query();
    message.metadata.recursion_desired = false;
    message.add_query(question.clone());
    let bad = |reason: String| DnsError::BadAnswer { server, reason };
    let bytes = message.to_vec().map_err(|error| bad(error.to_string()))?;

    let answer = time::timeout(DEADLINE, exchange(server, &bytes))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| DnsError::NoAnswer { server, source })?;
    let answer = Message::from_vec(&answer).map_err(|error| bad(error.to_string()))?;
    if answer.metadata.id != message.metadata.id
        || answer.metadata.message_type != MessageType::Response
    {
        return Err(bad("it is not a response to this query".to_owned()));
    }
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => {
            return Err(DnsError::Refused {
                server,
                name: name.to_owned(),
                code: code.into(),
            });
        }
    }
    Ok(answer
        .answers
        .iter()
        .filter(|record| record.record_type() == question.query_type())
        .filter_map(to_record)
        .collect())
}

async fn exchange(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let len = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(server).await?;
    stream
        .write_all(&[&len.to_be_bytes(), message].concat())
        .await?;
    let len = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(len)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
