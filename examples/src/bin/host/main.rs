//! The activation host.

mod beside;
mod catalogue;
mod check;
mod clients;
mod diary;
mod events;
mod exit;
mod here;
mod logs;
mod notify;
mod priority;
mod publish;
mod publishing;
mod reload;
mod serve;
mod set;
mod since;
mod sockets;
mod start;
mod status;
mod store;
mod withdraw;

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
  host --config host.toml status --detail
  host --config host.toml events --follow
  host --config host.toml set activation-interval 120
  host --config host.toml publish --dry-run
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
    /// Reads the configuration and what it names, and says whether all of it can be used and what would
    /// be published in DNS.
    Check,
    /// Shows the host, its count and the requests that it received, also while it does not run.
    Status(status::Arguments),
    /// Shows what happened, in the documented form: sequence, time, number, and data.
    Events(events::Arguments),
    /// Shows which machines ask this host, those that asked last first.
    Clients {
        /// Only those that asked from then on: a time, or a length of time before now (30m, 7d).
        #[arg(long, value_name = "TIME|DURATION", value_parser = since::time)]
        since: Option<since::Since>,
        /// As a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Shows the client machine ids that are used under several machine names.
    Duplicates {
        /// As a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Changes a setting of the host, also while it runs.
    Set(set::Arguments),
    /// Publishes the host in DNS once, or says what would be sent, or what to enter by hand.
    Publish(publish::Arguments),
    /// Takes the host's records out of DNS; a running host publishes no more from then on.
    Withdraw(withdraw::Arguments),
    /// Writes a verified copy of the store to a new file, also while the host runs.
    Backup {
        /// The new file.
        to: PathBuf,
    },
    /// Makes a whole store of what can be read of a damaged one. The host must not run.
    Repair,
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
        Some(Command::Status(arguments)) => status::status(config, &arguments),
        Some(Command::Events(arguments)) => events::events(config, &arguments),
        Some(Command::Clients { since, json }) => clients::clients(config, since, json),
        Some(Command::Duplicates { json }) => clients::duplicates(config, json),
        Some(Command::Set(arguments)) => set::set(config, &arguments),
        Some(Command::Publish(arguments)) => publish::publish(config, &arguments),
        Some(Command::Withdraw(arguments)) => withdraw::withdraw(config, &arguments),
        Some(Command::Backup { to }) => store::backup(config, &to),
        Some(Command::Repair) => store::repair(config),
        None => start::serve(config),
    };
    cli::end("host", ended)
}
