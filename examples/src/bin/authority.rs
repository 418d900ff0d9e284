//! The activation authority of a vendor or an organisation: makes a root and certifies hosts.

use clap::{Parser, Subcommand};
use core::time::Duration;
use examples::{
    authority_folder::{self, FolderError, HostRequest, ROOT_FILE},
    cli::{self, Ended},
};
use kms_core::{Clock, Entropy, Timestamp};
use kms_service::{OsEntropy, SystemClock};
use std::{path::PathBuf, process::ExitCode};

/// Makes an authority and certifies activation hosts.
///
/// The authority's folder holds root.pem, which clients pin, and root.key, which only its owner can
/// read and which belongs on a machine without a network.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  authority init --dir ca
  authority certify --dir ca --host-key windows/server-b/2008r2 --name kms1.contoso.test --out kms1

Exit codes:
  0  done
  1  it did not work: a file exists already, or cannot be read or written
  2  the command line or a file that it names cannot be used"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a new authority: root.pem, and root.key with mode 0600.
    Init {
        /// The authority's folder; made if it is not there.
        #[arg(long)]
        dir: PathBuf,
        /// The authority's name in its certificate; one of its own if left out.
        #[arg(long)]
        name: Option<String>,
        /// How long the root is valid.
        #[arg(long, default_value_t = 20 * 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
    },
    /// Makes a host's key and certificate: host.key with mode 0600, and chain.pem.
    Certify {
        /// The authority's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The host key that the host gets, as `host catalogue` lists them.
        #[arg(long)]
        host_key: String,
        /// The host's name.
        #[arg(long)]
        name: String,
        /// The host's folder; made if it is not there.
        #[arg(long)]
        out: PathBuf,
        /// How long the certificate is valid.
        #[arg(long, default_value_t = 2 * 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        /// Catalogue file; the built-in catalogue if left out.
        #[arg(long)]
        catalogue: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    cli::end("authority", run(Arguments::parse().command))
}

fn run(command: Command) -> Result<u8, Ended> {
    let now = SystemClock.now().wall;
    match command {
        Command::Init { dir, name, days } => {
            let name = name.unwrap_or_else(own_name);
            let authority = authority_folder::init(&dir, &name, of_days(days), &mut OsEntropy, now)
                .map_err(ended)?;
            cli::print(format_args!(
                "{}: the root that clients pin, valid until {}",
                dir.join(ROOT_FILE).display(),
                date(authority.not_after())
            ));
        }
        Command::Certify {
            dir,
            host_key,
            name,
            out,
            days,
            catalogue,
        } => {
            let catalogue =
                kms_host::load_catalogue(catalogue.as_deref()).map_err(Ended::configuration)?;
            let authority = authority_folder::load(&dir).map_err(Ended::configuration)?;
            let request = HostRequest {
                host_key: &host_key,
                name: &name,
                validity: of_days(days),
            };
            let not_after = authority_folder::certify(
                &authority,
                &catalogue,
                request,
                &out,
                &mut OsEntropy,
                now,
            )
            .map_err(ended)?;
            cli::print(format_args!(
                "{}: host {name} may activate with {host_key} until {}",
                out.display(),
                date(not_after)
            ));
        }
    }
    Ok(cli::DONE)
}

fn ended(error: FolderError) -> Ended {
    match error {
        FolderError::HostKey(_) | FolderError::Issue(_) => Ended::configuration(error),
        _ => Ended::failed(error),
    }
}

/// Certificates name their issuer, so two authorities of one name look alike until a signature fails.
fn own_name() -> String {
    format!("Activation authority {:08x}", OsEntropy.next_u64() >> 32)
}

const fn of_days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 24 * 3600)
}

fn date(time: Timestamp) -> String {
    time.to_date_time().map_or_else(
        || time.to_string(),
        |date| date.format("%Y-%m-%d").to_string(),
    )
}
