//! The documented lines, in the documented order.

use super::{Requests, Status};
use core::fmt::Display;
use examples::cli;

/// The short form, or with `detail` the long one; `every_family` adds a part for each family.
pub(super) fn print(status: &Status, detail: bool, every_family: bool) {
    common(status, detail);
    host(status, detail);
    match &status.product {
        Some(product) => {
            requests(
                &format!("for {} ", product.family),
                &product.requests,
                detail,
            );
        }
        None => requests("", &status.requests, detail),
    }
    if (detail || every_family) && status.product.is_none() {
        for family in &status.families {
            cli::print(format_args!("\n{}", family.name));
            line("    Current count", &family.current_count);
            line("    Activation threshold", &family.threshold);
            line("    Kept at most", &family.capacity);
            requests(&format!("for {} ", family.name), &family.requests, detail);
        }
    }
}

fn line(name: &str, value: &dyn Display) {
    cli::print(format_args!("{name}: {value}"));
}

fn common(status: &Status, detail: bool) {
    if detail {
        line("Software licensing service version", &status.version);
    }
    let unnamed = "this host has no name yet";
    line("Name", &status.name.as_deref().unwrap_or(unnamed));
    line("Description", &status.description);
    if let Some(product) = &status.product {
        line("Product", &product.name);
        if detail {
            line("Activation ID", &product.activation_id);
            line("Application ID", &product.application_id);
        }
        if !product.covered && status.certificate_fault.is_none() {
            cli::print("This host's key does not activate this product.");
        }
    }
    if detail {
        line("Product Key Channel", &"Volume:CSVLK");
    }
    match &status.host_key_id {
        // In the place of the partial product key: there is no other part of the key to show.
        Some(id) => line("Host Key ID", id),
        None => cli::print("This license is not in use."),
    }
    line("License Status", &status.license_status_text);
    if let (Some(minutes), Some(end)) = (status.minutes_remaining, &status.certificate_not_after) {
        let days = minutes.div_ceil(24 * 60);
        if minutes == 0 {
            line("Certificate expired", end);
        } else {
            line(
                "Volume activation expiration",
                &format_args!("{minutes} minute(s) ({days} day(s)), {end}"),
            );
        }
    }
    if let Some(fault) = &status.certificate_fault {
        line("Certificate", fault);
    }
    if detail {
        line("Trusted time", &status.time);
    }
}

fn host(status: &Status, detail: bool) {
    cli::print("");
    if status.running {
        cli::print("Key Management Service is enabled on this machine");
    } else {
        let last = match status.state.as_deref() {
            Some("stopped") => "it was stopped".to_owned(),
            Some(state) => format!(
                "it ended without saying so while {state}, as process {}",
                status.pid.unwrap_or_default()
            ),
            None => "it never ran".to_owned(),
        };
        cli::print(format_args!(
            "Key Management Service is not running on this machine: {last}"
        ));
    }
    let count = status
        .product
        .as_ref()
        .map_or(status.current_count, |product| product.current_count);
    line("    Current count", &count);
    match status.port {
        Some(port) => line("    Listening on Port", &port),
        None => line("    Listening on Port", &"not known, it never ran"),
    }
    cli::print(if status.dns_publishing {
        "    DNS publishing enabled"
    } else {
        "    DNS publishing disabled"
    });
    let priority = if status.low_priority { "Low" } else { "Normal" };
    line("    KMS priority", &priority);
    if detail {
        line(
            "    Activation interval",
            &format_args!("{} minutes", status.activation_interval),
        );
        line(
            "    Renewal interval",
            &format_args!("{} minutes", status.renewal_interval),
        );
        if status.running
            && let (Some(pid), Some(started)) = (status.pid, &status.started)
        {
            line(
                "    Process",
                &format_args!(
                    "{pid}, {}, since {started}",
                    status.state.as_deref().unwrap_or("")
                ),
            );
            line("    Listening on", &status.addresses.join(", "));
        }
        for published in &status.published {
            let mut lines = published.lines().into_iter();
            line("    Published", &lines.next().unwrap_or_default());
            for more in lines {
                cli::print(format_args!("        {more}"));
            }
        }
        line("    Store", &status.store);
    }
}

fn requests(of: &str, requests: &Requests, detail: bool) {
    cli::print(format_args!(
        "\nKey Management Service cumulative requests {of}received from clients"
    ));
    let mut lines = vec![
        ("Total requests received", requests.total),
        ("Failed requests received", requests.failed),
        (
            "Requests with License Status Unlicensed",
            requests.unlicensed,
        ),
        ("Requests with License Status Licensed", requests.licensed),
        (
            "Requests with License Status Initial grace period",
            requests.initial_grace_period,
        ),
        (
            "Requests with License Status License expired or Hardware out of tolerance",
            requests.license_expired_or_hardware_out_of_tolerance,
        ),
        (
            "Requests with License Status Non-genuine grace period",
            requests.non_genuine_grace_period,
        ),
        (
            "Requests with License Status Notification",
            requests.notification,
        ),
    ];
    if detail {
        // The documented display has seven states and six lines.
        lines.push((
            "Requests with License Status Extended grace period",
            requests.extended_grace_period,
        ));
    }
    for (name, number) in lines {
        line(&format!("    {name}"), &number);
    }
}
