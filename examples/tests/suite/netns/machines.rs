//! The hosts and clients of the two sites.

use super::{
    name_servers::{KEY_FILE, domain},
    network::{CORE_DNS, EAST, Network, Site, WEST},
};
use crate::support::{AUTHORITY, CLIENT, Folder, HOST, Outcome, RunningHost, run, start};

/// A product of a vendor with threshold 2, so that two machines are enough.
const PRODUCT: &str = "Example Render Farm 3";

/// A host of Table 5: KMS_E1 is `e1` here.
#[derive(Debug)]
pub(super) struct HostPlan {
    pub(super) machine: &'static str,
    pub(super) site: &'static Site,
    pub(super) weight: u16,
}

pub(super) const HOSTS: [HostPlan; 4] = [
    host("e1", &EAST, 75),
    host("e2", &EAST, 25),
    host("w1", &WEST, 75),
    host("w2", &WEST, 25),
];

const fn host(machine: &'static str, site: &'static Site, weight: u16) -> HostPlan {
    HostPlan {
        machine,
        site,
        weight,
    }
}

impl HostPlan {
    pub(super) fn name(&self) -> String {
        format!("kms-{}.{}", self.machine, domain(self.site))
    }

    /// What it publishes in a domain: in its own with priority 10, in the other with 90.
    pub(super) fn priority(&self, of: &Site) -> u16 {
        if of.name == self.site.name { 10 } else { 90 }
    }

    /// Its identity and configuration. Its addresses are those that it finds on its machine, and the
    /// primary is found by the zone's SOA record.
    pub(super) async fn install(&self, folder: &Folder) {
        let (machine, weight) = (self.machine, self.weight);
        let certify = format!(
            "certify --dir ca --host-key example/studio/3 --name {} --out {machine}",
            self.name()
        );
        folder.run(AUTHORITY, &certify).await.exits(0);
        let domains = [&EAST, &WEST]
            .map(|site| format!("\"{}, {}, {weight}\"", domain(site), self.priority(site)))
            .join(", ");
        folder.write(
            &format!("{machine}.toml"),
            &format!(
                "listen = \"[::]:1688\"\nidentity = \"{machine}\"\n\
                 [store]\npath = \"{machine}.db\"\n\
                 [admission]\npolicy = \"compat\"\n\
                 [dns]\nkey_file = \"{KEY_FILE}\"\nnameservers = [\"{}:53\"]\ndomains = [{domains}]\n",
                self.site.router()[0]
            ),
        );
    }

    /// Starts it on its machine, and waits until it listens.
    pub(super) async fn start(&self, network: &Network, folder: &Folder) -> RunningHost {
        let mut command = network.command(self.machine, HOST);
        command.current_dir(folder.path("."));
        command.args(["--config", &format!("{}.toml", self.machine)]);
        RunningHost::listening(start(command)).await
    }
}

/// A client, the place where it stands, and the site whose domain it looks in.
#[derive(Debug)]
pub(super) struct Client {
    name: String,
    namespace: &'static str,
}

impl Client {
    /// At a desk of a site, with the site's resolver.
    pub(super) fn at_desk(folder: &Folder, name: &str, site: &Site, lines: &str) -> Self {
        let namespace = if site.name == EAST.name {
            "east-desk"
        } else {
            "west-desk"
        };
        Self::new(folder, name, namespace, site, &site.router()[1], lines)
    }

    /// In a branch office, which has its own way to both sites and no host.
    pub(super) fn in_branch(folder: &Folder, name: &str, site: &Site) -> Self {
        Self::new(folder, name, "core", site, CORE_DNS[1], "")
    }

    fn new(
        folder: &Folder,
        name: &str,
        namespace: &'static str,
        site: &Site,
        nameserver: &str,
        lines: &str,
    ) -> Self {
        // Table 6 turns host caching off, so that every attempt goes by the records. A host that is out
        // of reach is given up soon.
        let lines = format!(
            "domains = [\"{}\"]\nnameserver = \"[{nameserver}]:53\"\nmachine_name = \"{name}\"\n\
             caching = false\nhost_timeout = 3\n{lines}",
            domain(site)
        );
        folder.client_with(name, PRODUCT, &lines);
        Self {
            name: name.to_owned(),
            namespace,
        }
    }

    /// `client activate`.
    pub(super) async fn activate(&self, network: &Network, folder: &Folder) -> Outcome {
        let mut command = network.command(self.namespace, CLIENT);
        command.current_dir(folder.path("."));
        command.args(["--config", &format!("{}.toml", self.name), "activate"]);
        run(command).await
    }

    /// The machine of the host that activates it.
    pub(super) async fn activated_by(&self, network: &Network, folder: &Folder) -> &'static str {
        let outcome = self.activate(network, folder).await.exits(0);
        let hosts = HOSTS.iter().find(|host| {
            outcome
                .stdout
                .contains(&format!("activated by {}:1688", host.name()))
        });
        hosts.map_or_else(|| panic!("{outcome}"), |host| host.machine)
    }

    /// Whether it is licensed, by its own word.
    pub(super) async fn is_licensed(&self, folder: &Folder) -> bool {
        folder.status(&self.name).await["license_status"] == 1
    }
}
