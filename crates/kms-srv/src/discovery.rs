use crate::{
    DEFAULT_PORT, DomainName, HostAddress, HostName, LookupError, PinnedHost, SelectionRule,
    ServiceName, SrvRecord, UsableRecords, order, usable_records,
};
use alloc::{collections::BTreeSet, vec::Vec};
use core::{mem, num::NonZeroU16, time::Duration};
use kms_core::{Entropy, StatusCode, Tick};

/// How a client finds its host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "callers fill it in, over the default"
)]
pub struct DiscoveryConfig {
    /// The service that is looked up.
    pub service: ServiceName,
    /// The host set by hand for the product's activation id (`slmgr /skms <host> <activation id>`).
    pub pinned_for_activation_id: Option<PinnedHost>,
    /// The host set by hand for the product's application.
    pub pinned_for_application: Option<PinnedHost>,
    /// The host set by hand for all products (`slmgr /skms <host>`).
    pub pinned: Option<PinnedHost>,
    /// The only domain to look in (`slmgr /skms-domain`); it replaces the suffixes.
    pub lookup_domain: Option<DomainName>,
    /// The domains to look in, in this order: the machine's own first, then its suffix search list.
    pub suffixes: Vec<DomainName>,
    /// Whether the host of the last success is tried first (`slmgr /skhc`, the default; `/ckhc` is
    /// off, and recommended where priorities and weights are to take effect at once).
    pub caching: bool,
    /// How hosts are chosen among those found.
    pub rule: SelectionRule,
    /// The port of a pinned host that says none.
    pub default_port: NonZeroU16,
}

impl Default for DiscoveryConfig {
    /// `_vlmcs._tcp` in no domain, nothing pinned, caching on, RFC 2782, port 1688.
    fn default() -> Self {
        Self {
            service: ServiceName::default(),
            pinned_for_activation_id: None,
            pinned_for_application: None,
            pinned: None,
            lookup_domain: None,
            suffixes: Vec::new(),
            caching: true,
            rule: SelectionRule::default(),
            default_port: DEFAULT_PORT,
        }
    }
}

/// What [`Discovery`] asks its driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver must know how to do each")]
pub enum Action {
    /// Look up the SRV records of this name (it is complete: no suffix may be added), then call
    /// [`Discovery::handle_lookup`].
    Lookup(DomainName),
    /// Ask this host, then call [`Discovery::handle_success`] or [`Discovery::handle_failure`].
    Connect(HostAddress),
    /// Nothing is left to try; the code says why. [`Discovery::start`] begins anew.
    Exhausted(StatusCode),
}

/// Finds a host that answers: pinned, else the cached one, else by SRV records, one after the other.
///
/// Drive it so: [`start`](Self::start), then do what [`poll_action`](Self::poll_action) says and report how it went, until
/// it says [`Action::Exhausted`] or a host has answered. Calls are safe in any order: an answer that is
/// not awaited changes nothing.
///
/// - A pinned host switches auto-discovery off: nothing else is tried. A port pinned alone does
///   not; it is the port of a host pinned with wider scope.
/// - A cached host that fails leads to the lookups, and stays cached until another host succeeds.
/// - A host that fails leaves the list, and the next is chosen from what is left; when a domain's
///   hosts are used up, the next domain is looked in. No host is tried twice.
/// - The final code is `0xC004F074` when any host was tried. Else it is that of the lookups: a
///   failure that leaves open what is there (as `0x8007232A`) before `0x8007251D` before
///   `0x8007232B`; and `0x8007007B` when there is no domain to look in.
#[derive(Clone, Debug)]
pub struct Discovery {
    pinned: Option<HostAddress>,
    service: ServiceName,
    // INVARIANT: neither the root nor a name twice among them; empty with a pinned host.
    domains: Vec<DomainName>,
    caching: bool,
    rule: SelectionRule,
    cached: Option<HostAddress>,
    state: State,
    attempt: Attempt,
}

#[derive(Clone, Debug)]
enum State {
    /// Not started, answered by a host, or exhausted.
    Idle,
    /// The next action is to be chosen.
    Choosing,
    /// Lookup of this name since this moment.
    Looking(DomainName, Tick),
    /// This host is being asked.
    Connecting(HostAddress),
}

/// What is known since the start.
#[derive(Clone, Debug, Default)]
struct Attempt {
    /// The latest moment heard of.
    now: Tick,
    /// Hosts to try, the next one last.
    hosts: Vec<HostAddress>,
    tried: BTreeSet<HostAddress>,
    next_domain: usize,
    lookups: usize,
    lookup_time: Duration,
    trouble: Option<LookupError>,
}

impl Discovery {
    /// The most lookups in one discovery.
    pub const MAX_LOOKUPS: usize = 20;
    /// How long the lookups of one discovery may take together.
    pub const MAX_LOOKUP_TIME: Duration = Duration::from_secs(10);

    /// A discovery that has not started, with the host of the last success as it was kept.
    #[must_use]
    pub fn new(config: DiscoveryConfig, cached: Option<HostAddress>) -> Self {
        let pinned = pinned_address(&config);
        let mut domains: Vec<DomainName> = Vec::new();
        if pinned.is_none() {
            let looked_in = match config.lookup_domain {
                Some(domain) => Vec::from([domain]),
                None => config.suffixes,
            };
            for domain in looked_in {
                if !domain.is_root() && !domains.contains(&domain) {
                    domains.push(domain);
                }
            }
        }
        Self {
            pinned,
            service: config.service,
            domains,
            caching: config.caching,
            rule: config.rule,
            cached: cached.filter(|_| config.caching),
            state: State::Idle,
            attempt: Attempt::default(),
        }
    }

    /// Begins anew, whatever was under way.
    pub fn start(&mut self, now: Tick) {
        let first = self.pinned.as_ref().or(self.cached.as_ref());
        self.attempt = Attempt {
            now,
            hosts: first.cloned().into_iter().collect(),
            ..Attempt::default()
        };
        self.state = State::Choosing;
    }

    /// What to do next; `None` while something is being done, and when nothing is under way.
    pub fn poll_action(&mut self) -> Option<Action> {
        match self.state {
            State::Idle | State::Looking(..) | State::Connecting(_) => None,
            State::Choosing => Some(self.choose()),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called: when the time for lookups is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        match &self.state {
            State::Looking(_, since) => {
                let left = Self::MAX_LOOKUP_TIME.saturating_sub(self.attempt.lookup_time);
                Some(since.saturating_add(left))
            }
            State::Idle | State::Choosing | State::Connecting(_) => None,
        }
    }

    /// Gives a lookup up whose time is over, and looks no further. Too early, it does nothing.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.poll_timeout().is_some_and(|deadline| now >= deadline) {
            self.end_lookup(now);
            self.note(LookupError::Timeout);
        }
    }

    /// Takes the answer to [`Action::Lookup`]: all SRV records of the name, as they came.
    pub fn handle_lookup(
        &mut self,
        name: &DomainName,
        answer: Result<Vec<SrvRecord>, LookupError>,
        entropy: &mut (impl Entropy + ?Sized),
        now: Tick,
    ) {
        match &self.state {
            State::Looking(awaited, _) if awaited == name => {}
            State::Looking(..) | State::Idle | State::Choosing | State::Connecting(_) => return,
        }
        self.end_lookup(now);
        match answer.map(usable_records) {
            Ok(UsableRecords::Hosts(mut records)) if !records.is_empty() => {
                order(&mut records, self.rule, entropy);
                self.attempt.hosts = records.into_iter().rev().filter_map(address).collect();
            }
            Ok(UsableRecords::Hosts(_) | UsableRecords::NotAvailable) => {
                self.note(LookupError::NoRecords);
            }
            Err(error) => self.note(error),
        }
    }

    /// The host of [`Action::Connect`] did not answer, or not in a way that helps: an error, an
    /// answer that does not verify.
    pub fn handle_failure(&mut self, host: &HostAddress, now: Tick) {
        if self.is_asking(host) {
            self.attempt.now = now;
            self.state = State::Choosing;
        }
    }

    /// The host of [`Action::Connect`] answered: the discovery is over. A host that was found, not
    /// pinned, is cached if caching is on.
    pub fn handle_success(&mut self, host: &HostAddress) {
        if self.is_asking(host) {
            if self.caching && self.pinned.is_none() {
                self.cached = Some(host.clone());
            }
            self.state = State::Idle;
        }
    }

    /// The host of the last success, to be kept for the next start of the machine. Always `None`
    /// with caching off.
    #[must_use]
    pub const fn cached(&self) -> Option<&HostAddress> {
        self.cached.as_ref()
    }

    /// The pinned host that applies, the one of the narrowest scope. With one, nothing is discovered.
    #[must_use]
    pub const fn pinned(&self) -> Option<&HostAddress> {
        self.pinned.as_ref()
    }

    fn choose(&mut self) -> Action {
        while let Some(host) = self.attempt.hosts.pop() {
            if self.attempt.tried.insert(host.clone()) {
                self.state = State::Connecting(host.clone());
                return Action::Connect(host);
            }
        }
        while let Some(domain) = self.domains.get(self.attempt.next_domain) {
            if self.attempt.lookups >= Self::MAX_LOOKUPS
                || self.attempt.lookup_time >= Self::MAX_LOOKUP_TIME
            {
                break;
            }
            self.attempt.next_domain += 1;
            match self.service.within(domain) {
                Ok(name) => {
                    self.attempt.lookups += 1;
                    self.state = State::Looking(name.clone(), self.attempt.now);
                    return Action::Lookup(name);
                }
                // A name that is too long for DNS cannot exist there.
                Err(_) => self.note(LookupError::NoSuchName),
            }
        }
        self.state = State::Idle;
        Action::Exhausted(self.final_status())
    }

    fn final_status(&self) -> StatusCode {
        if !self.attempt.tried.is_empty() {
            return StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;
        }
        self.attempt
            .trouble
            .map_or(StatusCode::INVALID_NAME, LookupError::status)
    }

    fn end_lookup(&mut self, now: Tick) {
        if let State::Looking(_, since) = mem::replace(&mut self.state, State::Choosing) {
            let time = now.saturating_since(since);
            self.attempt.lookup_time = self.attempt.lookup_time.saturating_add(time);
        }
        self.attempt.now = now;
    }

    fn note(&mut self, trouble: LookupError) {
        self.attempt.trouble = Some(trouble.or_worse(self.attempt.trouble));
    }

    fn is_asking(&self, host: &HostAddress) -> bool {
        match &self.state {
            State::Connecting(asked) => asked == host,
            State::Idle | State::Choosing | State::Looking(..) => false,
        }
    }
}

fn pinned_address(config: &DiscoveryConfig) -> Option<HostAddress> {
    let scopes = [
        &config.pinned_for_activation_id,
        &config.pinned_for_application,
        &config.pinned,
    ];
    let mut port = None;
    for pinned in scopes.into_iter().flatten() {
        port = port.or_else(|| pinned.port());
        if let Some(host) = pinned.host() {
            let port = port.unwrap_or(config.default_port);
            return Some(HostAddress::new(host.clone(), port));
        }
    }
    None
}

fn address(record: SrvRecord) -> Option<HostAddress> {
    let port = NonZeroU16::new(record.port)?;
    Some(HostAddress::new(HostName::Name(record.target), port))
}
