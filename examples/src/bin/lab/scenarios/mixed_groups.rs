//! A Server B host key: its own group and those below it, and not the one above.

use super::{HOST, HOUR, MINUTE, TWO_HOURS, boot, check_thresholds, machine, one_host};
use crate::world::{Failure, World};
use kms_core::{LicenseStatus, StatusCode};

/// Name, product, how many, whether the key covers its group.
const FLEET: [(&str, &str, usize, bool); 5] = [
    ("client-vl", "Windows 7 Enterprise", 20, true),
    ("server-a", "Windows Web Server 2008 R2", 4, true),
    ("server-b", "Windows Server 2008 R2 Standard", 6, true),
    ("server-c", "Windows Server 2008 R2 Datacenter", 5, false),
    ("older-b", "Windows Server 2008 Standard", 2, true),
];

pub(super) async fn play(world: &mut World) -> Result<(), Failure> {
    world.add_host(one_host(TWO_HOURS)).await?;
    for (prefix, product, number, _) in FLEET {
        for n in 1..=number {
            boot(world, machine(&format!("{prefix}-{n:02}"), product)).await?;
            world.pass(MINUTE).await?;
        }
    }
    world.tell("every machine has asked once");
    world.pass(5 * HOUR).await?;
    world.tell("every machine has asked again until the count was enough");
    for (prefix, product, number, covered) in FLEET {
        let of_kind = || world.machines.iter().filter(|m| m.name.starts_with(prefix));
        let licensed = of_kind()
            .filter(|m| m.client.license().status() == LicenseStatus::Licensed)
            .count();
        let refused = world
            .attempts()
            .iter()
            .filter(|a| a.machine.starts_with(prefix))
            .all(|a| a.code == MISMATCH.to_string());
        if covered {
            let seen = format!("{licensed} of {number}");
            world.check(&format!("{product}: activated"), licensed == number, seen);
        } else {
            let seen = format!("{licensed} of {number} activated, all refused: {refused}");
            let what = format!("{product}: refused with {MISMATCH}");
            world.check(&what, licensed == 0 && refused, seen);
        }
    }
    let counted: usize = FLEET.iter().filter(|kind| kind.3).map(|kind| kind.2).sum();
    let (count, failed) = (world.host(HOST)?.count(), world.host(HOST)?.failed());
    world.check(
        "what is refused does not count, and is in the failed requests",
        i64::try_from(counted).is_ok_and(|counted| counted == count) && failed >= 5,
        format!("count {count} of {counted}, {failed} failed requests"),
    );
    check_thresholds(world);
    Ok(())
}

const MISMATCH: StatusCode = StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH;
