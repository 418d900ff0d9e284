use kms_core::{ActivationInterval, RenewalInterval};

/// What an administrator set on a running host; what is `None` is as the configuration file says.
///
/// They are the settings that the documents give a host: `/sai`, `/sri`, `/sprt`, `/sdns` and
/// `/cdns`, `/spri` and `/cpri`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers make")]
pub struct StoredSettings {
    /// What clients that are not activated are told to wait. Obeyed at once.
    pub activation_interval: Option<ActivationInterval>,
    /// What activated clients are told to wait. Obeyed at once.
    pub renewal_interval: Option<RenewalInterval>,
    /// The TCP port listened on, on every address of the configuration. Obeyed at the next start.
    pub port: Option<u16>,
    /// Whether the host publishes itself. Obeyed at once.
    pub dns_publishing: Option<bool>,
    /// Whether the process runs at a low priority. Obeyed at the next start.
    pub low_priority: Option<bool>,
}
