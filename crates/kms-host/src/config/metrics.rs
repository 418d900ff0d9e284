use core::net::SocketAddr;
use serde::Deserialize;

/// The `[metrics]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// Where metrics and health are served.
    pub listen: SocketAddr,
}
