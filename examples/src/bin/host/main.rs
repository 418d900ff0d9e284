//! The activation host.

mod catalogue;
mod check;
mod diary;
mod exit;
mod logs;
mod notify;
mod priority;
mod publishing;
mod reload;
mod serve;
mod sockets;

use clap::{Parser, Subcommand};
use examples::{cli, sysexits};
use std::{path::PathBuf, process::ExitCode};

/// Answers activation requests and publishes itself in DNS.
///
/// Without a command it serves until SIGTERM or SIGINT, then finishes the calls that are open; a
/// second signal ends it at once. SIGHUP makes it read the configuration and the certificate anew.
#[derive(Parser)]
#[command(version, after_help = format!("\
Examples:
  host --config host.toml
  host --config host.toml check
  host catalogue --json

The smallest configuration:
  listen = \"0.0.0.0:1688\"
  identity = \"kms1\"          # the folder that `authority certify` made

Under a service manager it tells when it is ready (NOTIFY_SOCKET), serves the sockets that it is
given (LISTEN_FDS), and writes to the journal, with fields. Elsewhere logs go to standard error;
RUST_LOG=debug shows more.

{}", exit::CODES))]
struct Arguments {
    /// Configuration file.
    #[arg(short, long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Reads the configuration and what it names, and says whether all of it can be used.
    Check,
    /// Lists the products and host keys of the catalogue.
    Catalogue {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
        /// Catalogue file; that of --config, or the built-in catalogue, if left out.
        #[arg(long)]
        catalogue: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody may be reading, as of `host --help | head`.
            let _ = error.print();
            let code = if error.use_stderr() {
                sysexits::USAGE
            } else {
                cli::DONE
            };
            return ExitCode::from(code);
        }
    };
    let config = arguments.config.as_deref();
    let ended = match arguments.command {
        Some(Command::Catalogue { json, catalogue }) => {
            catalogue::list(config, catalogue.as_deref(), json)
        }
        Some(Command::Check) => check::check(config),
        None => serve::serve(config),
    };
    cli::end("host", ended)
}
