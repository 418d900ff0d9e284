//! Fleets in which nothing is wrong, over months: nobody is called for them.

use crate::alerts::{Asking, MINUTE, World, client, family, source};
use crate::fixture::{DAY, HOUR};
use core::{cmp::Reverse, time::Duration};
use kms_core::{Entropy as _, SeededEntropy, Threshold, Tick};
use kms_count::{Admission, Guarded};
use std::collections::BinaryHeap;

/// Alerts are counted after the days in which a host gets to know its fleet.
const SETTLING: u32 = 10;
const DAYS: u32 = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Machine {
    Desk,
    /// At times in another network.
    Laptop,
    /// Starts each morning with a new id.
    Desktop,
    Server,
}

struct Fleet {
    kind: Machine,
    machines: u32,
    /// So many machines a day join at the beginning.
    joining: u32,
    /// All have one address, which has a quota of its own.
    translated: bool,
    /// So many machines more in one morning.
    imaged: u32,
}

struct Simulated<'a> {
    fleet: &'a Fleet,
    world: World,
    entropy: SeededEntropy,
    /// When each asks next.
    due: BinaryHeap<Reverse<(Tick, u32)>>,
    asked: u32,
}

impl Simulated<'_> {
    fn new(fleet: &Fleet, seed: u64) -> Simulated<'_> {
        let world = World::new(Admission::Guarded(Guarded::default()));
        let mut simulated = Simulated {
            fleet,
            entropy: SeededEntropy::new(seed),
            due: BinaryHeap::new(),
            asked: 0,
            world,
        };
        for machine in 0..fleet.machines {
            // In the working hours of the day on which it joins.
            let day = machine / fleet.joining;
            let at = day * DAY + 8 * HOUR + simulated.within(9 * HOUR);
            simulated.wake(machine, at);
        }
        for machine in 0..fleet.imaged {
            let at = (SETTLING + 7) * DAY + 9 * HOUR + machine * MINUTE;
            simulated.wake(fleet.machines + machine, at);
        }
        simulated
    }

    fn wake(&mut self, machine: u32, after: Duration) {
        let at = self.world.now.tick.saturating_add(after);
        self.due.push(Reverse((at, machine)));
    }

    fn within(&mut self, time: Duration) -> Duration {
        Duration::from_secs(self.entropy.below(time.as_secs()))
    }

    fn run(&mut self) -> Vec<String> {
        let begin = self.world.now;
        let settled = begin.after(SETTLING * DAY).tick;
        let end = begin.after(DAYS * DAY).tick;
        let mut given = Vec::new();
        while let Some(Reverse((at, machine))) = self.due.pop()
            && at < end
        {
            self.world.now = begin.after(at.saturating_since(begin.tick));
            let day = at.saturating_since(begin.tick).as_secs() / DAY.as_secs();
            let mut asking = self.asking(machine, u32::try_from(day).unwrap());
            let (count, mut alerts) = self.world.ask(asking);
            if machine % 3 == 0 && self.fleet.kind != Machine::Server {
                // The other product of the same machine, by the other kind of address.
                self.world.now = self.world.now.after(MINUTE / 6);
                asking.request.counted_id = family(2);
                asking.request.threshold = Threshold::new(5).unwrap();
                if !self.fleet.translated {
                    let v6 = format!("2001:db8:0:{machine:x}::1");
                    asking.request.source = Some(v6.parse().unwrap());
                }
                alerts.extend(self.world.ask(asking).1);
            }
            self.asked += 1;
            if at >= settled {
                let told = |alert| format!("day {day}: {alert:?}");
                given.extend(alerts.into_iter().map(told));
            }
            let next = self.next(count >= asking.request.threshold.machines());
            self.wake(machine, next);
        }
        given
    }

    fn asking(&mut self, machine: u32, day: u32) -> Asking {
        let fleet = self.fleet;
        let mut asking = client(machine, machine);
        match fleet.kind {
            Machine::Desk => {}
            Machine::Laptop => {
                if self.entropy.below(3) == 0 {
                    let lease = u32::try_from(self.entropy.below(500)).unwrap();
                    asking.request.source = Some(source(50_000 + lease));
                }
            }
            Machine::Desktop => {
                asking.request.cmid = client(1_000_000 + day * 10_000 + machine, 0).request.cmid;
            }
            Machine::Server => asking.request.threshold = Threshold::new(5).unwrap(),
        }
        if fleet.translated {
            asking.request.source = Some(source(7));
            asking.request.quota = Some(200);
        }
        asking
    }

    fn next(&mut self, activated: bool) -> Duration {
        match (self.fleet.kind, activated) {
            (Machine::Desktop, _) => DAY - HOUR / 2 + self.within(HOUR),
            (_, true) => 7 * DAY + self.within(DAY / 2),
            (_, false) => 2 * HOUR + self.within(HOUR / 5),
        }
    }
}

#[test]
fn fleets_in_which_nothing_is_wrong_give_one_alert_in_a_thousand_days_at_most() {
    let fleet = |kind, machines, joining| Fleet {
        kind,
        machines,
        joining,
        translated: false,
        imaged: 0,
    };
    let office = || fleet(Machine::Desk, 120, 40);
    let fleets = [
        office(),
        fleet(Machine::Laptop, 150, 40),
        fleet(Machine::Server, 9, 2),
        fleet(Machine::Desktop, 100, 100),
        fleet(Machine::Desk, 400, 100),
        Fleet {
            translated: true,
            ..fleet(Machine::Desk, 60, 20)
        },
        Fleet {
            imaged: 40,
            ..office()
        },
        Fleet {
            imaged: 60,
            ..fleet(Machine::Laptop, 400, 100)
        },
    ];
    let (mut days, mut asked, mut given) = (0, 0, Vec::new());
    for seed in 1..=4 {
        for fleet in &fleets {
            let mut simulated = Simulated::new(fleet, seed);
            given.extend(simulated.run());
            asked += simulated.asked;
            days += DAYS - SETTLING;
        }
    }
    assert!(
        days >= 1000 && asked > 40_000,
        "{days} days, {asked} requests"
    );
    let allowed = usize::try_from(days / 1000).unwrap();
    assert!(given.len() <= allowed, "{days} days: {given:#?}");
}
