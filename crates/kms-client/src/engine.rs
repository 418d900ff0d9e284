//! One attempt at activation, as an engine without I/O: discovery, request, verification, licence.

use crate::{Activated, Failure, HostAttempt, Report};
use alloc::collections::BTreeMap;
use core::{mem, net::SocketAddr};
use kms_core::{
    ActivationId, ApplicationId, CountedId, Decode as _, Encode as _, Entropy, KeyId,
    LicenseStatus, MachineName, Now, StatusCode, Tick, Timestamp,
};
use kms_license::{License, Outcome};
use kms_srv::{
    Action as Discovered, AddressAnswer, Discovery, DiscoveryConfig, DiscoveryEvent, DomainName,
    HostAddress, LookupAnswer, LookupError,
};
use kms_trust::{Expected, VerifiedAnswer, VerifiedHost, Verifier};
use kms_wire::{
    ActivationAnswer, ActivationRequest, CertificateChain, Operation,
    client::{Config, Connection, Event as WireEvent},
};

/// The most hosts whose verified certificates are remembered.
pub const MAX_KNOWN_HOSTS: usize = 16;

/// What a request says of the product and the machine.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers make")]
pub struct Subject {
    /// The product's application.
    pub application_id: ApplicationId,
    /// The product.
    pub activation_id: ActivationId,
    /// The product's family.
    pub counted_id: CountedId,
    /// The group that a host must be certified for.
    pub group_id: String,
    /// This machine's name.
    pub machine_name: MachineName,
    /// Whether this machine is virtual.
    pub virtual_machine: bool,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver must know how to do each")]
pub enum Action {
    /// Ask DNS for the SRV records of this name, then call [`Engine::handle_lookup`].
    Lookup(DomainName),
    /// Ask DNS for the addresses of this name, then call [`Engine::handle_addresses`].
    Addresses {
        /// A host's name.
        name: DomainName,
        /// Whether the system's file of hosts and its search list apply; else the name is complete.
        search: bool,
    },
    /// Connect to this host, then call [`Engine::handle_connected`] or [`Engine::handle_failure`].
    Connect {
        /// The host.
        host: HostAddress,
        /// Where it may be: 1 to 16 addresses, to be tried in this order.
        addresses: Vec<SocketAddr>,
    },
}

/// The client engine: a product's licence and what it takes to renew it.
///
/// A driver calls [`start`](Self::start) and then does what [`poll_action`](Self::poll_action) and
/// [`poll_transmit`](Self::poll_transmit) ask, until [`poll_report`](Self::poll_report) gives a report.
/// Calls are safe in any order: what is not awaited, as bytes of a host that has failed, changes nothing.
///
/// Nothing here is durable: what [`license`](Self::license) shows after an attempt must be saved before
/// it is relied upon.
#[derive(Debug)]
pub struct Engine {
    subject: Subject,
    license: License<VerifiedAnswer>,
    discovery: Discovery,
    // How to discover from the next start on.
    next_discovery: Option<DiscoveryConfig>,
    verifier: Verifier,
    known: BTreeMap<KeyId, VerifiedHost>,
    // The host of the last `Action::Connect`, until it has helped or failed.
    asking: Option<HostAddress>,
    exchange: Option<Exchange>,
    attempts: Vec<HostAttempt>,
    // What discovery tells besides the hosts that it passed over.
    lookups: Vec<DiscoveryEvent>,
    report: Option<Report>,
}

/// A request that is under way on a connection.
#[derive(Debug)]
struct Exchange {
    host: HostAddress,
    connection: Connection,
    message: Vec<u8>,
    // The answer, while the certificate of the key that signed it is fetched.
    answer: Option<ActivationAnswer>,
}

/// What an event of the connection comes to.
enum Step {
    /// The exchange goes on.
    On,
    /// The answer can be judged.
    Accept(ActivationAnswer),
    /// The certificate of the key that signed the answer is wanted first.
    Fetch(ActivationAnswer),
}

/// Why a host did not help.
type Unhelpful = (StatusCode, String);

impl Engine {
    /// An engine for one product on this machine.
    #[must_use]
    pub const fn new(
        subject: Subject,
        license: License<VerifiedAnswer>,
        discovery: Discovery,
        verifier: Verifier,
    ) -> Self {
        Self {
            subject,
            license,
            discovery,
            next_discovery: None,
            verifier,
            known: BTreeMap::new(),
            asking: None,
            exchange: None,
            attempts: Vec::new(),
            lookups: Vec::new(),
            report: None,
        }
    }

    /// The licence.
    #[must_use]
    pub const fn license(&self) -> &License<VerifiedAnswer> {
        &self.license
    }

    /// The licence, to be driven: its timers, events, keys and rearms.
    pub const fn license_mut(&mut self) -> &mut License<VerifiedAnswer> {
        &mut self.license
    }

    /// What requests say.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The host that answered last, to be kept over a restart.
    #[must_use]
    pub const fn cached_host(&self) -> Option<&HostAddress> {
        self.discovery.cached()
    }

    /// Where to look for hosts from the next [`start`](Self::start) on, as after a change of the
    /// network. The cached host stays cached, if `config` has caching on; what else is known from
    /// DNS stays only if `config` is that of before.
    pub fn set_discovery(&mut self, config: DiscoveryConfig) {
        self.next_discovery = Some(config);
    }

    /// Begins an attempt. One that is under way is given up: to the host that was being asked it
    /// counts as a timeout. Without a product key nobody is asked, and the report is there at once.
    pub fn start(&mut self, now: Now, entropy: &mut impl Entropy) {
        if self.exchange.take().is_some() {
            self.license
                .handle_failure(StatusCode::TIMEOUT, now, entropy);
        }
        if let Some(config) = self.next_discovery.take() {
            self.discovery.set_config(config);
        }
        self.asking = None;
        self.attempts.clear();
        self.lookups.clear();
        self.report = None;
        if self.license.status() == LicenseStatus::Unlicensed {
            self.fail(StatusCode::PKEY_NOT_INSTALLED);
        } else {
            self.discovery.start(now.tick);
        }
    }

    /// What to do next, while no answer of DNS or a host is awaited.
    pub fn poll_action(&mut self, now: Now, entropy: &mut impl Entropy) -> Option<Action> {
        let action = self.discovery.poll_action(entropy)?;
        self.take_discovery_events(now, entropy);
        match action {
            Discovered::Lookup(name) => Some(Action::Lookup(name)),
            Discovered::Addresses { name, search } => Some(Action::Addresses { name, search }),
            Discovered::Connect { host, addresses } => {
                self.asking = Some(host.clone());
                Some(Action::Connect { host, addresses })
            }
            Discovered::Exhausted(code) => {
                self.license.handle_failure(code, now, entropy);
                self.fail(self.final_code(code));
                None
            }
        }
    }

    fn take_discovery_events(&mut self, now: Now, entropy: &mut impl Entropy) {
        while let Some(event) = self.discovery.poll_event() {
            match event {
                DiscoveryEvent::HostSkipped { host, reason } => {
                    self.begin_record(&host, now);
                    self.note_failure(&host, reason.status(), &reason, now, entropy);
                }
                event => self.lookups.push(event),
            }
        }
    }

    /// DNS answered a [`Action::Lookup`].
    pub fn handle_lookup(
        &mut self,
        name: &DomainName,
        answer: Result<LookupAnswer, LookupError>,
        now: Now,
    ) {
        self.discovery.handle_lookup(name, answer, now.tick);
    }

    /// DNS answered an [`Action::Addresses`].
    pub fn handle_addresses(
        &mut self,
        name: &DomainName,
        answer: Result<AddressAnswer, LookupError>,
        now: Now,
    ) {
        self.discovery.handle_addresses(name, answer, now.tick);
    }

    /// When a lookup has taken too long.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.discovery.poll_timeout()
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.discovery.handle_timeout(now.tick);
    }

    /// The host of an [`Action::Connect`] is connected: the request goes out.
    pub fn handle_connected(&mut self, host: &HostAddress, now: Now, entropy: &mut impl Entropy) {
        if self.asking.as_ref() != Some(host) || self.exchange.is_some() {
            return;
        }
        let server = host.to_string();
        let begun = self
            .license
            .begin_attempt(&server, self.subject.virtual_machine, now);
        let fields = match begun {
            Ok(fields) => fields,
            Err(error) => return self.handle_failure(host, error.code(), &error, now, entropy),
        };
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        let request = ActivationRequest {
            minor_version: ActivationRequest::MINOR_VERSION,
            virtual_machine: fields.virtual_machine,
            license_status: fields.status,
            minutes_remaining: fields.minutes_remaining,
            application_id: self.subject.application_id,
            activation_id: fields.activation_id,
            counted_id: self.subject.counted_id,
            cmid: fields.cmid,
            previous_cmid: fields.previous_cmid,
            required_count: fields.required_count,
            request_time: fields.client_time,
            nonce,
            machine_name: self.subject.machine_name,
        };
        let message = request.to_vec();
        self.exchange = Some(Exchange {
            host: host.clone(),
            connection: Connection::new(Config::default()),
            message,
            answer: None,
        });
    }

    /// Bytes came from the connected host.
    pub fn handle_input(&mut self, bytes: &[u8], now: Now, entropy: &mut impl Entropy) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        exchange.connection.handle_input(bytes);
        match self.process(&mut exchange, now, entropy) {
            Ok(true) => {}
            Ok(false) => self.exchange = Some(exchange),
            Err((code, reason)) => {
                let host = exchange.host.clone();
                self.exchange = Some(exchange);
                self.handle_failure(&host, code, &reason, now, entropy);
            }
        }
    }

    /// The host of an [`Action::Connect`] could not be reached, or the connection ended or took too
    /// long: the next host. Its event 12288 carries `code`.
    pub fn handle_failure(
        &mut self,
        host: &HostAddress,
        code: StatusCode,
        reason: &(impl core::fmt::Display + ?Sized),
        now: Now,
        entropy: &mut impl Entropy,
    ) {
        if self.asking.as_ref() != Some(host) {
            return;
        }
        self.asking = None;
        if self.exchange.take().is_none() {
            self.begin_record(host, now);
        }
        self.note_failure(host, code, reason, now, entropy);
        self.discovery.handle_failure(host, now.tick);
    }

    /// Nobody was asked yet, and still this host was tried: the record names it.
    fn begin_record(&mut self, host: &HostAddress, now: Now) {
        let _ = self
            .license
            .begin_attempt(&host.to_string(), self.subject.virtual_machine, now);
    }

    fn note_failure(
        &mut self,
        host: &HostAddress,
        code: StatusCode,
        reason: &(impl core::fmt::Display + ?Sized),
        now: Now,
        entropy: &mut impl Entropy,
    ) {
        self.license.handle_failure(code, now, entropy);
        self.attempts.push(HostAttempt {
            host: host.clone(),
            code,
            reason: reason.to_string(),
        });
    }

    /// Bytes for the connected host.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        self.exchange
            .as_mut()
            .and_then(|exchange| exchange.connection.poll_transmit())
    }

    /// Whether a host is connected and has not answered yet.
    #[must_use]
    pub const fn is_exchanging(&self) -> bool {
        self.exchange.is_some()
    }

    /// The attempt's outcome, once.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.report.take()
    }

    /// Goes through what the connection has; whether the exchange is finished.
    fn process(
        &mut self,
        exchange: &mut Exchange,
        now: Now,
        entropy: &mut impl Entropy,
    ) -> Result<bool, Unhelpful> {
        loop {
            let Some(event) = exchange.connection.poll_event() else {
                return Ok(false);
            };
            let step = match event {
                WireEvent::Bound => {
                    call(
                        &mut exchange.connection,
                        Operation::RequestActivation {
                            message: &exchange.message,
                        },
                    )?;
                    Step::On
                }
                WireEvent::Answered { bytes, .. } => match exchange.answer.take() {
                    None => {
                        let answer = ActivationAnswer::decode_all(bytes).map_err(unusable)?;
                        if self.knows(answer.terms.key_id, now.wall) {
                            Step::Accept(answer)
                        } else {
                            Step::Fetch(answer)
                        }
                    }
                    Some(answer) => {
                        let chain = CertificateChain::decode_all(bytes).map_err(unusable)?;
                        let host = self
                            .verifier
                            .verify_chain(chain.certificates(), now.wall)
                            .map_err(|error| (error.status_code(), error.to_string()))?;
                        if host.key_id() != answer.terms.key_id {
                            return Err(unusable(format_args!(
                                "the answer is signed with key {}, and the host's certificate is that of key {}",
                                answer.terms.key_id,
                                host.key_id()
                            )));
                        }
                        self.remember(host);
                        Step::Accept(answer)
                    }
                },
                WireEvent::Refused { status, .. } => return Err(refusal(status)),
                WireEvent::Fault { status, .. } => {
                    return Err(unavailable(format_args!(
                        "the host answered with fault {status}"
                    )));
                }
                WireEvent::Rejected(rejection) => return Err(unavailable(rejection)),
                WireEvent::Closed { violation } => return Err(unavailable(violation)),
                _ => return Err(unavailable("the host did what this release does not know")),
            };
            match step {
                Step::On => {}
                Step::Accept(answer) => {
                    self.accept(exchange, &answer, now, entropy)?;
                    return Ok(true);
                }
                Step::Fetch(answer) => {
                    exchange.answer = Some(answer);
                    call(&mut exchange.connection, Operation::GetHostCertificate)?;
                }
            }
        }
    }

    fn accept(
        &mut self,
        exchange: &Exchange,
        answer: &ActivationAnswer,
        now: Now,
        entropy: &mut impl Entropy,
    ) -> Result<(), Unhelpful> {
        let host = self
            .known
            .get(&answer.terms.key_id)
            .ok_or_else(|| unusable("the host's certificate was not fetched"))?;
        let expected = Expected {
            request_message: &exchange.message,
            cmid: self.license.cmid(),
            activation_id: self.subject.activation_id,
            group_id: &self.subject.group_id,
        };
        let verified = self
            .verifier
            .verify_answer(host, expected, &answer.terms, &answer.signature, now.wall)
            .map_err(|error| (error.status_code(), error.to_string()))?;
        let outcome = self
            .license
            .handle_answer(verified, now, entropy)
            .map_err(|error| (StatusCode::VL_MACHINE_NOT_BOUND, error.to_string()))?;
        self.discovery.handle_success(&exchange.host);
        self.asking = None;
        self.report = Some(Report {
            result: match outcome {
                Outcome::Activated { expires } => Ok(Activated { expires }),
                Outcome::NotEnoughCount { .. } => Err(Failure {
                    code: StatusCode::VL_NOT_ENOUGH_COUNT,
                }),
            },
            host: Some(exchange.host.clone()),
            count: Some(answer.terms.count),
            attempts: mem::take(&mut self.attempts),
            lookups: mem::take(&mut self.lookups),
        });
        Ok(())
    }

    /// Whether an answer of this key can be judged without fetching its certificate. One that is out of
    /// its time is fetched again: the host may have a new chain for the same key.
    fn knows(&self, key_id: KeyId, now: Timestamp) -> bool {
        self.known
            .get(&key_id)
            .is_some_and(|host| host.not_before() <= now && now <= host.not_after())
    }

    fn remember(&mut self, host: VerifiedHost) {
        let key_id = host.key_id();
        if self.known.len() >= MAX_KNOWN_HOSTS && !self.known.contains_key(&key_id) {
            let soonest = self
                .known
                .iter()
                .min_by_key(|(_, host)| host.not_after())
                .map(|(key_id, _)| *key_id);
            soonest.and_then(|key_id| self.known.remove(&key_id));
        }
        self.known.insert(key_id, host);
    }

    fn fail(&mut self, code: StatusCode) {
        self.report = Some(Report {
            result: Err(Failure { code }),
            host: None,
            count: None,
            attempts: mem::take(&mut self.attempts),
            lookups: mem::take(&mut self.lookups),
        });
    }

    /// One code for all: that of the hosts where they agree, because it says more than "no host".
    fn final_code(&self, code: StatusCode) -> StatusCode {
        match self.attempts.as_slice() {
            [first, rest @ ..]
                if first.code.0 >> 16 == 0xC004 && rest.iter().all(|a| a.code == first.code) =>
            {
                first.code
            }
            _ => code,
        }
    }
}

fn call(connection: &mut Connection, operation: Operation<'_>) -> Result<(), Unhelpful> {
    connection.call(operation).map(drop).map_err(unavailable)
}

/// A refusal is not signed, so it may say only what the protocol has it say (PROTOCOL section 2):
/// nothing that a verified answer alone can say, as that the count is too low.
fn refusal(status: StatusCode) -> Unhelpful {
    match status {
        StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED
        | StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH
        | StatusCode::VL_INVALID_TIMESTAMP
        | StatusCode::INVALID_DATA
        | StatusCode::BUSY => {
            let meaning = status.info().map_or("", |info| info.meaning);
            (status, format!("the host refused: {meaning}"))
        }
        _ => unusable(format_args!(
            "the host refused with {status}, which the protocol does not know"
        )),
    }
}

fn unusable(reason: impl core::fmt::Display) -> Unhelpful {
    (
        StatusCode::VL_BINDING_SERVICE_UNAVAILABLE,
        reason.to_string(),
    )
}

fn unavailable(reason: impl core::fmt::Display) -> Unhelpful {
    (StatusCode::RPC_SERVER_UNAVAILABLE, reason.to_string())
}
