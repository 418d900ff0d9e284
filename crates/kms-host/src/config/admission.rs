use super::{AlertConfig, Network};
use core::time::Duration;
use kms_count::{Admission, Guarded, Quota, Source};
use kms_service::config::de;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The `[admission]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdmissionConfig {
    /// Whose machines count.
    pub policy: AdmissionPolicy,
    /// How many machines of one source count in a family; a fifth of the family's highest threshold,
    /// rounded up, if `None`. Only under [`AdmissionPolicy::Guarded`], as all below but `alerts`.
    pub quota: Option<u32>,
    /// How far apart the first and the last request of an established machine are, at least.
    #[serde(rename = "established_minutes", deserialize_with = "de::minutes")]
    pub established_after: Duration,
    /// Whether a second machine on a connection is refused and the connection closed: no client
    /// asks for two.
    pub one_cmid_per_connection: bool,
    /// Quotas of sources in certain networks, for example of one that is behind address translation.
    #[serde(rename = "source", deserialize_with = "networks")]
    pub networks: Vec<NetworkQuota>,
    /// When an administrator is to hear of a pattern, under every policy.
    pub alerts: AlertConfig,
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

/// The quota of each source in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkQuota {
    /// The network. Where several have a source, the smallest says its quota.
    #[serde(deserialize_with = "de::text")]
    pub network: Network,
    /// How many machines of each source in it count in a family; 0 answers them and counts none.
    pub quota: u32,
}

impl AdmissionConfig {
    /// The most networks with quotas of their own: they are gone through for each request.
    pub const MAX_NETWORKS: usize = 256;

    /// The policy as the count takes it.
    #[must_use]
    pub fn admission(&self) -> Admission {
        match self.policy {
            AdmissionPolicy::Compat => Admission::Compat,
            AdmissionPolicy::Guarded => Admission::Guarded(
                Guarded::default()
                    .with_quota(self.quota.map_or_else(Quota::default, Quota::Machines))
                    .with_established_after(self.established_after),
            ),
        }
    }

    /// The quota of this source, where it is in one of the networks.
    #[must_use]
    pub fn quota_of(&self, source: Source) -> Option<u32> {
        self.networks
            .iter()
            .filter(|of| of.network.contains(source))
            .max_by_key(|of| of.network.length())
            .map(|of| of.quota)
    }
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            policy: AdmissionPolicy::default(),
            quota: None,
            established_after: Guarded::DEFAULT_ESTABLISHED_AFTER,
            one_cmid_per_connection: true,
            networks: Vec::new(),
            alerts: AlertConfig::default(),
        }
    }
}

fn networks<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<NetworkQuota>, D::Error> {
    let networks = Vec::<NetworkQuota>::deserialize(input)?;
    if networks.len() > AdmissionConfig::MAX_NETWORKS {
        return Err(D::Error::custom(format_args!(
            "{} networks: at most {} are allowed; join neighbours into larger ones",
            networks.len(),
            AdmissionConfig::MAX_NETWORKS
        )));
    }
    let mut seen = std::collections::HashSet::new();
    match networks.iter().find(|of| !seen.insert(of.network)) {
        Some(twice) => Err(D::Error::custom(format_args!(
            "network {} comes twice: leave out one of them",
            twice.network
        ))),
        None => Ok(networks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_count::Quota;
    use std::path::Path;

    fn parse(text: &str) -> Result<AdmissionConfig, String> {
        kms_service::config::parse(text, Path::new("host.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn left_out_it_is_guarded_with_a_fifth_of_the_threshold_for_each_source() {
        let config = parse("").unwrap();
        assert_eq!(config, AdmissionConfig::default());
        assert_eq!(
            config.admission(),
            Admission::Guarded(Guarded::default().with_quota(Quota::default()))
        );
        let config = parse("quota = 7\nestablished_minutes = 90").unwrap();
        let guarded = Guarded::default()
            .with_quota(Quota::Machines(7))
            .with_established_after(Duration::from_secs(5400));
        assert_eq!(config.admission(), Admission::Guarded(guarded));
        let config = parse("policy = \"compat\"").unwrap();
        assert_eq!(config.admission(), Admission::Compat);
    }

    #[test]
    fn the_smallest_network_that_has_a_source_says_its_quota() {
        let config = parse(
            "[[source]]\nnetwork = \"10.0.0.0/8\"\nquota = 20\n\
             [[source]]\nnetwork = \"10.1.2.3\"\nquota = 200\n\
             [[source]]\nnetwork = \"10.1.0.0/16\"\nquota = 0\n",
        )
        .unwrap();
        let quota = |source: &str| config.quota_of(source.parse().unwrap());
        assert_eq!(quota("10.1.2.3"), Some(200));
        assert_eq!(quota("10.1.2.4"), Some(0));
        assert_eq!(quota("10.2.2.4"), Some(20));
        assert_eq!(quota("192.0.2.1"), None);
    }

    #[test]
    fn mistakes_are_shown_with_what_to_do() {
        let one = "[[source]]\nnetwork = \"10.0.0.0/8\"\nquota = 1\n";
        for (text, wanted) in [
            (
                "policy = \"open\"".to_owned(),
                "expected `compat` or `guarded`",
            ),
            ("quota = -1".to_owned(), "invalid value"),
            ("established_minutes = 0".to_owned(), "out of range"),
            (one.repeat(2), "network 10.0.0.0/8 comes twice"),
            (one.replace("0.0.0/8", "1/8"), "is no network"),
            (one.replace("quota = 1", ""), "missing field `quota`"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn limit_networks() {
        let networks = |number: usize| -> String {
            (0..number)
                .map(|at| {
                    format!(
                        "[[source]]\nnetwork = \"10.0.{}.{}\"\nquota = 1\n",
                        at / 256,
                        at % 256
                    )
                })
                .collect()
        };
        let most = AdmissionConfig::MAX_NETWORKS;
        assert_eq!(parse(&networks(most)).unwrap().networks.len(), most);
        let error = parse(&networks(most + 1)).unwrap_err();
        assert!(
            error.contains("257 networks: at most 256 are allowed"),
            "{error}"
        );
    }
}
