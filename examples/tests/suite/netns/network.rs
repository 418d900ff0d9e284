//! Two sites with a router each, and a core between them.
//!
//! ```text
//! e1, e2, east-desk - lan [east] uplink - to-east [core] to-west - uplink [west] lan - w1, w2, west-desk
//! ```

use crate::support::{command, server};
use core::sync::atomic::{AtomicU32, Ordering};
use std::process::{Command, id};

/// Where the core's name server listens, in each family.
pub(super) const CORE_DNS: [&str; 2] = ["10.77.100.53", "fd77:100::53"];

/// A site: its router, its machines, and the number in its addresses.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) name: &'static str,
    number: u8,
    machines: [&'static str; 3],
}

pub(super) const EAST: Site = Site {
    name: "east",
    number: 1,
    machines: ["e1", "e2", "east-desk"],
};
pub(super) const WEST: Site = Site {
    name: "west",
    number: 2,
    machines: ["w1", "w2", "west-desk"],
};

impl Site {
    /// The addresses of the site's router, where its resolver listens.
    pub(super) fn router(&self) -> [String; 2] {
        self.addresses(1)
    }

    /// The addresses of one of its machines.
    pub(super) fn machine(&self, name: &str) -> [String; 2] {
        let at = self.machines.iter().position(|machine| *machine == name);
        self.addresses(11 + at.unwrap())
    }

    fn addresses(&self, last: usize) -> [String; 2] {
        let number = self.number;
        [
            format!("10.77.{number}.{last}"),
            format!("fd77:{number}::{last}"),
        ]
    }
}

/// Namespaces that are removed when this goes, and all links with them.
pub(super) struct Network {
    prefix: String,
    namespaces: Vec<String>,
}

impl Network {
    /// Both sites and the core; `None`, and a word why, where namespaces are not allowed.
    pub(super) fn new() -> Option<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let count = LAST.fetch_add(1, Ordering::Relaxed);
        let mut network = Self {
            prefix: format!("kms-{}-{count}-", id()),
            namespaces: Vec::new(),
        };
        let refused = network.try_add("core").err();
        if let Some(reason) = refused {
            #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
            {
                eprintln!("skipped: this machine allows no network namespaces: {reason}");
            }
            return None;
        }
        let [v4, v6] = CORE_DNS;
        network.address("core", "lo", [&format!("{v4}/32"), &format!("{v6}/128")]);
        for site in [&EAST, &WEST] {
            network.add_site(site);
        }
        Some(network)
    }

    /// A program in one of the namespaces. The process that is started becomes the program.
    pub(super) fn command(&self, namespace: &str, program: &str) -> Command {
        let mut command = command("ip");
        command.args(["netns", "exec", &self.name(namespace)]);
        command.args(server(program));
        command
    }

    /// Nothing of this site's passes its uplink any more, in silence.
    pub(super) fn cut_off(&self, site: &Site) {
        let rules = "add table inet cut; \
             add chain inet cut in { type filter hook input priority 0; }; \
             add chain inet cut through { type filter hook forward priority 0; }; \
             add chain inet cut out { type filter hook output priority 0; }; \
             add rule inet cut in iifname uplink drop; \
             add rule inet cut through iifname uplink drop; \
             add rule inet cut through oifname uplink drop; \
             add rule inet cut out oifname uplink drop";
        self.nft(site, rules);
    }

    pub(super) fn reconnect(&self, site: &Site) {
        self.nft(site, "delete table inet cut");
    }

    fn nft(&self, site: &Site, rules: &str) {
        let mut nft = self.command(site.name, "nft");
        nft.arg(rules);
        // Where it is not installed, that is what `ip` says.
        done(nft).unwrap_or_else(|error| panic!("{error}; apt-get install nftables"));
    }

    fn add_site(&mut self, site: &Site) {
        let Site { name, number, .. } = site;
        self.add(name);
        let to_site = format!("to-{name}");
        self.link((name, "uplink"), ("core", &to_site));
        let (v4, v6) = (format!("10.77.10{number}."), format!("fd77:10{number}::"));
        self.address(name, "uplink", [&format!("{v4}2/30"), &format!("{v6}2/64")]);
        self.address(
            "core",
            &to_site,
            [&format!("{v4}1/30"), &format!("{v6}1/64")],
        );
        let lan = [
            format!("10.77.{number}.0/24"),
            format!("fd77:{number}::/64"),
        ];
        for (uplink, lan) in [&v4, &v6].into_iter().zip(&lan) {
            self.route(name, "default", &format!("{uplink}1"));
            self.route("core", lan, &format!("{uplink}2"));
        }
        self.ip(name, "link add lan type bridge");
        self.ip(name, "link set lan up");
        let router = site.router();
        self.address(name, "lan", site_prefixes(&router).each_ref());
        for machine in site.machines {
            self.add(machine);
            self.link((machine, "lan0"), (name, machine));
            self.ip(name, &format!("link set {machine} master lan"));
            self.address(
                machine,
                "lan0",
                site_prefixes(&site.machine(machine)).each_ref(),
            );
            for gateway in &router {
                self.route(machine, "default", gateway);
            }
        }
    }

    fn add(&mut self, namespace: &str) {
        self.try_add(namespace).unwrap();
    }

    /// A namespace that passes packets on, with its loopback up.
    fn try_add(&mut self, namespace: &str) -> Result<(), String> {
        let name = self.name(namespace);
        let mut add = command("ip");
        add.args(["netns", "add", &name]);
        done(add)?;
        self.namespaces.push(name);
        self.ip(namespace, "link set lo up");
        let mut forward = self.command(namespace, "sh");
        forward.args([
            "-c",
            "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
        ]);
        done(forward)
    }

    fn link(&self, (a, in_a): (&str, &str), (b, in_b): (&str, &str)) {
        let other = self.name(b);
        self.ip(
            a,
            &format!("link add {in_a} type veth peer name {in_b} netns {other}"),
        );
        self.ip(a, &format!("link set {in_a} up"));
        self.ip(b, &format!("link set {in_b} up"));
    }

    fn address(&self, namespace: &str, device: &str, [v4, v6]: [&String; 2]) {
        self.ip(namespace, &format!("addr add {v4} dev {device}"));
        // It is used at once, not after a second of asking whether somebody else has it.
        self.ip(namespace, &format!("addr add {v6} dev {device} nodad"));
    }

    fn route(&self, namespace: &str, network: &str, gateway: &str) {
        let family = if gateway.contains(':') { "-6" } else { "-4" };
        self.ip(
            namespace,
            &format!("{family} route add {network} via {gateway}"),
        );
    }

    fn ip(&self, namespace: &str, arguments: &str) {
        let mut ip = command("ip");
        ip.args(["-n", &self.name(namespace)]);
        ip.args(arguments.split_whitespace());
        done(ip).unwrap();
    }

    fn name(&self, namespace: &str) -> String {
        format!("{}{namespace}", self.prefix)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // It fails only for one that is gone.
            let _ = Command::new("ip")
                .args(["netns", "del", namespace])
                .output();
        }
    }
}

fn site_prefixes([v4, v6]: &[String; 2]) -> [String; 2] {
    [format!("{v4}/24"), format!("{v6}/64")]
}

/// Runs a command that ends at once; an error is what it says when it fails.
fn done(mut command: Command) -> Result<(), String> {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot start {command:?}: {error}; apt-get install iproute2 nftables")
    });
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {said}"))
}
