use crate::{
    Action, AddressAnswer, AddressRule, DiscoveryConfig, DiscoveryEvent, DomainName, HostAddress,
    HostName, LookupAnswer, LookupError, SrvRecord, Unusable, UsableRecords,
    attempt::{Attempt, Tried},
    kept::KeptSets,
    order, usable_addresses, usable_records,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::{
    mem,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};
use kms_core::{Entropy, Tick};

/// Finds a host that answers: pinned, else the cached one, else by SRV records, one after the other.
///
/// Drive it so: [`start`](Self::start), then do what [`poll_action`](Self::poll_action) says and report how it went, until
/// it says [`Action::Exhausted`] or a host has answered. Calls are safe in any order: an answer that is
/// not awaited changes nothing.
///
/// - A pinned host switches auto-discovery off: nothing else is tried. A port pinned alone does
///   not; it is the port of a host pinned with wider scope.
/// - A cached host that fails leads to the lookups, and stays cached until another host succeeds.
/// - The records of a name are used again, ordered anew, until their TTL is over, as [`kept_for`](crate::kept_for)
///   bounds it; and asked for again after all their hosts were gone through and none helped. A lookup that
///   fails takes neither them away nor the cached host.
/// - A host that fails leaves the list, and the next is chosen from what is left; when a domain's
///   hosts are used up, the next domain is looked in. No host is tried twice.
/// - A host whose addresses cannot be found or must not be used is passed over, which
///   [`poll_event`](Self::poll_event) tells, and counts as tried.
/// - All lookups of one discovery share [`MAX_QUERIES`](Self::MAX_QUERIES) and
///   [`MAX_LOOKUP_TIME`](Self::MAX_LOOKUP_TIME); when these are used up, what is not known by then is not
///   tried, and an event says so.
/// - The final code is `0xC004F074` when any host was tried. Else it is that of the lookups: a
///   failure that leaves open what is there (as `0x8007232A`) before `0x8007251D` before
///   `0x8007232B`; and `0x8007007B` when there is no domain to look in.
#[derive(Clone, Debug)]
pub struct Discovery {
    config: DiscoveryConfig,
    // INVARIANT: this and `domains` are what `config` says.
    pinned: Option<HostAddress>,
    domains: Vec<DomainName>,
    cached: Option<HostAddress>,
    kept: KeptSets,
    state: State,
    attempt: Attempt,
    // INVARIANT: at most `MAX_EVENTS`.
    events: VecDeque<DiscoveryEvent>,
}

#[derive(Clone, Debug)]
enum State {
    /// Not started, answered by a host, or exhausted.
    Idle,
    /// The next action is to be chosen.
    Choosing,
    /// Lookup of this name's records since this moment.
    Looking(DomainName, Tick),
    /// Lookup of this host's addresses since this moment.
    Resolving(HostAddress, DomainName, Tick),
    /// This host is being asked.
    Connecting(HostAddress),
}

/// Queries that the lookup of a name's addresses counts for: AAAA and A.
const ADDRESS_QUERIES: usize = 2;

/// The most events that wait; beyond it the oldest is dropped.
const MAX_EVENTS: usize = 64;

impl Discovery {
    /// The most DNS queries of one discovery. A lookup of SRV records is one, one of addresses two.
    pub const MAX_QUERIES: usize = 20;
    /// The most hosts that are tried in one discovery. A name with several ports is as many hosts.
    pub const MAX_HOSTS: usize = 32;
    /// How long the lookups of one discovery may take together.
    pub const MAX_LOOKUP_TIME: Duration = Duration::from_secs(10);

    /// A discovery that has not started, with the host of the last success as it was kept.
    #[must_use]
    pub fn new(config: DiscoveryConfig, cached: Option<HostAddress>) -> Self {
        Self {
            pinned: config.pinned_address(),
            domains: config.domains(),
            cached: cached.filter(|_| config.caching),
            config,
            kept: KeptSets::default(),
            state: State::Idle,
            attempt: Attempt::default(),
            events: VecDeque::new(),
        }
    }

    /// Looks for hosts in another way from now on. What is under way is given up, and records that
    /// were kept are forgotten: they may be those of another network. The cached host stays, if
    /// `config` has caching on. With the configuration that it has already, nothing changes.
    pub fn set_config(&mut self, config: DiscoveryConfig) {
        if self.config != config {
            *self = Self::new(config, self.cached.take());
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
        self.events.clear();
        self.state = State::Choosing;
    }

    /// What to do next; `None` while something is being done, and when nothing is under way.
    pub fn poll_action(&mut self, entropy: &mut (impl Entropy + ?Sized)) -> Option<Action> {
        match self.state {
            State::Idle | State::Looking(..) | State::Resolving(..) | State::Connecting(_) => None,
            State::Choosing => Some(self.choose(entropy)),
        }
    }

    /// What has happened besides the actions, oldest first: at most 64 wait, beyond it the oldest is
    /// dropped.
    pub fn poll_event(&mut self) -> Option<DiscoveryEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called: when the time for lookups is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        match &self.state {
            State::Looking(_, since) | State::Resolving(_, _, since) => {
                let left = Self::MAX_LOOKUP_TIME.saturating_sub(self.attempt.lookup_time);
                Some(since.saturating_add(left))
            }
            State::Idle | State::Choosing | State::Connecting(_) => None,
        }
    }

    /// Gives a lookup up whose time is over, and looks no further. Too early, it does nothing.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.end_lookup(now) {
            State::Looking(name, _) => self.lookup_failed(name, LookupError::Timeout),
            State::Resolving(host, name, _) => {
                let reason = Unusable::Lookup(LookupError::Timeout);
                self.attempt.resolved.insert(name, Err(reason.clone()));
                self.skip(host, reason);
            }
            State::Idle | State::Choosing | State::Connecting(_) => {}
        }
    }

    /// Takes the answer to [`Action::Lookup`].
    pub fn handle_lookup(
        &mut self,
        name: &DomainName,
        answer: Result<LookupAnswer, LookupError>,
        now: Tick,
    ) {
        match &self.state {
            State::Looking(awaited, _) if awaited == name => {}
            State::Looking(..)
            | State::Resolving(..)
            | State::Idle
            | State::Choosing
            | State::Connecting(_) => return,
        }
        self.end_lookup(now);
        let answer = answer.map(|answer| (usable_records(answer.records), answer.ttl));
        match answer {
            Ok((UsableRecords::Hosts(records), ttl)) if !records.is_empty() => {
                self.kept.insert(name.clone(), records, ttl, now);
            }
            Ok((UsableRecords::NotAvailable, _)) => {
                self.lookup_failed(name.clone(), LookupError::NotAvailable);
            }
            Ok((UsableRecords::Hosts(_), _)) => {
                self.lookup_failed(name.clone(), LookupError::NoRecords);
            }
            Err(error) => self.lookup_failed(name.clone(), error),
        }
    }

    /// Takes the answer to [`Action::Addresses`].
    pub fn handle_addresses(
        &mut self,
        name: &DomainName,
        answer: Result<AddressAnswer, LookupError>,
        now: Tick,
    ) {
        match &self.state {
            State::Resolving(_, awaited, _) if awaited == name => {}
            State::Looking(..)
            | State::Resolving(..)
            | State::Idle
            | State::Choosing
            | State::Connecting(_) => return,
        }
        let found = self.judge(answer);
        self.attempt.resolved.insert(name.clone(), found);
        if let State::Resolving(host, ..) = self.end_lookup(now) {
            self.attempt.hosts.push(host);
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
            if self.config.caching && self.pinned.is_none() {
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

    fn choose(&mut self, entropy: &mut (impl Entropy + ?Sized)) -> Action {
        loop {
            while let Some(host) = self.attempt.hosts.pop() {
                if let Some(action) = self.try_host(host) {
                    return action;
                }
            }
            self.leave_set();
            if let Some(action) = self.look_further(entropy) {
                return action;
            }
        }
    }

    /// What is to be done to ask a host, if it can be asked.
    fn try_host(&mut self, host: HostAddress) -> Option<Action> {
        if self.attempt.tried.contains_key(&host) || !self.may_try() {
            return None;
        }
        let found = match host.host() {
            HostName::Ip(ip) => self.judge(Ok(AddressAnswer::new([*ip].into()))),
            HostName::Name(name) => match self.attempt.resolved.get(name).cloned() {
                Some(found) => found,
                None if !self.may_ask(ADDRESS_QUERIES) => {
                    // Whether it could have been asked was left open.
                    self.attempt.note(LookupError::Timeout);
                    return None;
                }
                None => {
                    let name = name.clone();
                    self.attempt.queries += ADDRESS_QUERIES;
                    self.state = State::Resolving(host, name.clone(), self.attempt.now);
                    let search = self.pinned.is_some();
                    return Some(Action::Addresses { name, search });
                }
            },
        };
        match found {
            Ok(addresses) => {
                self.attempt.tried.insert(host.clone(), Tried::InVain);
                self.state = State::Connecting(host.clone());
                let port = host.port();
                let at = |ip| SocketAddr::new(ip, port);
                let addresses = addresses.into_iter().map(at).collect();
                Some(Action::Connect { host, addresses })
            }
            Err(reason) => {
                self.skip(host, reason);
                None
            }
        }
    }

    /// The next domain's hosts, when they are kept, or else what is to be done to find them.
    fn look_further(&mut self, entropy: &mut (impl Entropy + ?Sized)) -> Option<Action> {
        let Some(domain) = self.domains.get(self.attempt.next_domain) else {
            return Some(self.end());
        };
        // A name that is too long for DNS cannot exist there.
        let Ok(name) = self.config.service.within(domain) else {
            self.attempt.next_domain += 1;
            self.attempt.note(LookupError::NoSuchName);
            return None;
        };
        if let Some(records) = self.kept.get(&name, self.attempt.now) {
            let mut records = records.to_vec();
            order(&mut records, self.config.rule, entropy);
            self.attempt.hosts = records.into_iter().rev().filter_map(address).collect();
            self.attempt.set = Some(name);
            self.attempt.next_domain += 1;
            return None;
        }
        if !self.may_ask(1) {
            return Some(self.end());
        }
        self.attempt.queries += 1;
        self.state = State::Looking(name.clone(), self.attempt.now);
        Some(Action::Lookup(name))
    }

    fn end(&mut self) -> Action {
        self.state = State::Idle;
        Action::Exhausted(self.attempt.status())
    }

    /// The hosts of a set were gone through. Where one of them was asked in vain, the set is no longer
    /// trusted to be that of today.
    fn leave_set(&mut self) {
        let Some(name) = self.attempt.set.take() else {
            return;
        };
        let in_vain = |record: &SrvRecord| {
            let host = address(record.clone());
            host.and_then(|host| self.attempt.tried.get(&host)) == Some(&Tried::InVain)
        };
        if self.kept.records(&name).iter().any(in_vain) {
            self.kept.remove(&name);
        }
    }

    /// Whether one more host may be tried. That none may is told once.
    fn may_try(&mut self) -> bool {
        let hosts = self.attempt.tried.len();
        if hosts < Self::MAX_HOSTS {
            return true;
        }
        if !mem::replace(&mut self.attempt.hosts_used_up, true) {
            self.tell(DiscoveryEvent::HostsUsedUp { hosts });
        }
        false
    }

    /// Whether so many queries may still be made. That they may not is told once.
    fn may_ask(&mut self, queries: usize) -> bool {
        if self.attempt.has_room_for(queries) {
            return true;
        }
        if !mem::replace(&mut self.attempt.used_up, true) {
            let (queries, time) = (self.attempt.queries, self.attempt.lookup_time);
            self.tell(DiscoveryEvent::LookupsUsedUp { queries, time });
        }
        false
    }

    /// The addresses of an answer that may be used, or why none is.
    fn judge(&self, answer: Result<AddressAnswer, LookupError>) -> Result<Vec<IpAddr>, Unusable> {
        let answer = answer.map_err(Unusable::Lookup)?;
        let rule = match (&self.pinned, answer.alias_of) {
            (Some(_), _) => AddressRule::Pinned,
            (None, Some(name)) => return Err(Unusable::Alias(name)),
            (None, None) => AddressRule::Found {
                allow_loopback: self.config.allow_loopback,
            },
        };
        match usable_addresses(answer.addresses, rule) {
            Ok(addresses) if addresses.is_empty() => Err(Unusable::Lookup(LookupError::NoRecords)),
            Ok(addresses) => Ok(addresses),
            Err((address, fault)) => Err(Unusable::Address(address, fault)),
        }
    }

    fn skip(&mut self, host: HostAddress, reason: Unusable) {
        let tried = match &reason {
            Unusable::Lookup(_) => Tried::NotFound,
            Unusable::Alias(_) | Unusable::Address(..) => Tried::InVain,
        };
        self.attempt.tried.insert(host.clone(), tried);
        self.tell(DiscoveryEvent::HostSkipped { host, reason });
    }

    fn lookup_failed(&mut self, name: DomainName, error: LookupError) {
        self.attempt.next_domain += 1;
        self.attempt.note(error);
        self.tell(DiscoveryEvent::LookupFailed { name, error });
    }

    fn tell(&mut self, event: DiscoveryEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The lookup that was under way.
    fn end_lookup(&mut self, now: Tick) -> State {
        let lookup = mem::replace(&mut self.state, State::Choosing);
        if let State::Looking(_, since) | State::Resolving(_, _, since) = &lookup {
            let time = now.saturating_since(*since);
            self.attempt.lookup_time = self.attempt.lookup_time.saturating_add(time);
        }
        self.attempt.now = now;
        lookup
    }

    fn is_asking(&self, host: &HostAddress) -> bool {
        match &self.state {
            State::Connecting(asked) => asked == host,
            State::Idle | State::Choosing | State::Looking(..) | State::Resolving(..) => false,
        }
    }
}

fn address(record: SrvRecord) -> Option<HostAddress> {
    let port = NonZeroU16::new(record.port)?;
    Some(HostAddress::new(HostName::Name(record.target), port))
}
