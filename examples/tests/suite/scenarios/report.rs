//! What the lab prints with `--json`.

use crate::support::{LAB, command, run_blocking};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(crate) const NOT_ENOUGH_COUNT: &str = "0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT";
pub(crate) const OK: &str = "0x00000000 S_OK";

#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) scenario: String,
    pub(crate) document: String,
    pub(crate) machines: Vec<Machine>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) checks: Vec<Check>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) product: String,
    pub(crate) host: Option<String>,
    pub(crate) count: Option<u32>,
    pub(crate) status: String,
    pub(crate) expires: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) running: bool,
    pub(crate) counts: BTreeMap<String, i64>,
    pub(crate) capacities: BTreeMap<String, u32>,
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    pub(crate) by_license_status: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Moment {
    pub(crate) day: f64,
    pub(crate) counts: BTreeMap<String, i64>,
    pub(crate) licensed: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) holds: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) day: f64,
    pub(crate) time: DateTime<Utc>,
    pub(crate) machine: String,
    pub(crate) product: String,
    pub(crate) threshold: u32,
    host: Option<String>,
    pub(crate) count: Option<u32>,
    pub(crate) code: String,
    pub(crate) activated: bool,
    pub(crate) tried: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) source: String,
    pub(crate) id: u16,
    pub(crate) text: String,
}

/// Runs a scenario, which must succeed in its own eyes and print one JSON value.
pub(crate) fn play(arguments: &[&str]) -> Report {
    let mut lab = command(LAB);
    lab.arg("--json").args(arguments);
    let outcome = run_blocking(lab).exits(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    let report: Report = serde_json::from_value(outcome.json()).unwrap();
    let unseen: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| !check.holds)
        .map(|check| &*check.what)
        .collect();
    assert!(unseen.is_empty() && report.checks.len() >= 4, "{unseen:?}");
    report.is_consistent();
    report
}

impl Report {
    /// What is so in every scenario: the rule of the threshold, and that what hosts counted is what
    /// machines sent.
    fn is_consistent(&self) {
        let answers = || {
            self.attempts
                .iter()
                .filter(|attempt| attempt.count.is_some())
        };
        for attempt in answers() {
            let enough = attempt.count >= Some(attempt.threshold);
            assert_eq!(attempt.activated, enough, "{attempt:?}");
            assert_eq!(attempt.code, if enough { OK } else { NOT_ENOUGH_COUNT });
        }
        assert!(answers().any(|attempt| attempt.activated));
        assert!(answers().any(|attempt| !attempt.activated));
        assert!(
            self.attempts
                .iter()
                .all(|a| !a.activated || a.count.is_some())
        );

        let mut days = self.timeline.windows(2);
        assert!(days.all(|pair| pair[0].day <= pair[1].day));
        for host in &self.hosts {
            let processed = self.events_of(&host.name, 12290);
            let by_status: usize = host.by_license_status.values().sum();
            // A host that was started again counts from 0, and its events begin again with it.
            assert_eq!(processed.len(), host.requests, "{}", host.name);
            assert_eq!(by_status, host.requests, "{}", host.name);
            for (family, &count) in &host.counts {
                let room = host.capacities[family];
                assert!((-1..=i64::from(room)).contains(&count), "{host:?}");
            }
        }
        for machine in &self.machines {
            let expected = match machine.status.as_str() {
                "Notification" | "Unlicensed" => machine.expires.is_none(),
                _ => machine.expires.is_some(),
            };
            assert!(expected, "{machine:?}");
        }
    }

    /// Every answer has the count that a plain table of who asked when gives: a record goes 30 days
    /// after its machine last asked, and the oldest goes when there are more than twice the highest
    /// threshold that has asked. `restarted` says when a host began with an empty table again.
    pub(crate) fn counts_are_those_of_the_model(&self, restarted: impl Fn(&str) -> Option<f64>) {
        #[derive(Default)]
        struct Table<'a> {
            records: Vec<(&'a str, f64)>,
            room: usize,
            last: f64,
        }
        let mut tables: BTreeMap<&str, Table<'_>> = BTreeMap::new();
        let mut answers = 0;
        for attempt in self.attempts.iter() {
            let (Some(host), Some(count)) = (attempt.host(), attempt.count) else {
                continue;
            };
            let table = tables.entry(host).or_default();
            if restarted(host).is_some_and(|day| table.last <= day && day < attempt.day) {
                *table = Table::default();
            }
            table.last = attempt.day;
            table.room = table
                .room
                .max(usize::try_from(2 * attempt.threshold).unwrap());
            table
                .records
                .retain(|&(machine, day)| machine != attempt.machine && attempt.day - day < 30.0);
            table.records.push((&attempt.machine, attempt.day));
            if table.records.len() > table.room {
                table.records.remove(0);
            }
            assert_eq!(
                usize::try_from(count),
                Ok(table.records.len()),
                "{attempt:?}"
            );
            answers += 1;
        }
        assert!(answers > 50, "{answers}");
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).unwrap()
    }

    /// Machines whose name begins so.
    pub(crate) fn machines(&self, prefix: &str) -> Vec<&Machine> {
        let ours = |machine: &&Machine| machine.name.starts_with(prefix);
        self.machines.iter().filter(ours).collect()
    }

    /// The texts of a source's events of one number.
    pub(crate) fn events_of(&self, source: &str, id: u16) -> Vec<&str> {
        let ours = |event: &&Event| event.source == source && event.id == id;
        self.events
            .iter()
            .filter(ours)
            .map(|event| &*event.text)
            .collect()
    }
}

impl Attempt {
    /// The host's name, without its port, which is another in each run.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref().map(name_of)
    }
}

impl Machine {
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref().map(name_of)
    }
}

fn name_of(address: &str) -> &str {
    address.split(':').next().unwrap()
}
