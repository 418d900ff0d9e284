//! The guide to DNS in the README of kms-srv, whose commands are run as they stand there.
//!
//! ```sh
//! apt-get install bind9 bind9-dnsutils
//! cargo test -p examples --test suite -- --ignored guide
//! ```

mod page;
mod place;

use page::Step;
use place::Place;

const PAGE: &str = include_str!("../../../../crates/kms-srv/README.md");

#[tokio::test]
#[ignore = "needs BIND"]
async fn every_command_of_the_guide_does_what_the_guide_says() {
    let (_, guide) = PAGE.split_once("\n# Setting up DNS\n").unwrap();
    let mut place = Place::new().await;
    for step in page::steps(guide) {
        place.follow(&step).await;
    }
}

#[test]
fn the_guide_shows_each_command_that_it_is_about() {
    let commands: Vec<String> = page::steps(PAGE)
        .into_iter()
        .filter_map(|step| match step {
            Step::Run { command, .. } => Some(command),
            Step::File { .. } | Step::Note(_) => None,
        })
        .collect();
    for wanted in [
        "tsig-keygen",
        "named-checkconf",
        "named-checkzone",
        "freeze",
        "thaw",
        "dig",
        "nsupdate",
        "publish --dry-run",
        "toml publish",
        "publish --manual",
        "withdraw",
        "set dns-publishing off",
        "client dns-audit",
    ] {
        let shown = commands.iter().any(|command| command.contains(wanted));
        assert!(shown, "{wanted}");
    }
}
