//! Machines fall silent: the count follows after 30 days, and licences end after 180.

use super::{DAY, HOST, HOUR, MINUTE, boot, check_thresholds, machine, one_host};
use crate::world::{Failure, World, days};
use core::time::Duration;
use kms_core::LicenseStatus;

const SERVERS: usize = 6;
const CLIENTS: usize = 20;
const SILENT: usize = 4;
const VALIDITY: Duration = Duration::from_secs(180 * 24 * 3600);

pub(super) async fn play(world: &mut World) -> Result<(), Failure> {
    // slmgr /sai 10080: below the threshold clients ask once a week instead of every two
    // hours, so that half a year is some hundred requests.
    world.add_host(one_host(7 * 24 * 60)).await?;
    for n in 1..=SERVERS {
        boot(
            world,
            machine(&format!("srv-{n:02}"), "Windows Server 2008 R2 Standard"),
        )
        .await?;
        world.pass(MINUTE).await?;
    }
    for n in 1..=CLIENTS {
        boot(
            world,
            machine(&format!("ws-{n:02}"), "Windows 7 Enterprise"),
        )
        .await?;
        world.pass(MINUTE).await?;
    }
    let count = world.host(HOST)?.count();
    world.check(
        "6 servers and 20 clients count 26",
        count == 26,
        format!("{HOST} counts {count}"),
    );
    world.pass(10 * DAY).await?;
    let all = world.machines.len();
    let licensed = world.licensed();
    world.tell("every machine has been activated and renews");
    world.check(
        "26 activates everyone",
        licensed == all,
        format!("{licensed} of {all}"),
    );

    for machine in world.machines.iter_mut().rev().take(SILENT) {
        machine.silent = true;
    }
    world.tell(format_args!("{SILENT} clients fall silent"));
    world.pass(31 * DAY).await?;
    let count = world.host(HOST)?.count();
    world.tell("30 days after their last request the silent ones are out of the count");
    world.check(
        "four silent for 30 days: 22",
        count == 22,
        format!("{HOST} counts {count}"),
    );
    newcomer(world).await?;

    watch_licences_end(world).await?;
    check_thresholds(world);
    Ok(())
}

/// Below the threshold no client is activated that was not before.
async fn newcomer(world: &mut World) -> Result<(), Failure> {
    let at = boot(world, machine("new-01", "Windows 7 Enterprise")).await?;
    let attempt = world
        .attempts()
        .last()
        .cloned()
        .ok_or("no attempt was made")?;
    world.tell("a new client asks and is not activated");
    world.check(
        "a new client is not activated below 25",
        !attempt.activated && attempt.count == Some(23),
        format!("count {}, {}", attempt.count.unwrap_or(0), attempt.code),
    );
    world.machines.remove(at);
    Ok(())
}

async fn watch_licences_end(world: &mut World) -> Result<(), Failure> {
    let start = world.now();
    let mut ended = vec![None; world.machines.len()];
    let last_activation: Vec<f64> = world
        .machines
        .iter()
        .map(|machine| {
            let of_machine = |a: &&crate::report::Attempt| a.machine == machine.name && a.activated;
            world
                .attempts()
                .iter()
                .rev()
                .find(of_machine)
                .map_or(0.0, |a| a.day)
        })
        .collect();
    while days(world.now().tick.saturating_since(start.tick)) < 200.0 {
        world.pass(HOUR * 6).await?;
        let day = world.day();
        for (machine, ended) in world.machines.iter().zip(&mut ended) {
            let licensed = machine.client.license().status() == LicenseStatus::Licensed;
            if !licensed && ended.is_none() {
                *ended = Some(day);
            }
        }
    }
    world.tell("more than 180 days later the clients have lost their activation");
    let validity = days(VALIDITY);
    let (mut clients, mut servers, mut late) = (0, 0, 0.0_f64);
    for ((machine, ended), last) in world.machines.iter().zip(&ended).zip(&last_activation) {
        match (machine.name.starts_with("srv"), ended) {
            (true, None) => servers += 1,
            (false, Some(day)) => {
                clients += 1;
                late = late.max((day - last - validity).abs());
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    world.check(
        "clients lose the activation 180 days after the last answer that activated them",
        clients == CLIENTS && late <= 0.26,
        format!("{clients} of {CLIENTS}, looked at every 6 hours at most {late:.2} days off"),
    );
    world.check(
        "servers stay activated",
        servers == SERVERS,
        format!("{servers} of {SERVERS}"),
    );
    Ok(())
}
