//! When what is done: one loop over all domains, each with a schedule of its own.

use super::{
    setup::Setup,
    work::{Domain, Work},
};
use crate::{Alert, HostEvent, Metrics};
use core::{net::IpAddr, time::Duration};
use kms_core::{Clock, StatusCode, Tick};
use kms_srv::{PublishAction, PublishSchedule, PublishTimes, Seen};
use std::{io, sync::Arc};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

/// How often the machine's own addresses are looked at.
const OWN_ADDRESSES: Duration = Duration::from_secs(5);

/// The longest sleep: the timers stand still while the machine is suspended, the clock does not.
const SLEEP: Duration = Duration::from_secs(60);

/// Tells the addresses to publish now.
pub(super) type TellAddresses<'a> = dyn Fn(&Setup) -> io::Result<Vec<IpAddr>> + Send + Sync + 'a;

/// The loop and what it goes by.
pub(super) struct Run<'a, C, W, R> {
    pub(super) clock: &'a C,
    pub(super) work: W,
    pub(super) record: R,
    pub(super) metrics: &'a Metrics,
    pub(super) addresses: &'a TellAddresses<'a>,
}

/// A domain with its schedule.
struct Scheduled {
    domain: Domain,
    schedule: PublishSchedule,
}

/// What the machine said of its addresses last.
#[derive(Default)]
struct Machine {
    addresses: Vec<IpAddr>,
    failed: bool,
}

impl<C: Clock, W: Work, R: Fn(HostEvent)> Run<'_, C, W, R> {
    /// Publishes and looks until `stop`, as the newest of `setups` says.
    pub(super) async fn run(
        mut self,
        mut setups: watch::Receiver<Arc<Setup>>,
        stop: CancellationToken,
    ) {
        let mut setup = Arc::clone(&setups.borrow_and_update());
        let mut machine = Machine::default();
        machine.look(self.addresses, &setup);
        let mut domains = Vec::new();
        self.take_up(&mut domains, None, &setup, &machine);
        loop {
            for scheduled in &mut domains {
                // A change goes before what is left of the old.
                if setups.has_changed().unwrap_or(false) {
                    break;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.act(&setup, scheduled) => {}
                }
            }
            let wait = self.wait(&setup, &domains);
            tokio::select! {
                () = stop.cancelled() => return,
                changed = setups.changed() => if changed.is_err() { return },
                () = sleep(wait) => {}
            }
            let newest = Arc::clone(&setups.borrow_and_update());
            let is_new = !Arc::ptr_eq(&newest, &setup);
            let before = core::mem::replace(&mut setup, newest);
            let moved =
                (is_new || setup.addresses.may_change()) && machine.look(self.addresses, &setup);
            if is_new || moved {
                self.take_up(&mut domains, Some(&before), &setup, &machine);
            }
        }
    }

    /// Goes over to another configuration or other addresses: what is published is replaced where it
    /// differs, at once.
    fn take_up(
        &self,
        domains: &mut Vec<Scheduled>,
        before: Option<&Setup>,
        setup: &Setup,
        machine: &Machine,
    ) {
        let now = self.clock.now().tick;
        let better = before.is_some_and(|before| setup.may_do_better_than(before));
        let same_times = before.is_none_or(|before| before.look == setup.look);
        let mut old = core::mem::take(domains);
        for (name, wanted) in setup.registrations(&machine.addresses) {
            let known = old.iter().position(|known| known.domain.name == name);
            let scheduled = match known.map(|place| old.swap_remove(place)) {
                Some(mut known) => {
                    if better || known.domain.wanted != wanted {
                        known.domain.wanted = wanted;
                        known.domain.look_before = true;
                        known.schedule.handle_change(now);
                    }
                    if better {
                        known.domain.place = None;
                    }
                    if !same_times {
                        known.schedule = schedule(setup, now);
                    }
                    known
                }
                None => Scheduled {
                    domain: Domain::new(name, wanted),
                    schedule: schedule(setup, now),
                },
            };
            domains.push(scheduled);
        }
        for left in old {
            tracing::warn!(
                domain = %left.domain.name,
                "not published in this domain any more; its record stays until it is withdrawn"
            );
        }
    }

    /// Does what is due in a domain.
    async fn act(&mut self, setup: &Setup, scheduled: &mut Scheduled) {
        let Scheduled { domain, schedule } = scheduled;
        while let Some(action) = schedule.poll_action(self.clock.now().tick) {
            match action {
                PublishAction::Publish => {
                    let code = self.work.publish(setup, domain).await;
                    let (name, now) = (domain.name.clone(), self.clock.now().tick);
                    if code == StatusCode::OK {
                        schedule.handle_published(now);
                        (self.record)(HostEvent::Published { domain: name });
                    } else {
                        schedule.handle_failure(now);
                        (self.record)(HostEvent::PublishFailed { code, domain: name });
                    }
                }
                PublishAction::Look => {
                    let seen = self.work.look(setup, domain).await;
                    self.metrics.looked(&domain.name, seen);
                    if seen == Seen::Absent {
                        domain.look_before = true;
                        tracing::warn!(domain = %domain.name, "this host's record is gone from DNS");
                    }
                    schedule.handle_seen(seen, self.clock.now().tick);
                }
            }
            if let Some(removals) = schedule.poll_fight() {
                let within = times(setup).fight_within;
                (self.record)(HostEvent::Alert(Alert::PublishFight {
                    domain: domain.name.clone(),
                    removals,
                    minutes: u32::try_from(within.as_secs() / 60).unwrap_or(u32::MAX),
                }));
            }
        }
    }

    fn wait(&self, setup: &Setup, domains: &[Scheduled]) -> Duration {
        let next = domains
            .iter()
            .filter_map(|scheduled| scheduled.schedule.poll_timeout())
            .min();
        let now = self.clock.now().tick;
        let wait = next.map_or(SLEEP, |next| next.saturating_since(now));
        let longest = if setup.addresses.may_change() {
            OWN_ADDRESSES
        } else {
            SLEEP
        };
        wait.min(longest)
    }
}

impl Machine {
    /// Asks for the addresses anew; whether they are others.
    fn look(&mut self, tell: &TellAddresses<'_>, setup: &Setup) -> bool {
        match tell(setup) {
            Ok(addresses) => {
                self.failed = false;
                let moved = self.addresses != addresses;
                self.addresses = addresses;
                moved
            }
            Err(error) => {
                if !core::mem::replace(&mut self.failed, true) {
                    tracing::warn!(
                        %error,
                        "the machine's addresses cannot be read: set dns.addresses; \
                         what was read before is published"
                    );
                }
                false
            }
        }
    }
}

fn schedule(setup: &Setup, now: Tick) -> PublishSchedule {
    PublishSchedule::new(times(setup), now)
}

/// How many looks see the removals that are a fight, with what the updates between them take.
const FIGHT_LOOKS: u32 = 3;

fn times(setup: &Setup) -> PublishTimes {
    let usual = PublishTimes::default();
    PublishTimes {
        look: setup.look,
        // In an hour of rare looks no fight could be seen.
        fight_within: usual.fight_within.max(setup.look * FIGHT_LOOKS),
        ..usual
    }
}

#[cfg(test)]
mod tests;
