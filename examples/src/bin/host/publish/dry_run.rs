//! `host publish --dry-run`: what would be sent, as scripts for nsupdate.

use super::results;
use crate::{
    exit,
    here::{self, Here},
};
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::{Clock as _, StatusCode};
use kms_host::{DnsConfig, DnsTransport, PublishPlan};
use kms_service::{OsEntropy, SystemClock};
use kms_srv::{DomainName, TsigKey, Update, UpdatePlan};
use serde::Serialize;
use std::path::Path;

/// What would be done in one domain.
#[derive(Serialize)]
struct Planned {
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    zone: Option<String>,
    /// Tried in this order.
    servers: Vec<String>,
    key: String,
    algorithm: &'static str,
    updates: Vec<Message>,
    /// In other zones, after the updates.
    withdrawals: Vec<Message>,
}

#[derive(Serialize)]
struct Failure {
    code: String,
    symbol: Option<&'static str>,
    what_to_do: Option<&'static str>,
    #[serde(skip)]
    status: StatusCode,
}

/// One message to the primary.
#[derive(Serialize)]
struct Message {
    transport: &'static str,
    bytes: usize,
    nsupdate: String,
}

pub(super) fn dry_run(config: Option<&Path>, json: bool) -> Result<u8, Ended> {
    let here = Here::read(config)?;
    here::init_logs()?;
    let publisher = here.publisher()?;
    let dns = here.dns()?;
    let key = here::key(dns).map_err(exit::with)?;
    let plans = here::runtime()?.block_on(publisher.plan());
    let mut planned = Vec::with_capacity(plans.len());
    for (domain, plan) in &plans {
        planned.push(Planned::new(domain, plan, dns, &key)?);
    }
    if json {
        cli::print_json(&planned)?;
    } else {
        planned.iter().for_each(Planned::print);
    }
    let failures = plans.iter().filter_map(|(_, plan)| plan.as_ref().err());
    Ok(results::exit_code(failures))
}

impl Planned {
    fn new(
        domain: &DomainName,
        plan: &Result<PublishPlan, StatusCode>,
        dns: &DnsConfig,
        key: &TsigKey,
    ) -> Result<Self, Ended> {
        let mut planned = Self {
            domain: domain.to_string(),
            failure: None,
            zone: None,
            servers: Vec::new(),
            key: key.name().to_string(),
            algorithm: key.algorithm().name(),
            updates: Vec::new(),
            withdrawals: Vec::new(),
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(status) => {
                let known = status.info();
                planned.failure = Some(Failure {
                    code: format!("0x{:08X}", status.0),
                    symbol: known.map(|known| known.symbol),
                    what_to_do: known.map(|known| known.remedy),
                    status: *status,
                });
                return Ok(planned);
            }
        };
        planned.zone = Some(plan.zone().to_string());
        planned.servers = plan.servers().iter().map(ToString::to_string).collect();
        let server = plan.servers().first().copied();
        for update in plan.updates() {
            let message = Message::new(&update, dns, key, server)?;
            planned.updates.push(message);
        }
        for elsewhere in plan.withdrawn() {
            let withdrawal = UpdatePlan::withdraw(&elsewhere);
            let message = Message::new(&withdrawal, dns, key, dns.server)?;
            planned.withdrawals.push(message);
        }
        Ok(planned)
    }

    /// Everything that is no command of nsupdate is a comment for it.
    fn print(&self) {
        let Self {
            domain,
            key,
            algorithm,
            ..
        } = self;
        if let Some(Failure {
            status, what_to_do, ..
        }) = &self.failure
        {
            cli::print(format_args!("; {domain}: nothing can be sent: {status}"));
            if let Some(remedy) = what_to_do {
                cli::print(format_args!("; what to do: {remedy}"));
            }
            cli::print("");
            return;
        }
        let (zone, servers) = (
            self.zone.as_deref().unwrap_or(domain),
            self.servers.join(", "),
        );
        for message in &self.updates {
            let Message {
                transport, bytes, ..
            } = message;
            cli::print(format_args!(
                "; {domain}: zone {zone}, primary {servers}, key {key} ({algorithm}), \
                 over {transport}, {bytes} bytes\n{}",
                message.nsupdate
            ));
        }
        for message in &self.withdrawals {
            // Nsupdate would send it to the server above, which need not be the primary of that zone.
            cli::print("; then the older record in another zone is withdrawn:");
            for line in message.nsupdate.lines() {
                cli::print(format_args!("; {line}"));
            }
            cli::print("");
        }
    }
}

impl Message {
    fn new(
        update: &UpdatePlan,
        dns: &DnsConfig,
        key: &TsigKey,
        server: Option<core::net::SocketAddr>,
    ) -> Result<Self, Ended> {
        let now = SystemClock.now().wall;
        let message = Update::of_plan(update, Some(key), &mut OsEntropy, now)
            .map_err(|error| Ended::new(sysexits::SOFTWARE, error))?;
        let udp = dns.transport == DnsTransport::Auto && message.fits_udp();
        Ok(Self {
            transport: if udp { "UDP" } else { "TCP" },
            bytes: message.bytes().len(),
            nsupdate: update.nsupdate_script(server, Some(key.name())),
        })
    }
}
