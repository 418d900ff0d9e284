//! The client service: the engine with DNS, sockets, a clock and a state file.

use crate::{
    Action, ClientConfig, ClientState, Engine, Failure, OpenError, RearmFailure, Report, Resolver,
    StateError, StateFile, Stored, Subject, connect::connect, setup,
};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Clock, Entropy, MachineName, Now, StatusCode, Tick};
use kms_keys::Product;
use kms_license::{Event, License, SavedState};
use kms_srv::{Discovery, HostAddress, LookupError};
use kms_trust::VerifiedAnswer;
use std::{collections::VecDeque, io};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

/// The most events that wait to be polled; beyond it the oldest is dropped.
pub const MAX_WAITING_EVENTS: usize = 1000;

/// A product's client on this machine.
///
/// What it shows of the licence is durable: a change that cannot be written to the state file is
/// taken back, and reported as an error.
#[derive(Debug)]
pub struct Client<C, E> {
    engine: Engine,
    product: Product,
    configured: ClientConfig,
    state_file: StateFile,
    // What the state file holds.
    kept: ClientState,
    generation: u64,
    clock: C,
    entropy: E,
    // Events of a change of the licence, until that is durable.
    held: Vec<Event>,
    events: VecDeque<Event>,
    save_due: bool,
    attempt_due: bool,
}

impl<C: Clock, E: Entropy> Client<C, E> {
    /// Opens the client that a configuration describes. At its first start the product's client
    /// setup key counts as installed, the initial grace begins, and the state file is made. An attempt
    /// is due, as [`handle_timeout`](Self::handle_timeout) says.
    ///
    /// No network is needed, and an existing state file is only read.
    ///
    /// # Errors
    /// When a file that the configuration names cannot be used, or a new state cannot be kept.
    pub fn open(configured: &ClientConfig, clock: C, mut entropy: E) -> Result<Self, OpenError> {
        let catalogue = setup::load_catalogue(configured.catalogue.as_deref())?;
        let product = catalogue.find(&configured.product)?.clone();
        let verifier = setup::load_verifier(&configured.root, configured.clock_tolerance)?;
        let machine_name = setup::machine_name(configured.machine_name.as_deref())?;
        let state_file = StateFile::new(configured.state.clone());
        let stored = state_file.load().map_err(StateError::from)?;
        let now = clock.now();
        let policy = setup::policy_of(&product);
        let (mut license, kept) = match &stored {
            None => {
                let mut license = License::new(policy, product.activation_id, &mut entropy, now);
                license.install_key(now);
                let kept = ClientState {
                    license: license.save(now),
                    cached_host: None,
                };
                (license, kept)
            }
            Some(stored) => {
                let state = setup::read_state(&state_file, stored, &product)?;
                let license = License::restore(policy, state.license, now).map_err(|source| {
                    StateError::License {
                        path: state_file.path().to_owned(),
                        source,
                    }
                })?;
                (license, state)
            }
        };
        license.start(now);
        let subject = Subject {
            application_id: product.application_id,
            activation_id: product.activation_id,
            counted_id: product.counted_id,
            group_id: product.group.as_str().to_owned(),
            machine_name,
            virtual_machine: configured.virtual_machine,
        };
        let discovery = Discovery::new(
            setup::discovery_config(configured, &[]),
            kept.cached_host.clone(),
        );
        let mut client = Self {
            engine: Engine::new(subject, license, discovery, verifier),
            product,
            configured: configured.clone(),
            state_file,
            kept,
            generation: stored.as_ref().map_or(0, |stored| stored.generation),
            clock,
            entropy,
            held: Vec::new(),
            events: VecDeque::new(),
            save_due: false,
            attempt_due: false,
        };
        if stored.is_none() {
            client.save()?;
        }
        Ok(client)
    }

    /// Asks for activation, or renewal, now. What comes of it is durable when this returns.
    ///
    /// The system's DNS configuration is read anew. The time limits of lookups and hosts are by the
    /// runtime's clock, everything else by the client's. Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// When the state could not be kept. The licence is then as it was before.
    pub async fn activate(&mut self) -> Result<Report, StateError> {
        let resolver = Resolver::new(&self.configured.nameservers)
            .inspect_err(|error| tracing::warn!("{error}"))
            .ok();
        let search_list = resolver.as_ref().map_or(&[][..], Resolver::search_list);
        let discovery = setup::discovery_config(&self.configured, search_list);
        self.engine.set_discovery(discovery);
        self.engine.start(self.clock.now(), &mut self.entropy);
        self.drain();
        self.attempt_due = false;
        while let Some(action) = self.engine.poll_action(self.clock.now(), &mut self.entropy) {
            match action {
                Action::Lookup(name) => {
                    let answer = match &resolver {
                        Some(resolver) => self.in_time(resolver.srv(&name)).await,
                        None => Err(LookupError::ServerFailure),
                    };
                    self.engine.handle_lookup(&name, answer, self.clock.now());
                }
                Action::Addresses { name, search } => {
                    let answer = match &resolver {
                        Some(resolver) => self.in_time(resolver.addresses(&name, search)).await,
                        None => Err(LookupError::ServerFailure),
                    };
                    self.engine
                        .handle_addresses(&name, answer, self.clock.now());
                }
                Action::Connect { host, addresses } => {
                    if let Err((code, reason)) = self.try_host(&host, &addresses).await {
                        tracing::info!(%host, %code, "{reason}");
                        let now = self.clock.now();
                        self.engine
                            .handle_failure(&host, code, &reason, now, &mut self.entropy);
                    }
                }
            }
            self.drain();
        }
        self.drain();
        let report = self.engine.poll_report();
        self.save()?;
        // An attempt ends with a report; were it otherwise, nobody would have answered.
        Ok(report.unwrap_or(Report {
            result: Err(Failure {
                code: StatusCode::VL_BINDING_SERVICE_UNAVAILABLE,
            }),
            host: None,
            count: None,
            attempts: Vec::new(),
            lookups: Vec::new(),
        }))
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

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next, by the clock's tick.
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.engine.license().poll_timeout()
    }

    /// Looks at the licence's timers: at first, and when [`poll_timeout`](Self::poll_timeout) says so.
    /// Returns whether an attempt is due, which is then to be made with [`activate`](Self::activate).
    ///
    /// # Errors
    /// When a change could not be kept. It is taken back, and so comes again; an attempt that is due
    /// stays so.
    pub fn handle_timeout(&mut self) -> Result<bool, StateError> {
        let now = self.clock.now();
        self.engine
            .license_mut()
            .handle_timeout(now, &mut self.entropy);
        self.settle()?;
        Ok(core::mem::take(&mut self.attempt_due))
    }

    /// The machine's network has changed: whether an attempt is due, because a renewal has just failed.
    ///
    /// # Errors
    /// As [`handle_timeout`](Self::handle_timeout).
    pub fn handle_network_change(&mut self) -> Result<bool, StateError> {
        let now = self.clock.now();
        self.engine.license_mut().handle_network_change(now);
        self.settle()?;
        Ok(core::mem::take(&mut self.attempt_due))
    }

    /// What has happened to the licence, and is durable: oldest first, at most [`MAX_WAITING_EVENTS`].
    /// That a save or an attempt is due is not among them: [`handle_timeout`](Self::handle_timeout)
    /// does the one and returns the other.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Starts the initial grace again, under a new client machine id.
    ///
    /// # Errors
    /// When the product allows no more rearms, or the state could not be kept. Nothing has changed then.
    pub fn rearm(&mut self) -> Result<(), RearmFailure> {
        let now = self.clock.now();
        self.engine.license_mut().rearm(now, &mut self.entropy)?;
        self.save()?;
        Ok(())
    }

    /// Writes the state, durably. Everything that changes it does so by itself: this is for the end of
    /// a process, that less is lost of the time that it saw pass.
    ///
    /// # Errors
    /// When it could not be kept. What was not durable before is taken back then.
    pub fn save(&mut self) -> Result<(), StateError> {
        self.drain();
        self.save_due = false;
        let now = self.clock.now();
        match self.store(now) {
            Ok(kept) => {
                self.kept = kept;
                for event in core::mem::take(&mut self.held) {
                    self.publish(event);
                }
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    "the licence is as it was before, its state could not be kept: {error}"
                );
                self.take_back(now);
                Err(error)
            }
        }
    }

    fn settle(&mut self) -> Result<(), StateError> {
        self.drain();
        if self.save_due { self.save() } else { Ok(()) }
    }

    fn store(&mut self, now: Now) -> Result<ClientState, StateError> {
        let path = || self.state_file.path().to_owned();
        let state = ClientState {
            license: self.engine.license().save(now),
            cached_host: self.engine.cached_host().cloned(),
        };
        let text = state.to_text().map_err(|source| StateError::Text {
            path: path(),
            source,
        })?;
        let generation = self.generation.saturating_add(1);
        {
            let _lock = self.state_file.lock()?;
            let found = self.state_file.load()?;
            if found.map_or(0, |stored| stored.generation) != self.generation {
                return Err(StateError::Changed { path: path() });
            }
            self.state_file.store(&Stored { generation, text })?;
        }
        self.generation = generation;
        Ok(state)
    }

    /// What could not be kept has not happened, except that time has passed.
    fn take_back(&mut self, now: Now) {
        let saved = SavedState {
            high_water: self.engine.license().time(now),
            ..self.kept.license
        };
        let policy = setup::policy_of(&self.product);
        // What a licence has saved it can be restored from.
        if let Ok(license) = License::restore(policy, saved, now) {
            *self.engine.license_mut() = license;
        }
        self.held.clear();
    }

    /// Takes the licence's events, before so many wait that it drops one.
    fn drain(&mut self) {
        while let Some(event) = self.engine.license_mut().poll_event() {
            match event {
                Event::SaveDue => self.save_due = true,
                Event::AttemptDue => self.attempt_due = true,
                Event::StatusChanged { .. } | Event::AnswerProcessed(_) => self.held.push(event),
                event => self.publish(event),
            }
        }
    }

    fn publish(&mut self, event: Event) {
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
            _ => {}
        }
        if self.events.len() >= MAX_WAITING_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A lookup, within what is left of the time for lookups.
    async fn in_time<T>(
        &self,
        lookup: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, LookupError> {
        let now = self.clock.now().tick;
        let until = self.engine.poll_timeout();
        let left = until.map_or(Duration::ZERO, |until| until.saturating_since(now));
        timeout(left, lookup)
            .await
            .unwrap_or(Err(LookupError::Timeout))
    }

    /// Asks a host, within the time that it has.
    async fn try_host(
        &mut self,
        host: &HostAddress,
        addresses: &[SocketAddr],
    ) -> Result<(), (StatusCode, String)> {
        let time = self.configured.host_timeout;
        let deadline = Instant::now() + time;
        timeout_at(deadline, self.ask(host, addresses, deadline))
            .await
            .unwrap_or_else(|_| {
                let reason = format!("no answer within {} s", time.as_secs());
                Err((StatusCode::TIMEOUT, reason))
            })
    }

    /// Connects to a host at each of its addresses in turn, and lets the engine talk to it.
    async fn ask(
        &mut self,
        host: &HostAddress,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<(), (StatusCode, String)> {
        let unavailable = |reason: String| (StatusCode::RPC_SERVER_UNAVAILABLE, reason);
        let mut stream = connect(addresses, deadline)
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
}
