//! `nsupdate`, the update client of BIND.

use super::{keys::HOSTS, primary::Primary};
use crate::support::{Folder, Outcome, command, run};
use core::net::SocketAddr;
use std::{fs, path::Path};

/// Adds one record with the hosts' key.
pub(crate) async fn add(primary: &Primary, zone: &str, record: &str) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    HOSTS.write(&key);
    let script = format!("zone {zone}\nupdate add {record}\nsend\n");
    send(primary.address, &key, &script, folder.path())
        .await
        .exits(0);
}

/// Runs a script with this way of giving the key.
pub(crate) async fn run_script(folder: &Folder, key: &[String], script: &str) -> Outcome {
    folder.write("update", script);
    let mut nsupdate = command("nsupdate");
    nsupdate.args(key).arg(folder.path("update"));
    run(nsupdate).await
}

/// Runs these commands against a server.
async fn send(server: SocketAddr, key: &Path, script: &str, folder: &Path) -> Outcome {
    let path = folder.join("script");
    let (ip, port) = (server.ip(), server.port());
    fs::write(&path, format!("server {ip} {port}\n{script}")).unwrap();
    let mut nsupdate = command("nsupdate");
    nsupdate.arg("-v").arg("-k").arg(key).arg(path);
    run(nsupdate).await
}
