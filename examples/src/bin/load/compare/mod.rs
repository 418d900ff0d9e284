//! The host beside a bare server, in the same run.

mod alone;
mod child;
mod figures;
mod show;

use crate::{
    arguments::{DEFAULT_PRODUCT, product, seconds},
    link::Target,
    machines::Machines,
    run::Load,
    serve::Kind,
    tally::{Latency, Summary},
};
use child::{IDENTITY, Server};
use core::time::Duration;
use examples::{
    authority_folder::{self, HostRequest},
    cli::{self, Ended},
};
use figures::{Bar, Figures, Mode, Row, Sample};
use indicatif::ProgressBar;
use kms_core::Clock as _;
use kms_keys::Catalogue;
use kms_service::{OsEntropy, SystemClock};
use kms_trust::{Authority, HostCertificateRequest};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

/// Measures the host beside a bare server that answers the same bytes with a template.
///
/// Each server runs in a process of its own with as many threads as the load has. In each round each
/// server is under load once with new connections and once with kept ones, in another order; ratios
/// are of the same round, and medians of all rounds. Where the machine has the processors, servers and
/// load are held to different ones, and the load never sleeps, so that a server pays for waking it as
/// little as for clients elsewhere. Measure on a machine that does nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArguments {
    /// Rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds of each load.
    #[arg(long, default_value = "3", value_parser = seconds)]
    duration: Duration,
    /// Connections at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Threads of each server, and of the load.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=512))]
    threads: u16,
    /// Folder on the disk that the durable host is to be measured on; the one for temporary files if
    /// left out.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Hold nothing to a processor.
    #[arg(long)]
    free: bool,
    /// Let the load sleep when it has nothing to do.
    #[arg(long)]
    sleep: bool,
    /// Print what is missed, and end with success all the same.
    #[arg(long)]
    no_bars: bool,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    threads: u16,
    held: bool,
    rounds: u16,
    /// One signature over an answer, in microseconds.
    signature_us: f64,
    /// One sync of the disk, in milliseconds. With new connections a durable host answers at most as
    /// many requests in two of them as there are connections.
    sync_ms: f64,
    /// What the signature leaves of the bare server's rate, by mode.
    signature_allows: Vec<(Mode, f64)>,
    rows: Vec<Row>,
    half_load: Vec<HalfLoad>,
    bars: Vec<Bar>,
}

/// Latency with new connections at half of the rate that a server reached, in the open loop.
#[derive(Debug, Serialize)]
struct HalfLoad {
    server: Kind,
    rate: f64,
    latency_us: Latency,
    not_begun: u64,
}

impl CompareArguments {
    /// Measures and prints.
    ///
    /// # Errors
    /// When a server does not start or does not answer all requests, or a bar is missed.
    pub(crate) fn run(self) -> Result<u8, Ended> {
        let bar = ProgressBar::new_spinner();
        let report = self.measure(&|text| {
            bar.set_message(text);
            bar.tick();
        });
        bar.finish_and_clear();
        let report = report?;
        if self.json {
            cli::print_json(&report)?;
        } else {
            show::report(&report);
        }
        let missed = report.bars.iter().filter(|bar| !bar.met).count();
        if missed > 0 && !self.no_bars {
            return Err(Ended::failed(format_args!("{missed} bars are missed")));
        }
        Ok(cli::DONE)
    }

    fn measure(&self, tell: &dyn Fn(String)) -> Result<Report, Ended> {
        let folder = match &self.folder {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        };
        let folder = folder.map_err(Ended::configuration)?;
        let identity = certify(folder.path())?;
        let held = !self.free && self.has_processors();
        let mut servers = Vec::new();
        for &kind in Kind::ALL {
            let server = Server::start(kind, folder.path(), self.threads, held)?;
            servers.push((kind, server));
        }
        let mut figures = Figures::default();
        // The first connections of a process cost more than all others.
        for (kind, server) in &servers {
            tell(format!("warming up: {}", kind.name()));
            self.under_load(server, held, Mode::New, None, WARM_UP)?;
        }
        for round in 0..self.rounds {
            tell(format!("round {} of {}: signature", round + 1, self.rounds));
            figures.add_signature(alone::signature_us(&identity, held)?);
            figures.add_sync(alone::sync_ms(folder.path())?);
            for mode in [Mode::New, Mode::Kept] {
                let first = usize::from(round) % servers.len().max(1);
                let (before, after) = servers.split_at(first);
                for (kind, server) in after.iter().chain(before) {
                    let (round, name) = (round + 1, kind.name());
                    tell(format!(
                        "round {round} of {}: {name}, {}",
                        self.rounds,
                        mode.name()
                    ));
                    let before = server.used()?;
                    let summary = self.under_load(server, held, mode, None, self.duration)?;
                    let sample = Sample::new(&summary, server.used()? - before);
                    figures.add(mode, *kind, sample);
                }
            }
        }
        let rows = figures.rows();
        let mut half_load = Vec::new();
        for (kind, server) in &servers {
            let own = |row: &&Row| row.server == *kind && row.mode == Mode::New;
            let Some(row) = rows.iter().find(own) else {
                continue;
            };
            let rate = row.median.rate / 2.0;
            tell(format!("half load: {}", kind.name()));
            let summary = self.under_load(server, held, Mode::New, Some(rate), self.duration)?;
            half_load.push(HalfLoad {
                server: *kind,
                rate,
                latency_us: summary.latency_us,
                not_begun: summary.not_begun,
            });
        }
        let mut bars = figures.bars(self.threads);
        for half in &half_load {
            if half.server == Kind::Durable {
                bars.push(Bar::half_load(half.latency_us.p99));
            }
        }
        let allows = |mode| Some((mode, figures.signature_allows(mode)?));
        Ok(Report {
            threads: self.threads,
            held,
            rounds: self.rounds,
            signature_us: figures.signature_us(),
            sync_ms: figures.sync_ms(),
            signature_allows: [Mode::New, Mode::Kept]
                .into_iter()
                .filter_map(allows)
                .collect(),
            bars,
            rows,
            half_load,
        })
    }

    fn has_processors(&self) -> bool {
        let all = thread::available_parallelism().map_or(1, usize::from);
        usize::from(self.threads) * 2 <= all
    }

    fn under_load(
        &self,
        server: &Server,
        held: bool,
        mode: Mode,
        rate: Option<f64>,
        duration: Duration,
    ) -> Result<Summary, Ended> {
        let catalogue = Catalogue::builtin();
        let machines = Machines::new(
            product(&catalogue, DEFAULT_PRODUCT)?,
            MACHINES,
            RENEWALS,
            &mut OsEntropy,
        );
        let threads = usize::from(self.threads);
        let load = Load {
            target: Target {
                address: server.address,
                sources: Arc::clone(&server.sources),
                reset: false,
            },
            kept: mode == Mode::Kept,
            connections: self.connections.into(),
            threads,
            first_processor: held.then_some(threads),
            spin: held && !self.sleep,
            rate,
            duration: Some(duration),
            requests: None,
            timeout: TIMEOUT,
            machines: machines.ok_or_else(|| Ended::failed("a machine has no name"))?,
            checker: None,
        };
        let summary = load.run(|_| {}).map_err(Ended::failed)?;
        match summary.unanswered.first() {
            // A server that refuses is not as fast as it looks.
            Some(one) => Err(Ended::failed(format_args!(
                "{} of {} requests were not answered: {}",
                summary.requests - summary.answered,
                summary.requests,
                one.why
            ))),
            None => Ok(summary),
        }
    }
}

/// An authority, and the identity of a host that may activate the product of the load.
fn certify(folder: &Path) -> Result<PathBuf, Ended> {
    let identity = folder.join(IDENTITY);
    let now = SystemClock.now().wall;
    let authority = Authority::generate("Load", Authority::DEFAULT_VALIDITY, &mut OsEntropy, now);
    let request = HostRequest {
        host_key: HOST_KEY,
        name: "load.test",
        validity: HostCertificateRequest::DEFAULT_VALIDITY,
    };
    authority_folder::certify(
        &authority.map_err(Ended::failed)?,
        &Catalogue::builtin(),
        request,
        &identity,
        &mut OsEntropy,
        now,
    )
    .map_err(Ended::failed)?;
    Ok(identity)
}

/// Activates clients, and so the product of the load.
const HOST_KEY: &str = "windows/server-b/2008r2";
/// As many as a host of that product keeps.
const MACHINES: u64 = 50;
const RENEWALS: u8 = 90;
const TIMEOUT: Duration = Duration::from_secs(30);
const WARM_UP: Duration = Duration::from_millis(500);
