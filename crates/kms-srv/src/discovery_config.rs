use crate::{DEFAULT_PORT, DomainName, HostAddress, PinnedHost, SelectionRule, ServiceName};
use alloc::vec::Vec;
use core::num::NonZeroU16;

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
    /// Whether hosts that DNS names may have loopback addresses: for labs on one machine.
    pub allow_loopback: bool,
}

impl Default for DiscoveryConfig {
    /// `_vlmcs._tcp` in no domain, nothing pinned, caching on, RFC 2782, port 1688, no
    /// loopback addresses.
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
            allow_loopback: false,
        }
    }
}

impl DiscoveryConfig {
    /// The pinned host that applies: that of the narrowest scope, at the port of the narrowest scope
    /// up to there that has one.
    pub(crate) fn pinned_address(&self) -> Option<HostAddress> {
        let scopes = [
            &self.pinned_for_activation_id,
            &self.pinned_for_application,
            &self.pinned,
        ];
        let mut port = None;
        for pinned in scopes.into_iter().flatten() {
            port = port.or_else(|| pinned.port());
            if let Some(host) = pinned.host() {
                let port = port.unwrap_or(self.default_port);
                return Some(HostAddress::new(host.clone(), port));
            }
        }
        None
    }

    /// The domains to look in, in order: neither the root nor a name twice, and none with a pinned
    /// host.
    pub(crate) fn domains(&self) -> Vec<DomainName> {
        let mut domains: Vec<DomainName> = Vec::new();
        if self.pinned_address().is_none() {
            let looked_in = self
                .lookup_domain
                .as_ref()
                .map_or(&*self.suffixes, core::slice::from_ref);
            for domain in looked_in {
                if !domain.is_root() && !domains.contains(domain) {
                    domains.push(domain.clone());
                }
            }
        }
        domains
    }
}
