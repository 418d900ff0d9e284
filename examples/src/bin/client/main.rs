//! The activation client of one product.

mod activation;
mod dns_audit;
mod status;

use clap::{Parser, Subcommand};
use examples::cli::{self, Ended};
use kms_client::{Client, ClientConfig, OpenError};
use kms_service::{OsEntropy, SystemClock};
use std::{path::PathBuf, process::ExitCode};
use tracing_subscriber::filter::LevelFilter;

/// Activates a product with a host on the network, and shows its licence.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  client --config client.toml activate
  client --config client.toml status --json
  client dns-audit --root root.pem contoso.com

The smallest configuration:
  root = \"root.pem\"
  product = \"Windows 7 Enterprise\"
  state = \"client.state\"
  host = \"127.0.0.1:1688\"        # or: domains = [\"contoso.com\"]

Logs go to standard error; RUST_LOG=debug shows more.

Exit codes:
  0  licensed (activate), or the command is done
  1  it did not work; the code, its meaning and what to do are shown
     (dns-audit: something is wrong with what is published, or with a host)
  2  the command line, the configuration or a file that it names cannot be used
  3  the host answered, but its count is too low (0xC004F038)"
)]
struct Arguments {
    /// Configuration file.
    #[arg(short, long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Asks a host for activation, or renewal, now.
    Activate {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Shows the licence.
    Status {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Starts the initial grace period again, under a new client machine id.
    Rearm,
    /// Looks at what is published in DNS and at the hosts behind it, and tells what is wrong.
    DnsAudit(dns_audit::DnsAudit),
}

type ThisClient = Client<SystemClock, OsEntropy>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::end("client", run(&arguments))
}

fn run(arguments: &Arguments) -> Result<u8, Ended> {
    cli::init_logs(LevelFilter::WARN)?;
    if let Command::DnsAudit(audit) = &arguments.command {
        return dns_audit::run(arguments.config.as_deref(), audit);
    }
    let path = cli::config_path("client", arguments.config.as_deref())?;
    let config = ClientConfig::load(path).map_err(|error| cli::no_config("client", error))?;
    let client = Client::open(&config, SystemClock, OsEntropy).map_err(|error| match error {
        // What is configured is right; it is the machine that does not do it.
        OpenError::State(_) => Ended::failed(error),
        _ => Ended::configuration(format_args!("{}: {error}", path.display())),
    })?;
    match &arguments.command {
        Command::Activate { json } => activation::activate(client, *json),
        Command::Status { json } => status::status(&client, &config, *json),
        Command::Rearm => rearm(client),
        // It looks at hosts, and needs no client of this machine.
        Command::DnsAudit(audit) => dns_audit::run(Some(path), audit),
    }
}

fn rearm(mut client: ThisClient) -> Result<u8, Ended> {
    client.rearm().map_err(Ended::failed)?;
    let license = client.license();
    cli::print(format_args!(
        "{}: {} until {}, {} rearms left",
        client.product().name,
        license.status(),
        license
            .expires()
            .map_or_else(String::new, |time| time.to_string()),
        license.rearms_left()
    ));
    Ok(cli::DONE)
}
