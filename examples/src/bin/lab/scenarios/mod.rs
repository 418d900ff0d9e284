//! The scenarios, each after a document, and what each must show.

mod cache;
mod decay;
mod global;
mod mixed_groups;
mod single_site;

use crate::world::{Failure, HostPlan, MachinePlan, World};
use clap::ValueEnum;
use core::{fmt, time::Duration};

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Two hosts and a hundred clients in one domain.
    SingleSite,
    /// Two sites with two hosts each.
    Global,
    /// Machines that fall silent.
    Decay,
    /// How many machines a host keeps.
    Cache,
    /// What a host key covers.
    MixedGroups,
}

impl Scenario {
    /// The document that it is after.
    pub(crate) const fn document(self) -> &'static str {
        match self {
            Self::SingleSite => "KMS and MAK scenarios: default implementation, single site",
            Self::Global => "KMS and MAK scenarios: complex, global network, Table 5",
            Self::Decay => "book extract: learning the KMS process",
            Self::Cache => "Activate clients: activation count cache",
            Self::MixedGroups => "Key Management Server details: host key types",
        }
    }

    /// The DNS zones that it needs.
    pub(crate) const fn domains(self) -> &'static [&'static str] {
        match self {
            Self::Global => &[global::EAST, global::WEST],
            Self::SingleSite | Self::Decay | Self::Cache | Self::MixedGroups => &[DOMAIN],
        }
    }

    /// Runs it.
    pub(crate) async fn play(self, world: &mut World) -> Result<(), Failure> {
        match self {
            Self::SingleSite => single_site::play(world).await,
            Self::Global => global::play(world).await,
            Self::Decay => decay::play(world).await,
            Self::Cache => cache::play(world).await,
            Self::MixedGroups => mixed_groups::play(world).await,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SingleSite => "single-site",
            Self::Global => "global",
            Self::Decay => "decay",
            Self::Cache => "cache",
            Self::MixedGroups => "mixed-groups",
        })
    }
}

/// The domain of the scenarios that have one.
const DOMAIN: &str = "contoso.test";

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

/// The documented default of `slmgr /sai`, in minutes.
const TWO_HOURS: u32 = 120;

/// A machine of this name and product that looks for hosts in the one domain.
const fn machine<'a>(name: &'a str, product: &'a str) -> MachinePlan<'a> {
    MachinePlan {
        name,
        product,
        domain: DOMAIN,
        pinned: None,
        caching: true,
    }
}

/// The one host of the scenarios that have one.
const HOST: &str = "kms1.contoso.test";

/// The plan of that host: a Server B key, published in the one domain, and what clients that are
/// not activated are told to wait, in minutes.
const fn one_host(activation_interval: u32) -> HostPlan<'static> {
    HostPlan {
        name: HOST,
        host_key: "windows/server-b/2008r2",
        domains: &[DOMAIN],
        activation_interval,
    }
}

/// Adds a machine and lets it ask, as at its first start.
async fn boot(world: &mut World, plan: MachinePlan<'_>) -> Result<usize, Failure> {
    let at = world.add_machine(plan)?;
    world.attempt(at).await?;
    Ok(at)
}

/// Whether no attempt ended against the rule: licensed from the threshold on, and never below it.
fn check_thresholds(world: &mut World) {
    let counted: Vec<_> = world
        .attempts()
        .iter()
        .filter(|a| a.count.is_some())
        .collect();
    let wrong = counted
        .iter()
        .filter(|a| a.activated != (a.count >= Some(a.threshold)))
        .count();
    let below = counted.iter().filter(|a| !a.activated).count();
    let seen = format!(
        "{} answers, {below} below the product's threshold, {wrong} against the rule",
        counted.len()
    );
    let holds = wrong == 0 && !counted.is_empty();
    world.check(
        "licensed from the threshold on and never below it",
        holds,
        seen,
    );
}
