use crate::{Discovery, DomainName, HostAddress, LookupError, Unusable};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{net::IpAddr, time::Duration};
use kms_core::{StatusCode, Tick};

/// What is known since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    /// The latest moment heard of.
    pub(crate) now: Tick,
    /// Hosts to try, the next one last.
    pub(crate) hosts: Vec<HostAddress>,
    /// The name whose records named these hosts.
    pub(crate) set: Option<DomainName>,
    pub(crate) tried: BTreeMap<HostAddress, Tried>,
    // INVARIANT: one for each address lookup, of which there are `MAX_QUERIES / 2`.
    pub(crate) resolved: BTreeMap<DomainName, Result<Vec<IpAddr>, Unusable>>,
    pub(crate) next_domain: usize,
    pub(crate) queries: usize,
    pub(crate) lookup_time: Duration,
    pub(crate) used_up: bool,
    pub(crate) hosts_used_up: bool,
    pub(crate) trouble: Option<LookupError>,
}

/// What came of a host that did not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It was asked, or must not be.
    InVain,
    /// The lookup of its addresses failed, which says nothing about the host.
    NotFound,
}

impl Attempt {
    /// Whether so many more queries are within what one discovery may take.
    pub(crate) fn has_room_for(&self, queries: usize) -> bool {
        !self.used_up
            && self.queries + queries <= Discovery::MAX_QUERIES
            && self.lookup_time < Discovery::MAX_LOOKUP_TIME
    }

    pub(crate) fn note(&mut self, trouble: LookupError) {
        self.trouble = Some(trouble.or_worse(self.trouble));
    }

    /// The code to report when nothing is left to try.
    pub(crate) fn status(&self) -> StatusCode {
        if self.tried.is_empty() {
            self.trouble
                .map_or(StatusCode::INVALID_NAME, LookupError::status)
        } else {
            StatusCode::VL_BINDING_SERVICE_UNAVAILABLE
        }
    }
}
