//! A host that is killed, or whose disk fails, forgets nothing that it answered.

mod disk;
mod kill;
mod model;

use crate::support::{AUTHORITY, Folder};
use core::fmt::Write as _;
use kms_host::store::sqlite::StoreReader;
use kms_keys::{Catalogue, Product};

/// Machines that each family needs; twice as many are kept.
const THRESHOLD: u32 = 5;

/// A host of a vendor with this many products, each with a family of its own, so that what one
/// connection asks for one of them stands in one order.
async fn vendor(products: usize, store: &str) -> (Folder, Vec<Product>) {
    let folder = Folder::new();
    let mut text = "[[application]]\nname = \"Acme\"\n".to_owned();
    let mut includes = Vec::new();
    for n in 0..products {
        write!(
            text,
            "[[family]]\nname = \"Acme {n}\"\n\
             [[group]]\nid = \"acme/{n}/1\"\ntitle = \"Acme {n}\"\napplication = \"Acme\"\n\
             family = \"Acme {n}\"\nthreshold = {THRESHOLD}\nincludes = [{}]\n\
             [[product]]\nname = \"Acme {n}\"\ngroup = \"acme/{n}/1\"\n",
            includes.last().cloned().unwrap_or_default()
        )
        .unwrap();
        includes.push(format!("\"acme/{n}/1\""));
    }
    folder.write("acme.toml", &text);
    folder
        .run(AUTHORITY, "init --dir ca --name Acme")
        .await
        .exits(0);
    let last = products - 1;
    folder
        .run(
            AUTHORITY,
            &format!(
                "certify --dir ca --catalogue acme.toml --host-key acme/{last}/1 \
                 --name kms1.acme.test --out kms1"
            ),
        )
        .await
        .exits(0);
    folder.write(
        "host.toml",
        &format!(
            "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\ncatalogue = \"acme.toml\"\n\
             [admission]\npolicy = \"compat\"\n[store]\npath = \"{store}\"\n[limits]\n\
             connections_per_source = 1000\nnew_connections_per_second = 100000\n\
             new_connections_burst = 100000\nrequests_per_minute = 6000000\n\
             requests_burst = 1000000\n"
        ),
    );
    let catalogue = Catalogue::parse(&text, "acme.toml").unwrap();
    let products = catalogue.products().cloned().collect();
    (folder, products)
}

/// The store of a host that does not run.
fn store(folder: &Folder, store: &str) -> StoreReader {
    StoreReader::open(&folder.path(store)).unwrap()
}
