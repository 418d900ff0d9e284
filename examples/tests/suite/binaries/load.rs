//! The load generator against the host.

use crate::support::{Folder, LOAD, Outcome, RunningHost, run};
use serde_json::Value;

async fn load(folder: &Folder, host: &RunningHost, arguments: &str) -> Outcome {
    let arguments = format!("{} {arguments}", host.address);
    run(folder.command(LOAD, &arguments)).await
}

#[track_caller]
fn assert_all_answered(run: &Value, requests: u64) {
    assert_eq!(run["requests"], requests, "{run}");
    assert_eq!(run["answered"], requests, "{run}");
    assert_eq!(run["unanswered"], Value::Array(Vec::new()), "{run}");
    assert_eq!(run["not_begun"], 0, "{run}");
}

#[tokio::test]
async fn every_request_is_answered_on_new_connections_and_on_kept_ones() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    for mode in ["", "--kept", "--reset", "--rate 500", "--kept --rate 500"] {
        let run = load(
            &folder,
            &host,
            &format!(
                "--requests 300 --connections 4 --machines 40 --renewals 100 {mode} \
                 --sources 40 --root ca/root.pem --verify --json"
            ),
        )
        .await
        .exits(0)
        .json();
        assert_all_answered(&run, 300);
        assert_eq!(run["verified"], 300, "{mode}: {run}");
        // The table has machines that ask, nearly all of them, and no others.
        let most = run["count"][1].as_u64().unwrap();
        assert!((25..=40).contains(&most), "{mode}: {run}");
        let latency = &run["latency_us"];
        let quantile = |name: &str| latency[name].as_f64().unwrap();
        assert!(quantile("p50") > 0.0 && quantile("p50") <= quantile("max"));
    }
    host.stop().await;
}

#[tokio::test]
async fn a_sample_is_verified_and_the_figures_are_shown_to_people() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    load(
        &folder,
        &host,
        "--requests 200 --threads 2 --machines 3 --renewals 100 --root ca/root.pem",
    )
    .await
    .exits(0)
    .says(&[
        "200 of 200 requests answered",
        "2 answers verified",
        "count in the answers: 1 to 3",
        "p99.9",
    ]);
    host.stop().await;
}

#[tokio::test]
async fn what_is_not_answered_is_counted_by_its_reason() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    // The host's key is for servers, and this product is in no group of its.
    let mut command = folder.command(LOAD, "--requests 20 --connections 2 --json --product");
    command.args([
        "Windows Server 2008 R2 Datacenter",
        &host.address.to_string(),
    ]);
    let refused = run(command).await.exits(1);
    assert_eq!(
        refused.json()["unanswered"][0]["why"],
        "0xC004F042 SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH"
    );
    assert_eq!(refused.json()["unanswered"][0]["requests"], 20);
    assert!(refused.stderr.contains("20 requests were not answered"));

    let address = host.address;
    host.stop().await;
    let mut command = folder.command(LOAD, "--requests 3 --connections 1 --json");
    command.arg(address.to_string());
    let failed = run(command).await.exits(1);
    assert_eq!(
        failed.json()["unanswered"][0]["why"],
        "cannot connect: connection refused"
    );
}

#[tokio::test]
async fn an_answer_of_another_authoritys_host_is_not_taken() {
    let folder = Folder::with_host().await;
    let other = Folder::with_host().await;
    let host = folder.serve().await;
    let root = other.path("ca/root.pem");
    let arguments = format!("--requests 10 --root {}", root.display());
    load(&folder, &host, &arguments)
        .await
        .exits(1)
        .complains(&["load: ", &host.address.to_string()]);
    host.stop().await;
}

#[tokio::test]
async fn each_server_is_compared_in_each_mode() {
    let folder = Folder::new();
    let compared = folder
        .run(
            LOAD,
            "compare --rounds 1 --duration 0.2 --connections 4 --free --no-bars --json",
        )
        .await
        .exits(0)
        .json();
    let rows: Vec<(&str, &str)> = compared["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["mode"].as_str().unwrap(),
                row["server"].as_str().unwrap(),
            )
        })
        .collect();
    let modes = ["new", "kept"];
    let servers = ["bare", "memory", "durable"];
    let wanted: Vec<_> = modes
        .into_iter()
        .flat_map(|mode| servers.map(|server| (mode, server)))
        .collect();
    assert_eq!(rows, wanted);
    assert_eq!(compared["half_load"].as_array().unwrap().len(), 3);
    assert_eq!(compared["bars"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_refused() {
    let folder = Folder::new();
    for (arguments, says) in [
        ("", "Usage"),
        ("127.0.0.1", "a host and its port are wanted"),
        ("127.0.0.1:1688 --product none", "none"),
        ("127.0.0.1:1688 --connections 0", "at least 1"),
        ("127.0.0.1:1688 --rate 0", "requests a second are possible"),
        ("127.0.0.1:1688 --verify", "--root"),
        ("127.0.0.1:1688 --root none.pem", "none.pem"),
        ("serve memory", "--identity"),
    ] {
        folder
            .run(LOAD, arguments)
            .await
            .exits(2)
            .complains(&[says]);
    }
    folder
        .run(LOAD, "--help")
        .await
        .exits(0)
        .says(&["Examples:", "Exit codes:"]);
}
