use core::time::Duration;
use kms_service::config::de;
use serde::Deserialize;

/// The `[admission.alerts]` table: from when on a pattern is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AlertConfig {
    /// Whether any alert is given. Without, the host remembers no machine beyond the count.
    pub enabled: bool,
    /// More machines than these that the host did not know, from one source within 10 minutes. A
    /// source with a quota of its own may bring as many as that.
    pub new_from_source: u32,
    /// More machines of a family that the host did not know, within 24 hours, than so many times its
    /// highest threshold
    pub new_of_family: u32,
    /// and than so many percent of all the machines that the host knows.
    pub new_percent: u32,
    /// So many established machines, or more, that had to leave a full family within an hour.
    pub established_dropped: u32,
    /// One machine from two sources within this time.
    #[serde(rename = "two_sources_minutes", deserialize_with = "de::minutes")]
    pub two_sources: Duration,
    /// How many machines the host remembers, the latest, to tell which are new to it. In a larger
    /// fleet it cannot tell, and gives no alert of many new ones in a family. Each takes some 200
    /// bytes; at least 2.
    pub known_machines: usize,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            new_from_source: 10,
            new_of_family: 2,
            new_percent: 20,
            established_dropped: 5,
            two_sources: Duration::from_secs(60 * 60),
            known_machines: 65_536,
        }
    }
}
