//! The scenarios of the documents: a book extract on setting up the service, and the page
//! "Activate clients running Windows".

use crate::support::{Host, MILLI, client, days, server, virtual_machine};
use kms_count::Change;

#[test]
fn the_book_extract_six_servers_and_twenty_clients_make_26_and_four_silent_clients_leave_22() {
    let mut host = Host::default();
    (0..6).for_each(|number| _ = host.ask(server(number)));
    (6..26).for_each(|number| _ = host.ask(client(number)));
    assert_eq!(host.count(), 26);

    // 22 to 25 stay silent, the others renew every week.
    for _ in 0..4 {
        host.pass(days(7));
        (0..6).for_each(|number| _ = host.ask(server(number)));
        (6..22).for_each(|number| _ = host.ask(client(number)));
    }
    host.pass(days(2) - MILLI);
    assert_eq!(host.count(), 26, "a millisecond before the 30 days");
    host.pass(MILLI);
    assert_eq!(host.count(), 22, "at 30 days");

    // Below the clients' 25, still above the servers' 5.
    assert_eq!(host.ask(client(6)).count, 22);
    assert_eq!(host.ask(server(0)).count, 22);
    // "No more new clients will be activated" until three others have come.
    let counts: Vec<u32> = (30..33)
        .map(|number| host.ask(client(number)).count)
        .collect();
    assert_eq!(counts, [23, 24, 25]);
}

#[test]
fn activate_clients_the_first_two_get_1_and_2_a_virtual_machine_3_and_a_server_4() {
    let mut host = Host::default();
    assert_eq!(host.ask(client(1)).count, 1);
    assert_eq!(host.ask(client(2)).count, 2);
    assert_eq!(host.ask(virtual_machine(client(3))).count, 3);
    assert_eq!(host.ask(server(4)).count, 4);
    // The next server is the first machine of all to reach its threshold.
    assert_eq!(host.ask(server(5)).count, 5);
}

#[test]
fn activate_clients_machines_that_wait_for_the_threshold_ask_every_two_hours_and_count_once() {
    let mut host = Host::default();
    for round in 0..12 {
        for number in 0..24 {
            let recorded = host.ask(client(number));
            let expected = if round == 0 { number + 1 } else { 24 };
            assert_eq!(recorded.count, expected);
        }
        host.pass(core::time::Duration::from_secs(2 * 60 * 60));
    }
    assert_eq!(host.ask(client(24)).count, 25);
    assert_eq!(host.ask(client(0)).count, 25);
}

#[test]
fn activate_clients_servers_alone_have_10_kept_one_client_makes_it_50_and_it_never_shrinks() {
    let mut host = Host::default();
    (0..100).for_each(|number| _ = host.ask(server(number)));
    assert_eq!(host.count(), 10);
    assert_eq!(host.machines(), (90..100).collect::<Vec<_>>());

    assert_eq!(host.ask(client(100)).count, 11);
    (101..200).for_each(|number| _ = host.ask(server(number)));
    assert_eq!(host.count(), 50);
    assert_eq!(host.machines(), (150..200).collect::<Vec<_>>());

    // All have gone, and only servers come back.
    host.pass(days(365));
    assert_eq!(host.count(), 0);
    (200..300).for_each(|number| _ = host.ask(server(number)));
    assert_eq!(host.count(), 50);
}

#[test]
fn activate_clients_a_renewal_makes_a_new_record_and_the_30_days_begin_again() {
    let mut host = Host::default();
    host.ask(client(1));
    host.pass(days(29));
    assert_eq!(host.ask(client(1)).change, Change::Renewed);
    host.pass(days(30) - MILLI);
    assert_eq!(host.count(), 1);
    host.pass(MILLI);
    assert_eq!(host.count(), 0);
}

#[test]
fn activate_clients_an_id_can_leave_a_full_table_sooner_than_30_days() {
    let mut host = Host::default();
    (0..50).for_each(|number| _ = host.ask(client(number)));
    host.pass(days(1));
    host.ask(client(0));
    let recorded = host.ask(client(50));
    assert_eq!(recorded.count, 50);
    assert_eq!(recorded.dropped, Some(client(1).cmid), "0 has renewed");
}
