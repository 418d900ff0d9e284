//! `host catalogue`: what can be activated, and by which host key.

use crate::exit;
use examples::cli::{self, Ended};
use kms_keys::Catalogue;
use serde::Serialize;
use std::path::Path;

pub(crate) fn list(
    config: Option<&Path>,
    catalogue: Option<&Path>,
    json: bool,
) -> Result<u8, Ended> {
    let configured = match config {
        Some(_) => exit::load(config)?.1.catalogue,
        None => None,
    };
    let path = catalogue.or(configured.as_deref());
    let catalogue = kms_host::load_catalogue(path).map_err(exit::with)?;
    let listing = listing(&catalogue);
    if json {
        cli::print_json(&listing)?;
    } else {
        print_tables(&listing);
    }
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
