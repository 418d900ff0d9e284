//! `host publish`: once, now.

use super::results::{self, Done};
use crate::here::{self, Here};
use examples::cli::{self, Ended};
use kms_core::StatusCode;
use kms_host::{HostEvent, PublishPlan};
use kms_service::{OsEntropy, SystemClock};
use kms_srv::DomainName;
use std::path::Path;

/// Published, and not.
const PUBLISHED: u16 = 12294;
const FAILED: u16 = 12293;

type Planned = (DomainName, Result<PublishPlan, StatusCode>);

pub(super) fn once(config: Option<&Path>, json: bool) -> Result<u8, Ended> {
    let here = Here::read(config)?;
    here::init_logs()?;
    let publisher = here.publisher()?;
    let (plans, events) = here::runtime()?.block_on(async {
        let plans = publisher.plan().await;
        // Where nothing can be planned there is nothing to send, and to ask again takes its time.
        if plans.iter().all(|(_, plan)| plan.is_err()) {
            return (plans, Vec::new());
        }
        let events = publisher.publish(&SystemClock, &mut OsEntropy).await;
        (plans, events)
    });
    let done: Vec<Done> = plans.iter().map(|planned| tell(planned, &events)).collect();
    results::print(&done, json)?;
    if !json {
        advise(&here, &plans, &done);
    }
    Ok(results::exit_code_of(&done))
}

/// What is to be done so that it stays as it is now.
fn advise(here: &Here, plans: &[Planned], done: &[Done]) {
    let replaces = |plan: &PublishPlan| !plan.replaced().is_empty() || !plan.withdrawn().is_empty();
    let replaced = plans.iter().zip(done).any(|((_, plan), done)| {
        // After a failure nobody knows, and the running host makes it right.
        done.succeeded() && plan.as_ref().is_ok_and(replaces)
    });
    if here.stored.dns_publishing == Some(false) {
        cli::print(format_args!(
            "publishing is turned off: no host keeps these records up; to turn it on: {}",
            here.command("set dns-publishing on")
        ));
    } else if let Some(seen) = here.running()
        && replaced
    {
        // Else it would miss its record, and publish that again.
        cli::print(format_args!(
            "an older record was replaced beside the running host; if its configuration or certificate \
             changed, let it take them up: kill -HUP {}",
            seen.host.pid
        ));
    }
}

/// What came of it in the domain that this was planned for.
fn tell((domain, plan): &Planned, events: &[HostEvent]) -> Done {
    let tried = events.iter().find_map(|event| match event {
        HostEvent::Published { domain: of } if of == domain => Some(StatusCode::OK),
        HostEvent::PublishFailed { code, domain: of } if of == domain => Some(*code),
        _ => None,
    });
    let code = tried.or_else(|| plan.as_ref().err().copied());
    let code = code.unwrap_or(StatusCode::DNS_RESPONSE_CODES_BASE);
    let event = if code == StatusCode::OK {
        PUBLISHED
    } else {
        FAILED
    };
    let done = Done::new(domain, code).with_event(event);
    match plan {
        Ok(plan) => done.with_place(plan.zone(), plan.servers().first()),
        Err(_) => done,
    }
}
