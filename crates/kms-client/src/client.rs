//! The client service: the engine with DNS, sockets, a clock and a state file.

use crate::{
    Action, ClientConfig, ClientState, Engine, Report, Resolver, ResolverError, StateFile,
    StateFileError, StateTextError, Stored, Subject,
};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Clock, Entropy, MachineName, MachineNameError, StatusCode, Tick};
use kms_keys::{Catalogue, CatalogueError, Product, UnknownName};
use kms_license::{Event, License, Policy, RearmError, RestoreError};
use kms_service::config::{self, ConfigError};
use kms_srv::{Discovery, DiscoveryConfig, HostAddress};
use kms_trust::{Oids, TrustAnchors, TrustAnchorsError, VerifiedAnswer, Verifier};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

/// A product's client on this machine.
#[derive(Debug)]
pub struct Client<C, E> {
    engine: Engine,
    product: Product,
    resolver: Resolver,
    state_file: StateFile,
    generation: u64,
    host_timeout: Duration,
    clock: C,
    entropy: E,
    events: VecDeque<Event>,
}

/// Why a client cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file that the configuration names cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue breaks a rule.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The pinned root cannot be used.
    #[error("{path}: {source}")]
    Root {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrustAnchorsError,
    },
    /// The catalogue has no such product.
    #[error("product: {0}; `host catalogue` lists what the catalogue has")]
    Product(#[from] UnknownName),
    /// The machine's name cannot be sent.
    #[error("machine_name: {0}")]
    MachineName(#[from] MachineNameError),
    /// The resolver cannot be set up.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why a client's state was not read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file.
    #[error(transparent)]
    File(#[from] StateFileError),
    /// Its text.
    #[error("{path}: {source}; move the file away to start again with a new grace period")]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: StateTextError,
    },
    /// Its licence.
    #[error("{path}: {source}; move the file away to start again with a new grace period")]
    License {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RestoreError,
    },
    /// It belongs to another product.
    #[error(
        "{path}: this is the state of product {found}, the configuration names {wanted}; give each product a state file of its own"
    )]
    OtherProduct {
        /// The file.
        path: PathBuf,
        /// Whose state it is.
        found: kms_core::ActivationId,
        /// Whose is wanted.
        wanted: kms_core::ActivationId,
    },
}

/// Why a rearm was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RearmFailure {
    /// The product allows no more.
    #[error(transparent)]
    Rearm(#[from] RearmError),
    /// It could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

impl<C: Clock, E: Entropy> Client<C, E> {
    /// Opens the client that a configuration describes. At its first start the product's client
    /// setup key counts as installed and the initial grace begins.
    ///
    /// # Errors
    /// When a file that the configuration names cannot be used, or the state cannot be kept.
    pub fn open(configured: &ClientConfig, clock: C, mut entropy: E) -> Result<Self, OpenError> {
        let catalogue = load_catalogue(configured.catalogue.as_deref())?;
        let product = catalogue.find(&configured.product)?.clone();
        let anchors =
            TrustAnchors::from_pem(&config::read(&configured.root)?).map_err(|source| {
                OpenError::Root {
                    path: configured.root.clone(),
                    source,
                }
            })?;
        let verifier = Verifier::new(anchors, Oids::default(), configured.clock_tolerance);
        let resolver = Resolver::new(configured.nameserver)?;
        let state_file = StateFile::new(configured.state.clone());
        let stored = state_file.load().map_err(StateError::from)?;
        let now = clock.now();
        let policy = policy_of(&product);
        let (license, cached, generation, is_new) = match &stored {
            None => {
                let mut license = License::new(policy, product.activation_id, &mut entropy, now);
                license.install_key(now);
                (license, None, 0, true)
            }
            Some(stored) => {
                let state = read_state(&state_file, stored, &product)?;
                let license = License::restore(policy, state.license, now).map_err(|source| {
                    StateError::License {
                        path: state_file.path().to_owned(),
                        source,
                    }
                })?;
                (license, state.cached_host, stored.generation, false)
            }
        };
        let subject = Subject {
            application_id: product.application_id,
            activation_id: product.activation_id,
            counted_id: product.counted_id,
            group_id: product.group.as_str().to_owned(),
            machine_name: machine_name(configured.machine_name.as_deref())?,
            virtual_machine: configured.virtual_machine,
        };
        let discovery = Discovery::new(discovery_config(configured, &resolver), cached);
        let mut client = Self {
            engine: Engine::new(subject, license, discovery, verifier),
            product,
            resolver,
            state_file,
            generation,
            host_timeout: configured.host_timeout,
            clock,
            entropy,
            events: VecDeque::new(),
        };
        if is_new {
            client.save()?;
        }
        Ok(client)
    }

    /// Asks for activation, or renewal, now. What comes of it is durable when this returns.
    ///
    /// # Errors
    /// When the state could not be kept: what came of the attempt must then not be relied upon.
    pub async fn activate(&mut self) -> Result<Report, StateError> {
        self.engine.start(self.clock.now());
        let report = loop {
            let now = self.clock.now();
            match self.engine.poll_action(now, &mut self.entropy) {
                Some(Action::Lookup(name)) => {
                    let answer = self.resolver.srv(&name);
                    let answer = timeout(Discovery::MAX_LOOKUP_TIME, answer)
                        .await
                        .unwrap_or(Err(kms_srv::LookupError::Timeout));
                    let now = self.clock.now();
                    self.engine
                        .handle_lookup(&name, answer, now, &mut self.entropy);
                }
                Some(Action::Connect(host)) => {
                    let deadline = Instant::now() + self.host_timeout;
                    let exchanged = timeout_at(deadline, self.ask(&host)).await;
                    let (code, reason) = match exchanged {
                        Ok(Ok(())) => continue,
                        Ok(Err(failed)) => failed,
                        Err(_) => (
                            StatusCode::TIMEOUT,
                            format!("no answer within {} s", self.host_timeout.as_secs()),
                        ),
                    };
                    let now = self.clock.now();
                    self.engine
                        .handle_failure(&host, code, &reason, now, &mut self.entropy);
                }
                None => {}
            }
            if let Some(report) = self.engine.poll_report() {
                break report;
            }
        };
        self.save()?;
        Ok(report)
    }

    /// The licence.
    pub const fn license(&self) -> &License<VerifiedAnswer> {
        self.engine.license()
    }

    /// The product.
    pub const fn product(&self) -> &Product {
        &self.product
    }

    /// The host that answered last.
    pub const fn cached_host(&self) -> Option<&HostAddress> {
        self.engine.cached_host()
    }

    /// The name that hosts are told.
    pub const fn machine_name(&self) -> &MachineName {
        &self.engine.subject().machine_name
    }

    /// The clock that this client goes by.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// When the licence wants to be looked at again.
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.engine.license().poll_timeout()
    }

    /// Looks at the licence's timers; whether an attempt is due, which is then to be made with
    /// [`activate`](Self::activate).
    ///
    /// # Errors
    /// When a change could not be kept.
    pub fn handle_timeout(&mut self) -> Result<bool, StateError> {
        let now = self.clock.now();
        self.engine
            .license_mut()
            .handle_timeout(now, &mut self.entropy);
        let (mut attempt_due, mut save_due) = (false, false);
        while let Some(event) = self.engine.license_mut().poll_event() {
            match event {
                Event::AttemptDue => attempt_due = true,
                Event::SaveDue => save_due = true,
                event => self.log(event),
            }
        }
        if save_due {
            self.save()?;
        }
        Ok(attempt_due)
    }

    /// What has happened to the licence, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(event) = self.engine.license_mut().poll_event() {
            self.log(event);
        }
        self.events.pop_front()
    }

    /// Starts the initial grace again, under a new client machine id.
    ///
    /// # Errors
    /// When the product allows no more rearms, or the state could not be kept.
    pub fn rearm(&mut self) -> Result<(), RearmFailure> {
        let now = self.clock.now();
        self.engine.license_mut().rearm(now, &mut self.entropy)?;
        self.save()?;
        Ok(())
    }

    /// Connects to a host at each of its addresses in turn, and lets the engine talk to it.
    async fn ask(&mut self, host: &HostAddress) -> Result<(), (StatusCode, String)> {
        let unavailable = |reason: String| (StatusCode::RPC_SERVER_UNAVAILABLE, reason);
        let addresses = self
            .resolver
            .addresses(host)
            .await
            .map_err(|error| (error.status(), error.to_string()))?;
        let mut stream = connect(&addresses)
            .await
            .map_err(|error| unavailable(format!("cannot be connected to: {error}")))?;
        let broken = |error: io::Error| unavailable(format!("the connection broke: {error}"));
        stream.set_nodelay(true).map_err(broken)?;
        self.engine
            .handle_connected(host, self.clock.now(), &mut self.entropy);
        let mut input = [0; 8192];
        loop {
            while let Some(bytes) = self.engine.poll_transmit() {
                stream.write_all(bytes).await.map_err(broken)?;
            }
            if !self.engine.is_exchanging() {
                return Ok(());
            }
            let read = stream.read(&mut input).await.map_err(broken)?;
            if read == 0 {
                return Err(unavailable(
                    "closed the connection without an answer".to_owned(),
                ));
            }
            let bytes = input.get(..read).unwrap_or_default();
            self.engine
                .handle_input(bytes, self.clock.now(), &mut self.entropy);
        }
    }

    fn save(&mut self) -> Result<(), StateError> {
        let state = ClientState {
            license: self.engine.license().save(self.clock.now()),
            cached_host: self.engine.cached_host().cloned(),
        };
        let text = state.to_text().map_err(|source| StateError::Text {
            path: self.state_file.path().to_owned(),
            source,
        })?;
        let generation = self.generation.saturating_add(1);
        self.state_file.store(&Stored { generation, text })?;
        self.generation = generation;
        Ok(())
    }

    fn log(&mut self, event: Event) {
        const MOST: usize = 1000;
        match &event {
            Event::RequestSent(data) => {
                tracing::info!(target: "kms_client::event", id = 12288, "{data}");
            }
            Event::AnswerProcessed(data) => {
                tracing::info!(target: "kms_client::event", id = 12289, "{data}");
            }
            Event::StatusChanged { from, to, reason } => {
                tracing::info!(target: "kms_client::event", "{from} -> {to}: {reason}");
            }
            Event::ClockMoved(moved) => {
                tracing::warn!(target: "kms_client::event", ?moved, "the calendar clock was moved");
            }
            // The driver of this licence saves and asks by itself.
            Event::SaveDue | Event::AttemptDue => return,
            _ => {}
        }
        if self.events.len() >= MOST {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    // Each address gets its share of the time that the host has, so that a silent first one
    // does not use it up.
    const EACH: Duration = Duration::from_secs(5);
    let mut last = io::Error::other("its name has no addresses");
    for &address in addresses {
        match timeout(EACH, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
            Err(_) => {
                last = io::Error::new(io::ErrorKind::TimedOut, format!("{address}: no answer"))
            }
        }
    }
    Err(last)
}

fn load_catalogue(path: Option<&Path>) -> Result<Catalogue, OpenError> {
    match path {
        Some(path) => Ok(Catalogue::parse(
            &config::read(path)?,
            &path.display().to_string(),
        )?),
        None => Ok(Catalogue::builtin()),
    }
}

fn read_state(
    file: &StateFile,
    stored: &Stored,
    product: &Product,
) -> Result<ClientState, StateError> {
    let path = || file.path().to_owned();
    let state = ClientState::from_text(&stored.text).map_err(|source| StateError::Text {
        path: path(),
        source,
    })?;
    let (found, wanted) = (state.license.activation_id, product.activation_id);
    if found == wanted {
        Ok(state)
    } else {
        Err(StateError::OtherProduct {
            path: path(),
            found,
            wanted,
        })
    }
}

fn policy_of(product: &Product) -> Policy {
    Policy {
        threshold: product.threshold,
        grace: product.policy.grace.duration(),
        validity: product.policy.validity,
        oot_grace: product.policy.oot_grace.duration(),
        activation_interval: product.policy.activation_interval,
        renewal_interval: product.policy.renewal_interval,
        rearms: product.policy.rearms,
        reduced_functionality: product.policy.reduced_functionality,
    }
}

fn discovery_config(configured: &ClientConfig, resolver: &Resolver) -> DiscoveryConfig {
    DiscoveryConfig {
        service: configured.service.clone(),
        pinned: configured.host.clone(),
        lookup_domain: configured.lookup_domain.clone(),
        suffixes: if configured.domains.is_empty() {
            resolver.search_list().to_vec()
        } else {
            configured.domains.clone()
        },
        caching: configured.caching,
        rule: configured.selection,
        ..DiscoveryConfig::default()
    }
}

fn machine_name(configured: Option<&str>) -> Result<MachineName, MachineNameError> {
    match configured {
        Some(name) => name.parse(),
        None => {
            let name = rustix::system::uname();
            // A system's name may be longer than a request carries, or hold bytes that it does not.
            let printable: String = name
                .nodename()
                .to_string_lossy()
                .chars()
                .filter(|c| !c.is_control())
                .scan(0, |len, c| {
                    *len += c.len_utf8();
                    (*len <= MachineName::MAX_LEN).then_some(c)
                })
                .collect();
            printable.parse().or_else(|_| "localhost".parse())
        }
    }
}
