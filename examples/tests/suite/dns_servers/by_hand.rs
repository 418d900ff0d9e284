//! What an administrator does by hand on each server: rehearse and send with `nsupdate`, publish, withdraw, restart.

use super::{
    daemon, dig,
    keys::HOSTS,
    nsupdate,
    primary::Shared,
    real_host::{self, ADDRESSES},
};
use crate::support::{Folder, HOST, Outcome};

super::on_each_server! {
    nsupdate_does_what_publishing_does
    what_was_published_before_a_restart_is_replaced
    withdrawing_takes_out_what_a_host_published
}

const PORT: u16 = 1700;

async fn host(folder: &Folder, arguments: &str) -> Outcome {
    folder
        .run(HOST, &format!("--config host.toml {arguments}"))
        .await
}

/// A host that publishes port 1700 with a priority and a weight, and does not run.
async fn configured(server: &Shared, zone: &str) -> Folder {
    let folder = real_host::folder(server.address, zone).await;
    configure(&folder, server, zone, PORT, (10, 75));
    folder
}

fn configure(folder: &Folder, server: &Shared, zone: &str, port: u16, by: (u16, u16)) {
    let text = real_host::configuration(server.address, zone, by.0, by.1);
    let (any, fixed) = ("127.0.0.1:0", format!("127.0.0.1:{port}"));
    assert!(text.contains(any), "{text}");
    folder.write(
        "host.toml",
        &(text.replace(any, &fixed) + &format!("addresses = {ADDRESSES:?}\n")),
    );
}

/// All that a zone has, with times to live, but for the SOA record, whose serial number counts changes.
async fn everything(server: &Shared, zone: &str) -> Vec<String> {
    let outcome = dig::dig(server.address, &format!("{zone} AXFR +noall +answer")).await;
    let text = outcome.exits(0).stdout;
    let records = text.lines().filter(|line| !line.contains("SOA"));
    let mut records: Vec<String> = records
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    records.sort();
    records
}

async fn nsupdate_does_what_publishing_does(server: Shared) {
    let zone = server.zone();
    let folder = configured(&server, &zone).await;
    let before = everything(&server, &zone).await;
    let script = host(&folder, "publish --dry-run").await.exits(0).stdout;
    assert_eq!(
        everything(&server, &zone).await,
        before,
        "it is a rehearsal"
    );

    let key = [
        "-k".to_owned(),
        folder.path("dns.key").display().to_string(),
    ];
    nsupdate::run_script(&folder, &key, &script).await.exits(0);
    let by_nsupdate = everything(&server, &zone).await;
    let added: Vec<&String> = by_nsupdate
        .iter()
        .filter(|&r| !before.contains(r))
        .collect();
    let name = format!("kms2.hosts.{zone}.");
    let mut wanted = [
        format!("_vlmcs._tcp.{zone}. 3600 IN SRV 10 75 {PORT} {name}"),
        format!("{name} 3600 IN A {}", ADDRESSES[0]),
        format!("{name} 3600 IN AAAA {}", ADDRESSES[1]),
    ];
    wanted.sort();
    assert_eq!(added, wanted.each_ref());

    host(&folder, "withdraw").await.exits(0);
    assert_eq!(everything(&server, &zone).await, before);
    host(&folder, "publish")
        .await
        .exits(0)
        .says(&[&format!("12294 {zone}")]);
    assert_eq!(everything(&server, &zone).await, by_nsupdate);

    // Another weight replaces the record, and this time the key is on the command line.
    configure(&folder, &server, &zone, PORT, (10, 80));
    let script = host(&folder, "publish --dry-run").await.exits(0).stdout;
    let secret = HOSTS.base64();
    let key = [
        "-y".to_owned(),
        format!("hmac-sha256:{}:{secret}", HOSTS.name),
    ];
    nsupdate::run_script(&folder, &key, &script).await.exits(0);
    let by_nsupdate = everything(&server, &zone).await;
    assert_eq!(server.srv(&zone).await, [format!("10 80 {PORT} {name}")]);
    host(&folder, "publish").await.exits(0);
    assert_eq!(everything(&server, &zone).await, by_nsupdate);
}

async fn what_was_published_before_a_restart_is_replaced(server: Shared) {
    let zone = server.zone();
    let folder = configured(&server, &zone).await;
    for (priority, weight) in [(10, 75), (10, 25), (0, 0)] {
        // The system gives another port at each start.
        configure(&folder, &server, &zone, 0, (priority, weight));
        let mut running = folder.serve().await;
        running.logs("id=12294").await;
        let port = running.address.port();
        assert_eq!(
            server.srv(&zone).await,
            [format!("{priority} {weight} {port} kms2.hosts.{zone}.")]
        );
        running.stop().await;
    }
}

async fn withdrawing_takes_out_what_a_host_published(server: Shared) {
    let zone = server.zone();
    let before = everything(&server, &zone).await;
    let folder = configured(&server, &zone).await;
    let port = daemon::free_port([127, 0, 0, 1].into()).unwrap().port();
    configure(&folder, &server, &zone, port, (10, 75));
    let mut running = folder.serve().await;
    running.logs("id=12294").await;
    running.stop().await;
    assert_eq!(everything(&server, &zone).await.len(), before.len() + 3);
    host(&folder, "withdraw")
        .await
        .exits(0)
        .says(&["withdrawn"]);
    assert_eq!(everything(&server, &zone).await, before);
}
