use core::net::IpAddr;
use kms_core::Cmid;
use kms_count::Source;

/// Who asks: a connection, as far as the host engine needs to know it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Caller {
    /// The peer's source; `None` when it is not known.
    pub source: Option<Source>,
    /// The machine that the first well-formed request on the connection was for.
    pub cmid: Option<Cmid>,
}

impl Caller {
    /// A new connection of a peer with this address.
    #[must_use]
    pub const fn new(peer: IpAddr) -> Self {
        Self {
            source: Some(Source::of(peer)),
            cmid: None,
        }
    }
}
