//! The scenario: local hosts first, the other site when there is none, and back.

use super::{
    machines::{Client, HOSTS},
    name_servers::{NameServers, ask, domain},
    network::{CORE_DNS, EAST, Network, Site, WEST},
};
use crate::support::{AUTHORITY, Folder, RunningHost};

/// Clients at the desks of each site.
const CLIENTS: usize = 4;
/// Clients in the branch office, who look in the domain of the east.
const IN_BRANCH: usize = 2;

struct World {
    folder: Folder,
    east: Vec<Client>,
    west: Vec<Client>,
    branch: Vec<Client>,
    network: Network,
}

#[tokio::test]
#[ignore = "needs root, bind9, bind9-dnsutils, iproute2, nftables, unbound"]
async fn scenarios_global_a_site_that_is_cut_off_keeps_to_its_hosts_and_others_fail_over() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = Folder::new();
    folder.run(AUTHORITY, "init --dir ca").await.exits(0);
    let desks = |site: &Site| -> Vec<Client> {
        let client = |n| Client::at_desk(&folder, &format!("{}-{n}", site.name), site, "");
        (0..CLIENTS).map(client).collect()
    };
    let world = World {
        east: desks(&EAST),
        west: desks(&WEST),
        branch: (0..IN_BRANCH)
            .map(|n| Client::in_branch(&folder, &format!("branch-{n}"), &EAST))
            .collect(),
        folder,
        network,
    };
    let _name_servers = NameServers::start(&world.network, &world.folder).await;
    let mut hosts = Vec::new();
    for plan in &HOSTS {
        plan.install(&world.folder).await;
        hosts.push(plan.start(&world.network, &world.folder).await);
    }
    world
        .sees_all_records("core", &CORE_DNS.map(str::to_owned))
        .await;
    for site in [&EAST, &WEST] {
        // From here on the site's resolver knows them all.
        world.sees_all_records(site.name, &site.router()).await;
    }
    world.reach_thresholds().await;

    world
        .expect(&world.east, &["e1", "e2"], "all is well")
        .await;
    world
        .expect(&world.west, &["w1", "w2"], "all is well")
        .await;
    world
        .expect(&world.branch, &["e1", "e2"], "all is well")
        .await;

    world.network.cut_off(&EAST);
    let when = "the east is cut off";
    world.expect(&world.branch, &["w1", "w2"], when).await;
    world.expect(&world.east, &["e1", "e2"], when).await;
    world.expect(&world.west, &["w1", "w2"], when).await;

    world.network.reconnect(&EAST);
    let when = "the east is back";
    world.expect(&world.branch, &["e1", "e2"], when).await;
    world.expect(&world.east, &["e1", "e2"], when).await;
    world.expect(&world.west, &["w1", "w2"], when).await;
    world
        .sees_all_records("core", &CORE_DNS.map(str::to_owned))
        .await;

    world.fail_one_by_one(&mut hosts).await;
    for client in world.east.iter().chain(&world.west).chain(&world.branch) {
        assert!(client.is_licensed(&world.folder).await, "{client:?}");
    }
    for host in hosts {
        host.stop().await;
    }
    // A stop is no departure.
    world
        .sees_all_records("core", &CORE_DNS.map(str::to_owned))
        .await;
}

impl World {
    /// Table 5 as SRV records in both domains, and each host by its machine's own addresses.
    async fn sees_all_records(&self, namespace: &str, servers: &[String]) {
        for server in servers {
            for site in [&EAST, &WEST] {
                let mut records: Vec<String> = HOSTS
                    .iter()
                    .map(|host| {
                        let (priority, weight) = (host.priority(site), host.weight);
                        format!("{priority} {weight} 1688 {}.", host.name())
                    })
                    .collect();
                records.sort();
                let service = format!("_vlmcs._tcp.{}", domain(site));
                self.sees(namespace, server, &service, "SRV", &records)
                    .await;
            }
            for host in &HOSTS {
                let [v4, v6] = host.site.machine(host.machine);
                self.sees(namespace, server, &host.name(), "A", &[v4]).await;
                self.sees(namespace, server, &host.name(), "AAAA", &[v6])
                    .await;
            }
        }
    }

    async fn sees(&self, namespace: &str, server: &str, name: &str, kind: &str, all: &[String]) {
        let wanted = |found: &[String]| found == all;
        ask(&self.network, namespace, server, name, kind, wanted).await;
    }

    /// Two machines at each host, pinned there, so that whoever comes later is activated at once.
    async fn reach_thresholds(&self) {
        for host in &HOSTS {
            for (n, code) in [(1, 3), (2, 0)] {
                let name = format!("{}-first-{n}", host.machine);
                let pinned = format!("host = \"{}\"\n", host.name());
                let client = Client::at_desk(&self.folder, &name, host.site, &pinned);
                client
                    .activate(&self.network, &self.folder)
                    .await
                    .exits(code);
            }
        }
    }

    /// Each of these clients is activated by one of these hosts.
    async fn expect(&self, clients: &[Client], hosts: &[&str], when: &str) {
        for client in clients {
            let by = client.activated_by(&self.network, &self.folder).await;
            assert!(hosts.contains(&by), "{when}: {client:?} by {by}");
        }
    }

    /// One host of the east stops, then the other; both start again.
    async fn fail_one_by_one(&self, hosts: &mut Vec<RunningHost>) {
        hosts.remove(0).stop().await;
        self.expect(&self.east, &["e2"], "e1 is down").await;
        hosts.remove(0).stop().await;
        self.expect(&self.east, &["w1", "w2"], "e1 and e2 are down")
            .await;
        self.expect(&self.west, &["w1", "w2"], "e1 and e2 are down")
            .await;
        for plan in &HOSTS[..2] {
            hosts.push(plan.start(&self.network, &self.folder).await);
        }
        self.expect(&self.east, &["e1", "e2"], "both are up again")
            .await;
    }
}
