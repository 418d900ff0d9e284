//! Contoso in one site: 100 Windows 7 clients, a mixed set of others, two hosts with one key.

use super::{DAY, DOMAIN, HOUR, MINUTE, TWO_HOURS, boot, check_thresholds, machine};
use crate::{
    report::Attempt,
    world::{Failure, HostPlan, LabHost, MachinePlan, World},
};
use kms_core::LicenseStatus;

const HOSTS: [&str; 2] = ["kms1.contoso.test", "kms2.contoso.test"];
const ROGUE: &str = "rogue.contoso.test";

/// What stands in the document, and how many of each here.
const FLEET: [(&str, &str, usize); 5] = [
    ("ws", "Windows 7 Enterprise", 100),
    ("vista", "Windows Vista Enterprise", 8),
    ("srv08", "Windows Server 2008 Standard", 6),
    ("srv08r2", "Windows Server 2008 R2 Standard", 7),
    ("dc08r2", "Windows Server 2008 R2 Datacenter", 3),
];

pub(super) async fn play(world: &mut World) -> Result<(), Failure> {
    for name in HOSTS {
        world.add_host(host(name, &[DOMAIN])).await?;
    }
    let published = world.published(DOMAIN).await?;
    world.check(
        "both hosts are in DNS",
        published == 2,
        format!("{published} SRV records"),
    );
    world.tell("two hosts run and are published, the machines are started one by one");
    start_machines(world).await?;
    world.tell("all machines have asked once");
    world.pass(6 * HOUR).await?;
    world.tell("all machines have asked until the count was enough");
    check_first_hours(world);
    take_over(world).await?;
    forge(world).await
}

const fn host<'a>(name: &'a str, domains: &'a [&'a str]) -> HostPlan<'a> {
    HostPlan {
        name,
        host_key: "windows/server-c/2008r2",
        domains,
        activation_interval: TWO_HOURS,
    }
}

/// In a random order, half a minute apart.
async fn start_machines(world: &mut World) -> Result<(), Failure> {
    let mut waiting: Vec<(String, &str)> = FLEET
        .iter()
        .flat_map(|&(prefix, product, number)| {
            (1..=number).map(move |n| (format!("{prefix}-{n:03}"), product))
        })
        .collect();
    while !waiting.is_empty() {
        let (name, product) = waiting.swap_remove(world.below(waiting.len()));
        boot(world, machine(&name, product)).await?;
        world.pass(MINUTE / 2).await?;
    }
    Ok(())
}

fn check_first_hours(world: &mut World) {
    check_thresholds(world);
    let first = |threshold: u32| {
        let of_kind = |a: &&Attempt| a.activated && a.threshold == threshold;
        let found = world.attempts().iter().find(of_kind);
        found.map_or(f64::INFINITY, |attempt| attempt.day)
    };
    let (server, client) = (first(5), first(25));
    let seen = format!("first server on day {server:.3}, first client on day {client:.3}");
    world.check(
        "servers are activated before clients",
        server < client,
        seen,
    );
    let counts: Vec<i64> = world.hosts.iter().map(LabHost::count).collect();
    let both = counts.iter().all(|&count| count >= 25);
    world.check(
        "both hosts are used",
        both,
        format!("they count {counts:?}"),
    );
    let (licensed, all) = (world.licensed(), world.machines.len());
    world.check(
        "every machine is licensed",
        licensed == all,
        format!("{licensed} of {all}"),
    );
}

async fn take_over(world: &mut World) -> Result<(), Failure> {
    let [stopped, other] = HOSTS;
    let on_stopped = world
        .machines
        .iter()
        .filter(|m| {
            m.client
                .cached_host()
                .is_some_and(|host| host.to_string().starts_with(stopped))
        })
        .count();
    world.stop_host(stopped).await?;
    world.tell(format_args!(
        "{stopped} is stopped, which {on_stopped} machines had used"
    ));
    world.pass(8 * DAY).await?;
    world.tell("every machine has renewed");
    let on_other = world
        .machines
        .iter()
        .filter(|m| {
            m.client
                .cached_host()
                .is_some_and(|host| host.to_string().starts_with(other))
        })
        .count();
    let (licensed, all) = (world.licensed(), world.machines.len());
    world.check(
        "the other host takes over",
        on_stopped > 0 && on_other == all && licensed == all,
        format!(
            "{on_stopped} machines moved, {on_other} of {all} use {other}, {licensed} licensed"
        ),
    );
    Ok(())
}

async fn forge(world: &mut World) -> Result<(), Failure> {
    let address = world.add_rogue(host(ROGUE, &[])).await?;
    let plan = MachinePlan {
        pinned: Some(address),
        ..machine("lured-001", "Windows Server 2008 R2 Standard")
    };
    // Enough machines ask the rogue that its count alone would activate a server.
    let mut lured = 0;
    for n in 1..=6 {
        let name = format!("lured-{n:03}");
        lured = boot(
            world,
            MachinePlan {
                name: &name,
                ..plan
            },
        )
        .await?;
    }
    world.tell(format_args!(
        "{ROGUE}, certified by another authority, answers 6 machines"
    ));
    let refused = world.attempts().last().cloned();
    let status = world
        .machines
        .get(lured)
        .map(|m| m.client.license().status());
    let reason = refused
        .as_ref()
        .and_then(|a| a.tried.last())
        .cloned()
        .unwrap_or_default();
    let counts = world.host(ROGUE)?.count();
    world.check(
        "an answer of an uncertified host is refused",
        refused.is_some_and(|a| !a.activated)
            && status == Some(LicenseStatus::OobGrace)
            && counts == 6
            && reason.contains("root"),
        format!("the rogue counts {counts} and said so; {reason}"),
    );
    Ok(())
}
