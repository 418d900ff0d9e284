//! The corpus of bad inputs over TCP, against the host as its users run it.

use crate::support::{AUTHORITY, Folder, RunningHost};
use core::net::SocketAddr;
use kms_testkit::bad_inputs::{
    self, Case, HostCorpus, KNOWN_GAPS, Report, Step, TcpNetwork, run_host,
};
use std::fs;
use tokio::task::JoinHandle;

/// A host as the corpus's page describes it, with these lines more of its limits.
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
            "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\ncatalogue = \"catalogue.toml\"\n\
             [admission]\npolicy = \"compat\"\n\
             [limits]\n{lines}\n\
             [[limits.source]]\nnetwork = \"127.0.0.0/8\"\nconnections = 256\n\
             new_connections_per_second = 100000\nnew_connections_burst = 100000\n\
             requests_per_minute = 1000000\nrequests_burst = 1000000\n"
        ),
    );
    let host = folder.serve().await;
    (folder, host)
}

/// Runs the cases that are wanted; the sockets of the runner block, so it has a thread of its own.
fn run(address: SocketAddr, wanted: impl Fn(&Case) -> bool + Send + 'static) -> JoinHandle<Report> {
    tokio::task::spawn_blocking(move || {
        let corpus = HostCorpus::load(&bad_inputs::folder()).unwrap();
        run_host(&corpus, &mut TcpNetwork::new(address), wanted)
    })
}

#[tokio::test]
async fn the_host_bears_every_bad_input() {
    let (_folder, host) = serve("").await;
    let report = run(host.address, |case| !case.deadline).await.unwrap();
    println!("{} cases over TCP", report.run);
    report
        .result_but_for(&KNOWN_GAPS)
        .unwrap_or_else(|failures| panic!("{failures}"));
    // It has not fallen, and ends as it is told to.
    host.stop().await;
}

/// Whether a case can wait for its time limit beside others: it moves no count that they look at,
/// and leaves the processors to them.
fn waits_quietly(case: &Case) -> bool {
    let is_flood = |step: &Step| matches!(step, Step::Flood { .. });
    case.count == 0 && !case.steps.iter().any(is_flood)
}

#[tokio::test]
async fn the_host_bears_every_bad_input_that_waits_for_its_time_limit() {
    // A host of its own: a limit that is short enough to wait for would cut other cases on a machine
    // that has much to do.
    let (_folder, host) = serve(
        "first_byte_seconds = 2\npdu_seconds = 2\nexchange_seconds = 2\nwrite_seconds = 2\n\
         idle_seconds = 2\n",
    )
    .await;
    let corpus = HostCorpus::load(&bad_inputs::folder()).unwrap();
    let waiting = corpus.cases().map(|(_, case)| case);
    let beside: Vec<JoinHandle<Report>> = waiting
        .filter(|case| case.deadline && waits_quietly(case))
        .map(|case| {
            let name = case.name.clone();
            run(host.address, move |case| case.name == name)
        })
        .collect();
    let mut cases = 0;
    for report in beside {
        let report = report.await.unwrap();
        cases += report.run;
        report
            .result()
            .unwrap_or_else(|failures| panic!("{failures}"));
    }
    let report = run(host.address, |case| case.deadline && !waits_quietly(case));
    let report = report.await.unwrap();
    println!("{} cases over TCP with a deadline", cases + report.run);
    report
        .result()
        .unwrap_or_else(|failures| panic!("{failures}"));
    host.stop().await;
}
