//! How many machines a host keeps: twice the highest threshold that asked, and never less again.

use super::{DAY, HOST, MINUTE, TWO_HOURS, boot, check_thresholds, machine, one_host};
use crate::world::{Failure, World};

pub(super) async fn play(world: &mut World) -> Result<(), Failure> {
    world.add_host(one_host(TWO_HOURS)).await?;
    let before = world.host(HOST)?.count();
    world.check(
        "before the first request the count is -1",
        before == -1,
        before,
    );

    servers(world, 1, 15).await?;
    let (count, capacity) = held(world)?;
    world.tell("15 servers have asked");
    let seen = format!("{count} of at most {capacity}");
    world.check(
        "servers only: 10 are held",
        (count, capacity) == (10, 10),
        seen,
    );

    boot(world, machine("ws-01", "Windows 7 Enterprise")).await?;
    let (count, capacity) = held(world)?;
    world.tell("a client has asked");
    let seen = format!("{count} of at most {capacity}");
    world.check(
        "one client: room for 50",
        (count, capacity) == (11, 50),
        seen,
    );

    servers(world, 16, 65).await?;
    let (count, capacity) = held(world)?;
    world.tell("50 more servers have asked");
    let seen = format!("{count} of at most {capacity}");
    world.check(
        "the 50 newest are held",
        (count, capacity) == (50, 50),
        seen,
    );

    for machine in &mut world.machines {
        machine.silent = true;
    }
    world.pass(31 * DAY).await?;
    let (count, capacity) = held(world)?;
    world.tell("31 days of silence");
    let seen = format!("{count} of at most {capacity}");
    world.check(
        "all are gone, the room stays 50",
        (count, capacity) == (0, 50),
        seen,
    );

    servers(world, 66, 77).await?;
    let (count, capacity) = held(world)?;
    world.tell("12 servers have asked, no client");
    let seen = format!("{count} of at most {capacity}");
    world.check(
        "never less than 50 again",
        (count, capacity) == (12, 50),
        seen,
    );
    check_thresholds(world);
    Ok(())
}

async fn servers(world: &mut World, from: usize, to: usize) -> Result<(), Failure> {
    for n in from..=to {
        let name = format!("srv-{n:02}");
        let at = boot(world, machine(&name, "Windows Server 2008 R2 Standard")).await?;
        // Each asks once: what is looked at is the table, not the licences.
        if let Some(machine) = world.machines.get_mut(at) {
            machine.silent = true;
        }
        world.pass(MINUTE).await?;
    }
    Ok(())
}

fn held(world: &World) -> Result<(i64, u32), Failure> {
    let host = world.host(HOST)?;
    Ok((host.count(), host.capacity()))
}
