//! What the licence is: `client status`.

use crate::ThisClient;
use examples::cli::{self, Ended};
use kms_client::ClientConfig;
use kms_core::Clock;
use serde::Serialize;

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

/// Shows the licence.
pub(crate) fn status(client: &ThisClient, config: &ClientConfig, json: bool) -> Result<u8, Ended> {
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
