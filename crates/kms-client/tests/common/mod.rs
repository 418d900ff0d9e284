//! What the suites share: an authority, and a host that is played by the test.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does, and every suite uses a part of them"
)]
#![allow(
    unreachable_pub,
    reason = "every suite compiles this module as its own"
)]

pub mod dns_server;
pub mod machine;
pub mod rig;

use core::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use kms_core::{
    ActivationInterval, AnswerTerms, Clock, Decode, Encode, Now, RenewalInterval, SeededEntropy,
    StatusCode, Tick, Timestamp, ValidityInterval,
};
use kms_testkit::clock::ManualClock;
use kms_trust::{Authority, HostCertificateRequest, HostIdentity, HostKey};
use kms_wire::{
    ActivationAnswer, ActivationRequest, CertificateChain,
    server::{Config, Connection, Event, Reply},
};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub const NOW: Now = Now::new(
    Tick::from_millis(7_000_000),
    Timestamp::from_millis(1_700_000_000_000),
);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than anything takes.
pub const LONG: Duration = Duration::from_secs(60);

pub fn authority(seed: u64) -> Authority {
    let entropy = &mut SeededEntropy::new(seed);
    Authority::generate("Test Root", Authority::DEFAULT_VALIDITY, entropy, NOW.wall).unwrap()
}

/// A certified key; the seed makes it another.
pub fn identity(
    authority: &Authority,
    seed: u64,
    scope: &[&str],
    validity: Duration,
) -> HostIdentity {
    let entropy = &mut SeededEntropy::new(seed);
    let key = HostKey::generate(entropy);
    let request = HostCertificateRequest {
        name: &format!("host-{seed}"),
        scope,
        validity,
    };
    let certificate = authority
        .certify(key.public_key(), request, entropy, NOW.wall)
        .unwrap();
    HostIdentity::new(key, vec![certificate.der().to_vec()]).unwrap()
}

/// What a host does with a call.
#[derive(Clone, Debug)]
pub enum Answer {
    Bytes(Vec<u8>),
    Refused(StatusCode),
    TooBusy,
}

type Rule = Arc<dyn Fn(&FakeHost, &[u8]) -> Answer + Send + Sync>;

/// A host that answers as a test says; an honest one unless told otherwise.
#[derive(Clone)]
pub struct FakeHost {
    pub identity: Arc<HostIdentity>,
    pub count: u32,
    pub clock: ManualClock,
    /// What it answers to RequestActivation.
    pub activation: Rule,
    /// What it answers to GetHostCertificate; the message is empty.
    pub certificate: Rule,
    /// How often its certificate was asked for.
    pub fetched: Arc<AtomicUsize>,
    /// The request messages that it saw.
    pub requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl FakeHost {
    pub fn new(identity: HostIdentity, count: u32, clock: &ManualClock) -> Self {
        Self {
            identity: Arc::new(identity),
            count,
            clock: clock.clone(),
            activation: Arc::new(|host, message| Answer::Bytes(host.honest(message))),
            certificate: Arc::new(|host, _| Answer::Bytes(host.chain())),
            fetched: Arc::default(),
            requests: Arc::default(),
        }
    }

    pub fn answering(
        mut self,
        rule: impl Fn(&Self, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.activation = Arc::new(rule);
        self
    }

    pub fn showing(
        mut self,
        rule: impl Fn(&Self, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.certificate = Arc::new(rule);
        self
    }

    pub fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }

    /// The terms that an honest host gives.
    pub fn terms(&self, message: &[u8]) -> AnswerTerms {
        AnswerTerms {
            count: self.count,
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
            validity: ValidityInterval::default(),
            cmid: ActivationRequest::decode_all(message).unwrap().cmid,
            host_time: self.clock.now().wall,
            key_id: self.identity.key_id(),
        }
    }

    pub fn sign(&self, message: &[u8], terms: AnswerTerms) -> Vec<u8> {
        let signature = self.identity.sign(message, &terms);
        ActivationAnswer { terms, signature }.to_vec()
    }

    pub fn honest(&self, message: &[u8]) -> Vec<u8> {
        self.sign(message, self.terms(message))
    }

    pub fn chain(&self) -> Vec<u8> {
        let certificates: Vec<&[u8]> = self.identity.chain().iter().map(Vec::as_slice).collect();
        CertificateChain::new(&certificates).unwrap().to_vec()
    }

    pub fn connection() -> Connection {
        Connection::new(Config {
            port: 1688,
            association_group: NonZeroU32::MIN,
        })
    }

    /// Takes bytes of the client, and gives those for it.
    pub fn turn(&self, connection: &mut Connection, input: &[u8]) -> Vec<u8> {
        connection.handle_input(input);
        let mut output = Vec::new();
        loop {
            let (call, answer) = match connection.poll_event() {
                Some(Event::RequestActivation { call, message }) => {
                    self.requests.lock().unwrap().push(message.to_vec());
                    (call, (self.activation)(self, message))
                }
                Some(Event::GetHostCertificate { call }) => {
                    self.fetched.fetch_add(1, Ordering::SeqCst);
                    (call, (self.certificate)(self, &[]))
                }
                Some(event) => panic!("the client is at fault: {event:?}"),
                None => break,
            };
            let reply = match &answer {
                Answer::Bytes(bytes) => Reply::Bytes(bytes),
                Answer::Refused(status) => Reply::Refused(*status),
                Answer::TooBusy => Reply::TooBusy,
            };
            connection.respond(call, reply).unwrap();
            if let Some(bytes) = connection.poll_transmit() {
                output.extend_from_slice(bytes);
            }
        }
        if let Some(bytes) = connection.poll_transmit() {
            output.extend_from_slice(bytes);
        }
        output
    }

    /// Serves on a free port of this address until the runtime ends.
    pub async fn listen(&self, ip: &str) -> SocketAddr {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let host = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let host = host.clone();
                tokio::spawn(async move {
                    let mut connection = Self::connection();
                    let mut input = [0; 4096];
                    while let Ok(read @ 1..) = stream.read(&mut input).await {
                        let output = host.turn(&mut connection, &input[..read]);
                        if stream.write_all(&output).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }
}
