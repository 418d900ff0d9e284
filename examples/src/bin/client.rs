//! The activation client of one product.

use clap::{Parser, Subcommand};
use examples::cli::{self, Ended};
use kms_client::{Client, ClientConfig, OpenError, Report};
use kms_core::{Clock, StatusCode};
use kms_service::{OsEntropy, SystemClock};
use serde::Serialize;
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

The smallest configuration:
  root = \"root.pem\"
  product = \"Windows 7 Enterprise\"
  state = \"client.state\"
  host = \"127.0.0.1:1688\"        # or: domains = [\"contoso.com\"]

Logs go to standard error; RUST_LOG=debug shows more.

Exit codes:
  0  licensed (activate), or the command is done
  1  it did not work; the code, its meaning and what to do are shown
  2  the command line, the configuration or a file that it names cannot be used
  3  the host answered, but its count is too low (0xC004F038)"
)]
struct Arguments {
    /// Configuration file.
    #[arg(short, long)]
    config: PathBuf,
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
}

type ThisClient = Client<SystemClock, OsEntropy>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::init_logs(LevelFilter::WARN);
    cli::end("client", run(&arguments))
}

fn run(arguments: &Arguments) -> Result<u8, Ended> {
    let config = ClientConfig::load(&arguments.config).map_err(Ended::configuration)?;
    let client = Client::open(&config, SystemClock, OsEntropy).map_err(|error| match error {
        // What is configured is right; it is the machine that does not do it.
        OpenError::Resolver(_) | OpenError::State(_) => Ended::failed(error),
        _ => Ended::configuration(format_args!("{}: {error}", arguments.config.display())),
    })?;
    match arguments.command {
        Command::Activate { json } => activate(client, json),
        Command::Status { json } => status(&client, &config, json),
        Command::Rearm => rearm(client),
    }
}

#[derive(Serialize)]
struct Activation {
    product: String,
    activated: bool,
    code: String,
    message: String,
    count: Option<u32>,
    threshold: u32,
    host: Option<String>,
    expires: Option<String>,
    attempts: Vec<String>,
}

fn activate(mut client: ThisClient, json: bool) -> Result<u8, Ended> {
    let report = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Ended::failed)?
        .block_on(client.activate())
        .map_err(Ended::failed)?;
    while client.poll_event().is_some() {}
    let code = report.code();
    if json {
        cli::print_json(&Activation {
            product: client.product().name.clone(),
            activated: report.result.is_ok(),
            code: format!("0x{:08X}", code.0),
            message: meaning(code),
            count: report.count,
            threshold: client.product().threshold.machines(),
            host: report.host.as_ref().map(ToString::to_string),
            expires: report
                .result
                .as_ref()
                .ok()
                .map(|done| done.expires.to_string()),
            attempts: report.attempts.iter().map(ToString::to_string).collect(),
        })?;
    } else {
        explain(&client, &report);
    }
    Ok(match code {
        StatusCode::OK => cli::DONE,
        StatusCode::VL_NOT_ENOUGH_COUNT => cli::COUNT_TOO_LOW,
        _ => cli::FAILED,
    })
}

fn explain(client: &ThisClient, report: &Report) {
    let product = &client.product().name;
    let host = report
        .host
        .as_ref()
        .map_or_else(String::new, |host| format!(" by {host}"));
    for attempt in &report.attempts {
        cli::print(format_args!("tried {attempt}"));
    }
    match &report.result {
        Ok(done) => cli::print(format_args!(
            "{product}: activated{host} until {}, count {}",
            done.expires,
            report.count.unwrap_or_default()
        )),
        Err(failure) => {
            cli::print(format_args!("{product}: not activated{host}"));
            if let Some(count) = report.count {
                let needed = client.product().threshold;
                cli::print(format_args!(
                    "the host counts {count}, this product needs {needed}"
                ));
            }
            cli::print(format_args!("{}: {}", failure.code, meaning(failure.code)));
            if let Some(info) = failure.code.info() {
                cli::print(format_args!("what to do: {}", info.remedy));
            }
        }
    }
}

fn meaning(code: StatusCode) -> String {
    code.info()
        .map_or("no more is documented of this code", |info| info.meaning)
        .to_owned()
}

#[derive(Serialize)]
struct Status<'a> {
    product: &'a str,
    activation_id: String,
    application_id: String,
    counted_id: String,
    partial_product_key: Option<&'a str>,
    license_status: u32,
    license_status_text: &'static str,
    license_status_reason: String,
    minutes_remaining: u32,
    expires: Option<String>,
    reduced_functionality: bool,
    rearms_remaining: u32,
    cmid: String,
    previous_cmid: Option<String>,
    machine_name: &'a str,
    threshold: u32,
    count: Option<u32>,
    host: Option<String>,
    host_caching: bool,
    activation_interval: u32,
    renewal_interval: u32,
}

fn status(client: &ThisClient, config: &ClientConfig, json: bool) -> Result<u8, Ended> {
    let (license, product) = (client.license(), client.product());
    let answer = license.last_answer();
    let status = Status {
        product: &product.name,
        activation_id: product.activation_id.to_string(),
        application_id: product.application_id.to_string(),
        counted_id: product.counted_id.to_string(),
        partial_product_key: product.client_setup_key.as_ref().map(|key| key.partial()),
        license_status: license.status().number(),
        license_status_text: license.status().text(),
        license_status_reason: format!("0x{:08X}", license.status_reason().0),
        minutes_remaining: license.minutes_remaining(client.clock().now()),
        expires: license.expires().map(|time| time.to_string()),
        reduced_functionality: license.reduced_functionality(),
        rearms_remaining: license.rearms_left(),
        cmid: license.cmid().to_string(),
        previous_cmid: license.previous_cmid().map(|cmid| cmid.to_string()),
        machine_name: client.machine_name().as_str(),
        threshold: product.threshold.machines(),
        count: license.last_count(),
        host: config
            .host
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| client.cached_host().map(ToString::to_string)),
        host_caching: config.caching,
        activation_interval: answer
            .map_or(product.policy.activation_interval, |answer| {
                answer.activation_interval
            })
            .minutes(),
        renewal_interval: answer
            .map_or(product.policy.renewal_interval, |answer| {
                answer.renewal_interval
            })
            .minutes(),
    };
    if json {
        cli::print_json(&status)?;
    } else {
        print_status(&status, config);
    }
    Ok(cli::DONE)
}

/// The documented fields, in the documented order.
fn print_status(status: &Status<'_>, config: &ClientConfig) {
    let line = |name: &str, value: &dyn core::fmt::Display| {
        cli::print(format_args!("{name}: {value}"));
    };
    line("Name", &status.product);
    line("Activation ID", &status.activation_id);
    line("Application ID", &status.application_id);
    line("Product Key Channel", &"Volume:GVLK");
    line(
        "Partial Product Key",
        &status.partial_product_key.unwrap_or("none is published"),
    );
    line("License Status", &status.license_status_text);
    let (minutes, days) = (
        status.minutes_remaining,
        status.minutes_remaining.div_ceil(1440),
    );
    match status.license_status {
        1 if minutes > 0 => line(
            "Volume activation expiration",
            &format_args!("{minutes} minute(s) ({days} day(s))"),
        ),
        2..=4 | 6 => {
            line(
                "Time remaining",
                &format_args!("{minutes} minute(s) ({days} day(s))"),
            );
        }
        5 => line("Notification Reason", &status.license_status_reason),
        _ => {}
    }
    line("Remaining rearm count", &status.rearms_remaining);
    line("Client Machine ID (CMID)", &status.cmid);
    match (&status.host, &config.host) {
        (Some(host), Some(_)) => line("Registered KMS machine name", host),
        (Some(host), None) => line("KMS machine name from DNS", host),
        (None, _) => line("DNS auto-discovery", &"KMS name not available"),
    }
    if let Some(count) = status.count {
        line(
            "Count on that machine",
            &format_args!("{count} of {} needed", status.threshold),
        );
    }
    line(
        "Activation interval",
        &format_args!("{} minutes", status.activation_interval),
    );
    line(
        "Renewal interval",
        &format_args!("{} minutes", status.renewal_interval),
    );
    let caching = if status.host_caching {
        "enabled"
    } else {
        "disabled"
    };
    cli::print(format_args!("KMS host caching is {caching}"));
}

fn rearm(mut client: ThisClient) -> Result<u8, Ended> {
    client.rearm().map_err(|error| {
        let remedy = StatusCode::MAX_REARM_REACHED
            .info()
            .map_or("", |info| info.remedy);
        Ended::failed(format_args!("{error}; {remedy}"))
    })?;
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
