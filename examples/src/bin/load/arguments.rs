//! The command line of a load.

use crate::{
    link::Target,
    machines::Machines,
    run::{Load, Progress},
    show,
    sources::Sources,
    tally::Summary,
    verify::Checker,
};
use core::{net::SocketAddr, time::Duration};
use examples::cli::{self, Ended};
use indicatif::ProgressBar;
use kms_core::Clock as _;
use kms_keys::{Catalogue, Product};
use kms_service::{OsEntropy, SystemClock};
use std::{
    fs,
    net::ToSocketAddrs as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What machines ask, and how they connect.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LoadArguments {
    /// Host and port, as 127.0.0.1:1688.
    host: String,
    /// Keep connections for many requests of the same machine. The default is a new connection for
    /// each request, as real clients make.
    #[arg(long)]
    kept: bool,
    /// Connections at once, and so requests under way.
    #[arg(long, default_value_t = 64, value_parser = at_least_one)]
    connections: usize,
    /// Threads that make the load.
    #[arg(long, default_value_t = 1, value_parser = at_least_one)]
    threads: usize,
    /// Processor, counted from 0, that the first thread is held to; the next thread has the next.
    #[arg(long)]
    processor: Option<usize>,
    /// Never sleep: on one machine the host pays for waking the load, as it does not pay for clients
    /// elsewhere. Only where each thread has a processor to itself.
    #[arg(long)]
    spin: bool,
    /// Requests a second, whatever the host makes of them (open loop). Latency counts from when a
    /// request was to begin. The default is the closed loop: a connection asks when it is answered.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Seconds that requests begin; the default is 10, or no limit with --requests.
    #[arg(long, value_parser = seconds)]
    duration: Option<Duration>,
    /// Requests in all.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Seconds that a request may take.
    #[arg(long, default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Machines that come again and again.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    machines: u64,
    /// Of a hundred machines that connect, those that come again; the others are new.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u8).range(0..=100))]
    renewals: u8,
    /// Product in the catalogue; `host catalogue` lists them.
    #[arg(long, default_value = DEFAULT_PRODUCT)]
    product: String,
    /// Catalogue file; the built-in catalogue if left out.
    #[arg(long)]
    catalogue: Option<PathBuf>,
    /// Addresses of 127.0.0.0/8 that machines ask from, each from its own; 0 leaves it to the system.
    /// The default is 200 for a host on 127.0.0.0/8, else 0.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=i64::from(Sources::MAX)))]
    sources: Option<u32>,
    /// Close connections with a reset, which leaves no port in TIME_WAIT. Real clients do not.
    #[arg(long)]
    reset: bool,
    /// The authority's root certificate: one answer in a hundred is verified.
    #[arg(long)]
    root: Option<PathBuf>,
    /// Verify every answer.
    #[arg(long, requires = "root")]
    verify: bool,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl LoadArguments {
    /// Runs the load and prints its figures.
    ///
    /// # Errors
    /// When what was given cannot be used, the root was given and the host is not one of that
    /// authority, or a request was not answered.
    pub(crate) fn run(self) -> Result<u8, Ended> {
        let load = self.load()?;
        let bar = ProgressBar::new_spinner();
        let summary = load.run(|progress| show_progress(&bar, progress));
        bar.finish_and_clear();
        let summary = summary.map_err(Ended::failed)?;
        if self.json {
            cli::print_json(&summary)?;
        } else {
            show::summary(&summary);
        }
        judge(&summary)
    }

    fn load(&self) -> Result<Load, Ended> {
        let address = resolve(&self.host)?;
        let catalogue =
            kms_host::load_catalogue(self.catalogue.as_deref()).map_err(Ended::configuration)?;
        let product = product(&catalogue, &self.product)?;
        let sources = self.sources.unwrap_or_else(|| default_sources(address));
        let target = Target {
            address,
            sources: Arc::new(Sources::new(sources, &mut OsEntropy)),
            reset: self.reset,
        };
        let machines = Machines::new(product, self.machines, self.renewals, &mut OsEntropy);
        let machines = machines.ok_or_else(|| Ended::failed("a machine has no name"))?;
        let every = if self.verify { 1 } else { SAMPLE };
        let checker = match &self.root {
            Some(root) => Some(Arc::new(checker(&target, root, product, every)?)),
            None => None,
        };
        let endless = self.duration.is_none() && self.requests.is_none();
        Ok(Load {
            target,
            kept: self.kept,
            connections: self.connections,
            threads: self.threads.min(self.connections),
            first_processor: self.processor,
            spin: self.spin,
            rate: self.rate,
            duration: self
                .duration
                .or_else(|| endless.then_some(DEFAULT_DURATION)),
            requests: self.requests,
            timeout: self.timeout,
            machines,
            checker,
        })
    }
}

/// The product with this name.
///
/// # Errors
/// When the catalogue has none.
pub(crate) fn product<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Product, Ended> {
    catalogue.product_named(name).map_err(|error| {
        Ended::configuration(format_args!(
            "{error} (`host catalogue` lists the products)"
        ))
    })
}

/// How many addresses machines ask from where nothing else is said. A connection's port rests for a
/// minute after it was closed, and an address has 28,232: 200 do for 94,000 connections a second.
pub(crate) const fn default_sources(host: SocketAddr) -> u32 {
    match host {
        SocketAddr::V4(host) if host.ip().is_loopback() => 200,
        _ => 0,
    }
}

fn resolve(host: &str) -> Result<SocketAddr, Ended> {
    let wrong = |why: &dyn core::fmt::Display| {
        Ended::configuration(format_args!(
            "{host}: {why}; a host and its port are wanted, as 127.0.0.1:1688"
        ))
    };
    host.to_socket_addrs()
        .map_err(|error| wrong(&error))?
        .next()
        .ok_or_else(|| wrong(&"it has no address"))
}

fn checker(target: &Target, root: &Path, product: &Product, every: u64) -> Result<Checker, Ended> {
    let pem = fs::read_to_string(root)
        .map_err(|error| Ended::configuration(format_args!("{}: {error}", root.display())))?;
    let fetched = async {
        let now = SystemClock.now().wall;
        let fetch = Checker::fetch(target, &pem, product, every, now);
        tokio::time::timeout(FETCH_TIMEOUT, fetch).await
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Ended::failed)?
        .block_on(fetched)
        .map_err(|_| Ended::failed("the host did not give its certificate in time"))?
        .map_err(|failure| Ended::failed(format_args!("{}: {failure}", target.address)))
}

fn show_progress(bar: &ProgressBar, progress: Progress) {
    bar.set_message(format!(
        "{} s: {} answered, {} not",
        progress.elapsed.as_secs(),
        progress.answered,
        progress.unanswered
    ));
    bar.tick();
}

/// The exit code that a run earns.
fn judge(summary: &Summary) -> Result<u8, Ended> {
    let missing = summary.requests - summary.answered + summary.not_begun;
    if missing > 0 {
        return Err(Ended::failed(format_args!(
            "{missing} requests were not answered"
        )));
    }
    if summary.answered == 0 {
        return Err(Ended::failed("there was no time for a request"));
    }
    Ok(cli::DONE)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is wanted".into()),
        Ok(number) if number > MOST => Err(format!("at most {MOST} are possible")),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(rate),
        Ok(_) => Err("0.001 to 1000000 requests a second are possible".into()),
        Err(error) => Err(format!("{error}")),
    }
}

/// A time in seconds, from a millisecond to a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=86_400.0).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        Ok(_) => Err("0.001 to 86400 seconds are possible".into()),
        Err(error) => Err(format!("{error}")),
    }
}

/// Needs 25 machines, and its host keeps 50.
pub(crate) const DEFAULT_PRODUCT: &str = "Windows 7 Enterprise";
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// One answer of so many is verified.
const SAMPLE: u64 = 100;
/// Connections, and threads: more have no ports, and no use.
const MOST: usize = 1_000_000;
