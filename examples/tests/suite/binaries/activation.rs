//! Clients of one product and one host.

use crate::support::{AUTHORITY, CLIENT, Folder, SERVER, run};
use chrono::{DateTime, TimeDelta, Utc};
use kms_wire::client::{Config, Connection};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

const NOT_ENOUGH_COUNT: &str = "0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT";

async fn five_servers(folder: &Folder, host: core::net::SocketAddr) {
    for n in 1..=5 {
        folder.client(&format!("client{n}"), SERVER, host);
    }
    for n in 1..=4 {
        folder
            .activate(&format!("client{n}"))
            .await
            .exits(3)
            .says(&[
                "not activated",
                &format!("the host counts {n}, this product needs 5"),
                NOT_ENOUGH_COUNT,
                "what to do: ",
            ]);
    }
    folder
        .activate("client5")
        .await
        .exits(0)
        .says(&["activated by", "count 5"]);
}

#[tokio::test]
async fn four_servers_are_below_the_threshold_and_the_fifth_is_activated() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    assert_eq!(host.name, "kms1.contoso.test");
    five_servers(&folder, host.address).await;
    // The count is enough now, and a machine that asks again is not counted again.
    folder.activate("client1").await.exits(0).says(&["count 5"]);
    host.stop().await;
}

#[tokio::test]
async fn the_status_tells_the_licence_and_where_it_came_from() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    five_servers(&folder, host.address).await;

    let before = Utc::now();
    let status = folder.status("client5").await;
    assert_eq!(status["product"], SERVER);
    assert_eq!(status["license_status"], 1);
    assert_eq!(status["license_status_text"], "Licensed");
    assert_eq!(status["license_status_reason"], "0x00000000");
    assert_eq!(status["host"], host.address.to_string());
    assert_eq!(
        (&status["threshold"], &status["count"]),
        (&5.into(), &5.into())
    );
    assert_eq!(status["activation_interval"], 120);
    assert_eq!(status["renewal_interval"], 10_080);
    assert_eq!(status["rearms_remaining"], 3);
    assert_eq!(status["partial_product_key"], "R7VHC");
    let expires: DateTime<Utc> = status["expires"].as_str().unwrap().parse().unwrap();
    let left = expires - before;
    assert!(
        left <= TimeDelta::days(180) && left > TimeDelta::days(179),
        "{left}"
    );

    let below = folder.status("client4").await;
    assert_eq!(below["license_status"], 2);
    assert_eq!(below["license_status_text"], "Initial grace period");
    assert_eq!(below["count"], 4);
    assert_ne!(below["cmid"], status["cmid"]);
    assert_eq!(below["activation_id"], status["activation_id"]);

    folder
        .run(CLIENT, "--config client5.toml status")
        .await
        .exits(0)
        .says(&[
            "Name: Windows Server 2008 R2 Standard",
            "License Status: Licensed",
            "(180 day(s))",
            &format!("Registered KMS machine name: {}", host.address),
            "Count on that machine: 5 of 5 needed",
            "Renewal interval: 10080 minutes",
            "KMS host caching is enabled",
        ]);
}

#[tokio::test]
async fn an_attempt_tells_the_same_in_json() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    folder.client("client1", SERVER, host.address);
    // What is logged, however much, does not come between.
    let mut command = folder.command(CLIENT, "--config client1.toml activate --json");
    command.env("RUST_LOG", "debug");
    let outcome = run(command).await.exits(3);
    assert!(outcome.stderr.contains("kms_client::event"), "{outcome}");
    let told = outcome.json();
    assert_eq!(told["activated"], false);
    assert_eq!(told["code"], "0xC004F038");
    assert_eq!(told["symbol"], "SL_E_VL_NOT_ENOUGH_COUNT");
    assert_eq!((&told["count"], &told["threshold"]), (&1.into(), &5.into()));
    assert_eq!(told["host"], host.address.to_string());
    assert_eq!(told["remedies"].as_array().unwrap().len(), 1);

    host.stop().await;
    let told = folder
        .run(CLIENT, "--config client1.toml activate --json")
        .await
        .exits(1)
        .json();
    assert_eq!(told["code"], "0xC004F074");
    assert_eq!(told["attempts"][0]["code"], "0x800706BA");
    assert_eq!(told["count"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_product_above_the_hosts_key_is_refused() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    folder.client("dc", "Windows Server 2008 R2 Datacenter", host.address);
    folder.activate("dc").await.exits(1).says(&[
        "not activated",
        "0xC004F042 SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH",
        "what to do: Use a host whose key covers the product",
    ]);
    assert_eq!(folder.status("dc").await["license_status"], 2);
}

#[tokio::test]
async fn a_host_that_is_gone_leaves_the_licence_and_a_remedy() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    five_servers(&folder, host.address).await;
    let address = host.address;
    host.stop().await;
    folder.activate("client5").await.exits(1).says(&[
        &format!("tried {address}: 0x800706BA"),
        "0xC004F074 SL_E_VL_BINDING_SERVICE_UNAVAILABLE",
        "what to do: Check that the host runs and that its TCP port",
    ]);
    assert_eq!(folder.status("client5").await["license_status"], 1);
}

#[tokio::test]
async fn a_client_that_pins_another_root_refuses_the_host_and_says_why() {
    let folder = Folder::with_host().await;
    folder.run(AUTHORITY, "init --dir other-ca").await.exits(0);
    let host = folder.serve().await;
    five_servers(&folder, host.address).await;
    // The count would be enough: it is the host that is not believed.
    folder.write(
        "other.toml",
        &format!(
            "root = \"other-ca/root.pem\"\nproduct = \"{SERVER}\"\nstate = \"other.state\"\nhost = \"{}\"\n",
            host.address
        ),
    );
    folder.activate("other").await.exits(1).says(&[
        "not activated",
        "does not lead to a root that this product trusts",
        "what to do: Use a host that the authority of the pinned root has certified",
    ]);
    let status = folder.status("other").await;
    assert_eq!(
        (&status["license_status"], &status["count"]),
        (&2.into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn a_rearm_gives_a_new_machine_id_until_none_is_left() {
    let folder = Folder::with_host().await;
    folder.client("client1", SERVER, ([127, 0, 0, 1], 1).into());
    let mut cmid = folder.status("client1").await["cmid"].clone();
    for left in [2, 1, 0] {
        folder
            .run(CLIENT, "--config client1.toml rearm")
            .await
            .exits(0)
            .says(&[&format!("{left} rearms left")]);
        let status = folder.status("client1").await;
        assert_eq!(status["rearms_remaining"], left);
        assert_eq!(status["previous_cmid"], cmid);
        assert_ne!(status["cmid"], cmid);
        cmid = status["cmid"].clone();
    }
    let state = folder.read("client1.state");
    folder
        .run(CLIENT, "--config client1.toml rearm")
        .await
        .exits(1)
        .complains(&["0xC004D307", "all 3 rearms have been used"]);
    assert_eq!(folder.read("client1.state"), state);
}

#[tokio::test]
async fn what_is_no_request_changes_nothing_for_the_others() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    // Another protocol, the beginning of a bind, and noise. Each peer is done when the host closes.
    let mut bind = Connection::new(Config::default());
    let bind = bind.poll_transmit().unwrap().to_vec();
    let half = &bind[..bind.len() / 2];
    let web = b"GET / HTTP/1.1\r\nHost: kms1.contoso.test\r\n\r\n".as_slice();
    let mut open = Vec::new();
    for bytes in [web, half, &[0xFF; 4096]] {
        let mut stream = TcpStream::connect(host.address).unwrap();
        // A host that has closed already refuses the rest of the bytes.
        let _ = stream.write_all(bytes);
        open.push(stream);
    }
    five_servers(&folder, host.address).await;
    // A PDU that never was one is answered with bind_nak, type 13 in byte 2, or with nothing.
    let [web, _half, noise] = &mut open[..] else {
        panic!("three peers")
    };
    for stream in [web, noise] {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[2] == 13, "{answer:?}");
    }
}
