//! `host publish --manual`: what to enter where a zone takes no dynamic updates.

use super::told::Told;
use crate::here::Here;
use examples::cli::{self, Ended};
use kms_srv::Registration;
use serde::Serialize;
use std::path::Path;

/// What to enter in one domain, whose zone is taken to be the domain itself.
#[derive(Serialize)]
struct ByHand {
    domain: String,
    host: String,
    zone_file: Vec<String>,
    dns_manager: Vec<Field>,
    powershell: Vec<String>,
    dnscmd: Vec<String>,
}

/// A field of a form.
#[derive(Serialize)]
struct Field {
    field: &'static str,
    setting: String,
}

pub(super) fn manual(config: Option<&Path>, told: &Told, json: bool) -> Result<u8, Ended> {
    // Without a configuration everything is told, by those who plan a host.
    let here = config.map(|_| Here::read_what_can_be(config)).transpose()?;
    let registrations = told.registrations(here.as_ref())?;
    let by_hand: Vec<ByHand> = registrations.iter().map(ByHand::new).collect();
    if json {
        cli::print_json(&by_hand)?;
        return Ok(cli::DONE);
    }
    for (registration, by_hand) in registrations.iter().zip(&by_hand) {
        by_hand.print(registration);
    }
    cli::print(advice(here.as_ref()));
    Ok(cli::DONE)
}

impl ByHand {
    fn new(registration: &Registration) -> Self {
        Self {
            domain: registration.zone().to_string(),
            host: registration.host().to_string(),
            zone_file: registration.zone_lines(),
            dns_manager: registration
                .dns_manager_fields()
                .into_iter()
                .map(|(field, setting)| Field { field, setting })
                .collect(),
            powershell: registration.powershell_commands(),
            dnscmd: registration.dnscmd_commands(),
        }
    }

    /// The lines to paste begin at the margin: an indented line of a zone file means the name above.
    fn print(&self, registration: &Registration) {
        let Self { domain, host, .. } = self;
        cli::print(format_args!(
            "== {host} in {domain} ==\n\n\
             In a zone file, as BIND 8.2 and later read it; raise the serial of its SOA record, then \
             `rndc reload {domain}`:\n"
        ));
        self.zone_file.iter().for_each(cli::print);
        if registration.is_host_in_zone() && registration.addresses().is_empty() {
            cli::print(format_args!(
                "; no address is known here: {host}. needs an A or AAAA record, if it has none"
            ));
        }
        cli::print(
            "\nIn DNS Manager of Microsoft DNS, under Other New Records, Service Location (SRV):\n",
        );
        for Field { field, setting } in &self.dns_manager {
            cli::print(format_args!("{field:<28}{setting}"));
        }
        cli::print("\nOr in PowerShell on that server:\n");
        self.powershell.iter().for_each(cli::print);
        cli::print("\nOr at its command prompt:\n");
        self.dnscmd.iter().for_each(cli::print);
        cli::print("");
    }
}

/// What holds in every domain, and whether and how the host is to be kept from publishing.
fn advice(here: Option<&Here>) -> String {
    let zones = "Each domain is taken for a zone of its own. Where it lies in a larger zone, name that \
                 zone, and put the labels between behind _tcp in the names of the commands.";
    let off = "so that it does not log a failure each time (slmgr /cdns)";
    let publishing = match here {
        Some(here) if here.config.dns.is_none() => {
            "The host publishes nothing by itself: its configuration has no [dns] table.".to_owned()
        }
        Some(here) if here.stored.dns_publishing == Some(false) => {
            "The host publishes nothing by itself: that is turned off.".to_owned()
        }
        Some(here) => format!(
            "Then keep the host from publishing by itself, {off}:\n\n{}",
            here.how_to_turn_off()
        ),
        None => format!(
            "Then keep the host from publishing by itself, {off}: leave [dns] out of its \
             configuration, or\n\nhost --config FILE set dns-publishing off"
        ),
    };
    format!("{zones}\n\n{publishing}")
}
