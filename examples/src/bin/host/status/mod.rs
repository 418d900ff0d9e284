//! `host status`: the host as the documented displays show one, beside it or after it.

mod print;
mod publishing;

use crate::{beside, exit};
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::{Clock as _, CountedId, LicenseStatus, Timestamp};
use kms_count::{CmidTable, Counters, Snapshot};
use kms_host::{
    HostConfig, StoredSettings, identity,
    store::sqlite::{HostSeen, HostState},
};
use kms_keys::{Catalogue, Product};
use kms_service::{OsEntropy, SystemClock};
use kms_trust::HostIdentity;
use serde::Serialize;
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// With all that is known, as the documented /dlv; else as /dli.
    #[arg(long)]
    detail: bool,
    /// As one JSON object, always with all that is known.
    #[arg(long)]
    json: bool,
    /// A product by name or activation id, to show the count and the requests of its family alone, or
    /// `all`, to show those of each family.
    product: Option<String>,
}

/// Everything that is shown.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    name: Option<String>,
    description: String,
    host_key_id: Option<String>,
    license_status: u32,
    license_status_text: &'static str,
    certificate_not_after: Option<String>,
    minutes_remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_fault: Option<String>,
    running: bool,
    state: Option<String>,
    pid: Option<u32>,
    started: Option<String>,
    addresses: Vec<String>,
    port: Option<u16>,
    dns_publishing: bool,
    published: Vec<publishing::Published>,
    low_priority: bool,
    activation_interval: u32,
    renewal_interval: u32,
    store: String,
    time: String,
    current_count: i64,
    requests: Requests,
    families: Vec<Family>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<Asked>,
}

/// The cumulative requests received from clients, in the documented order.
#[derive(Serialize)]
struct Requests {
    total: u64,
    failed: u64,
    unlicensed: u64,
    licensed: u64,
    initial_grace_period: u64,
    license_expired_or_hardware_out_of_tolerance: u64,
    non_genuine_grace_period: u64,
    notification: u64,
    /// The documented display has no line for it.
    extended_grace_period: u64,
}

#[derive(Serialize)]
struct Family {
    name: String,
    counted_id: String,
    current_count: i64,
    threshold: u32,
    capacity: u32,
    requests: Requests,
}

/// The product that was asked for.
#[derive(Serialize)]
struct Asked {
    name: String,
    activation_id: String,
    application_id: String,
    counted_id: String,
    family: String,
    threshold: u32,
    covered: bool,
    current_count: i64,
    requests: Requests,
}

pub(crate) fn status(config: Option<&Path>, arguments: &Arguments) -> Result<u8, Ended> {
    let config = beside::load(config)?;
    let catalogue = kms_host::load_catalogue(config.catalogue.as_deref()).map_err(exit::with)?;
    let every_family = arguments.product.as_deref() == Some("all");
    let product = match &arguments.product {
        Some(name) if !every_family => Some(
            catalogue
                .find(name)
                .map_err(|error| Ended::new(sysexits::USAGE, error))?,
        ),
        _ => None,
    };
    let reader = beside::open(&config)?;
    let host = reader.host().map_err(exit::with)?;
    let read = Read {
        snapshot: reader.snapshot().map_err(exit::with)?,
        stored: reader.settings().map_err(exit::with)?,
        publishing: publishing::Kept::read(&reader, host.as_ref()).map_err(exit::with)?,
        host,
        now: SystemClock.now().wall,
    };
    let status = read.status(&config, &catalogue, product)?;
    if arguments.json {
        cli::print_json(&status)?;
    } else {
        print::print(&status, arguments.detail, every_family);
    }
    Ok(cli::DONE)
}

/// What the store holds, and when it was asked.
struct Read {
    snapshot: Snapshot,
    stored: StoredSettings,
    host: Option<HostSeen>,
    publishing: publishing::Kept,
    now: Timestamp,
}

impl Read {
    fn status(
        &self,
        config: &HostConfig,
        catalogue: &Catalogue,
        product: Option<&Product>,
    ) -> Result<Status, Ended> {
        let count = kms_count::Config::default().with_retention(config.retention);
        let table = CmidTable::restore(count, &self.snapshot, &mut OsEntropy, SystemClock.now())
            .map_err(|error| {
                Ended::new(
                    sysexits::DATA,
                    format_args!(
                        "{}: {error}; run: host --config FILE repair",
                        config.store.path.display()
                    ),
                )
            })?;
        let certificate = Certificate::read(config);
        let identity = certificate.identity.as_ref();
        let licensed = identity.is_some_and(|identity| self.now <= identity.not_after());
        // Who may not read the key is told what the host says of itself.
        let licensed = licensed
            || certificate.fault.is_some()
                && self
                    .alive_in()
                    .is_some_and(|state| state == HostState::Serving);
        let license_status = if licensed {
            LicenseStatus::Licensed
        } else {
            LicenseStatus::Unlicensed
        };
        let host = self.host.as_ref().map(|seen| &seen.host);
        let addresses = host.map_or_else(Vec::new, |host| host.addresses.clone());
        let family_name = |id: CountedId| {
            catalogue
                .family(id)
                .map_or_else(|| id.to_string(), |family| family.name.clone())
        };
        let counters_of = |id| {
            table
                .family(id)
                .map_or_else(Counters::default, |f| *f.counters())
        };
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            name: identity
                .map(|identity| identity.name().to_owned())
                .or_else(|| host.map(|host| host.name.clone())),
            description: description(identity, catalogue),
            host_key_id: identity.map(|identity| identity.key_id().to_string()),
            license_status: license_status.number(),
            license_status_text: license_status.text(),
            certificate_not_after: identity.map(|identity| identity.not_after().to_string()),
            minutes_remaining: identity
                .map(|identity| identity.not_after().saturating_since(self.now).as_secs() / 60),
            certificate_fault: certificate.fault,
            running: self.alive_in().is_some(),
            state: host.map(|host| host.state.to_string()),
            pid: host.map(|host| host.pid),
            started: host.map(|host| host.started.to_string()),
            port: addresses.first().map(core::net::SocketAddr::port),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            dns_publishing: match self.alive_in().and(host) {
                Some(host) => host.dns_publishing,
                None => config.dns.is_some() && self.stored.dns_publishing.unwrap_or(true),
            },
            published: self
                .publishing
                .domains(self.host.as_ref(), config.dns.as_ref()),
            low_priority: match self.alive_in().and(host) {
                Some(host) => host.low_priority,
                None => self.stored.low_priority.unwrap_or(false),
            },
            activation_interval: self
                .stored
                .activation_interval
                .unwrap_or(config.activation_interval)
                .minutes(),
            renewal_interval: self
                .stored
                .renewal_interval
                .unwrap_or(config.renewal_interval)
                .minutes(),
            store: config.store.path.display().to_string(),
            time: self.now.to_string(),
            current_count: table.shown_count(),
            requests: Requests::new(table.counters()),
            families: table
                .families()
                .map(|family| Family {
                    name: family_name(family.counted_id()),
                    counted_id: family.counted_id().to_string(),
                    current_count: family.count().into(),
                    threshold: family.threshold().machines(),
                    capacity: family.capacity(),
                    requests: Requests::new(family.counters()),
                })
                .collect(),
            product: product.map(|product| Asked {
                name: product.name.clone(),
                activation_id: product.activation_id.to_string(),
                application_id: product.application_id.to_string(),
                counted_id: product.counted_id.to_string(),
                family: family_name(product.counted_id),
                threshold: product.threshold.machines(),
                covered: identity.is_some_and(|i| product.is_covered_by(i.scope())),
                current_count: table.shown_count_of(product.counted_id),
                requests: Requests::new(&counters_of(product.counted_id)),
            }),
        })
    }

    /// What the host is doing, while it runs.
    fn alive_in(&self) -> Option<HostState> {
        self.host
            .as_ref()
            .filter(|seen| seen.alive)
            .map(|seen| seen.host.state)
    }
}

/// The host's certificate, as far as whoever asks may read it.
struct Certificate {
    identity: Option<HostIdentity>,
    fault: Option<String>,
}

impl Certificate {
    fn read(config: &HostConfig) -> Self {
        match identity::load(&config.identity) {
            Ok(identity) => Self {
                identity,
                fault: None,
            },
            Err(error) => Self {
                identity: None,
                fault: Some(error.to_string()),
            },
        }
    }
}

/// The host key that the certificate is for, in the form of the documented description.
fn description(identity: Option<&HostIdentity>, catalogue: &Catalogue) -> String {
    let Some(identity) = identity else {
        return "VOLUME_KMS channel".to_owned();
    };
    let scope = identity.scope();
    let is_this = |groups: &std::collections::BTreeSet<kms_keys::GroupId>| {
        groups.len() == scope.len() && groups.iter().all(|group| scope.contains(group.as_str()))
    };
    match catalogue.host_keys().find(|key| is_this(&key.activates)) {
        Some(key) => format!("{}, VOLUME_KMS_{} channel", key.title, key.id.as_str()),
        None => {
            let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
            format!("{}, VOLUME_KMS channel", scope.join(" "))
        }
    }
}

impl Requests {
    fn new(counters: &Counters) -> Self {
        let with = |status| counters.with_status(status);
        Self {
            total: counters.total(),
            failed: counters.failed(),
            unlicensed: with(LicenseStatus::Unlicensed),
            licensed: with(LicenseStatus::Licensed),
            initial_grace_period: with(LicenseStatus::OobGrace),
            license_expired_or_hardware_out_of_tolerance: with(LicenseStatus::OotGrace),
            non_genuine_grace_period: with(LicenseStatus::NonGenuineGrace),
            notification: with(LicenseStatus::Notification),
            extended_grace_period: with(LicenseStatus::ExtendedGrace),
        }
    }
}
