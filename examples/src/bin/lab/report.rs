//! What a run shows, in the form of its JSON.

use serde::Serialize;
use std::collections::BTreeMap;

/// The whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: String,
    pub(crate) document: &'static str,
    pub(crate) machines: Vec<MachineRow>,
    pub(crate) hosts: Vec<HostRow>,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) checks: Vec<Check>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) events: Vec<EventRow>,
}

/// A machine at the end.
#[derive(Debug, Serialize)]
pub(crate) struct MachineRow {
    pub(crate) name: String,
    pub(crate) product: String,
    pub(crate) host: Option<String>,
    pub(crate) count: Option<u32>,
    pub(crate) status: &'static str,
    pub(crate) expires: Option<String>,
    pub(crate) code: String,
}

/// A host at the end.
#[derive(Debug, Serialize)]
pub(crate) struct HostRow {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) host_key: String,
    pub(crate) running: bool,
    pub(crate) counts: BTreeMap<String, i64>,
    pub(crate) capacities: BTreeMap<String, u32>,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) by_license_status: BTreeMap<&'static str, u64>,
}

/// Something worth telling, with its time.
#[derive(Debug, Serialize)]
pub(crate) struct Moment {
    pub(crate) day: f64,
    pub(crate) time: String,
    pub(crate) what: String,
    pub(crate) counts: BTreeMap<String, i64>,
    pub(crate) licensed: usize,
}

/// Something that the scenario must show.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) holds: bool,
    pub(crate) seen: String,
}

/// One attempt of a machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Attempt {
    pub(crate) day: f64,
    pub(crate) time: String,
    pub(crate) machine: String,
    pub(crate) product: String,
    pub(crate) threshold: u32,
    pub(crate) host: Option<String>,
    pub(crate) count: Option<u32>,
    pub(crate) code: String,
    pub(crate) activated: bool,
    pub(crate) tried: Vec<String>,
}

/// A documented event.
#[derive(Debug, Serialize)]
pub(crate) struct EventRow {
    pub(crate) time: String,
    pub(crate) source: String,
    pub(crate) id: u16,
    pub(crate) text: String,
}
