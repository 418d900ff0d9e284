//! The `host` binary that publishes itself, and clients that look for it.

use super::keys::HOSTS;
use crate::support::{AUTHORITY, Folder};
use core::net::SocketAddr;

/// A product of a vendor with threshold 2, so that two machines are enough.
pub(crate) const PRODUCT: &str = "Example Render Farm 3";

/// What a host that needs no client publishes.
pub(crate) const ADDRESSES: [&str; 2] = ["10.1.2.3", "2001:db8::3"];

/// A folder with a host for [`PRODUCT`] named `kms2.hosts.<zone>`, which publishes itself in `zone`.
pub(crate) async fn folder(server: SocketAddr, zone: &str) -> Folder {
    let folder = Folder::with_host().await;
    let name = format!("kms2.hosts.{zone}");
    folder
        .run(
            AUTHORITY,
            &format!("certify --dir ca --host-key example/studio/3 --name {name} --out kms2"),
        )
        .await
        .exits(0);
    HOSTS.write(&folder.path("dns.key"));
    folder.write("host.toml", &configuration(server, zone, 0, 0));
    folder
}

/// `host.toml` of that host with this priority and weight.
pub(crate) fn configuration(server: SocketAddr, zone: &str, priority: u16, weight: u16) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\nidentity = \"kms2\"\n[admission]\npolicy = \"compat\"\n\
         [dns]\nserver = \"{server}\"\nkey_file = \"dns.key\"\n\
         domains = [\"{zone}, {priority}, {weight}\"]\n"
    )
}

/// The lines of a client that looks in `zone`, asking this resolver.
pub(crate) fn client_lines(resolver: SocketAddr, zone: &str) -> String {
    format!("domains = [\"{zone}\"]\nnameserver = \"{resolver}\"\nallow_loopback = true\n")
}
