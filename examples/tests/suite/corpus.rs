//! The corpus of bad inputs over TCP, against the host as its users run it.

use crate::support::{AUTHORITY, Folder, RunningHost};
use kms_testkit::bad_inputs::{self, Case, HostCorpus, KNOWN_GAPS, Report, TcpNetwork, run_host};
use std::fs;

/// A host as the corpus's page describes it, with these lines more in its configuration.
async fn serve(lines: &str) -> (Folder, RunningHost) {
    let folder = Folder::new();
    let catalogue = fs::read_to_string(bad_inputs::folder().join("catalogue.toml")).unwrap();
    folder.write("catalogue.toml", &catalogue);
    folder.run(AUTHORITY, "init --dir ca").await.exits(0);
    folder
        .run(
            AUTHORITY,
            "certify --dir ca --host-key corpus/served/1 --name kms1.corpus.test --out kms1 \
             --catalogue catalogue.toml",
        )
        .await
        .exits(0);
    folder.write(
        "host.toml",
        &format!(
            "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\ncatalogue = \"catalogue.toml\"\n{lines}"
        ),
    );
    let host = folder.serve().await;
    (folder, host)
}

/// Runs the cases that are wanted; the sockets of the runner block, so it has a thread of its own.
async fn run(host: RunningHost, wanted: fn(&Case) -> bool) -> Report {
    let address = host.address;
    let report = tokio::task::spawn_blocking(move || {
        let corpus = HostCorpus::load(&bad_inputs::folder()).unwrap();
        run_host(&corpus, &mut TcpNetwork::new(address), wanted)
    })
    .await
    .unwrap();
    // It has not fallen, and ends as it is told to.
    host.stop().await;
    report
}

#[tokio::test]
async fn the_host_bears_every_bad_input() {
    let (_folder, host) = serve("").await;
    let report = run(host, |case| !case.deadline).await;
    println!("{} cases over TCP", report.run);
    report
        .result_but_for(&KNOWN_GAPS)
        .unwrap_or_else(|failures| panic!("{failures}"));
}

#[tokio::test]
async fn the_host_bears_every_bad_input_that_waits_for_its_time_limit() {
    // A host of its own: a limit that is short enough to wait for would cut other cases on a machine
    // that has much to do.
    let (_folder, host) = serve("[limits]\nexchange_seconds = 1\n").await;
    let report = run(host, |case| case.deadline).await;
    println!("{} cases over TCP with a deadline", report.run);
    report
        .result()
        .unwrap_or_else(|failures| panic!("{failures}"));
}
