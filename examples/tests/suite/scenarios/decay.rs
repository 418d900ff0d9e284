//! "Book extract: learning the KMS process": a network of 26 machines that becomes one of 22.

use super::report::{Attempt, NOT_ENOUGH_COUNT, Report, play};
use chrono::TimeDelta;
use std::sync::OnceLock;

const HOST: &str = "kms1.contoso.test";
const SILENT: [&str; 4] = ["ws-17", "ws-18", "ws-19", "ws-20"];

fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| play(&["--scenario", "decay"]))
}

fn of(prefix: &str) -> impl Iterator<Item = &'static Attempt> {
    report()
        .attempts
        .iter()
        .filter(move |a| a.machine.starts_with(prefix))
}

#[test]
fn book_extract_26_machines_then_22() {
    let counts: Vec<i64> = report()
        .timeline
        .iter()
        .map(|moment| moment.counts[HOST])
        .collect();
    let licensed: Vec<usize> = report()
        .timeline
        .iter()
        .map(|moment| moment.licensed)
        .collect();
    // All there; four fall silent; 30 days later; a new one asks; more than 180 days later.
    assert_eq!(counts, [26, 26, 22, 23, 22]);
    assert_eq!(licensed, [26, 26, 26, 26, 6]);
    assert_eq!(report().host(HOST).counts["Windows"], 22);
}

#[test]
fn book_extract_a_new_client_is_not_activated_at_22() {
    let asked: Vec<_> = of("new").collect();
    let [attempt] = asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!((attempt.count, attempt.threshold), (Some(23), 25));
    assert_eq!(
        (attempt.activated, &*attempt.code),
        (false, NOT_ENOUGH_COUNT)
    );
}

#[test]
fn book_extract_a_machine_is_out_of_the_count_30_days_after_its_last_request() {
    report().counts_are_those_of_the_model(|_| None);
    // Which is seen: the last answers with 26 came within 30 days of the silent ones' last request.
    let last = |machine: &'static str| of(machine).last().unwrap().day;
    let silent = SILENT.map(last).into_iter().fold(0.0, f64::max);
    let still = of("").filter(|a| a.count == Some(26)).last().unwrap().day;
    let silent_from = report().timeline[1].day;
    assert!(silent < silent_from && still > silent_from);
    assert!(still - silent < 30.0, "{still} {silent}");
}

#[test]
fn book_extract_servers_stay_activated_and_clients_lose_it_after_180_days() {
    let (servers, clients) = (report().machines("srv"), report().machines("ws"));
    assert_eq!((servers.len(), clients.len()), (6, 20));
    assert!(
        servers.iter().all(|machine| machine.status == "Licensed"),
        "{servers:?}"
    );
    for machine in clients {
        let last = of(&machine.name).filter(|a| a.activated).last().unwrap();
        // 180 days of licence, then 30 of grace, which the silent ones began before the others.
        let ended = last.time + TimeDelta::days(180 + 30);
        let status = if SILENT.contains(&&*machine.name) {
            "Notification"
        } else {
            let off = machine.expires.unwrap() - ended;
            assert!(off.abs() <= TimeDelta::seconds(1), "{machine:?} {off}");
            "Additional grace period (KMS license expired or hardware out of tolerance)"
        };
        assert_eq!(machine.status, status, "{machine:?}");
    }
    // No client was activated again once the count had fallen, however often they asked.
    let silent_from = report().timeline[1].day;
    let fallen = of("")
        .find(|a| a.count == Some(23) && a.day > silent_from)
        .unwrap();
    let later: Vec<_> = of("ws").filter(|a| a.day > fallen.day).collect();
    assert!(
        later.len() > 100 && later.iter().all(|a| !a.activated),
        "{}",
        later.len()
    );
    assert!(
        of("srv")
            .filter(|a| a.day > fallen.day)
            .all(|a| a.activated)
    );
}
