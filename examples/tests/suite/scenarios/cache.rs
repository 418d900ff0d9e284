//! "Activate clients": how many machines a host keeps.

use super::report::{Report, play};
use std::sync::OnceLock;

const HOST: &str = "kms1.contoso.test";

fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| play(&["--scenario", "cache"]))
}

#[test]
fn activate_clients_a_host_keeps_10_for_servers_50_once_a_client_asks_and_never_less() {
    let told: Vec<(&str, u32)> = report()
        .attempts
        .iter()
        .map(|a| (&*a.product, a.count.unwrap()))
        .collect();
    let (servers, rest) = told.split_at(15);
    let wanted: Vec<u32> = (1..=10).chain([10; 5]).collect();
    assert_eq!(
        servers.iter().map(|a| a.1).collect::<Vec<_>>(),
        wanted,
        "servers only"
    );

    let (client, rest) = rest.split_first().unwrap();
    assert_eq!(*client, ("Windows 7 Enterprise", 11));
    let (more, rest) = rest.split_at(50);
    let wanted: Vec<u32> = (12..=50).chain([50; 11]).collect();
    assert_eq!(
        more.iter().map(|a| a.1).collect::<Vec<_>>(),
        wanted,
        "room for 50"
    );

    // After 31 days without a request all are gone; 12 servers find room that 10 would not give.
    let wanted: Vec<u32> = (1..=12).collect();
    assert_eq!(
        rest.iter().map(|a| a.1).collect::<Vec<_>>(),
        wanted,
        "never less again"
    );
    assert_eq!(report().host(HOST).capacities["Windows"], 50);
    assert_eq!(report().host(HOST).counts["Windows"], 12);
}

#[test]
fn activate_clients_the_timeline_shows_the_count_after_each_step() {
    let counts: Vec<i64> = report()
        .timeline
        .iter()
        .map(|moment| moment.counts[HOST])
        .collect();
    assert_eq!(counts, [10, 11, 50, 0, 12]);
}

#[test]
fn activate_clients_every_answer_has_the_count_of_a_plain_model() {
    report().counts_are_those_of_the_model(|_| None);
}
