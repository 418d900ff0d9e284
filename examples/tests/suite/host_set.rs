//! `host set`.

use crate::support::{Folder, HOST, LONG, RunningHost, SERVER, start};

async fn set(folder: &Folder, arguments: &str) -> crate::support::Outcome {
    folder
        .run(HOST, &format!("--config host.toml set {arguments}"))
        .await
}

#[tokio::test]
async fn intervals_are_obeyed_by_a_running_host_and_kept_over_a_restart() {
    let folder = Folder::with_host().await;
    let mut host = folder.serve().await;
    set(&folder, "activation-interval 15")
        .await
        .exits(0)
        .says(&["activation-interval: 15 minutes", "/sai", "within a second"]);
    set(&folder, "/sri 43200")
        .await
        .exits(0)
        .says(&["renewal-interval: 43200 minutes"]);
    host.logs("renewal_interval: Some(").await;
    for name in ["one", "two"] {
        folder.client(name, SERVER, host.address);
        folder.activate(name).await.exits(3);
        let told = folder.status(name).await;
        assert_eq!(
            (&told["activation_interval"], &told["renewal_interval"]),
            (&15.into(), &43200.into()),
            "{told}"
        );
        host.stop().await;
        host = folder.serve().await;
    }
    set(&folder, "activation-interval default")
        .await
        .exits(0)
        .says(&["activation-interval: as the configuration file says"]);
    host.logs("activation_interval: None").await;
    host.stop().await;
}

#[tokio::test]
async fn the_port_and_the_priority_are_obeyed_at_the_next_start() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    set(&folder, &format!("/sprt {port}"))
        .await
        .exits(0)
        .says(&[&format!("port: {port}"), "next start"]);
    set(&folder, "/cpri")
        .await
        .exits(0)
        .says(&["priority: low", "next start"]);
    assert_ne!(host.address.port(), port);
    host.stop().await;
    let host = folder.serve().await;
    assert_eq!(host.address.port(), port);
    for thread in std::fs::read_dir(format!("/proc/{}/task", host.child.id())).unwrap() {
        let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1;
        let nice = fields.split_whitespace().nth(16).unwrap();
        assert_eq!(nice, "10", "{stat}");
    }
    folder
        .run(HOST, "--config host.toml status")
        .await
        .exits(0)
        .says(&["KMS priority: Low", &format!("Listening on Port: {port}")]);
    set(&folder, "/spri")
        .await
        .exits(0)
        .says(&["priority: normal"]);
    set(&folder, "").await.exits(0).says(&[
        &format!("port: {port}"),
        "priority: normal",
        "dns-publishing: as the",
    ]);
    host.stop().await;
}

#[tokio::test]
async fn publishing_is_switched_off_and_on_at_once() {
    let folder = Folder::with_host().await;
    folder.write(
        "tsig.key",
        "key \"k\" { algorithm hmac-sha256; secret \"AAAA\"; };",
    );
    folder.set_mode("tsig.key", 0o600);
    folder.write(
        "host.toml",
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n\
         [dns]\nserver = \"127.0.0.1:1\"\nkey_file = \"tsig.key\"\n",
    );
    let mut host = RunningHost::listening(start(folder.command(HOST, "--config host.toml"))).await;
    host.logs("id=12293").await;
    let status = "--config host.toml status";
    folder
        .run(HOST, status)
        .await
        .exits(0)
        .says(&["DNS publishing enabled"]);
    set(&folder, "/cdns")
        .await
        .exits(0)
        .says(&["dns-publishing: off", "within a second"]);
    host.logs("dns_publishing: Some(false)").await;
    // It is published anew when it is switched on, and not before.
    set(&folder, "dns-publishing on").await.exits(0);
    host.logs("id=12293").await;
    let told = async {
        loop {
            let shown = folder
                .run(HOST, "--config host.toml status --json")
                .await
                .exits(0)
                .json();
            if shown["published"][0]["domain"].is_string() {
                return shown;
            }
        }
    };
    let shown = tokio::time::timeout(LONG, told).await.unwrap();
    assert_eq!(shown["dns_publishing"], true);
    assert_eq!(shown["published"][0]["domain"], "contoso.test");
    assert_eq!(shown["published"][0]["code"], "0x8007232A");
    host.stop().await;
}

#[tokio::test]
async fn limit_values_beyond_the_documented_ranges_are_refused() {
    let folder = Folder::with_host().await;
    folder.serve().await.stop().await;
    for good in [
        "/sai 15",
        "/sai 43200",
        "/sri 15",
        "/sri 43200",
        "/sprt 1",
        "/sprt 65535",
    ] {
        set(&folder, good).await.exits(0);
    }
    for (arguments, wanted) in [
        ("/sai 14", "15 to 43200"),
        ("/sai 43201", "15 to 43200"),
        ("/sri 14", "15 to 43200"),
        ("renewal-interval soon", "15 to 43200"),
        ("/sprt 0", "1 to 65535"),
        ("port 65536", "1 to 65535"),
        ("dns-publishing maybe", "on or off"),
        ("priority high", "low or normal"),
        ("/sdns on", "takes no value"),
        ("/sai", "a value is wanted"),
        ("/skms kms1", "there is no setting"),
    ] {
        set(&folder, arguments).await.exits(64).complains(&[wanted]);
    }
}
