//! A certified host that does not keep to the protocol in one point.

use core::{net::SocketAddr, num::NonZeroU32};
use kms_core::{
    ActivationInterval, AnswerTerms, Clock, Decode, Encode, RenewalInterval, StatusCode,
    ValidityInterval,
};
use kms_service::SystemClock;
use kms_trust::HostIdentity;
use kms_wire::{
    ActivationAnswer, ActivationRequest, CertificateChain,
    server::{Config, Connection, Event, Reply},
};
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
};

/// Where the host departs from the truth; the default does not.
#[derive(Clone, Copy)]
pub(crate) struct Lie {
    /// Before the answer is signed.
    pub(crate) terms: fn(&mut AnswerTerms),
    /// The answer, once it is signed.
    pub(crate) answer: fn(&mut Vec<u8>),
    /// The list of certificates.
    pub(crate) chain: fn(&mut Vec<u8>),
    /// What goes out: the bind_ack has number 0, the answers 1 and 2.
    pub(crate) output: fn(usize, &mut Vec<u8>),
    /// Given instead of an answer.
    pub(crate) refusal: Option<StatusCode>,
}

impl Default for Lie {
    fn default() -> Self {
        Self {
            terms: |_| {},
            answer: |_| {},
            chain: |_| {},
            output: |_, _| {},
            refusal: None,
        }
    }
}

/// Serves one connection at a time with the identity in a folder, until the test ends.
pub(crate) fn serve(identity: &Path, lie: Lie) -> SocketAddr {
    let identity = kms_host::identity::load(identity).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that goes away early is what many of the tests are about.
            let _ = talk(stream?, &identity, lie);
        }
        io::Result::Ok(())
    });
    address
}

fn talk(mut stream: TcpStream, identity: &HostIdentity, lie: Lie) -> io::Result<()> {
    let mut connection = Connection::new(Config {
        port: stream.local_addr()?.port(),
        association_group: NonZeroU32::MIN,
    });
    let mut input = [0; 4096];
    let mut sent = 0;
    while !connection.is_closed() {
        let read = stream.read(&mut input)?;
        if read == 0 {
            break;
        }
        connection.handle_input(&input[..read]);
        while let Some((call, answer)) = decide(&mut connection, identity, lie) {
            let reply = match lie.refusal {
                Some(status) => Reply::Refused(status),
                None => Reply::Bytes(&answer),
            };
            connection.respond(call, reply).map_err(io::Error::other)?;
        }
        while let Some(output) = connection.poll_transmit() {
            let mut output = output.to_vec();
            (lie.output)(sent, &mut output);
            sent += 1;
            stream.write_all(&output)?;
        }
    }
    Ok(())
}

fn decide(
    connection: &mut Connection,
    identity: &HostIdentity,
    lie: Lie,
) -> Option<(kms_wire::server::Call, Vec<u8>)> {
    match connection.poll_event()? {
        Event::RequestActivation { call, message } => Some((call, answer(identity, message, lie))),
        Event::GetHostCertificate { call } => {
            let chain: Vec<&[u8]> = identity.chain().iter().map(Vec::as_slice).collect();
            let mut bytes = CertificateChain::new(&chain).unwrap().to_vec();
            (lie.chain)(&mut bytes);
            Some((call, bytes))
        }
        _ => None,
    }
}

fn answer(identity: &HostIdentity, message: &[u8], lie: Lie) -> Vec<u8> {
    let request = ActivationRequest::decode_all(message).unwrap();
    let mut terms = AnswerTerms {
        count: 5,
        activation_interval: ActivationInterval::default(),
        renewal_interval: RenewalInterval::default(),
        validity: ValidityInterval::default(),
        cmid: request.cmid,
        host_time: SystemClock.now().wall,
        key_id: identity.key_id(),
    };
    (lie.terms)(&mut terms);
    let mut answer = ActivationAnswer {
        signature: identity.sign(message, &terms),
        terms,
    }
    .to_vec();
    (lie.answer)(&mut answer);
    answer
}
