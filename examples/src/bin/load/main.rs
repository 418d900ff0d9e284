//! The load generator: how many activation requests a host answers, and how fast.

mod arguments;
mod bare;
mod compare;
mod link;
mod machines;
mod pace;
mod processor;
mod run;
mod serve;
mod show;
mod sources;
mod tally;
mod verify;

use arguments::LoadArguments;
use clap::{Parser, Subcommand};
use compare::CompareArguments;
use examples::cli;
use serve::ServeArguments;
use std::process::ExitCode;

/// Puts a host under load and says how many requests it answered, how fast, and what became of the
/// others.
///
/// Every answer is read as a client reads it and held against its request; with --root a sample is
/// verified, with --verify all of them.
#[derive(Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  load 127.0.0.1:1688
  load 127.0.0.1:1688 --kept --connections 16 --duration 30
  load 127.0.0.1:1688 --rate 5000 --duration 60 --json
  load 127.0.0.1:1688 --requests 10000 --machines 1000 --root root.pem --verify
  load compare
  load serve memory --identity kms1 --listen 127.0.0.1:1688

Each machine that asks has a client machine id and a name of its own, and on the loopback interface an
address of its own, so that the host's limits for one source apply to each alone: more machines and
--sources stay below them. They are not real machines: do not count them on a host that others use.

Exit codes:
  0  every request was answered
  1  some were not, it did not work, or the host is too slow beside a bare server (compare)
  2  the command line or a file that it names cannot be used"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    load: Option<LoadArguments>,
}

#[derive(Subcommand)]
enum Command {
    Compare(CompareArguments),
    /// Serves what is to be measured, on this machine.
    Serve(ServeArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match (arguments.command, arguments.load) {
        (Some(Command::Compare(compare)), _) => compare.run(),
        (Some(Command::Serve(serve)), _) => serve.run(),
        (None, Some(load)) => load.run(),
        (None, None) => Err(cli::Ended::configuration(
            "a host is wanted; `load --help` shows examples",
        )),
    };
    cli::end("load", ended)
}
