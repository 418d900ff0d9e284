//! `host clients` and `host duplicates`.

use crate::{
    host_status::{asked, cmid},
    peer::Peer,
    support::{Folder, HOST, LONG, SERVER},
};
use kms_core::LicenseStatus;
use kms_keys::Catalogue;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

#[tokio::test]
async fn who_asks_is_listed_and_who_shares_an_id_is_named() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    folder
        .run(HOST, "--config host.toml clients")
        .await
        .exits(0)
        .says(&["nobody has asked"]);
    asked(host.address).await;
    let run = async |arguments: &str| {
        folder
            .run(HOST, &format!("--config host.toml {arguments}"))
            .await
            .exits(0)
    };
    let clients = run("clients --json").await.json();
    let clients = clients.as_array().unwrap();
    assert_eq!(clients.len(), 6, "the one whose product is not covered too");
    let first = clients
        .iter()
        .find(|client| client["cmid"] == cmid(1).to_string())
        .unwrap();
    assert_eq!(first["requests"], 2);
    assert_eq!(first["product"], SERVER);
    assert_eq!(first["license_status_text"], "Licensed");
    assert_eq!(first["source"], "127.0.0.1");
    assert_eq!(
        run("clients --since 1h --json")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        6
    );
    assert!(
        run("clients --since 2100-01-01 --json")
            .await
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
    folder
        .run(HOST, "--config host.toml clients --since 17")
        .await
        .exits(64);
    run("clients").await.says(&["ws-17.contoso.test", SERVER]);

    run("duplicates")
        .await
        .says(&["no client machine id is used under several names"]);
    let catalogue = Catalogue::builtin();
    let product = catalogue.product_named(SERVER).unwrap();
    let mut peer = Peer::connect(host.address).await.unwrap();
    peer.ask_as(
        product,
        cmid(2),
        LicenseStatus::OobGrace,
        "clone\u{202e}.test",
    )
    .await
    .unwrap()
    .count();
    let duplicates = run("duplicates --json").await.json();
    assert_eq!(duplicates.as_array().unwrap().len(), 1);
    assert_eq!(duplicates[0]["cmid"], cmid(2).to_string());
    assert_eq!(duplicates[0]["machines"].as_array().unwrap().len(), 2);
    let shown = run("duplicates").await.says(&[
        "clone\\u{202e}.test",
        "ws-17.contoso.test",
        "not generalised",
    ]);
    assert!(
        !shown.stdout.contains('\u{202e}'),
        "a peer must not write to the terminal"
    );
    host.stop().await;

    // A host that starts counts them at once. An address of loopback that nobody else listens on.
    let config = String::from_utf8(folder.read("host.toml")).unwrap();
    let metrics = "127.88.7.3:19168";
    folder.write(
        "host.toml",
        &format!("{config}\n[metrics]\nlisten = \"{metrics}\"\n"),
    );
    let host = folder.serve().await;
    let sample = "\nkms_host_duplicate_cmids 1\n";
    soon(async || scrape(metrics).await.contains(sample)).await;
    host.stop().await;
}

async fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Waits until something is so, for as long as any command may take.
async fn soon(mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, wait).await.unwrap();
}
