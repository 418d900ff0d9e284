//! What each binary says about what it cannot use: where it is wrong, and what to do.

mod authority;
mod client;
mod host;

use crate::support::{CLIENT, Folder, HOST, LAB, SERVER, run};

/// Arguments, exit code, and what standard error must have.
type Case<'a> = (&'a str, i32, &'a [&'a str]);

async fn complains(folder: &Folder, binary: &str, cases: &[Case<'_>]) {
    for (arguments, code, words) in cases {
        let outcome = folder.run(binary, arguments).await;
        outcome.exits(*code).complains(words);
    }
}

#[tokio::test]
async fn the_lab_knows_its_scenarios() {
    complains(
        &Folder::new(),
        LAB,
        &[
            (
                "--scenario branch-office",
                2,
                &[
                    "branch-office",
                    "single-site, global, decay, cache, mixed-groups",
                ],
            ),
            ("--seed one", 2, &["--seed", "one"]),
            ("decay", 2, &["unexpected argument 'decay'"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_log_filter_that_is_none_is_told_and_not_ignored() {
    let folder = Folder::with_host().await;
    folder.client("one", SERVER, ([127, 0, 0, 1], 1).into());
    for (binary, arguments, code) in [
        (HOST, "--config host.toml", 78),
        (CLIENT, "--config one.toml status", 2),
        (LAB, "--scenario cache", 2),
    ] {
        let mut command = folder.command(binary, arguments);
        command.env("RUST_LOG", "kms_host=loud");
        run(command)
            .await
            .exits(code)
            .complains(&["RUST_LOG=kms_host=loud", "RUST_LOG=info"]);
    }
}
