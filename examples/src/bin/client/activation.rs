//! An attempt and what came of it: `client activate`.

use crate::ThisClient;
use examples::cli::{self, Ended};
use kms_client::{HostAttempt, Report};
use kms_core::StatusCode;
use kms_srv::DiscoveryEvent;
use serde::Serialize;

/// Asks for activation now, and tells what came of it.
pub(crate) fn activate(mut client: ThisClient, json: bool) -> Result<u8, Ended> {
    let report = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Ended::failed)?
        .block_on(client.activate())
        .map_err(Ended::failed)?;
    while client.poll_event().is_some() {}
    if json {
        cli::print_json(&activation(&client, &report))?;
    } else {
        explain(&client, &report);
    }
    Ok(match report.code() {
        StatusCode::OK => cli::DONE,
        StatusCode::VL_NOT_ENOUGH_COUNT => cli::COUNT_TOO_LOW,
        _ => cli::FAILED,
    })
}

#[derive(Serialize)]
struct Activation<'a> {
    product: &'a str,
    activated: bool,
    code: String,
    symbol: &'static str,
    message: &'static str,
    remedies: Vec<&'static str>,
    count: Option<u32>,
    threshold: u32,
    host: Option<String>,
    expires: Option<String>,
    attempts: Vec<Attempt<'a>>,
    lookups: Vec<Lookup>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    host: String,
    code: String,
    symbol: &'static str,
    reason: &'a str,
}

/// A lookup that gave no host; without a name, that no more was looked up or tried.
#[derive(Serialize)]
struct Lookup {
    name: Option<String>,
    code: Option<String>,
    symbol: Option<&'static str>,
    message: String,
}

fn lookup(event: &DiscoveryEvent) -> Lookup {
    match event {
        DiscoveryEvent::LookupFailed { name, error } => Lookup {
            name: Some(name.to_string()),
            code: Some(number(error.status())),
            symbol: Some(symbol(error.status())),
            message: error.to_string(),
        },
        event => Lookup {
            name: None,
            code: None,
            symbol: None,
            message: event.to_string(),
        },
    }
}

fn activation<'a>(client: &'a ThisClient, report: &'a Report) -> Activation<'a> {
    let code = report.code();
    let attempt = |attempt: &'a HostAttempt| Attempt {
        host: attempt.host.to_string(),
        code: number(attempt.code),
        symbol: symbol(attempt.code),
        reason: &attempt.reason,
    };
    Activation {
        product: &client.product().name,
        activated: report.result.is_ok(),
        code: number(code),
        symbol: symbol(code),
        message: meaning(code),
        remedies: remedies(report),
        count: report.count,
        threshold: client.product().threshold.machines(),
        host: report.host.as_ref().map(ToString::to_string),
        expires: report.result.ok().map(|done| done.expires.to_string()),
        attempts: report.attempts.iter().map(attempt).collect(),
        lookups: report.lookups.iter().map(lookup).collect(),
    }
}

fn explain(client: &ThisClient, report: &Report) {
    let product = &client.product().name;
    let host = report
        .host
        .as_ref()
        .map_or_else(String::new, |host| format!(" by {host}"));
    for lookup in &report.lookups {
        match lookup {
            DiscoveryEvent::LookupFailed { .. } => {
                cli::print(format_args!("looked up {lookup}"));
            }
            _ => cli::print(lookup),
        }
    }
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
            cli::print(failure);
            for remedy in remedies(report) {
                cli::print(format_args!("what to do: {remedy}"));
            }
        }
    }
}

/// What to do about a failure. Where no host helped, that depends on why each did not.
fn remedies(report: &Report) -> Vec<&'static str> {
    let code = report.code();
    let causes = match code {
        StatusCode::OK => Vec::new(),
        StatusCode::VL_BINDING_SERVICE_UNAVAILABLE if !report.attempts.is_empty() => report
            .attempts
            .iter()
            .filter_map(|attempt| match attempt.code {
                StatusCode::VL_BINDING_SERVICE_UNAVAILABLE => Some(OTHER_AUTHORITY),
                cause => remedy(cause),
            })
            .collect(),
        _ => remedy(code).into_iter().collect(),
    };
    let mut remedies = Vec::new();
    for cause in causes {
        if !remedies.contains(&cause) {
            remedies.push(cause);
        }
    }
    remedies
}

/// A host answered, and its answer did not verify.
const OTHER_AUTHORITY: &str = "Use a host that the authority of the pinned root has certified, or set root to the root of the host's authority.";

fn remedy(code: StatusCode) -> Option<&'static str> {
    code.info().map(|info| info.remedy)
}

fn number(code: StatusCode) -> String {
    format!("0x{:08X}", code.0)
}

fn symbol(code: StatusCode) -> &'static str {
    code.info().map_or("", |info| info.symbol)
}

fn meaning(code: StatusCode) -> &'static str {
    code.info()
        .map_or("no more is documented of this code", |info| info.meaning)
}
