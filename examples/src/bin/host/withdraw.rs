//! `host withdraw`: this host's records are taken out of DNS.

use crate::{
    exit,
    here::{self, Here},
    publish::results::{self, Done},
};
use core::time::Duration;
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::StatusCode;
use kms_host::{
    Durability, HostConfig,
    store::sqlite::{self, StoreReader},
};
use kms_service::{OsEntropy, SystemClock};
use serde::Serialize;
use std::path::Path;

/// How long a running host has to obey; it looks each second.
const OBEY: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
#[command(after_help = format!("\
Example:
  host --config host.toml withdraw

What the store says was published goes, and what the configuration would publish: the SRV record, and the
addresses of the host's name. Records of other hosts are never touched. The store forgets only what a
server's signed answer says is gone; so after a failure run it again.

A running host would publish itself again: its publishing is turned off first, as `host set
dns-publishing off` does. A host that is started later publishes itself, unless that is set.
With [store] durability = \"memory\" there is no store: stop the host before, and the configuration has to
be the one that it published by.

{}", exit::PUBLISH_CODES))]
pub(crate) struct Arguments {
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Withdrawn {
    turned_off: bool,
    domains: Vec<Done>,
}

pub(crate) fn withdraw(config: Option<&Path>, arguments: &Arguments) -> Result<u8, Ended> {
    let here = Here::read(config)?;
    here::init_logs()?;
    // All that can be wrong with it is told before anything is changed.
    let publisher = here.publisher()?;
    let say = |text: &dyn core::fmt::Display| {
        if !arguments.json {
            cli::print(text);
        }
    };
    let runtime = here::runtime()?;
    let turned_off = here.running().is_some_and(|seen| seen.host.dns_publishing);
    if turned_off {
        runtime.block_on(turn_off(&here.config))?;
        say(&format_args!(
            "dns-publishing: off, and the running host obeyed (slmgr /cdns); to turn it on: {}",
            here.command("set dns-publishing on")
        ));
    } else if here.config.store.durability != Durability::Commit {
        say(
            &"durability = \"memory\": going by the configuration alone; a host that runs publishes \
              itself again",
        );
    }
    let results = runtime.block_on(publisher.withdraw(&SystemClock, &mut OsEntropy));
    let statuses: Vec<StatusCode> = results.iter().map(|(_, status)| *status).collect();
    let domains: Vec<Done> = results
        .iter()
        .map(|(domain, status)| Done::new(domain, *status))
        .collect();
    if arguments.json {
        cli::print_json(&Withdrawn {
            turned_off,
            domains,
        })?;
        return Ok(results::exit_code(&statuses));
    }
    for done in &domains {
        if done.succeeded() {
            cli::print(format_args!("{done}, withdrawn"));
        } else {
            cli::print(done);
        }
    }
    if here.running().is_none() && here.stored.dns_publishing != Some(false) {
        cli::print(format_args!(
            "the host publishes itself at its next start; to keep it from that: {}",
            here.how_to_turn_off()
        ));
    }
    Ok(results::exit_code(&statuses))
}

/// Turns the running host's publishing off, and waits until the host says that it is.
async fn turn_off(config: &HostConfig) -> Result<(), Ended> {
    let path = &config.store.path;
    sqlite::set(path, |stored| stored.dns_publishing = Some(false)).map_err(exit::with)?;
    let obeyed = async {
        let reader = StoreReader::open(path).map_err(exit::with)?;
        loop {
            let seen = reader.host().map_err(exit::with)?;
            if seen.is_none_or(|seen| !seen.alive || !seen.host.dns_publishing) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(OBEY, obeyed).await.unwrap_or_else(|_| {
        Err(Ended::new(
            sysexits::TEMPORARY,
            format_args!(
                "dns-publishing is off now, but the running host did not obey within {} seconds, and \
                 nothing was withdrawn: look at its log, or stop it, and withdraw again",
                OBEY.as_secs()
            ),
        ))
    })
}
