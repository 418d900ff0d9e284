//! Contoso in two sites: local hosts first and three quarters to the first of them.

use super::{DAY, HOUR, MINUTE, TWO_HOURS, boot, check_thresholds};
use crate::world::{Failure, HostPlan, MachinePlan, World};
use std::collections::BTreeMap;

pub(super) const EAST: &str = "east.contoso.test";
pub(super) const WEST: &str = "west.contoso.test";

/// Table 5, read as a plan: each host publishes its own record in both domains.
const HOSTS: [(&str, [&str; 2]); 4] = [
    (
        "kms-e1.east.contoso.test",
        ["east.contoso.test, 10, 75", "west.contoso.test, 90, 75"],
    ),
    (
        "kms-e2.east.contoso.test",
        ["east.contoso.test, 10, 25", "west.contoso.test, 90, 25"],
    ),
    (
        "kms-w1.west.contoso.test",
        ["west.contoso.test, 10, 75", "east.contoso.test, 90, 75"],
    ),
    (
        "kms-w2.west.contoso.test",
        ["west.contoso.test, 10, 25", "east.contoso.test, 90, 25"],
    ),
];

/// Windows 7 clients of each site.
const CLIENTS: usize = 110;
/// The share that weights 75 and 25 give the first: RFC 2782 draws from 0 to 100 inclusive, and a
/// draw of 0 falls to either record with the same chance.
const SHARE: f64 = 75.5 / 101.0;

pub(super) async fn play(world: &mut World) -> Result<(), Failure> {
    let [east1, east2, west1, west2] = HOSTS.map(|(name, _)| name);
    for (name, domains) in HOSTS {
        world
            .add_host(HostPlan {
                name,
                host_key: "windows/server-b/2008r2",
                domains: &domains,
                activation_interval: TWO_HOURS,
            })
            .await?;
    }
    world.tell("four hosts run, and each is published in both domains");
    for n in 1..=CLIENTS {
        for (prefix, domain) in [("east", EAST), ("west", WEST)] {
            let name = format!("{prefix}-{n:03}");
            boot(world, client(&name, domain)).await?;
        }
        world.pass(MINUTE / 2).await?;
    }
    world.pass(30 * DAY).await?;
    world.tell("30 days with all hosts up");
    check_thresholds(world);
    local_hosts_first(world, [east1, east2, west1, west2]);

    world.stop_host(east1).await?;
    let used = renewals(world, "east", 8).await?;
    world.tell(format_args!("{east1} is stopped, the east has renewed"));
    let only_second = used.keys().map(String::as_str).eq([east2]);
    world.check(
        "one local host down: the other serves the whole site",
        only_second,
        show(&used),
    );

    world.stop_host(east2).await?;
    let used = renewals(world, "east", 8).await?;
    world.tell(format_args!("{east2} is stopped too, the east has renewed"));
    let total: usize = used.values().sum();
    let first = used.get(west1).copied().unwrap_or(0);
    let other_site = used
        .keys()
        .all(|host| [west1, west2].contains(&host.as_str()));
    world.check(
        "both local hosts down, and only then: the other site serves, again 75 to 25",
        other_site && total > 0 && within_sampling_error(first, total),
        show(&used),
    );

    world.start_host(east1).await?;
    world.start_host(east2).await?;
    let used = renewals(world, "east", 8).await?;
    world.tell("both are started again, the east has renewed");
    let back = used
        .keys()
        .all(|host| [east1, east2].contains(&host.as_str()));
    world.check(
        "back to the local hosts",
        back && used.len() == 2,
        show(&used),
    );
    let (licensed, all) = (world.licensed(), world.machines.len());
    world.check(
        "nobody lost a licence",
        licensed == all,
        format!("{licensed} of {all} licensed"),
    );
    Ok(())
}

const fn client<'a>(name: &'a str, domain: &'a str) -> MachinePlan<'a> {
    // The document turns caching off (slmgr /ckhc), so that every renewal goes by the records.
    MachinePlan {
        name,
        product: "Windows 7 Enterprise",
        domain,
        pinned: None,
        caching: false,
    }
}

fn local_hosts_first(world: &mut World, [east1, east2, west1, west2]: [&str; 4]) {
    for (site, first, second) in [("east", east1, east2), ("west", west1, west2)] {
        let used = used_by(world, site, 0);
        let total: usize = used.values().sum();
        let share = used.get(first).copied().unwrap_or(0);
        let local = used
            .keys()
            .all(|host| [first, second].contains(&host.as_str()));
        world.check(
            &format!("{site}: local hosts first, 75 % to 25 % within sampling error"),
            local && within_sampling_error(share, total),
            show(&used),
        );
    }
}

/// Which hosts a site's machines used during these days.
async fn renewals(
    world: &mut World,
    site: &str,
    days: u32,
) -> Result<BTreeMap<String, usize>, Failure> {
    let from = world.attempts().len();
    world.pass(days * DAY + HOUR).await?;
    Ok(used_by(world, site, from))
}

fn used_by(world: &World, site: &str, from: usize) -> BTreeMap<String, usize> {
    let mut used = BTreeMap::new();
    for attempt in world.attempts().iter().skip(from) {
        if let (true, Some(host)) = (attempt.machine.starts_with(site), &attempt.host) {
            let name = host.split(':').next().unwrap_or(host);
            *used.entry(name.to_owned()).or_default() += 1;
        }
    }
    used
}

/// Four standard deviations of a binomial share.
fn within_sampling_error(first: usize, total: usize) -> bool {
    let [first, total] = [first, total].map(|n| u32::try_from(n).map_or(f64::NAN, f64::from));
    let deviation = (SHARE * (1.0 - SHARE) / total).sqrt();
    (first / total - SHARE).abs() <= 4.0 * deviation
}

fn show(used: &BTreeMap<String, usize>) -> String {
    let shares: Vec<String> = used
        .iter()
        .map(|(host, times)| format!("{host}: {times}"))
        .collect();
    shares.join(", ")
}
