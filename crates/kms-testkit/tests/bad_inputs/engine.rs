//! A host in memory: the connection engine and the host engine, with a real count and real signatures.

use core::{cell::RefCell, num::NonZeroU32, time::Duration};
use kms_core::{Clock as _, Encode as _, Now, SeededEntropy, Tick, Timestamp};
use kms_count::Snapshot;
use kms_host::{Activation, Caller, Decision, Host, Settings};
use kms_keys::{Catalogue, GroupId};
use kms_testkit::{
    bad_inputs::{Link, Network, Patience, Received, folder},
    clock::ManualClock,
};
use kms_trust::{Authority, HostCertificateRequest, HostIdentity, HostKey};
use kms_wire::{
    ActivationAnswer, CertificateChain, MAX_CONNECTION_MEMORY,
    server::{Config, Connection, Event, Reply},
};
use std::{fs, io, rc::Rc};

const PORT: u16 = 1688;
/// The host key of the corpus's page.
const HOST_KEY: &str = "corpus/served/1";
/// A host reads at most this much at once.
const READ: usize = 4096;
/// What the host may send for each byte that it was sent, and besides: the shortest request gets a
/// certificate chain.
const ANSWER_PER_BYTE: usize = 40;
const ANSWER_BESIDES: usize = 1024;

/// What all connections share.
struct Served {
    host: Host,
    identity: HostIdentity,
    chain: Vec<u8>,
    clock: ManualClock,
}

pub(crate) struct Engine {
    served: Rc<RefCell<Served>>,
    faulty: Option<Faulty>,
}

/// A fault that is put into the host, to see that the runner notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faulty {
    /// It never answers.
    Silent,
    /// It closes no connection.
    NeverCloses,
    /// It closes a connection as soon as it has answered.
    ClosesAlways,
    /// It changes a bit of what it sends.
    Garbles,
    /// It holds more than it may.
    Hoards,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let start = Now::new(
            Tick::from_millis(5_000_000),
            Timestamp::from_millis(1_700_000_000_000),
        );
        let entropy = &mut SeededEntropy::new(1);
        let path = folder().join("catalogue.toml");
        let text = fs::read_to_string(path).unwrap();
        let catalogue = Catalogue::parse(&text, "catalogue.toml").unwrap();
        let groups = catalogue.groups_activated_by(HOST_KEY).unwrap();
        let scope: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
        let validity = Authority::DEFAULT_VALIDITY;
        let authority = Authority::generate("Corpus Root", validity, entropy, start.wall).unwrap();
        let key = HostKey::generate(entropy);
        let request = HostCertificateRequest {
            name: "kms1.corpus.test",
            scope: &scope,
            validity: HostCertificateRequest::DEFAULT_VALIDITY,
        };
        let certificate = authority
            .certify(key.public_key(), request, entropy, start.wall)
            .unwrap();
        let identity = HostIdentity::new(key, vec![certificate.der().to_vec()]).unwrap();
        let activation = Activation {
            key_id: identity.key_id(),
            scope: identity.scope().iter().cloned().collect(),
            not_after: identity.not_after(),
        };
        let chain = CertificateChain::new(&[certificate.der()])
            .unwrap()
            .to_vec();
        let host = Host::new(
            catalogue,
            Some(activation),
            Settings::default(),
            kms_count::Config::default(),
            &Snapshot::default(),
            entropy,
            start,
        )
        .unwrap();
        let served = Served {
            host,
            identity,
            chain,
            clock: ManualClock::new(start),
        };
        Self {
            served: Rc::new(RefCell::new(served)),
            faulty: None,
        }
    }

    pub(crate) fn with(faulty: Faulty) -> Self {
        Self {
            faulty: Some(faulty),
            ..Self::new()
        }
    }
}

impl Network for Engine {
    type Link = EngineLink;

    fn connect(&mut self) -> io::Result<EngineLink> {
        // Time passes between connections, so that no order of requests hides in one moment.
        self.served.borrow().clock.advance(Duration::from_millis(1));
        let config = Config {
            port: PORT,
            association_group: NonZeroU32::new(0x0a0b_0c0d).unwrap(),
        };
        Ok(EngineLink {
            served: Rc::clone(&self.served),
            faulty: self.faulty,
            connection: Connection::new(config),
            caller: Caller::default(),
            output: Vec::new(),
            ended: false,
            taken: 0,
            given: 0,
        })
    }

    fn now(&self) -> i64 {
        self.served.borrow().clock.now().wall.as_millis()
    }

    fn port(&self) -> u16 {
        PORT
    }
}

/// A connection, driven as the server drives one.
pub(crate) struct EngineLink {
    served: Rc<RefCell<Served>>,
    faulty: Option<Faulty>,
    connection: Connection,
    caller: Caller,
    output: Vec<u8>,
    ended: bool,
    taken: usize,
    given: usize,
}

impl EngineLink {
    /// Answers calls until there is neither a call nor anything to send.
    fn turn(&mut self) -> io::Result<()> {
        loop {
            let reply = match self.connection.poll_event() {
                Some(Event::RequestActivation { call, message }) => {
                    let served = &mut *self.served.borrow_mut();
                    let now = served.clock.now();
                    Some((
                        call,
                        match served
                            .host
                            .handle_request(message, &mut self.caller, now)
                            .decision
                        {
                            Decision::Grant(terms) => {
                                let signature = served.identity.sign(message, &terms);
                                Ok(ActivationAnswer { terms, signature }.to_vec())
                            }
                            Decision::Refuse(code) => Err(Some(code)),
                            Decision::Disconnect => Err(None),
                        },
                    ))
                }
                Some(Event::GetHostCertificate { call }) => {
                    Some((call, Ok(self.served.borrow().chain.clone())))
                }
                _ => None,
            };
            let answered = reply.is_some();
            if let Some((call, reply)) = reply {
                let reply = match &reply {
                    Ok(bytes) => Reply::Bytes(bytes),
                    Err(Some(code)) => Reply::Refused(*code),
                    Err(None) => Reply::TooBusy,
                };
                self.connection
                    .respond(call, reply)
                    .map_err(io::Error::other)?;
            }
            self.check()?;
            let mut sent = false;
            while let Some(bytes) = self.connection.poll_transmit() {
                sent = true;
                self.given += bytes.len();
                match self.faulty {
                    Some(Faulty::Silent) => {}
                    Some(Faulty::Garbles) => {
                        let garbled = bytes.iter().enumerate();
                        let flip =
                            |(at, byte): (usize, &u8)| if at == 12 { byte ^ 1 } else { *byte };
                        self.output.extend(garbled.map(flip));
                    }
                    _ => self.output.extend_from_slice(bytes),
                }
                self.ended |= self.faulty == Some(Faulty::ClosesAlways);
            }
            self.check()?;
            if !answered && !sent {
                break;
            }
        }
        if self.connection.is_closed() && self.faulty != Some(Faulty::NeverCloses) {
            self.ended = true;
        }
        Ok(())
    }

    /// The promises of the engine about what it holds and sends.
    fn check(&self) -> io::Result<()> {
        let mut held = self.connection.memory();
        if self.faulty == Some(Faulty::Hoards) {
            held += MAX_CONNECTION_MEMORY;
        }
        if held > MAX_CONNECTION_MEMORY {
            return Err(io::Error::other(format!(
                "the connection holds {held} bytes"
            )));
        }
        if self.given > ANSWER_PER_BYTE * self.taken + ANSWER_BESIDES {
            let (given, taken) = (self.given, self.taken);
            return Err(io::Error::other(format!(
                "{given} bytes were answered to {taken}"
            )));
        }
        Ok(())
    }
}

impl Link for EngineLink {
    fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.ended {
            let room = self.connection.input_room().min(READ).min(rest.len());
            let (now, later) = rest.split_at(room);
            if now.is_empty() {
                return Err(io::Error::other("there is never room for more input"));
            }
            self.taken += now.len();
            self.connection.handle_input(now);
            self.check()?;
            self.turn()?;
            rest = later;
        }
        Ok(!self.ended)
    }

    fn receive(&mut self, into: &mut Vec<u8>, _patience: Patience) -> io::Result<Received> {
        if !self.output.is_empty() {
            into.append(&mut self.output);
            return Ok(Received::Bytes);
        }
        // Nothing comes by itself.
        Ok(if self.ended {
            Received::End
        } else {
            Received::Silence
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        // A server closes its own side too.
        self.ended = true;
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.ended = true;
        Ok(())
    }

    fn urgent(&mut self, _byte: u8) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
