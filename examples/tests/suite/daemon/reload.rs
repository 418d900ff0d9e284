//! SIGHUP.

use super::manager::Manager;
use crate::support::{AUTHORITY, Folder, HOST, LONG, RunningHost, SERVER, start};
use rustix::process::Signal;
use std::fs;

#[tokio::test]
async fn a_new_certificate_and_new_intervals_are_taken_up_without_a_restart() {
    let folder = Folder::with_host().await;
    folder
        .run(
            AUTHORITY,
            "certify --dir ca --host-key windows/server-b/2008r2 --name kms9.contoso.test --out kms9",
        )
        .await
        .exits(0);
    let manager = Manager::new(&folder);
    let host = RunningHost::listening(start(manager.command(&folder))).await;
    manager.told("READY=1").await;
    folder.client("one", SERVER, host.address);
    folder.activate("one").await.exits(3);

    folder.write(
        "host.toml",
        "listen = \"127.0.0.1:1\"\nidentity = \"kms9\"\nactivation_interval = 33\nretention = 7\n",
    );
    let mut host = host;
    host.signal(Signal::HUP);
    host.logs("obeyed after a restart: listen, retention").await;
    manager.told("RELOADING=1").await;
    manager.told("READY=1").await;
    let shown = folder
        .run(HOST, "--config host.toml status --json")
        .await
        .exits(0)
        .json();
    assert_eq!(shown["name"], "kms9.contoso.test");
    assert_eq!(shown["activation_interval"], 33);
    folder.client("two", SERVER, host.address);
    folder.activate("two").await.exits(3);
    let told = folder.status("two").await;
    assert_eq!(told["activation_interval"], 33, "{told}");
    host.stop().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_told_and_changes_nothing() {
    let folder = Folder::with_host().await;
    let mut host = folder.serve().await;
    let good = fs::read(folder.path("host.toml")).unwrap();
    folder.write("host.toml", "listen = 1\n");
    host.signal(Signal::HUP);
    host.logs("not reloaded").await;
    fs::write(folder.path("host.toml"), good).unwrap();
    fs::rename(folder.path("kms1/host.key"), folder.path("key")).unwrap();
    host.signal(Signal::HUP);
    host.logs("not reloaded").await;
    folder.client("one", SERVER, host.address);
    folder.activate("one").await.exits(3).says(&["0xC004F038"]);
    host.child.terminate().unwrap();
    assert_eq!(host.child.wait(LONG).await.unwrap().code(), Some(0));
}
