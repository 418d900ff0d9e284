//! The machines of the network.

use super::{Failure, World};
use crate::report::{Attempt, EventRow, MachineRow};
use core::net::SocketAddr;
use examples::authority_folder::ROOT_FILE;
use kms_client::{Client, ClientConfig};
use kms_core::{Clock, Entropy, SeededEntropy, StatusCode};
use kms_license::Event;
use kms_testkit::clock::ManualClock;

/// A machine with one product.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) client: Client<ManualClock, SeededEntropy>,
    /// Off the network: its timers run, and its attempts reach nobody.
    pub(crate) silent: bool,
    last: Option<Attempt>,
}

/// What a scenario says about a machine.
#[derive(Clone, Copy)]
pub(crate) struct MachinePlan<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its product.
    pub(crate) product: &'a str,
    /// Where it looks for hosts.
    pub(crate) domain: &'a str,
    /// A pinned host instead.
    pub(crate) pinned: Option<SocketAddr>,
    /// Whether it keeps to the host that answered last.
    pub(crate) caching: bool,
}

impl World {
    /// Adds a machine, whose licence begins now; it has not asked yet.
    pub(crate) fn add_machine(&mut self, plan: MachinePlan<'_>) -> Result<usize, Failure> {
        let root = self.folder.path().join("ca").join(ROOT_FILE);
        let mut text = format!(
            "root = {root:?}\nproduct = {:?}\nstate = \"{}.state\"\nmachine_name = \"{}.{}\"\n\
             nameserver = \"{}\"\nallow_loopback = true\ndomains = [{:?}]\ncaching = {}\n",
            plan.product,
            plan.name,
            plan.name,
            plan.domain,
            self.dns.address(),
            plan.domain,
            plan.caching
        );
        if let Some(host) = plan.pinned {
            text += &format!("host = \"{host}\"\n");
        }
        let config = ClientConfig::parse(&text, &self.folder.path().join("client.toml"))?;
        let entropy = SeededEntropy::new(self.entropy.next_u64());
        let client = Client::open(&config, self.clock.clone(), entropy)?;
        let name = plan.name.to_owned();
        self.machines.push(Machine {
            name,
            client,
            silent: false,
            last: None,
        });
        Ok(self.machines.len() - 1)
    }

    /// The machine asks for activation now.
    pub(crate) async fn attempt(&mut self, at: usize) -> Result<(), Failure> {
        let (day, time) = (self.day(), self.clock.now().wall.to_string());
        let machine = self.machines.get_mut(at).ok_or("no such machine")?;
        self.progress
            .set_message(format!("day {day:.2}: {} asks", machine.name));
        let report = machine.client.activate().await?;
        let attempt = Attempt {
            day,
            time,
            machine: machine.name.clone(),
            product: machine.client.product().name.clone(),
            threshold: machine.client.product().threshold.machines(),
            host: report
                .host
                .as_ref()
                .or_else(|| report.attempts.last().map(|tried| &tried.host))
                .map(ToString::to_string),
            count: report.count,
            code: report.code().to_string(),
            activated: report.result.is_ok(),
            tried: report.attempts.iter().map(ToString::to_string).collect(),
        };
        machine.last = Some(attempt.clone());
        self.attempts.push(attempt);
        self.collect_events(at);
        Ok(())
    }

    pub(super) fn collect_events(&mut self, at: usize) {
        let Some(machine) = self.machines.get_mut(at) else {
            return;
        };
        let time = self.clock.now().wall;
        while let Some(event) = machine.client.poll_event() {
            let (id, text) = match event {
                Event::RequestSent(data) => (12288, data.to_string()),
                Event::AnswerProcessed(data) => (12289, data.to_string()),
                _ => continue,
            };
            let source = machine.name.clone();
            self.machine_events.push((
                time,
                EventRow {
                    time: time.to_string(),
                    source,
                    id,
                    text,
                },
            ));
        }
    }
}

impl Machine {
    pub(super) fn row(&self) -> MachineRow {
        let license = self.client.license();
        MachineRow {
            name: self.name.clone(),
            product: self.client.product().name.clone(),
            host: self.last.as_ref().and_then(|attempt| attempt.host.clone()),
            count: self.last.as_ref().and_then(|attempt| attempt.count),
            status: license.status().text(),
            expires: license.expires().map(|time| time.to_string()),
            code: self.last.as_ref().map_or_else(
                || StatusCode::OK.to_string(),
                |attempt| attempt.code.clone(),
            ),
        }
    }
}
