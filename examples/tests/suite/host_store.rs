//! The store of a host: one process at a time, backup, repair, check.

use crate::{
    host_status::asked,
    support::{Folder, HOST},
};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
};

#[tokio::test]
async fn a_second_host_on_the_same_store_ends_at_once_and_says_who_has_it() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    folder
        .run(HOST, "--config host.toml")
        .await
        .exits(75)
        .complains(&["host.db: in use by process", &host.child.id().to_string()]);
    folder
        .run(HOST, "--config host.toml repair")
        .await
        .exits(75)
        .complains(&["in use by process"]);
    host.stop().await;
}

#[tokio::test]
async fn a_count_outlives_its_process() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    asked(host.address).await;
    host.stop().await;
    let host = folder.serve().await;
    let shown = folder
        .run(HOST, "--config host.toml status --json")
        .await
        .exits(0)
        .json();
    assert_eq!(
        (&shown["current_count"], &shown["requests"]["total"]),
        (&5.into(), &7.into())
    );
    asked(host.address).await;
    let shown = folder
        .run(HOST, "--config host.toml status --json")
        .await
        .exits(0)
        .json();
    assert_eq!(
        (&shown["current_count"], &shown["requests"]["total"]),
        (&5.into(), &14.into())
    );
    host.stop().await;
}

#[tokio::test]
async fn a_backup_of_a_running_host_is_a_store_to_start_from() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    asked(host.address).await;
    let backup = "--config host.toml backup copy.db";
    folder
        .run(HOST, backup)
        .await
        .exits(0)
        .says(&["copy.db: a verified copy with 5 machines"]);
    folder
        .run(HOST, backup)
        .await
        .exits(73)
        .complains(&["copy.db", "not overwritten"]);
    assert_eq!(folder.mode("copy.db"), 0o600);
    host.stop().await;
    fs::rename(folder.path("copy.db"), folder.path("host.db")).unwrap();
    let host = folder.serve().await;
    let shown = folder
        .run(HOST, "--config host.toml status --json")
        .await
        .exits(0)
        .json();
    assert_eq!(shown["current_count"], 5);
    host.stop().await;
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_the_command_that_repairs_it() {
    let folder = Folder::with_host().await;
    let check = "--config host.toml check";
    folder
        .run(HOST, check)
        .await
        .exits(0)
        .says(&["host.db: will be made at the first start"]);
    let host = folder.serve().await;
    asked(host.address).await;
    host.stop().await;
    folder
        .run(HOST, check)
        .await
        .exits(0)
        .says(&["host.db: whole, with 5 machines"]);
    folder
        .run(HOST, "--config host.toml repair")
        .await
        .exits(0)
        .says(&["whole", "nothing was done"]);

    let file = OpenOptions::new()
        .write(true)
        .open(folder.path("host.db"))
        .unwrap();
    let size = file.metadata().unwrap().len();
    // The second half of every page but the first.
    for page in 1..size / 4096 {
        file.write_all_at(&[0x5A; 2048], page * 4096 + 2048)
            .unwrap();
    }
    for command in ["--config host.toml", check] {
        folder
            .run(HOST, command)
            .await
            .exits(65)
            .complains(&["host.db: the store is damaged", "host --config FILE repair"]);
    }
    folder
        .run(HOST, "--config host.toml repair")
        .await
        .exits(0)
        .says(&["whole again", "is kept as", "host.db.damaged-1"]);
    folder.run(HOST, check).await.exits(0);
    folder.serve().await.stop().await;
}
