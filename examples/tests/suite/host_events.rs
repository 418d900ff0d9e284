//! `host events`.

use crate::{
    host_status::asked,
    support::{Folder, HOST, LONG, start},
};
use kms_testkit::process::Stream;
use serde_json::Value;

async fn lines(folder: &Folder, arguments: &str) -> Vec<Value> {
    let outcome = folder
        .run(
            HOST,
            &format!("--config host.toml events --json --id 12290 {arguments}"),
        )
        .await
        .exits(0);
    let lines = outcome.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn events_are_told_with_their_documented_data_and_picked_by_time_sequence_and_number() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    asked(host.address).await;
    let all = lines(&folder, "").await;
    assert_eq!(all.len(), 7);
    assert_eq!(all[0]["code"], "0xC004F042");
    let first = &all[1];
    assert_eq!(
        (&first["id"], &first["code"]),
        (&12290.into(), &"0x00000000".into())
    );
    assert_eq!(first["machine_name"], "ws-17.contoso.test");
    assert_eq!(first["license_status"], 2);
    let info = first["info"].as_str().unwrap();
    assert!(info.starts_with("0x0, 5, ws-17.contoso.test, "), "{info}");
    assert_eq!(info.split(", ").count(), 9);

    let third = all[2]["sequence"].as_u64().unwrap();
    assert_eq!(lines(&folder, &format!("--since {third}")).await, all[3..]);
    assert_eq!(
        lines(&folder, &format!("--since {third} --limit 2")).await,
        all[3..5]
    );
    assert_eq!(lines(&folder, "--limit 2").await, all[5..]);
    assert_eq!(lines(&folder, "--since 1h").await, all);
    assert!(lines(&folder, "--since 2100-01-01").await.is_empty());
    folder
        .run(HOST, "--config host.toml events --id 12293")
        .await
        .exits(0)
        .complains(&[]);
    folder
        .run(HOST, "--config host.toml events --since yesterday")
        .await
        .exits(64)
        .complains(&["yesterday", "30m"]);
    let text = folder.run(HOST, "--config host.toml events").await.exits(0);
    assert!(
        text.stdout
            .contains(" 12290 activation request processed: 0x0, 5, "),
        "{text}"
    );
    host.stop().await;
}

#[tokio::test]
async fn who_follows_sees_events_as_they_happen() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    let mut follow = start(folder.command(HOST, "--config host.toml events --follow --json"));
    asked(host.address).await;
    let mut seen = 0;
    follow
        .wait_for_line(LONG, |line| {
            seen += u32::from(line.stream == Stream::Stdout);
            seen == 7
        })
        .await
        .unwrap();
    // It does not hold up the host's end, nor end with it.
    host.stop().await;
}

#[tokio::test]
async fn a_start_that_failed_is_told_afterwards() {
    let folder = Folder::with_host().await;
    folder.serve().await.stop().await;
    let key = folder.path("kms1/host.key");
    std::fs::rename(&key, folder.path("key")).unwrap();
    folder
        .run(HOST, "--config host.toml")
        .await
        .exits(66)
        .complains(&["id=12291", "kms1/host.key"]);
    folder
        .run(HOST, "--config host.toml events")
        .await
        .exits(0)
        .says(&[" 12291 start failed: 0xC004F041"]);
}
