use serde::Deserialize;

/// The `[admission]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdmissionConfig {
    /// Whose machines count.
    pub policy: AdmissionPolicy,
}

/// Whose machines count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AdmissionPolicy {
    /// Every machine that asks, as documented.
    Compat,
    /// A few of each source, and none that came lately in place of one that is established.
    #[default]
    Guarded,
}
