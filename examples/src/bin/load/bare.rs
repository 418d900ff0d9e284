//! The least that a server could do: it finds the ends of PDUs by their length and answers with
//! templates. What a host reaches is measured against it.

use core::{net::SocketAddr, num::NonZeroU32};
use kms_core::{
    ActivationInterval, AnswerTerms, Cmid, Encode as _, KeyId, RenewalInterval, SeededEntropy,
    Timestamp, ValidityInterval,
};
use kms_wire::{
    ActivationAnswer, Operation, client,
    server::{Config, Connection, Event, Reply},
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What is answered, as long as what a host answers, and unsigned.
#[derive(Clone, Debug)]
pub(crate) struct Templates {
    bind_ack: Vec<u8>,
    answer: Vec<u8>,
}

impl Templates {
    /// What a host that listens there would send to our client. `None` when its engine sends nothing,
    /// which does not happen.
    pub(crate) fn new(address: SocketAddr) -> Option<Self> {
        let mut host = Connection::new(Config {
            port: address.port(),
            association_group: NonZeroU32::MIN,
        });
        let mut client = client::Connection::new(client::Config::default());
        host.handle_input(client.poll_transmit()?);
        let bind_ack = host.poll_transmit()?.to_vec();
        client.handle_input(&bind_ack);
        let Some(client::Event::Bound) = client.poll_event() else {
            return None;
        };
        let message = &[];
        client.call(Operation::RequestActivation { message }).ok()?;
        host.handle_input(client.poll_transmit()?);
        let Some(Event::RequestActivation { call, .. }) = host.poll_event() else {
            return None;
        };
        let answer = ActivationAnswer {
            terms: AnswerTerms {
                count: 1,
                activation_interval: ActivationInterval::default(),
                renewal_interval: RenewalInterval::default(),
                validity: ValidityInterval::default(),
                cmid: Cmid::random(&mut SeededEntropy::new(1)),
                host_time: Timestamp::default(),
                key_id: KeyId([0; 8]),
            },
            signature: [0; 64],
        };
        host.respond(call, Reply::Bytes(&answer.to_vec())).ok()?;
        let answer = host.poll_transmit()?.to_vec();
        Some(Self { bind_ack, answer })
    }

    /// The template for a PDU, with the call and the machine that the PDU names.
    fn reply<'a>(&self, pdu: &[u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        out.clear();
        if pdu.get(TYPE) == Some(&BIND) {
            out.extend_from_slice(&self.bind_ack);
        } else {
            out.extend_from_slice(&self.answer);
            copy(pdu, REQUEST_CMID, out, ANSWER_CMID, 16);
        }
        copy(pdu, CALL_ID, out, CALL_ID, 4);
        out
    }
}

/// Accepts connections for ever.
///
/// # Errors
/// When it cannot accept one more.
pub(crate) async fn serve(listener: TcpListener, templates: Templates) -> io::Result<()> {
    let templates = Arc::new(templates);
    loop {
        let (stream, _) = listener.accept().await?;
        let templates = Arc::clone(&templates);
        tokio::spawn(async move {
            // A peer that goes away is no concern of ours.
            let _ = answer(stream, &templates).await;
        });
    }
}

async fn answer(mut stream: TcpStream, templates: &Templates) -> io::Result<()> {
    let mut input = [0; LONGEST];
    let (mut len, mut out) = (0, Vec::new());
    loop {
        let room = input.get_mut(len..).unwrap_or_default();
        len += match stream.read(room).await? {
            0 => return Ok(()),
            read => read,
        };
        let mut from = 0;
        while let Some(pdu) = input.get(from..len).and_then(first_pdu) {
            stream.write_all(templates.reply(pdu, &mut out)).await?;
            from += pdu.len();
        }
        input.copy_within(from..len, 0);
        len -= from;
    }
}

/// The first PDU, if all of it is there.
fn first_pdu(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.get(FRAGMENT_LENGTH..)?.first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    // At least a header, so that it comes to an end.
    bytes.get(..length.max(16))
}

fn copy(from: &[u8], at: usize, to: &mut [u8], to_at: usize, len: usize) {
    if let (Some(from), Some(to)) = (from.get(at..at + len), to.get_mut(to_at..to_at + len)) {
        to.copy_from_slice(from);
    }
}

/// The longest PDU that is looked for: our client's bind has 72 bytes and its request 176, and a future
/// that holds more than it must is slower to make.
const LONGEST: usize = 512;
/// Where a PDU holds its type, its length and its call's id.
const TYPE: usize = 2;
const FRAGMENT_LENGTH: usize = 8;
const CALL_ID: usize = 12;
/// The type of a bind.
const BIND: u8 = 11;
/// Where the CMID stands in a request's PDU: header of 24 bytes, 8 of the stub, and 64 of the message.
const REQUEST_CMID: usize = 96;
/// Where it stands in an answer's: header of 24 bytes, 12 of the stub, and 24 of the message.
const ANSWER_CMID: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_as_long_as_what_a_host_sends() {
        let templates = Templates::new("127.0.0.1:1688".parse().unwrap()).unwrap();
        assert_eq!(
            (templates.bind_ack.len(), templates.answer.len()),
            (60, 160)
        );
    }

    #[test]
    fn an_answer_names_the_call_and_the_machine_of_its_request() {
        let templates = Templates::new("127.0.0.1:1688".parse().unwrap()).unwrap();
        let mut request = vec![0; 176];
        request[CALL_ID] = 7;
        request[REQUEST_CMID..REQUEST_CMID + 16].fill(9);
        let mut out = Vec::new();
        let answer = templates.reply(&request, &mut out);
        assert_eq!((answer[CALL_ID], answer[TYPE]), (7, 2));
        assert_eq!(answer[ANSWER_CMID..ANSWER_CMID + 16], [9; 16]);
    }

    #[test]
    fn pdus_are_found_by_their_length() {
        let mut bytes = [0; 40];
        bytes[FRAGMENT_LENGTH] = 20;
        assert_eq!(first_pdu(&bytes).map(<[u8]>::len), Some(20));
        assert_eq!(first_pdu(&bytes[..19]), None);
        assert_eq!(first_pdu(&bytes[..9]), None);
        bytes[FRAGMENT_LENGTH] = 0;
        assert_eq!(first_pdu(&bytes).map(<[u8]>::len), Some(16));
    }
}
