//! `host publish`: once, now.

use super::results::{self, Done};
use crate::here::Here;
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::StatusCode;
use kms_host::HostEvent;
use kms_service::{OsEntropy, SystemClock};
use std::path::Path;

pub(super) fn once(config: Option<&Path>, json: bool) -> Result<u8, Ended> {
    let here = Here::read(config)?;
    let publisher = here.publisher()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Ended::new(sysexits::OS, error))?;
    let events = runtime.block_on(publisher.publish(&SystemClock, &mut OsEntropy));
    let done: Vec<Done> = events.iter().filter_map(done).collect();
    results::print(&done, json)?;
    if !json && here.stored.dns_publishing == Some(false) {
        cli::print(
            "publishing by the host itself is off: nothing keeps these records up; to turn it on: \
             host set dns-publishing on",
        );
    }
    Ok(results::exit_code(&done))
}

fn done(event: &HostEvent) -> Option<Done> {
    let (domain, code) = match event {
        HostEvent::Published { domain } => (domain, StatusCode::OK),
        HostEvent::PublishFailed { code, domain } => (domain, *code),
        _ => return None,
    };
    Some(Done::new(event.id(), domain, code))
}
