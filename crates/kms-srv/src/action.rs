#[cfg(doc)]
use crate::Discovery;
use crate::{DomainName, HostAddress};
use alloc::vec::Vec;
use core::net::SocketAddr;
use kms_core::StatusCode;

/// What [`Discovery`] asks its driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver must know how to do each")]
pub enum Action {
    /// Look up the SRV records of this name (it is complete: no suffix may be added), then call
    /// [`Discovery::handle_lookup`].
    Lookup(DomainName),
    /// Look up the addresses of a host, of both families, then call [`Discovery::handle_addresses`].
    Addresses {
        /// The host's name.
        name: DomainName,
        /// Whether the name is looked up as the system does it, with its file of hosts and its
        /// search list: an administrator may have written it without its domain. Else it is complete.
        search: bool,
    },
    /// Ask this host, then call [`Discovery::handle_success`] or [`Discovery::handle_failure`].
    Connect {
        /// The host.
        host: HostAddress,
        /// Where it may be: 1 to 16 addresses, to be tried in this order, IPv6 first.
        addresses: Vec<SocketAddr>,
    },
    /// Nothing is left to try; the code says why. [`Discovery::start`] begins anew.
    Exhausted(StatusCode),
}
