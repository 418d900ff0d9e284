//! The activation host.

use clap::{Parser, Subcommand};
use examples::cli::{self, Ended};
use kms_core::{Clock, StatusCode};
use kms_host::{HostConfig, HostEvent, HostService, MemoryStore, Publisher, Server};
use kms_keys::Catalogue;
use kms_service::{OsEntropy, SystemClock};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

/// Answers activation requests and publishes itself in DNS.
///
/// Without a command it serves until SIGTERM or SIGINT, then finishes the calls that are open; a
/// second signal ends it at once.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  host --config host.toml
  host --config host.toml check
  host catalogue --json

The smallest configuration:
  listen = \"0.0.0.0:1688\"
  identity = \"kms1\"          # the folder that `authority certify` made

Logs go to standard error; RUST_LOG=debug shows more.

Exit codes:
  0  ended as it was told to, or the command is done
  1  it did not work, as when an address is taken
  2  the command line, the configuration or a file that it names cannot be used"
)]
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
    let arguments = Arguments::parse();
    let config = arguments.config.as_deref();
    let ended = match arguments.command {
        Some(Command::Catalogue { json, catalogue }) => list(config, catalogue.as_deref(), json),
        Some(Command::Check) => check(config),
        None => serve(config),
    };
    cli::end("host", ended)
}

fn load(config: Option<&Path>) -> Result<HostConfig, Ended> {
    let path = cli::config_path("host", config)?;
    HostConfig::load(path).map_err(|error| cli::no_config("host", error))
}

fn check(config: Option<&Path>) -> Result<u8, Ended> {
    let config = load(config)?;
    let service = HostService::new(&config, MemoryStore, SystemClock, &mut OsEntropy)
        .map_err(Ended::configuration)?;
    if let Some(dns) = &config.dns {
        // The port that is published is known once the host listens; any will do to check the rest.
        let mut listening = config.listen.clone();
        for address in listening.iter_mut().filter(|address| address.port() == 0) {
            address.set_port(kms_srv::DEFAULT_PORT.get());
        }
        Publisher::new(
            dns,
            &listening,
            service
                .identity()
                .as_deref()
                .map(kms_trust::HostIdentity::name),
        )
        .map_err(Ended::configuration)?;
    }
    match service.identity() {
        Some(identity) if SystemClock.now().wall <= identity.not_after() => {
            cli::print(format_args!(
                "{}: certified until {}, for {}",
                identity.name(),
                identity.not_after(),
                identity
                    .scope()
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
            Ok(cli::DONE)
        }
        _ => Err(Ended::configuration(format_args!(
            "{}: no valid certificate: clients would get {}",
            config.identity.display(),
            StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED
        ))),
    }
}

fn serve(config: Option<&Path>) -> Result<u8, Ended> {
    let config = load(config)?;
    cli::init_logs(LevelFilter::INFO)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Ended::failed)?
        .block_on(run(config))
}

async fn run(config: HostConfig) -> Result<u8, Ended> {
    // Before anything else: a signal that comes while the host starts must not kill it halfway.
    let mut terminate = signal(SignalKind::terminate()).map_err(Ended::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Ended::failed)?;
    let service = HostService::new(&config, MemoryStore, SystemClock, &mut OsEntropy)
        .map_err(Ended::configuration)?;
    let service = Arc::new(service);
    let server = Server::bind(&config.listen).map_err(|error| {
        service.record(HostEvent::StartFailed {
            code: StatusCode::VL_BINDING_SERVICE_NOT_ENABLED,
        });
        Ended::failed(error)
    })?;
    let stop = CancellationToken::new();
    let addresses = server.local_addresses();
    let identity = service.identity();
    let publishing = match &config.dns {
        Some(dns) => {
            let name = identity.as_deref().map(kms_trust::HostIdentity::name);
            let publisher = Publisher::new(dns, &addresses, name).map_err(Ended::configuration)?;
            let (service, stop) = (Arc::clone(&service), stop.clone());
            Some(tokio::spawn(async move {
                publisher
                    .run(
                        &SystemClock,
                        &mut OsEntropy,
                        |event| service.record(event),
                        stop,
                    )
                    .await;
            }))
        }
        None => None,
    };
    let name = identity
        .as_deref()
        .map_or("not activated", kms_trust::HostIdentity::name);
    for address in &addresses {
        cli::print(format_args!("{name}: listening on {address}"));
    }
    let serving = {
        let (service, limits, stop) = (Arc::clone(&service), config.limits.clone(), stop.clone());
        tokio::spawn(async move { server.run(service, limits, &mut OsEntropy, stop).await })
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: open calls are finished");
    stop.cancel();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = serving => {}
    }
    if let Some(publishing) = publishing {
        publishing.abort();
    }
    let counters = service.counters();
    tracing::info!(
        requests = counters.total(),
        failed = counters.failed(),
        "stopped"
    );
    Ok(cli::DONE)
}

#[derive(Serialize)]
struct Listing<'a> {
    products: Vec<ProductLine<'a>>,
    host_keys: Vec<HostKeyLine<'a>>,
}

#[derive(Serialize)]
struct ProductLine<'a> {
    name: &'a str,
    group: &'a str,
    application_id: String,
    activation_id: String,
    counted_id: String,
    threshold: u32,
    client_setup_key: Option<String>,
}

#[derive(Serialize)]
struct HostKeyLine<'a> {
    id: &'a str,
    title: &'a str,
    activates: Vec<&'a str>,
    hosts: &'a [String],
}

fn list(config: Option<&Path>, catalogue: Option<&Path>, json: bool) -> Result<u8, Ended> {
    let configured = match config {
        Some(path) => {
            HostConfig::load(path)
                .map_err(Ended::configuration)?
                .catalogue
        }
        None => None,
    };
    let path = catalogue.or(configured.as_deref());
    let catalogue = kms_host::load_catalogue(path).map_err(Ended::configuration)?;
    let listing = listing(&catalogue);
    if json {
        cli::print_json(&listing)?;
    } else {
        print_tables(&listing);
    }
    Ok(cli::DONE)
}

fn listing(catalogue: &Catalogue) -> Listing<'_> {
    let products = catalogue.products().map(|product| ProductLine {
        name: &product.name,
        group: product.group.as_str(),
        application_id: product.application_id.to_string(),
        activation_id: product.activation_id.to_string(),
        counted_id: product.counted_id.to_string(),
        threshold: product.threshold.machines(),
        client_setup_key: product.client_setup_key.as_ref().map(ToString::to_string),
    });
    let host_keys = catalogue.host_keys().map(|key| HostKeyLine {
        id: key.id.as_str(),
        title: &key.title,
        activates: key
            .activates
            .iter()
            .map(kms_keys::GroupId::as_str)
            .collect(),
        hosts: &key.hosts,
    });
    Listing {
        products: products.collect(),
        host_keys: host_keys.collect(),
    }
}

fn print_tables(listing: &Listing<'_>) {
    let mut table = cli::table(["product", "group", "threshold", "activation id"]);
    for product in &listing.products {
        table.add_row([
            product.name,
            product.group,
            &product.threshold.to_string(),
            &product.activation_id,
        ]);
    }
    cli::print(table);
    let mut table = cli::table(["host key", "activates"]);
    for key in &listing.host_keys {
        table.add_row([key.id, &key.activates.join("\n")]);
    }
    cli::print(table);
}
