//! `host clients` and `host duplicates`: who uses this host, and who passes for several.

use crate::{beside, exit, since::Since};
use examples::cli::{self, Ended};
use kms_core::Clock as _;
use kms_host::store::sqlite::Client;
use kms_keys::Catalogue;
use kms_service::SystemClock;
use serde::Serialize;
use std::path::Path;

/// What is told about one machine with one product.
#[derive(Serialize)]
struct Row<'a> {
    machine_name: &'a str,
    cmid: String,
    product: Option<&'a str>,
    activation_id: String,
    first_request: String,
    last_request: String,
    requests: u64,
    source: Option<String>,
    license_status: u32,
    license_status_text: &'static str,
    code: String,
    virtual_machine: bool,
}

#[derive(Serialize)]
struct DuplicateRow<'a> {
    cmid: String,
    machines: Vec<Row<'a>>,
}

pub(crate) fn clients(
    config: Option<&Path>,
    since: Option<Since>,
    json: bool,
) -> Result<u8, Ended> {
    let config = beside::load(config)?;
    let since = since.and_then(|since| since.time(SystemClock.now().wall));
    let mut clients = beside::open(&config)?.clients(since).map_err(exit::with)?;
    clients.sort_by(|one, other| {
        let order = |client: &Client| (client.last_request, client.cmid, client.activation_id);
        order(other).cmp(&order(one))
    });
    let catalogue = kms_host::load_catalogue(config.catalogue.as_deref()).map_err(exit::with)?;
    let rows: Vec<Row<'_>> = clients.iter().map(|c| row(c, &catalogue)).collect();
    if json {
        cli::print_json(&rows)?;
    } else if rows.is_empty() {
        cli::print("nobody has asked this host, as far as it remembers");
    } else {
        print_rows(&rows);
    }
    Ok(cli::DONE)
}

pub(crate) fn duplicates(config: Option<&Path>, json: bool) -> Result<u8, Ended> {
    let config = beside::load(config)?;
    let found = beside::open(&config)?.duplicates().map_err(exit::with)?;
    let catalogue = kms_host::load_catalogue(config.catalogue.as_deref()).map_err(exit::with)?;
    if json {
        let found = found.iter().map(|duplicate| DuplicateRow {
            cmid: duplicate.cmid.to_string(),
            machines: duplicate
                .clients
                .iter()
                .map(|c| row(c, &catalogue))
                .collect(),
        });
        cli::print_json(&found.collect::<Vec<_>>())?;
        return Ok(cli::DONE);
    }
    if found.is_empty() {
        cli::print("no client machine id is used under several names");
        return Ok(cli::DONE);
    }
    for duplicate in &found {
        cli::print(format_args!("{}", duplicate.cmid));
        let rows: Vec<Row<'_>> = duplicate
            .clients
            .iter()
            .map(|c| row(c, &catalogue))
            .collect();
        print_rows(&rows);
    }
    cli::print(
        "Machines that share a client machine id count as one. Most often they were made from an \
         image that was not generalised: rearm each of them, and generalise the image.",
    );
    Ok(cli::DONE)
}

fn row<'a>(client: &'a Client, catalogue: &'a Catalogue) -> Row<'a> {
    let product = catalogue.product(client.activation_id);
    Row {
        machine_name: client.machine_name.as_str(),
        cmid: client.cmid.to_string(),
        product: product.map(|product| product.name.as_str()),
        activation_id: client.activation_id.to_string(),
        first_request: client.first_request.to_string(),
        last_request: client.last_request.to_string(),
        requests: client.requests,
        source: client.source.map(|source| source.to_string()),
        license_status: client.license_status.number(),
        license_status_text: client.license_status.text(),
        code: format!("0x{:08X}", client.code.0),
        virtual_machine: client.virtual_machine,
    }
}

fn print_rows(rows: &[Row<'_>]) {
    let mut table = cli::table([
        "machine",
        "CMID",
        "product",
        "first request",
        "last request",
        "requests",
        "from",
        "license status",
        "result",
    ]);
    for row in rows {
        // A peer chose its name: what does not print must not reach the terminal.
        let machine = row.machine_name.escape_debug().to_string();
        table.add_row([
            machine.as_str(),
            &row.cmid,
            row.product.unwrap_or(&row.activation_id),
            &row.first_request,
            &row.last_request,
            &row.requests.to_string(),
            row.source.as_deref().unwrap_or(""),
            row.license_status_text,
            &row.code,
        ]);
    }
    cli::print(table);
}
