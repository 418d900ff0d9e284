//! The main job: a whole activation system on this machine, over real TCP and real DNS.

mod report;
mod scenarios;
mod show;
mod world;

use clap::Parser;
use examples::cli::{self, Ended};
use report::Report;
use scenarios::Scenario;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use world::{Failure, World};

/// Runs a whole activation system on this machine and shows what happens.
///
/// It starts on the loopback interface a DNS server that takes signed dynamic updates, an authority,
/// hosts that publish themselves, and machines, each with its own id and state, that find a host,
/// connect and are counted, refused below the threshold and activated above it. All of it goes
/// through real sockets. Only the clocks of hosts and machines are moved faster than the wall clock.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  lab
  lab --scenario decay
  lab --scenario global --json

Scenarios, each after a document on KMS:
  single-site   100 Windows 7 clients, mixed servers and two hosts in one domain; then a host
                is stopped, and an uncertified host tries to activate a machine
  global        two sites with two hosts each, priorities 10 and 90, weights 75 and 25, no caching
  decay         26 machines of which 4 fall silent: the count, and who loses the activation when
  cache         how many machines a host keeps: 10 for servers, 50 once a client asks
  mixed-groups  a Server B key activates clients and servers A and B, and refuses C

Exit codes:
  0  everything that the scenario must show was seen
  1  something was not, and is named; or the run was ended by a signal
  2  the command line cannot be used"
)]
struct Arguments {
    /// What to run.
    #[arg(long, value_enum, default_value_t = Scenario::SingleSite)]
    scenario: Scenario,
    /// As one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Where the machines' random choices start; the same number chooses the same hosts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::end("lab", run(&arguments))
}

fn run(arguments: &Arguments) -> Result<u8, Ended> {
    cli::init_logs(LevelFilter::ERROR)?;
    let report = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Ended::failed)?
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            // A run that is dropped takes its folder of keys and states with it.
            tokio::select! {
                report = play(arguments.scenario, arguments.seed) => report,
                _ = terminate.recv() => Err("ended by SIGTERM before the scenario was".into()),
                _ = interrupt.recv() => Err("ended by SIGINT before the scenario was".into()),
            }
        })
        .map_err(Ended::failed)?;
    if arguments.json {
        cli::print_json(&report)?;
    } else {
        show::report(&report);
    }
    let failed: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| !check.holds)
        .map(|check| &*check.what)
        .collect();
    if failed.is_empty() {
        Ok(cli::DONE)
    } else {
        Err(Ended::failed(format_args!(
            "not seen: {}",
            failed.join("; ")
        )))
    }
}

async fn play(scenario: Scenario, seed: u64) -> Result<Report, Failure> {
    let mut world = World::start(scenario, seed).await?;
    let played = scenario.play(&mut world).await;
    let report = world.finish().await;
    played.map(|()| report)
}
